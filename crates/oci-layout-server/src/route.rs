//! From the path of a request to the part of the API that it addresses. Pure.

use percent_encoding::percent_decode_str;

use crate::Repository;
use crate::refusal::Refusal;

/// The parts of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/v2/`
    Root,
    /// `/v2/_catalog`
    Catalog,
    /// A tag or digest, not yet parsed.
    Manifest(Repository, String),
    /// A digest, not yet parsed.
    Blob(Repository, String),
    /// Where uploads begin.
    Uploads(Repository),
    /// An upload by its id.
    Upload(Repository, String),
    /// The tags.
    Tags(Repository),
    /// What points to a digest, not yet parsed.
    Referrers(Repository, String),
}

impl Route {
    /// Names are read from the end: a repository may be called `a/blobs/b`.
    pub(crate) fn parse(path: &str) -> Result<Route, Refusal> {
        let path = percent_decode_str(path).decode_utf8().map_err(|_| Refusal::NoRoute)?;
        let Some(rest) = path.strip_prefix("/v2") else { return Err(Refusal::NoRoute) };
        let Some(rest) = rest.strip_prefix('/').or(rest.is_empty().then_some("")) else {
            return Err(Refusal::NoRoute);
        };
        let segments: Vec<&str> = rest.split('/').collect();
        let name = |parts: &[&str]| {
            let text = parts.join("/");
            text.parse::<Repository>().map_err(|_| Refusal::Name(text))
        };
        Ok(match &*segments {
            [""] => Route::Root,
            ["_catalog"] => Route::Catalog,
            [repository @ .., "blobs", "uploads", ""] | [repository @ .., "blobs", "uploads"] => {
                Route::Uploads(name(repository)?)
            }
            [repository @ .., "blobs", "uploads", id] => {
                Route::Upload(name(repository)?, (*id).to_owned())
            }
            [repository @ .., "blobs", digest] => {
                Route::Blob(name(repository)?, (*digest).to_owned())
            }
            [repository @ .., "manifests", reference] => {
                Route::Manifest(name(repository)?, (*reference).to_owned())
            }
            [repository @ .., "tags", "list"] => Route::Tags(name(repository)?),
            [repository @ .., "referrers", digest] => {
                Route::Referrers(name(repository)?, (*digest).to_owned())
            }
            _ => return Err(Refusal::NoRoute),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(path: &str) -> String {
        match Route::parse(path) {
            Ok(route) => format!("{route:?}"),
            Err(refusal) => serde_json::json!(refusal.code().1).as_str().unwrap().to_owned(),
        }
    }

    #[test]
    fn paths_mean_what_the_spec_says_and_nothing_leaves_the_layout() {
        for (path, expected) in [
            ("/v2/", "Root"),
            ("/v2", "Root"),
            ("/v2/_catalog", "Catalog"),
            ("/v2/a/b/manifests/v1", r#"Manifest(Repository("a/b"), "v1")"#),
            ("/v2/a/blobs/b/blobs/sha256:0", r#"Blob(Repository("a/blobs/b"), "sha256:0")"#),
            ("/v2/a/blobs/sha256%3A0", r#"Blob(Repository("a"), "sha256:0")"#),
            ("/v2/a/blobs/uploads/", r#"Uploads(Repository("a"))"#),
            ("/v2/a/blobs/uploads/x", r#"Upload(Repository("a"), "x")"#),
            ("/v2/a/tags/list", r#"Tags(Repository("a"))"#),
            ("/v2/a/referrers/x", r#"Referrers(Repository("a"), "x")"#),
            ("/v2/../blobs/x", "NAME_INVALID"),
            ("/v2/a/%2e%2e/b/blobs/x", "NAME_INVALID"),
            ("/v2/a%2f..%2fb/blobs/x", "NAME_INVALID"),
            ("/v2/A/tags/list", "NAME_INVALID"),
            ("/v2//tags/list", "NAME_INVALID"),
            ("/v2/tags/list", "NAME_INVALID"),
            ("/v2x", "UNSUPPORTED"),
            ("/v2x/blobs/y", "UNSUPPORTED"),
            ("/", "UNSUPPORTED"),
            ("/v2/a", "UNSUPPORTED"),
        ] {
            assert_eq!(parsed(path), expected, "{path}");
        }
    }
}
