//! Docker Hub. Names have two parts (distribution/distribution#2924, 2019-05-14); nothing is deleted
//! (docker/hub-feedback#2360, 2023-12-11); no referrers API (docker/roadmap#724, 2024-09-30); reading a manifest counts
//! as a pull, and too many are 429 (docker/docs#21908, 2025-01-28), while a HEAD counts for nothing.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::login::{Tokens, plain, tokens};
use super::recorded::recorded;
use super::request::{Part, Wanted};
use super::rules::{answers, no_referrers};
use super::{Personality, Rule};
use crate::support::{Harm, Recorded};

fn of(request: &str) -> Recorded {
    recorded("Docker Hub", request)
}

fn at(prefix: &'static str) -> Personality {
    let service = Some("registry.docker.io");
    Personality::new("Docker Hub", prefix)
        .rule(tokens(Tokens { service, scope: plain, lacking: None }))
        .rule(answers(of("a name of three parts"), |_, wanted| {
            wanted.repository.split('/').count() > 2
        }))
        .rule(answers(of("DELETE manifests"), |asked, _| asked.method == "DELETE"))
        .rule(no_referrers(recorded("any", "GET manifests/TAG that is not there (yet)")))
        .rule(too_many())
}

pub fn hub() -> Personality {
    at("hub-team")
}

/// Images are to go where it has no place for them.
pub fn deep_name() -> Personality {
    at("hub-team/project")
}

/// The first manifest that is read is one too many.
fn too_many() -> Rule {
    let reads = AtomicUsize::new(0);
    Box::new(move |asked, _| {
        let Part::Manifest(_) = Wanted::of(asked).filter(|_| asked.method == "GET")?.part else {
            return None;
        };
        let first = reads.fetch_add(1, SeqCst) == 0;
        first.then(|| Harm::Recorded(of("GET manifests too often")))
    })
}
