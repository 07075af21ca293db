//! Warnings of registries, and what they cannot store, as sentences.

use std::collections::BTreeSet;

use oci_registry::{Client, LossKind, Warning};

/// The warnings of registries since the last call, and what they cannot store; each sentence once, with its host.
pub fn warnings(client: &Client) -> Vec<String> {
    let sentences: BTreeSet<_> = client.take_warnings().into_iter().map(sentence).collect();
    sentences.into_iter().collect()
}

fn sentence(warning: Warning) -> String {
    match warning {
        Warning::Said { host, text } => format!("{host}: {text}"),
        Warning::Lost(loss) => format!("{} {} ({})", loss.host, words(loss.kind), loss.answer),
    }
}

fn words(kind: LossKind) -> &'static str {
    match kind {
        LossKind::Artifacts => {
            "keeps no artifacts beside images: lock, bill of materials, provenance and records of releases go there \
             as plain images under tags of their own, where envlock finds them, and cosign and oras do not"
        }
        LossKind::Everything => {
            "keeps nothing beside images: the release is made, but `verify --supply` finds no lock, bill of materials \
             or provenance there, and `history --from-registry` no record"
        }
        LossKind::Tags => {
            "takes no tags of releases: the registry's own cleaning may remove the images of this one, \
             and `history --from-registry` does not find it there"
        }
    }
}
