//! Downloads all layers of an image and checks their bytes: a registry may list a blob and serve other bytes.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};

use super::{Error, Evidence, Finding, Verdict};
use crate::exit::Exit;
use crate::registry::{self, Client, Endpoint};
use crate::ui::{Bar, Stage};

/// Layers at the same time: each takes a connection and a few MB of memory.
const CONCURRENCY: usize = 4;

const HASHING: &[Stage] = &[Stage::Hash];

/// Downloads every layer, base included, and hashes it. Nothing is kept. Each layer is a part of `bar`.
///
/// # Errors
/// A registry that does not answer. Wrong bytes are not an error but a finding.
pub async fn deep(client: &Client, evidence: &Evidence, bar: &Bar) -> Result<Finding, Error> {
    let layers: BTreeMap<_, _> =
        evidence.manifest.layers.iter().map(|layer| (layer.digest, layer)).collect();
    let bytes: u64 = layers.values().map(|layer| layer.size).sum();
    let bars = layers.values().map(|layer| bar.part(layer.digest.to_string(), layer.size, HASHING));
    let bars: Vec<Bar> = bars.collect();
    let endpoint = Endpoint::pinned(&evidence.image);
    let asked = layers.values().zip(&bars).map(async |(layer, bar)| {
        bar.begin(Stage::Hash, Some(layer.size));
        // The reader hashes all of a layer; its bytes are not used.
        let read = client.read_layer(&endpoint, layer, bar, |_| Ok(())).await;
        bar.done(if read.is_ok() { "hashed" } else { "not what its digest says" });
        read
    });
    // A list, not a lazy iterator: with one the future would not be `Send`.
    let asked: Vec<_> = asked.collect();
    let mut answers = stream::iter(asked).buffer_unordered(CONCURRENCY);
    let mut wrong: Vec<(Verdict, String)> = Vec::new();
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(()) => {}
            Err(error) if error.is_unreachable() => return Err(error.into()),
            Err(error) if registry::exit(&error) == Exit::Integrity => {
                wrong.push((Verdict::Mismatch, error.to_string()));
            }
            Err(error) => wrong.push((Verdict::Missing, error.to_string())),
        }
    }
    wrong.sort();
    let verdict = wrong.iter().map(|(verdict, _)| *verdict).max().unwrap_or(Verdict::Ok);
    let found = match wrong.as_slice() {
        [] => {
            let size = indicatif::DecimalBytes(bytes);
            format!("{} layers downloaded and hashed, {size}", layers.len())
        }
        wrong => wrong.iter().map(|(_, what)| what.as_str()).collect::<Vec<_>>().join("; "),
    };
    Ok(Finding { part: "bytes", verdict, found })
}
