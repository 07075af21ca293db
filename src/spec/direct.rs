//! A requirement that names the address of its wheel, `ray @ https://host/ray-3.0.0.dev0-….whl#sha256=…`, or its path,
//! `./wheels/ray-3.0.0.dev0-….whl`.

use camino::Utf8Path;
use pep508_rs::{Requirement, VerbatimUrl, VersionOrUrl};
use percent_encoding::percent_decode_str;
use url::Url;

use super::place::{is_fetched, is_path};
use super::{RequirementSpec, SourceName};
use crate::digest::Sha256;
use crate::login;
use crate::python::{WheelName, same_project, strict};

/// In the locations of a lock, the name in place of a source for "where the requirement says"; no source may have it.
pub const DIRECT: &str = "wish";

/// An address that a requirement names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectWheel {
    /// Of the wheel, without fragment.
    pub url: Url,
    /// From the fragment, when it is there.
    pub sha256: Option<Sha256>,
}

impl RequirementSpec {
    /// The address, for a requirement that names one.
    pub fn direct(&self) -> Option<DirectWheel> {
        direct(&self.pep508)?.ok()
    }

    /// The requirement as a lock has it. A path stays as it is written, so that it means the same in any folder.
    pub fn written(&self) -> String {
        let text = self.pep508.to_string();
        let Some(VersionOrUrl::Url(url)) = &self.pep508.version_or_url else { return text };
        match url.given().filter(|given| is_path(given)) {
            Some(path) => text.replacen(url.raw().as_str(), path, 1),
            None => text,
        }
    }
}

impl SourceName {
    /// The name in the locations of wheels whose address is in the spec.
    pub fn direct() -> Self {
        DIRECT.parse().expect("a plain word is a name")
    }
}

/// The requirement that names a wheel by its path, with or without `NAME @` before it; `None`: the text has no path.
///
/// # Errors
/// What is wrong, a sentence.
pub(super) fn of_path(
    text: &str,
    folder: &Utf8Path,
) -> Option<Result<Requirement<VerbatimUrl>, String>> {
    let (front, rest) = match text.split_once('@') {
        Some((front, rest)) if is_path(rest.trim_start()) => (Some(front), rest.trim_start()),
        _ if is_path(text) => (None, text),
        _ => return None,
    };
    let (place, marker) = rest.split_once(" ;").unwrap_or((rest, ""));
    let (place, extras) = match place.trim_end().strip_suffix(']') {
        Some(inside) => inside.rsplit_once('[').unwrap_or((place, "")),
        None => (place.trim_end(), ""),
    };
    let (path, fragment) = match place.split_once('#') {
        Some((path, fragment)) => (path, Some(fragment)),
        None => (place, None),
    };
    let file = path.rsplit('/').next().unwrap_or_default();
    let name = front.map(str::to_owned).or_else(|| {
        let wheel = WheelName::parse(file).ok()?;
        Some(format!("{}[{extras}]", wheel.distribution))
    });
    let read = || {
        let name = name.ok_or_else(|| format!("`{file}` is not a wheel"))?;
        let url = Url::from_file_path(folder.join(path)).ok();
        // Without `.` and `..`.
        let url = url.and_then(|url| Some(login::parse(url.as_str()).ok()?.0));
        let mut url = url.ok_or_else(|| format!("{path} is not a path"))?;
        url.set_fragment(fragment);
        let marker = if marker.is_empty() { String::new() } else { format!(" ;{marker}") };
        let text = format!("{name} @ {url}{marker}").replacen("[]", "", 1);
        let mut requirement = strict(&text)?;
        let url = VerbatimUrl::from_url(url).with_given(place);
        requirement.version_or_url = Some(VersionOrUrl::Url(url));
        Ok(requirement)
    };
    Some(read())
}

/// What a requirement with a URL means; `None`: it has none.
///
/// # Errors
/// What is wrong and what to write instead, a sentence each.
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
    if !is_fetched(&url) {
        let message = format!("{name} is asked for from a `{}:` address", url.scheme());
        return Err((message, WHEEL));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // The lock repeats a requirement as it was written.
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
    let file = percent_decode_str(last).decode_utf8_lossy();
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
    fn a_path_begins_in_its_folder_and_is_remembered_as_it_is_written() {
        let of = |text: &str| of_path(text, Utf8Path::new("/p q")).unwrap().unwrap();
        for (text, url, written) in [
            (
                "./w/a-1-py3-none-any.whl",
                "file:///p%20q/w/a-1-py3-none-any.whl",
                "a @ ./w/a-1-py3-none-any.whl",
            ),
            (
                "../a-1-py3-none-any.whl[x]",
                "file:///a-1-py3-none-any.whl",
                "a[x] @ ../a-1-py3-none-any.whl",
            ),
            (
                "a[x] @ /w/a-1+u-py3-none-any.whl ; os_name == 'posix'",
                "file:///w/a-1+u-py3-none-any.whl",
                "a[x] @ /w/a-1+u-py3-none-any.whl ; os_name == 'posix'",
            ),
        ] {
            let requirement = RequirementSpec::new(of(text), vec![SourceName::direct()], false);
            assert_eq!(requirement.direct().unwrap().url.as_str(), url);
            assert_eq!(requirement.written(), written);
        }
        let hashed = of(&format!("./a-1-py3-none-any.whl#sha256={HASH}"));
        assert_eq!(direct(&hashed).unwrap().unwrap().sha256, HASH.parse().ok());
        assert!(of_path("./a-1.tar.gz", Utf8Path::new("/p")).unwrap().is_err());
        assert!(of_path("a>=1", Utf8Path::new("/p")).is_none());
    }

    #[test]
    fn what_is_no_wheel_is_refused_in_words() {
        for (text, why) in [
            ("a @ git+https://h.example/a.git", "from version control"),
            ("a @ https://h.example/a-1.tar.gz", "is not a wheel"),
            ("a @ https://h.example/b-1-py3-none-any.whl", "a wheel of b, not of a"),
            ("a @ https://me:word@h.example/a-1-py3-none-any.whl", "user name or password"),
            ("a @ https://h.example/a-1-py3-none-any.whl#sha256=12", "ends with `#sha256=12`"),
            ("a @ file://h.example/a-1-py3-none-any.whl", "`file:` address"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why) && !error.contains("word@"), "{error}");
        }
    }
}
