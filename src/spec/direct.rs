//! A wish that names the address of its wheel: `ray @ https://host/ray-3.0.0.dev0-….whl#sha256=…`.

use pep508_rs::{Requirement, VerbatimUrl, VersionOrUrl};
use url::Url;

use super::{SourceName, Wish};
use crate::digest::Sha256;
use crate::python::{WheelName, same_project};

/// The name that stands for "where the wish says" in locations; no source may have it.
pub const WISH: &str = "wish";

/// An address that a wish names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectWheel {
    /// Of the wheel, without fragment.
    pub url: Url,
    /// From the fragment, when it is there.
    pub sha256: Option<Sha256>,
}

impl Wish {
    /// The address, for a wish that names one.
    pub fn direct(&self) -> Option<DirectWheel> {
        direct(&self.requirement)?.ok()
    }
}

impl SourceName {
    /// The name in the locations of wheels whose address is in the spec.
    pub fn wish() -> Self {
        WISH.parse().expect("a plain word is a name")
    }
}

/// What a requirement with a URL means; `None`: it has none. Errors: what is wrong and what to write
/// instead, a sentence each.
pub(super) fn direct(
    requirement: &Requirement<VerbatimUrl>,
) -> Option<Result<DirectWheel, (String, &'static str)>> {
    match &requirement.version_or_url {
        Some(VersionOrUrl::Url(url)) => Some(read(requirement, url.to_url())),
        _ => None,
    }
}

fn read(
    requirement: &Requirement<VerbatimUrl>,
    mut url: Url,
) -> Result<DirectWheel, (String, &'static str)> {
    const WHEEL: &str = "name a built wheel: \"ray @ https://HOST/ray-3.0-cp314-cp314-….whl\"";
    let name = &requirement.name;
    if url.scheme().contains('+') {
        let message = format!("{name} is asked for from version control; only wheels are locked");
        return Err((message, WHEEL));
    }
    if !matches!(url.scheme(), "http" | "https") {
        let message = format!("{name} is asked for from a `{}:` address", url.scheme());
        return Err((message, WHEEL));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // The lock repeats a wish as it was written.
        let message = format!("the address of {name} has a user name or password in it");
        return Err((message, "put them into ~/.netrc, for that host"));
    }
    let sha256 = match url.fragment() {
        None | Some("") => None,
        Some(fragment) => match fragment.strip_prefix("sha256=").map(str::parse) {
            Some(Ok(hash)) => Some(hash),
            _ => {
                let message = format!("the address of {name} ends with `#{fragment}`");
                return Err((message, "write #sha256= and 64 hex digits, or nothing"));
            }
        },
    };
    url.set_fragment(None);
    let last = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
    let file = last.replace("%2B", "+").replace("%2b", "+");
    match WheelName::parse(&file) {
        Ok(wheel) if same_project(wheel.distribution, name) => Ok(DirectWheel { url, sha256 }),
        Ok(wheel) => {
            Err((format!("{file} is a wheel of {}, not of {name}", wheel.distribution), WHEEL))
        }
        Err(_) => Err((format!("`{file}`, the file asked for as {name}, is not a wheel"), WHEEL)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn read(text: &str) -> Result<DirectWheel, String> {
        direct(&text.parse().unwrap()).unwrap().map_err(|(message, _)| message)
    }

    #[test]
    fn a_wheels_address_is_taken_with_its_hash() {
        let url = "https://h.example/a/my_ray-3.0.0.dev0%2Bcu130-cp314-cp314-linux_x86_64.whl";
        let wheel = read(&format!("my-ray @ {url}#sha256={HASH}")).unwrap();
        assert_eq!((wheel.url.as_str(), wheel.sha256), (url, Some(HASH.parse().unwrap())));
        assert_eq!(read(&format!("my-ray[x] @ {url}")).unwrap().sha256, None);
    }

    #[test]
    fn what_is_no_wheel_is_refused_in_words() {
        for (text, why) in [
            ("a @ git+https://h.example/a.git", "from version control"),
            ("a @ https://h.example/a-1.tar.gz", "is not a wheel"),
            ("a @ https://h.example/b-1-py3-none-any.whl", "a wheel of b, not of a"),
            ("a @ https://me:word@h.example/a-1-py3-none-any.whl", "user name or password"),
            ("a @ https://h.example/a-1-py3-none-any.whl#sha256=12", "ends with `#sha256=12`"),
            ("a @ file:///a-1-py3-none-any.whl", "`file:` address"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why) && !error.contains("word@"), "{error}");
        }
    }
}
