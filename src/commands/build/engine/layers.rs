//! The built-in engine: layers are sent as they are made, and read back.

use futures_util::FutureExt;
use futures_util::future::{self, LocalBoxFuture};

use super::{Delivery, Engine, Made};
use crate::commands::Context;
use crate::commands::build::images::Images;
use crate::commands::build::means::Means;
use crate::commands::build::prepared::Prepared;
use crate::engine::layers::{self, Order};
use crate::exit::Failure;
use crate::image::Destination;
use crate::interrupt;

#[derive(Debug)]
pub(super) struct Layers(pub layers::Engine);

impl Engine for Layers {
    fn name(&self) -> &'static str {
        "layers"
    }

    fn delivers(&self) -> Delivery {
        Delivery::Registry
    }

    fn pins_layers(&self) -> bool {
        true
    }

    fn destination<'p>(
        &self,
        prepared: &'p Prepared<'_>,
    ) -> Result<Option<&'p Destination>, Failure> {
        Ok(prepared.stated.as_ref().or(prepared.own.as_ref()))
    }

    fn make<'a>(
        &'a self,
        order: Order<'a>,
        means: &'a Means,
        context: &'a Context,
    ) -> LocalBoxFuture<'a, Result<Made, Failure>> {
        async move {
            let building = self.0.build(&order, &means.net, &means.registry, &context.ui);
            let built = interrupt::until(building).await;
            means.registry.cancel_uploads().await;
            means.report_warnings(context);
            let built = built.ok_or(crate::engine::Error::Interrupted)??;
            let (sent, blobs) = (indicatif::DecimalBytes(built.sent), built.blobs);
            context.ui.note(format!("{blobs} blobs sent, {sent}"));
            Ok(Made { digests: built.digests, layers: built.layers })
        }
        .boxed_local()
    }

    fn read_back<'a>(
        &'a self,
        _: &'a Images,
        _: &'a Means,
    ) -> LocalBoxFuture<'a, Result<(), Failure>> {
        future::ready(Ok(())).boxed_local()
    }
}
