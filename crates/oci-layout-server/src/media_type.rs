//! The media types of manifests.

/// An image.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// A list of images.
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker's form of an image.
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's form of a list of images.
pub(crate) const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
