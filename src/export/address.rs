//! Addresses without logins, as they may be published.

use url::Url;

/// The address without user name, password and fragment: an exported file holds no login.
pub fn public(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_fragment(None);
    // Both fail only for URLs that cannot have credentials in the first place.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_login_gets_out() {
        let url = "https://me:secret@i.example/a%2Bb.whl?x=1#sha256=0".parse().unwrap();
        assert_eq!(public(&url).as_str(), "https://i.example/a%2Bb.whl?x=1");
    }
}
