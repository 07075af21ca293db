//! Artifactory, a virtual repository without the referrers API. A tag that is not there is forbidden
//! (sigstore/cosign#2973, google/go-containerregistry#1691, 2023-05); referrers are 406
//! (google/go-containerregistry#2026, 2024-10-17), and so is a list of tags for who accepts only manifests
//! (renovatebot/renovate#3078, 2019-01); the challenge's scope is not the path, and a token for the path is worth
//! nothing (renovatebot/renovate#11765, 2021-09-15).

use super::login::{Tokens, tokens};
use super::recorded::{fill, recorded};
use super::request::{Part, Wanted, reads};
use super::rules::{answers, no_referrers};
use super::{Personality, Rule};
use crate::support::{Harm, Recorded};

fn of(request: &str) -> Recorded {
    recorded("Artifactory", request)
}

fn scope(repository: &str, actions: &str) -> String {
    format!("repository:docker-local/{repository}:{actions}")
}

pub fn artifactory() -> Personality {
    Personality::new("Artifactory", "jfrog-team")
        .rule(tokens(Tokens { service: Some("artifactory.example"), scope, lacking: None }))
        .rule(absent_is_forbidden())
        .rule(no_referrers(of("GET referrers")))
        .rule(answers(of("GET tags/list, asking for manifests"), |asked, wanted| {
            let accepts = asked.header("accept").unwrap_or("*/*");
            let takes_json = accepts.split(',').any(|kind| {
                ["application/json", "*/*"].contains(&kind.split(';').next().unwrap().trim())
            });
            wanted.part == Part::Tags && !takes_json
        }))
}

fn absent_is_forbidden() -> Rule {
    Box::new(|asked, behind| {
        let wanted = Wanted::of(asked).filter(|_| reads(asked))?;
        let tag = wanted.tag()?;
        let there = behind.digest(wanted.repository, tag).is_some();
        let values = [("repository", wanted.repository), ("tag", tag)];
        let answer = fill(&of("GET manifests/TAG that is not there"), &values);
        (!there).then_some(Harm::Recorded(answer))
    })
}
