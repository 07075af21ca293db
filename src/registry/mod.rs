//! Registries as this program uses them: [`oci_registry`] with its settings from envlock.toml, its errors with advice
//! and exit codes, its progress as bars.
mod advice;
pub mod embedded;
mod progress;
mod warnings;

pub use advice::{Advised, exit};
pub use oci_registry::{
    Artifact, Blob, Client, Credentials, Deleted, Descriptor, Document, Endpoint, Error, Found,
    Image, ImageConfig, InMemory, Manifest, Part, Placed, Platform, Push, Pushed, Referrer,
    Settings, Source, Subject, is_loopback, unseen,
};
pub use progress::progress;
pub use warnings::warnings;

use crate::net;
use crate::spec::RegistrySpec;

/// A client for all registries of a run. `insecure`, here or in the spec: plain http for hosts that speak no https.
pub fn client(net: net::Client, spec: &RegistrySpec, insecure: bool) -> Client {
    let settings = Settings {
        insecure: insecure || spec.insecure,
        mirrors: spec.mirrors.clone(),
        parallel: spec.parallel,
        ..Settings::of("envlock")
    };
    Client::new(net, settings)
}
