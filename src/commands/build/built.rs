//! `Built`: images that are complete in their registry.

use std::fmt;

use jiff::Timestamp;

use super::engine::{Engine, Made};
use super::images::{Images, pinned};
use super::means::Means;
use super::planned::Planned;
use crate::exit::Failure;
use crate::lock::{self, Lock};

#[derive(Debug)]
pub(super) struct Built<'a> {
    pub planned: Planned<'a>,
    /// The engine's name.
    pub engine: &'static str,
    /// When the engine began.
    pub begun: Timestamp,
    pub images: Images,
    /// env.lock as it is released: with the layers that were made, where the engine pins them.
    pub lock_text: String,
    /// Whether the engine pins layers, and the lock's file may change with the release.
    pub pins_layers: bool,
}

impl<'a> Built<'a> {
    /// What an engine made and delivered to a registry, read back from there.
    pub async fn of(
        planned: Planned<'a>,
        begun: Timestamp,
        made: Made,
        engine: &dyn Engine,
        means: &Means,
    ) -> Result<Self, Failure> {
        let prepared = planned.prepared;
        let pins_layers = engine.pins_layers();
        let lock_text = match pins_layers {
            true => lock::render(&Lock { layers: made.layers, ..prepared.lock.clone() }),
            false => prepared.lock_text.clone(),
        };
        let images = pinned(&planned.plan, &made.digests);
        engine.read_back(&images, means).await?;
        for reference in images.values() {
            prepared.context.ui.note(format!("{reference} is there, complete"));
        }
        means.report_warnings(prepared.context);
        Ok(Built { planned, engine: engine.name(), begun, images, lock_text, pins_layers })
    }
}

impl fmt::Display for Built<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let images: Vec<_> = self.images.values().map(ToString::to_string).collect();
        write!(f, "built: {} by the {} engine", images.join(", "), self.engine)
    }
}
