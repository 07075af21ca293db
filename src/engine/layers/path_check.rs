//! No two layers of an image may bring different things to one path.

use std::collections::BTreeSet;

use wheel_layers::PathOwners;

use super::layer_builder::LayerBuilder;
use super::place::PlacedLayer;
use crate::digest::Sha256;
use crate::exit::Failure;
use crate::ui::Ui;

/// The store's kind of facts about layers that were found not to conflict.
const APART: &str = "apart-1";

/// Compares what the layers bring. Layers that were found in the registry and never made on this machine are not compared:
/// they were where they were made, with the layers beside them there.
///
/// # Errors
///
/// [`wheel_layers::Error::Conflict`].
pub(super) fn check_paths(
    builder: &LayerBuilder,
    layers: &[&PlacedLayer],
    ui: &Ui,
) -> Result<(), Failure> {
    let keys: BTreeSet<Sha256> = layers.iter().filter_map(|layer| layer.key).collect();
    let all = Sha256::of(keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    let store = builder.gatherer.store();
    if store.recall::<bool>(APART, &all) == Some(true) {
        return Ok(());
    }
    let mut owners = PathOwners::default();
    let mut unknown = Vec::new();
    // dpkg's rules hold for system packages, and nothing of them lies where wheels do.
    for layer in layers.iter().filter(|layer| layer.has_wheels) {
        let Some(key) = layer.key else { continue };
        match builder.brought(&key) {
            Some(brought) => {
                let brought = brought.iter().map(|(path, entry)| (path.as_str(), entry.clone()));
                owners.add(&layer.name, brought)?;
            }
            None => unknown.push(layer.name.as_str()),
        }
    }
    if unknown.is_empty() {
        store.remember(APART, &all, &true);
    } else {
        ui.note(format!(
            "what {} layers bring is not known here, they were made elsewhere or by an earlier envlock ({}): whether \
             they bring other files to the same paths was looked at then",
            unknown.len(),
            unknown.join(", ")
        ));
    }
    Ok(())
}
