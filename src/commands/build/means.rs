//! What a build needs besides its engine: the registry, and the programs for a release, which are looked up
//! before the build takes minutes.

use super::prepared::Prepared;
use crate::attestation::Cosign;
use crate::commands::Context;
use crate::exit::Failure;
use crate::verify::{Choice, Runtime};
use crate::{net, registry};

#[derive(Debug)]
pub(super) struct Means {
    pub net: net::Client,
    pub registry: registry::Client,
    /// Signs; `None`: nothing is signed.
    pub cosign: Option<Cosign>,
    /// Runs the images before anything names them; `None`: they are not run.
    pub runtime: Option<Runtime>,
    /// Plain http beyond loopback.
    pub insecure: bool,
}

impl Means {
    /// # Errors
    /// Cosign, docker or podman is needed and missing.
    pub async fn find(prepared: &Prepared<'_>, net: net::Client) -> Result<Self, Failure> {
        let Prepared { args, spec, context, .. } = prepared;
        let insecure = prepared.is_insecure();
        let registry = registry::client(net.clone(), &spec.registry, insecure);
        let cosign = match &spec.sign {
            Some(sign) if args.push => Some(Cosign::find(sign, &context.folder, insecure).await?),
            _ => None,
        };
        let verifies = args.push && !args.no_verify && (args.verify || spec.build.verify);
        let runtime = match verifies {
            true => Some(Runtime::find(Choice::Auto).await?),
            false => None,
        };
        Ok(Means { net, registry, cosign, runtime, insecure })
    }

    /// The warnings of the registries.
    pub fn report_warnings(&self, context: &Context) {
        for warning in registry::warnings(&self.registry) {
            context.ui.warn(warning);
        }
    }
}
