//! Quay as companies run it, with its list of types: configs, and for each the layers (deckhouse/deckhouse#10672,
//! 2024-11-14; oras-project/oras#738, 2023-01-09). A session that is asked for counts one byte too many (quay/quay
//! endpoints/v2/blob.py, fetch_existing_upload). No referrers API yet.

use super::login::{Tokens, plain, tokens};
use super::recorded::recorded;
use super::request::{Part, Wanted};
use super::rules::{known_types, no_referrers};
use super::{Personality, Rule};
use crate::support::{Change, Harm};

const CONFIGS: [&str; 3] = [
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.cncf.helm.config.v1+json",
];

const LAYERS: [&str; 5] = [
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.dev.cosign.simplesigning.v1+json",
];

pub fn quay() -> Personality {
    let refusal = recorded("Quay", "PUT manifests of an unknown type");
    Personality::new("Quay with a list of media types", "quay-org")
        .rule(tokens(Tokens { service: Some("quay.example"), scope: plain, lacking: None }))
        .rule(one_byte_more())
        .rule(no_referrers(recorded("any", "GET manifests/TAG that is not there (yet)")))
        .rule(known_types(&CONFIGS, Some(&LAYERS), refusal))
}

/// The Range of a session ends at its length, not one before.
fn one_byte_more() -> Rule {
    Box::new(|asked, _| {
        let wanted = Wanted::of(asked).filter(|_| asked.method == "GET")?;
        let Part::Session(_) = wanted.part else { return None };
        Some(Harm::Changed(Change { range: 1, ..Change::default() }))
    })
}
