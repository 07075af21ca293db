//! Where images go: `HOST[:PORT][/PREFIX]`, and each image's repository below it.

use std::str::FromStr;

use super::Error;
use crate::reference::{self, Repository};
use crate::spec::ImageName;

/// `HOST[:PORT][/PREFIX]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    registry: String,
    prefix: Option<String>,
}

impl Destination {
    /// `HOST[:PORT]`
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository of this image.
    pub fn repository(&self, image: &ImageName) -> Repository {
        let name = match &self.prefix {
            Some(prefix) => format!("{prefix}/{image}"),
            None => image.to_string(),
        };
        Repository { registry: self.registry.clone(), name }
    }
}

impl FromStr for Destination {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let bad =
            |cause: &str| Error::Destination { text: text.to_owned(), cause: cause.to_owned() };
        if text.contains("://") {
            return Err(bad("it has a scheme"));
        }
        let (registry, prefix) = match text.trim_end_matches('/').split_once('/') {
            Some((registry, prefix)) => (registry, Some(prefix)),
            None => (text.trim_end_matches('/'), None),
        };
        // Docker's rule: without a dot, a port or `localhost`, the first component is not a host.
        if !(registry.contains(['.', ':']) || registry == "localhost") {
            return Err(bad("it does not start with a host"));
        }
        // The image's name is appended: what remains must be a plain repository name.
        let whole = format!("{}/image", text.trim_end_matches('/'));
        let parsed = reference::parse(&whole).map_err(|e| bad(&e.to_string()))?;
        if parsed.digest().is_some() || prefix.is_some_and(|p| p.contains([':', '@'])) {
            return Err(bad("it has a tag or digest"));
        }
        Ok(Self { registry: registry.to_owned(), prefix: prefix.map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_below_the_prefix() {
        let image: ImageName = "ray-runtime".parse().unwrap();
        for (text, expected) in [
            ("127.0.0.1:5000", "127.0.0.1:5000/ray-runtime"),
            ("ghcr.io/team/", "ghcr.io/team/ray-runtime"),
            ("localhost/a/b", "localhost/a/b/ray-runtime"),
        ] {
            let destination: Destination = text.parse().unwrap();
            assert_eq!(destination.repository(&image).to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_place_for_images_is_refused() {
        for text in
            ["", "team", "https://ghcr.io/team", "ghcr.io/Team", "ghcr.io/team:v1", "ghcr.io//a"]
        {
            assert!(
                matches!(text.parse::<Destination>(), Err(Error::Destination { .. })),
                "{text}"
            );
        }
    }
}
