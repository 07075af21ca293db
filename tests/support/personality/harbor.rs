//! Harbor with a rule that makes every tag immutable: a tag is never written again (goharbor/harbor#9427, #9837,
//! 2019-11), and what has one is not deleted (goharbor/community#108, 2019-09-16). A project over its quota is told so at
//! the end of an upload (goharbor/harbor#17390, 2022-08-12). Newer ones have the referrers API, older ones not.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use super::login::{Tokens, plain, tokens};
use super::recorded::{fill, recorded};
use super::referrers::referrers_api;
use super::request::{Part, Wanted};
use super::rules::{immutable_tags, no_referrers};
use super::{Personality, Rule};
use crate::support::{Harm, Recorded};

fn of(request: &str) -> Recorded {
    recorded("Harbor", request)
}

fn any_age(name: &'static str, prefix: &'static str) -> Personality {
    Personality::new(name, prefix)
        .rule(tokens(Tokens { service: Some("harbor-registry"), scope: plain, lacking: None }))
        .rule(immutable_tags(of("PUT manifests/TAG that is there")))
        .rule(immutable_manifests())
}

pub fn harbor() -> Personality {
    any_age("Harbor, immutable tags", "harbor-project").rule(referrers_api())
}

pub fn old_harbor() -> Personality {
    any_age("Harbor before 2.8, immutable tags", "harbor-old")
        .rule(no_referrers(recorded("any", "GET manifests/TAG that is not there (yet)")))
}

/// One that has room for so many bytes.
pub fn with_quota(bytes: u64) -> Personality {
    let used = AtomicU64::new(0);
    any_age("Harbor", "harbor-quota").rule(Box::new(move |asked, _| {
        let Part::Session(_) = Wanted::of(asked).filter(|_| asked.method == "PUT")?.part else {
            return None;
        };
        let over = used.fetch_add(asked.length, SeqCst) + asked.length > bytes;
        over.then(|| Harm::Recorded(of("PUT over the quota")))
    }))
}

fn immutable_manifests() -> Rule {
    Box::new(|asked, behind| {
        let wanted = Wanted::of(asked).filter(|_| asked.method == "DELETE")?;
        let Part::Manifest(name) = wanted.part else { return None };
        let repository = wanted.repository;
        let digest = behind.digest(repository, name)?;
        let tags = behind.tags(repository);
        let held = tags.iter().any(|tag| behind.digest(repository, tag).as_ref() == Some(&digest));
        let values = [("repository", repository), ("tag", name)];
        let answer = fill(&of("DELETE manifests that have an immutable tag"), &values);
        held.then_some(Harm::Recorded(answer))
    })
}
