//! `Verified`: images that ran in containers and passed all checks against their lock, where that is requested.

use std::fmt;

use super::attested::Attested;
use super::means::Means;
use crate::commands::verify::{Trial, before_release};
use crate::exit::Failure;
use crate::verify::Selection;

#[derive(Debug)]
pub(super) struct Verified<'a> {
    pub attested: Attested<'a>,
    /// Whether they were run; else it was not requested.
    pub ran: bool,
}

impl<'a> Attested<'a> {
    /// # Errors
    /// A check failed: no file may name the image.
    pub async fn verify(self, means: &Means) -> Result<Verified<'a>, Failure> {
        let Some(runtime) = &means.runtime else {
            return Ok(Verified { attested: self, ran: false });
        };
        let prepared = self.built.planned.prepared;
        let trial = Trial {
            spec: &prepared.spec,
            client: &means.registry,
            insecure: means.insecure,
            lock: None,
            runtime,
            selection: Selection::default(),
        };
        before_release(prepared.context, trial, self.built.images.values()).await?;
        Ok(Verified { attested: self, ran: true })
    }
}

impl fmt::Display for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.ran { "verified: each image ran" } else { "verified: not requested" })
    }
}
