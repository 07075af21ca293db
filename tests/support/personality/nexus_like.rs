//! What Nexus and other servers do that have Docker's API as one of many: a HEAD of a manifest is 405
//! (merll/docker-registry-util#3, 2017-11-08; distribution/distribution#1485), no answer has Docker-Content-Digest
//! (distribution/distribution#3792, 2022-11-11; nixery#190, 2026-07-11), and referrers are 200 with an empty object.

use super::login::password;
use super::recorded::recorded;
use super::request::Part;
use super::rules::{answers, no_referrers};
use super::{Personality, Rule};
use crate::support::{Change, Harm};

pub fn nexus_like() -> Personality {
    let of = |request| recorded("Nexus", request);
    Personality::new("Nexus", "nexus-team")
        .rule(password(of("any path without a login")))
        .rule(answers(of("HEAD manifests"), |asked, wanted| {
            asked.method == "HEAD" && matches!(wanted.part, Part::Manifest(_))
        }))
        .rule(no_referrers(of("GET referrers")))
        .rule(no_digests())
}

fn no_digests() -> Rule {
    let without = || Change { without: vec!["Docker-Content-Digest"], ..Change::default() };
    Box::new(move |_, _| Some(Harm::Changed(without())))
}
