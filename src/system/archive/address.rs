//! Addresses of archives, and of files below them.

use url::Url;

use super::Error;
use crate::login::{self, Login};

/// `…/debian/` → `…/debian-security/`, wherever in the path that stands.
pub(super) fn beside(url: &Url) -> Option<Url> {
    let path = url.path();
    let at = path.rfind("/debian/")?;
    let mut url = url.clone();
    let other = format!("{}/debian-security/{}", &path[..at], &path[at + "/debian/".len()..]);
    url.set_path(&other);
    Some(url)
}

/// An address as a setting has it, and the login in it.
///
/// # Errors
/// It is none; the place `from` is named.
pub(super) fn read(address: &str, from: &str) -> Result<(Url, Option<Login>), Error> {
    let bad = |why: String| Error::Setting { place: from.to_owned(), why };
    let read = login::parse(address);
    let (url, login) = read.map_err(|why| bad(format!("{}: {why}", login::masked(address))))?;
    match url.scheme() {
        "http" | "https" => Ok((url, login)),
        other => Err(bad(format!("addresses begin with http or https, not {other}"))),
    }
}

/// With `/` at its end.
pub(super) fn folder(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    url
}

/// The address of a file below an archive's.
pub(super) fn below(url: &Url, path: &str) -> Url {
    let mut file = url.clone();
    file.set_path(&format!("{}{path}", url.path()));
    file
}
