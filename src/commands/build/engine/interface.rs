//! The interface between a build and its engine.

use std::collections::BTreeMap;
use std::fmt::Debug;

use futures_util::future::LocalBoxFuture;

use crate::commands::Context;
use crate::commands::build::images::Images;
use crate::commands::build::means::Means;
use crate::commands::build::prepared::Prepared;
use crate::digest::Digest;
use crate::engine::layers::Order;
use crate::exit::Failure;
use crate::image::Destination;
use crate::lock::LayerPin;
use crate::spec::{ImageName, Spec};

/// Where an engine puts the images that it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands::build) enum Delivery {
    /// The plan's repositories.
    Registry,
    /// The Docker of this machine.
    Docker,
}

/// What an engine made.
#[derive(Debug)]
pub(in crate::commands::build) struct Made {
    /// Each image's manifest.
    pub digests: BTreeMap<ImageName, Digest>,
    /// The layers of wheels, for env.lock; empty where the engine pins none.
    pub layers: Vec<LayerPin>,
}

/// An engine that can make the images.
pub(in crate::commands::build) trait Engine: Debug {
    /// Its name in release records.
    fn name(&self) -> &'static str;

    /// Where its images are once they are made.
    fn delivers(&self) -> Delivery;

    /// Whether env.lock gets the layers that it makes.
    fn pins_layers(&self) -> bool;

    /// Where the images go.
    ///
    /// # Errors
    /// They are to be pushed, but no destination is set.
    fn destination<'p>(
        &self,
        prepared: &'p Prepared<'_>,
    ) -> Result<Option<&'p Destination>, Failure>;

    /// Warnings about settings in the spec that this engine ignores.
    fn without_effect(&self, _spec: &Spec) -> Option<&'static str> {
        None
    }

    /// Makes the images of the plan and puts them where it delivers them.
    fn make<'a>(
        &'a self,
        order: Order<'a>,
        means: &'a Means,
        context: &'a Context,
    ) -> LocalBoxFuture<'a, Result<Made, Failure>>;

    /// Checks that pushed images are complete, where that was not part of making them.
    fn read_back<'a>(
        &'a self,
        images: &'a Images,
        means: &'a Means,
    ) -> LocalBoxFuture<'a, Result<(), Failure>>;
}
