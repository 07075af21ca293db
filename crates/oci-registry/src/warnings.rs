//! Warnings of registries, and what they cannot store: each once.

use crate::client::Client;
use crate::referrers::way::Loss;

/// Something to report to the user of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// What a registry said in a `Warning` header (distribution spec 1.1, "Warnings").
    Said {
        /// The registry.
        host: String,
        /// Its sentence.
        text: String,
    },
    /// What it does not take beside images.
    Lost(Loss),
}

impl Client {
    /// What there is to warn of since this was asked last.
    pub fn take_warnings(&self) -> Vec<Warning> {
        let said = self.access.take_warnings().into_iter();
        let lost = std::mem::take(&mut self.attached.state().warnings).into_iter();
        said.map(|(host, text)| Warning::Said { host, text })
            .chain(lost.map(Warning::Lost))
            .collect()
    }
}
