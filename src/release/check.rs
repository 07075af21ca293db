//! Checks whether an image is still where a release put it, and complete.

use std::future::Future;

use oci_spec::distribution::Reference;

use crate::reference::PinnedReference;
use crate::registry;

/// Checks images in their registries.
pub trait ImageCheck {
    /// What the registry lacks of this image, as a phrase; `None` when it has all of it. Of a tag, only the
    /// manifest is asked for.
    ///
    /// # Errors
    /// A sentence, when the registry does not answer the question.
    fn missing(
        &self,
        image: &Reference,
    ) -> impl Future<Output = Result<Option<String>, String>> + Send;
}

impl ImageCheck for registry::Client {
    async fn missing(&self, image: &Reference) -> Result<Option<String>, String> {
        let found = match image.whole().parse::<PinnedReference>() {
            Ok(pinned) => self.read_back(&pinned).await.map(|_| true),
            Err(_) => self.has(image).await,
        };
        match found {
            Ok(true) => Ok(None),
            Ok(false) | Err(registry::Error::NotFound { .. }) => Ok(Some("the image".to_owned())),
            Err(registry::Error::MissingBlob { digest, .. }) => {
                Ok(Some(format!("its blob {digest}")))
            }
            Err(error) => Err(error.to_string()),
        }
    }
}
