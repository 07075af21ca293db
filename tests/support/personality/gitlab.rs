//! The registry of GitLab. It knows a list of types, and takes no manifest whose artifactType or config is of another
//! (ocx-sh/ocx#480, 2026-09-16); no referrers API, and the tag that lists them instead answers the image itself
//! (oras-project/oras-go#1396, 2026-09-05).

use super::login::{Tokens, plain, tokens};
use super::recorded::recorded;
use super::request::{Wanted, reads};
use super::rules::{known_types, no_referrers};
use super::{Personality, Rule};
use crate::support::{Change, Harm};

/// Those of its list that an image or a chart has.
const KNOWN: [&str; 3] = [
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.cncf.helm.config.v1+json",
];

pub fn gitlab() -> Personality {
    let of = |request| recorded("GitLab", request);
    let service = Some("container_registry");
    Personality::new("GitLab", "gitlab-group/project")
        .rule(tokens(Tokens { service, scope: plain, lacking: None }))
        .rule(no_referrers(of("GET referrers")))
        .rule(known_types(&KNOWN, None, of("PUT manifests of an unknown type")))
        .rule(lists_are_the_image())
}

/// `sha256-HEX` is read as `sha256:HEX`.
fn lists_are_the_image() -> Rule {
    Box::new(|asked, behind| {
        let wanted = Wanted::of(asked).filter(|_| reads(asked))?;
        let digest = format!("sha256:{}", wanted.tag()?.strip_prefix("sha256-")?);
        behind.digest(wanted.repository, &digest)?;
        let path = Some(format!("/v2/{}/manifests/{digest}", wanted.repository));
        Some(Harm::Changed(Change { path, ..Change::default() }))
    })
}
