//! BuildKit with the Dockerfile: it pushes images itself, or loads them into the Docker of this machine.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::{Delivery, Engine, Made};
use crate::commands::Context;
use crate::commands::build::images::Images;
use crate::commands::build::means::Means;
use crate::commands::build::prepared::{Prepared, nowhere};
use crate::engine::layers::Order;
use crate::engine::{dockerfile, gather};
use crate::exit::Failure;
use crate::image::Destination;
use crate::spec::{BuildSpec, Spec};

#[derive(Debug)]
pub(super) struct Dockerfile {
    pub engine: dockerfile::Engine,
    /// Whether it pushes; else it loads.
    pub pushes: bool,
}

impl Engine for Dockerfile {
    fn name(&self) -> &'static str {
        "dockerfile"
    }

    fn delivers(&self) -> Delivery {
        if self.pushes { Delivery::Registry } else { Delivery::Docker }
    }

    fn pins_layers(&self) -> bool {
        false
    }

    fn destination<'p>(
        &self,
        prepared: &'p Prepared<'_>,
    ) -> Result<Option<&'p Destination>, Failure> {
        match &prepared.stated {
            None if self.pushes => Err(nowhere()),
            stated => Ok(stated.as_ref()),
        }
    }

    fn without_effect(&self, spec: &Spec) -> Option<&'static str> {
        let BuildSpec { engine, compiler, verify, .. } = spec.build;
        let plain = BuildSpec { engine, compiler, verify, ..BuildSpec::default() };
        (spec.build != plain).then_some(
            "build.compression and build.bytecode are for the layers engine: the Dockerfile decides here",
        )
    }

    fn make<'a>(
        &'a self,
        order: Order<'a>,
        means: &'a Means,
        context: &'a Context,
    ) -> LocalBoxFuture<'a, Result<Made, Failure>> {
        let (Order { plan, lock, spec, project, .. }, ui) = (order, &context.ui);
        async move {
            let files = gather(plan, lock, spec, &means.net, project, ui).await?;
            let digests = self.engine.build(project, plan, &files, ui).await?;
            Ok(Made { digests, layers: vec![] })
        }
        .boxed_local()
    }

    fn read_back<'a>(
        &'a self,
        images: &'a Images,
        means: &'a Means,
    ) -> LocalBoxFuture<'a, Result<(), Failure>> {
        async move {
            for reference in images.values() {
                means.registry.read_back(reference).await?;
            }
            Ok(())
        }
        .boxed_local()
    }
}
