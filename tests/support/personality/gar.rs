//! Google Artifact Registry. Blobs go whole only (dotnet/sdk-container-builds#287, 2023-01-10; kitops-ml/kitops#777,
//! 2025-02-24); how a part is refused is recorded nowhere, so it is refused in each way that the distribution spec has.
//! The challenge names no service. Referrers are a redirect to a login page (google/go-containerregistry#1968,
//! 2024-06-28). A manifest goes only after its tags (enix/kube-image-keeper#636, 2026-08-04), and tags can be deleted
//! (genuinetools/reg#136).

use super::login::{Tokens, plain, tokens};
use super::recorded::recorded;
use super::request::{Part, Wanted};
use super::rules::{answers, no_referrers};
use super::{Personality, Rule};
use crate::support::{Harm, Recorded};

fn of(request: &str) -> Recorded {
    recorded("GAR", request)
}

/// `refusal`: the status of a part.
pub fn gar(refusal: &str) -> Personality {
    let prefix = match refusal {
        "400" => "gcp-project/images-400",
        "404" => "gcp-project/images-404",
        _ => "gcp-project/images-405",
    };
    Personality::new("Google Artifact Registry", prefix)
        .rule(tokens(Tokens { service: None, scope: plain, lacking: None }))
        .rule(login_page())
        .rule(answers(of(&format!("PATCH {refusal}")), |asked, _| asked.method == "PATCH"))
        .rule(no_referrers(of("GET referrers")))
        .rule(tags_first())
}

fn login_page() -> Rule {
    Box::new(|asked, _| {
        asked.path.starts_with("/o/login").then(|| Harm::Recorded(of("GET the login page")))
    })
}

fn tags_first() -> Rule {
    Box::new(|asked, behind| {
        let wanted = Wanted::of(asked).filter(|_| asked.method == "DELETE")?;
        let Part::Manifest(name) = wanted.part else { return None };
        let (repository, done) =
            (wanted.repository, Recorded { status: 202, ..Recorded::default() });
        if wanted.tag().is_some() {
            let absent = recorded("any", "GET manifests/TAG that is not there (yet)");
            let answer = if behind.untag(repository, name) { done } else { absent };
            return Some(Harm::Recorded(answer));
        }
        let tags = behind.tags(repository);
        let holds = tags.iter().any(|tag| behind.digest(repository, tag).as_deref() == Some(name));
        holds.then(|| Harm::Recorded(of("DELETE manifests/DIGEST that has a tag")))
    })
}
