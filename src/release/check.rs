//! Whether an image still exists where a release put it.

use std::future::Future;

use oci_spec::distribution::Reference;

use crate::registry;

/// Asks about images.
pub trait ImageCheck {
    /// Whether the registry has the manifest of this image.
    /// Errors: in words, when the registry does not answer the question.
    fn exists(&self, image: &Reference) -> impl Future<Output = Result<bool, String>> + Send;
}

impl ImageCheck for registry::Client {
    async fn exists(&self, image: &Reference) -> Result<bool, String> {
        self.has(image).await.map_err(|error| error.to_string())
    }
}
