//! `Attested`: the images' documents are beside them in the registry, and signed where envlock.toml asks for it.

use std::collections::BTreeSet;
use std::fmt;

use super::built::Built;
use super::means::Means;
use super::prepared::Prepared;
use crate::attestation::{self, Attested as Statement, Cosign};
use crate::exit::Failure;
use crate::export::{Origin, cyclonedx_of_image, predicate};
use crate::image;
use crate::registry;
use crate::spec::{ImageName, Records};

#[derive(Debug)]
pub(super) struct Attested<'a> {
    pub built: Built<'a>,
    /// The images of which the registry does not keep the documents.
    pub not_kept: BTreeSet<ImageName>,
}

impl<'a> Built<'a> {
    /// With `--push`, attaches lock, bill of materials and provenance to each image, and signs it.
    ///
    /// # Errors
    /// The registry, or cosign, refused what is required: nothing may be released.
    pub async fn attest(self, means: &Means) -> Result<Attested<'a>, Failure> {
        let mut not_kept = BTreeSet::new();
        if !self.planned.prepared.args.push {
            return Ok(Attested { built: self, not_kept });
        }
        let Prepared { spec, lock, context, .. } = self.planned.prepared;
        let run = attestation::run_facts(&context.folder, self.begun);
        for planned in &self.planned.plan.images {
            let Some(image) = self.images.get(&planned.name) else { continue };
            let groups = image::groups(&planned.name, spec);
            let groups: Vec<_> = groups.into_iter().cloned().collect();
            let origin = Origin {
                image,
                name: &planned.name,
                groups: &groups,
                base: &planned.base,
                lock,
                lock_text: &self.lock_text,
                engine: self.engine,
                run: &run,
            };
            // Only what this run made is signed: anyone may have put what is there.
            let vouched = match &means.cosign {
                Some(cosign) => cosign.known(image, Statement::Provenance).await?,
                None => vec![],
            };
            let ours = means.cosign.is_some() && vouched.is_empty();
            if !attach(origin, ours, means, self.planned.prepared).await? {
                not_kept.insert(planned.name.clone());
            }
            if let Some(cosign) = &means.cosign {
                sign(cosign, origin, ours, &means.registry).await?;
                context.ui.note(format!("{} is signed", planned.name));
            }
        }
        means.report_warnings(context);
        Ok(Attested { built: self, not_kept })
    }
}

impl fmt::Display for Attested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not_kept: Vec<_> = self.not_kept.iter().map(ImageName::as_str).collect();
        match not_kept.as_slice() {
            _ if !self.built.planned.prepared.args.push => {
                f.write_str("attested: not without --push")
            }
            [] => f.write_str("attested: each image"),
            names => write!(f, "attested: all but {}", names.join(", ")),
        }
    }
}

/// Whether the registry keeps the documents, which it must where they are required.
async fn attach(
    made: Origin<'_>,
    ours: bool,
    means: &Means,
    prepared: &Prepared<'_>,
) -> Result<bool, Failure> {
    let (records, ui) = (prepared.spec.release.records, &prepared.context.ui);
    if records == Records::None {
        return Ok(true);
    }
    let name = made.name;
    match attestation::attach(&means.registry, made, ours).await {
        Ok(0) => Ok(true),
        Ok(_) => {
            let documents = "lock, bill of materials and provenance";
            ui.note(format!("{name}: {documents} are beside it"));
            Ok(true)
        }
        Err(error) if records == Records::Required => Err(error.into()),
        // What a registry cannot store at all is reported by its client, once.
        Err(attestation::Error::Registry(registry::Advised(registry::Error::NotKept {
            ..
        }))) => Ok(false),
        Err(error) => {
            let documents = "lock, bill of materials and provenance";
            ui.warn(format!("{name}: {documents} are not beside it: {error}"));
            Ok(false)
        }
    }
}

/// Waits until each of cosign's writes is visible: its next write, and ours, read the list that it wrote.
async fn sign(
    cosign: &Cosign,
    made: Origin<'_>,
    ours: bool,
    registry: &registry::Client,
) -> Result<(), Failure> {
    let image = made.image;
    let seen = async |written: bool| {
        if written && let Err(error) = registry.await_other_writer(image).await {
            tracing::debug!(%error, "what cosign wrote cannot be read");
        }
    };
    seen(cosign.sign(image).await?).await;
    if ours {
        let predicate = predicate(made).to_string();
        seen(cosign.attest(image, Statement::Provenance, &predicate).await?).await;
    }
    let bill = cyclonedx_of_image(made);
    seen(cosign.attest(image, Statement::Sbom, &bill).await?).await;
    Ok(())
}
