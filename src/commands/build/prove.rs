//! What is known of the images goes beside them in the registry, and is signed where envlock.toml asks for it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::commands::Context;
use crate::exit::Failure;
use crate::export::{Origin, cyclonedx_of_image, predicate};
use crate::image::{self, Plan};
use crate::lock::Lock;
use crate::proof::{self, Attested, Cosign};
use crate::reference::PinnedReference;
use crate::registry;
use crate::spec::{ImageName, Records, Spec};

/// What a build has made, to be proven.
pub struct Proof<'a> {
    /// Says where the images are based on.
    pub plan: &'a Plan,
    /// Says which groups they have.
    pub spec: &'a Spec,
    /// What they were built from.
    pub lock: &'a Lock,
    /// The lock's bytes, as they are released.
    pub lock_text: &'a str,
    /// The engine's name.
    pub engine: &'a str,
    /// When the build began.
    pub started: Timestamp,
    /// Who signs.
    pub cosign: Option<&'a Cosign>,
}

/// Attaches lock, bill of materials and provenance to each image, and signs it; the images of which the registry does
/// not keep that. Errors: then nothing may be released.
pub async fn prove(
    proof: &Proof<'_>,
    images: &BTreeMap<ImageName, PinnedReference>,
    registry: &registry::Client,
    context: &Context,
) -> Result<BTreeSet<ImageName>, Failure> {
    let run = proof::run_facts(&context.folder, proof.started);
    let mut not_kept = BTreeSet::new();
    for planned in &proof.plan.images {
        let Some(image) = images.get(&planned.name) else { continue };
        let groups = image::groups(&planned.name, proof.spec);
        let groups: Vec<_> = groups.into_iter().cloned().collect();
        let made = Origin {
            image,
            name: &planned.name,
            groups: &groups,
            base: &planned.base,
            lock: proof.lock,
            lock_text: proof.lock_text,
            engine: proof.engine,
            run: &run,
        };
        // Only what this run made is signed: what lies there may be anybody's.
        let vouched = match proof.cosign {
            Some(cosign) => cosign.known(image, Attested::Provenance).await?,
            None => vec![],
        };
        let ours = proof.cosign.is_some() && vouched.is_empty();
        if !attach(proof, made, ours, registry, context).await? {
            not_kept.insert(planned.name.clone());
        }
        if let Some(cosign) = proof.cosign {
            sign(cosign, made, ours, registry).await?;
            context.ui.note(format!("{} is signed", planned.name));
        }
    }
    Ok(not_kept)
}

/// Whether the registry keeps the documents, which it must where they are required.
async fn attach(
    proof: &Proof<'_>,
    made: Origin<'_>,
    ours: bool,
    registry: &registry::Client,
    context: &Context,
) -> Result<bool, Failure> {
    let records = proof.spec.release.records;
    if records == Records::None {
        return Ok(true);
    }
    let name = made.name;
    match proof::attach(registry, made, ours).await {
        Ok(0) => Ok(true),
        Ok(_) => {
            let documents = "lock, bill of materials and provenance";
            context.ui.note(format!("{name}: {documents} are beside it"));
            Ok(true)
        }
        Err(error) if records == Records::Required => Err(error.into()),
        // What a registry takes in no way is told by its client, once.
        Err(proof::Error::Registry(registry::Error::NotKept { .. })) => Ok(false),
        Err(error) => {
            let documents = "lock, bill of materials and provenance";
            context.ui.warn(format!("{name}: {documents} are not beside it: {error}"));
            Ok(false)
        }
    }
}

/// Each of cosign's writes is waited for: its next one, and ours, read the list that it wrote.
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
        seen(cosign.attest(image, Attested::Provenance, &predicate).await?).await;
    }
    let bill = cyclonedx_of_image(made);
    seen(cosign.attest(image, Attested::Sbom, &bill).await?).await;
    Ok(())
}
