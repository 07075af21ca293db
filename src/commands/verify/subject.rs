//! What an image is compared with: its lock, and the spec's settings for it.

use camino::Utf8Path;

use super::trial::Trial;
use crate::attestation::{self, Evidence};
use crate::commands::Context;
use crate::digest::Sha256;
use crate::exit::Failure;
use crate::image;
use crate::lock::{self, Lock};
use crate::reference::PinnedReference;
use crate::registry;
use crate::release::History;
use crate::spec::{GroupName, ImageName};
use crate::verify::Target;
use crate::verify::checks::{Check, CheckName, Expected};

/// The label with the image's name.
const TITLE: &str = "org.opencontainers.image.title";

/// A lock, and how it was found to be the image's.
struct Found {
    lock: Lock,
    sha256: Sha256,
    check: Check,
}

/// Gathers what is known of an image. A lock that is missing, or is another image's, is a failed check, as is an image
/// that does not exist.
///
/// # Errors
/// Its registry does not answer, or a named lock cannot be read.
pub(super) async fn subject(
    context: &Context,
    trial: &Trial<'_>,
    history: &History,
    image: &PinnedReference,
) -> Result<Target, Failure> {
    let Trial { spec, client, .. } = trial;
    let last = image.repository().rsplit('/').next().unwrap_or_default().to_owned();
    let mut subject = Target {
        image: image.clone(),
        name: last,
        lock_check: Check::of(CheckName::Lock, Ok(String::new())),
        lock: None,
        expected: None,
        user: String::new(),
        layers: vec![],
        plain: trial.insecure || spec.registry.insecure || registry::is_loopback(image.registry()),
    };
    let evidence = match attestation::gather(client, image, None).await {
        Ok(evidence) => evidence,
        Err(attestation::Error::Registry(error)) if !error.is_unreachable() => {
            subject.lock_check = Check::of(CheckName::Pull, Err(error.to_string()));
            return Ok(subject);
        }
        Err(error) => return Err(error.into()),
    };
    let own = &evidence.config["config"];
    subject.user = own["User"].as_str().unwrap_or_default().to_owned();
    let layers = evidence.manifest.layers.iter();
    subject.layers = layers.map(|layer| (layer.digest, layer.size)).collect();
    if let Some(title) = evidence.label(TITLE) {
        subject.name = title.to_owned();
    }
    let name: Option<ImageName> = subject.name.parse().ok();
    let found = match lock_for(context, &evidence, history, trial.lock)? {
        Ok(found) => found,
        Err(why) => {
            subject.lock_check = Check::of(CheckName::Lock, Err(why));
            return Ok(subject);
        }
    };
    let known = name.as_ref().and_then(|name| spec.image(name));
    let groups: Vec<GroupName> = match (evidence.groups(), known) {
        (Some(groups), _) => groups.iter().filter_map(|group| group.parse().ok()).collect(),
        (None, Some(known)) => image::groups(&known.name, spec).into_iter().cloned().collect(),
        (None, None) => {
            let why = format!(
                "which groups are in it is not known: no provenance is beside it, and the spec has no image `{}`",
                subject.name
            );
            subject.lock_check = Check::of(CheckName::Lock, Err(why));
            return Ok(subject);
        }
    };
    let max_size = known.and_then(|known| known.max_size);
    subject.expected = Some(Expected::of(&found.lock, &groups, &spec.target.gpus, max_size));
    subject.lock = Some(found.sha256);
    subject.lock_check = found.check;
    Ok(subject)
}

/// The lock that was named, else the image's own, else the project's. Errors, inside: there is none.
fn lock_for(
    context: &Context,
    evidence: &Evidence,
    history: &History,
    given: Option<&Utf8Path>,
) -> Result<Result<Found, String>, Failure> {
    if let Some(given) = given {
        let (lock, text) = context.read_lock(given)?;
        return Ok(Ok(compared(evidence, lock, &text, given.as_str())));
    }
    let missing = match attestation::lock_of(evidence, &context.folder, history) {
        Ok(found) => return Ok(Ok(compared(evidence, found.lock, &found.text, &found.from))),
        Err(error) => error,
    };
    let name = context.lock_name(None);
    Ok(match context.read_lock(&name) {
        Ok((lock, text)) => Ok(compared(evidence, lock, &text, name.as_str())),
        Err(lock::Error::Missing { .. }) => Err(format!("{missing}, and there is no {name} here")),
        Err(error) => return Err(error.into()),
    })
}

/// Whether a lock is the one that the image says it was built from.
fn compared(evidence: &Evidence, lock: Lock, text: &str, from: &str) -> Found {
    let sha256 = Sha256::of(text);
    let check = match evidence.lock_sha256() {
        None => Check::skipped(
            CheckName::Lock,
            format!("the image does not say which lock it was built from; compared with {from}"),
        ),
        Some(_) if evidence.is_of(text).is_some() => {
            Check::of(CheckName::Lock, Ok(format!("sha256 {sha256}, {from}")))
        }
        Some(own) => Check::of(
            CheckName::Lock,
            Err(format!(
                "the image says it was built from a lock of sha256 {own}, and {from} is {sha256}"
            )),
        ),
    };
    Found { lock, sha256, check }
}
