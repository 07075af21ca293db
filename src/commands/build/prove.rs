//! What is known of the images goes beside them in the registry, and is signed where envlock.toml asks for it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::commands::Context;
use crate::exit::Failure;
use crate::export::{Origin, cyclonedx_of_image, predicate};
use crate::image::Plan;
use crate::lock::Lock;
use crate::proof::{self, Attested, Cosign};
use crate::reference::PinnedReference;
use crate::registry;
use crate::spec::{GroupName, ImageName, Spec};

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

/// Attaches lock, bill of materials and provenance to each image, and signs it. Errors: then nothing may be released.
pub async fn prove(
    proof: &Proof<'_>,
    images: &BTreeMap<ImageName, PinnedReference>,
    registry: &registry::Client,
    context: &Context,
) -> Result<(), Failure> {
    let run = proof::run_facts(&context.folder, proof.started);
    for planned in &proof.plan.images {
        let Some(image) = images.get(&planned.name) else { continue };
        let groups = groups(proof.spec, &planned.name);
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
        if proof::attach(registry, made, ours).await? > 0 {
            let name = &planned.name;
            context
                .ui
                .note(format!("{name}: lock, bill of materials and provenance are beside it"));
        }
        if let Some(cosign) = proof.cosign {
            cosign.sign(image).await?;
            if ours {
                let predicate = predicate(made).to_string();
                cosign.attest(image, Attested::Provenance, &predicate).await?;
            }
            cosign.attest(image, Attested::Sbom, &cyclonedx_of_image(made)).await?;
            context.ui.note(format!("{} is signed", planned.name));
        }
    }
    Ok(())
}

/// The groups of an image, lowest first, those of the images it continues included.
fn groups(spec: &Spec, image: &ImageName) -> Vec<GroupName> {
    let mut chain = Vec::new();
    let mut next = spec.image(image);
    while let Some(image) = next {
        chain.push(image);
        next = image.from.as_ref().and_then(|from| spec.image(from));
    }
    chain.into_iter().rev().flat_map(|image| image.groups.iter().cloned()).collect()
}
