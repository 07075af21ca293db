//! The places of the files on a page: their URLs now, and their locations in a lock.

use url::Url;

use crate::login;

/// An absolute URL. Only a page on this machine may link to files on this machine.
pub(super) fn absolute(base: &Url, href: &str) -> Option<Url> {
    let may_be_local = base.scheme() == "file";
    login::join(base, href).ok().filter(|url| match url.scheme() {
        "http" | "https" => true,
        "file" => may_be_local,
        _ => false,
    })
}

/// The part of a file's URL that goes into a lock: the path on its server, or of a file on this machine the part that does
/// not depend on the machine.
pub(super) fn lasting_path(base: &Url, url: &Url) -> String {
    let path = url.path();
    // A location in a lock starts with one slash; `//` would be read as a host.
    let lasting = match url.scheme() {
        "file" => {
            let folder = base.path().rfind('/').map_or("", |end| &base.path()[..=end]);
            let name = path.rsplit('/').next().unwrap_or_default();
            path.strip_prefix(folder).unwrap_or(name)
        }
        _ => path,
    };
    format!("/{}", lasting.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_absolute_on_the_web_and_without_a_login() {
        let page: Url = "https://index.example/simple/a/".parse().unwrap();
        let url = |href| absolute(&page, href).map(|u| u.to_string());
        assert_eq!(url("/f/a.whl").unwrap(), "https://index.example/f/a.whl");
        assert_eq!(url("https://me:x@other.example/a.whl").unwrap(), "https://other.example/a.whl");
        assert_eq!(url("file:///etc/passwd"), None);
        let here: Url = "file:///w/x.html".parse().unwrap();
        let on_disk = absolute(&here, "t/a.whl").unwrap();
        assert_eq!(
            (on_disk.as_str(), &*lasting_path(&here, &on_disk)),
            ("file:///w/t/a.whl", "/t/a.whl")
        );
        let beside = absolute(&here, "../o/a.whl").unwrap();
        assert_eq!(lasting_path(&here, &beside), "/a.whl");
    }
}
