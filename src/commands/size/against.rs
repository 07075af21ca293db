//! What images are compared with: a release, or an image.

use std::collections::BTreeMap;

use super::scales::Scales;
use crate::commands::kept;
use crate::exit::{Exit, Failure};
use crate::reference::PinnedReference;
use crate::release::Selector;
use crate::spec::ImageName;

/// A release or an image.
pub(super) enum Against {
    /// All images of a release, and the release's name for people.
    Release(BTreeMap<ImageName, PinnedReference>, String),
    /// One image, as it was named.
    Image(PinnedReference, String),
}

impl Against {
    /// What an argument means: a release's number, `previous`, the digest of an image in a release; else an image as
    /// `inspect` takes it.
    ///
    /// # Errors
    /// It means neither.
    pub(super) async fn find(word: &str, scales: &Scales<'_>) -> Result<Self, Failure> {
        let Scales { context, spec, client, history, .. } = *scales;
        let is_image =
            word.contains('/') || word.starts_with("sha256:") || word.starts_with("sha512:");
        let release = match word.parse::<Selector>() {
            Ok(requested) => history.find(&requested).map_err(Failure::from),
            Err(error) => Err(Failure::message(Exit::Usage, error)),
        };
        match release {
            Ok(number) => {
                let state = history.state(number)?;
                if state.images.is_empty() {
                    let message = format!("release {number} has no images to compare with");
                    return Err(Failure::message(Exit::Usage, message));
                }
                Ok(Against::Release(state.images, format!("release {}", state.release)))
            }
            Err(_) if is_image => {
                let image = kept::find_image(context, spec, client, history, word).await?;
                Ok(Against::Image(image, word.to_owned()))
            }
            Err(failure) => Err(failure),
        }
    }

    /// The image that the one of this name is compared with.
    pub(super) fn image(&self, name: &str) -> Option<&PinnedReference> {
        match self {
            Against::Release(images, _) => {
                images.iter().find(|(known, _)| known.as_str() == name).map(|(_, image)| image)
            }
            Against::Image(image, _) => Some(image),
        }
    }

    /// For people: `release 3`.
    pub(super) fn words(&self) -> &str {
        match self {
            Against::Release(_, words) | Against::Image(_, words) => words,
        }
    }
}
