//! Logins in addresses. They are taken out where an address is read, so that no [`Url`] in the program has one that an
//! error, a log, a cache or a redirect could carry on; and they are hidden in texts that are shown.

use std::fmt;

use percent_encoding::percent_decode_str;
use url::{ParseError, Url};

/// User name and password for a server.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Often a fixed word where the password is a token, or the token itself.
    pub user: String,
    /// `None`: none was given; netrc or a keyring may know it.
    pub password: Option<String>,
}

/// Never shown.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

/// Reads an address, and apart from it the login in it.
pub fn parse(text: &str) -> Result<(Url, Option<Login>), ParseError> {
    let mut url = Url::parse(text)?;
    let login = take(&mut url);
    Ok((url, login))
}

/// Takes the login out of an address.
pub fn take(url: &mut Url) -> Option<Login> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = (decoded(url.username()), url.password().map(decoded));
    // Both fail only for addresses that cannot have a login in the first place.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    (!user.is_empty() || password.is_some()).then_some(Login { user, password })
}

/// Whether there is a login in an address.
pub fn has_one(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// The address without its login.
pub fn without(mut url: Url) -> Url {
    take(&mut url);
    url
}

/// The address that a server means by `text` at `base`: a login in it is ignored, as it is not the user's.
pub fn join(base: &Url, text: &str) -> Result<Url, ParseError> {
    base.join(text).map(without)
}

/// The text with `*` for every byte of a login in it, so that places in it stay what they are: in an address, also in
/// one that cannot be read, and before a host (`user:password@host/name`).
pub fn masked(text: &str) -> String {
    if !text.contains('@') {
        return text.to_owned();
    }
    let ends =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '`' | '<' | '>');
    text.split_inclusive(ends).map(masked_word).collect()
}

fn masked_word(word: &str) -> String {
    let stars = |count: usize| "*".repeat(count);
    if !word.contains("://") {
        let secret = before_host(word);
        return stars(secret) + &word[secret..];
    }
    let (mut shown, mut rest) = (String::with_capacity(word.len()), word);
    while let Some((before, after)) = rest.split_once("://") {
        let secret = in_authority(after);
        shown.extend([before, "://", &stars(secret)]);
        rest = &after[secret..];
    }
    shown + rest
}

/// Bytes of a login that a word without scheme begins with; `ubuntu:24.04@sha256:…` has none.
fn before_host(word: &str) -> usize {
    let is_digest = |text: &str| text.starts_with("sha256:") || text.starts_with("sha512:");
    match word.split_once('@') {
        Some((login, host)) if login.contains(':') && !login.contains('/') && !is_digest(host) => {
            login.len()
        }
        _ => 0,
    }
}

/// Bytes of a login that the text after `://` begins with.
fn in_authority(text: &str) -> usize {
    let authority = &text[..text.find(['/', '?', '#']).unwrap_or(text.len())];
    if let Some(at) = authority.rfind('@') {
        return at;
    }
    // `host:8080/…@…` has a port, `me:pass/word@host` a password.
    let is_port = |(_, port): (&str, &str)| port.bytes().all(|b| b.is_ascii_digit());
    match authority.starts_with('[') || authority.rsplit_once(':').is_none_or(is_port) {
        true => 0,
        false => text.rfind('@').unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_taken_out_as_it_is_meant() {
        let read = |text| {
            let (url, login) = parse(text).unwrap();
            (url.to_string(), login.map(|l| (l.user, l.password)))
        };
        let some = |user: &str, password: Option<&str>| {
            Some((user.to_owned(), password.map(str::to_owned)))
        };
        let plain = "https://h.example/a?b=c@d".to_owned();
        assert_eq!(read("https://h.example/a?b=c@d"), (plain.clone(), None));
        assert_eq!(
            read("https://me:p%25@h.example/a?b=c@d"),
            (plain.clone(), some("me", Some("p%")))
        );
        assert_eq!(read("https://tok%2Fen@h.example/a?b=c@d"), (plain, some("tok/en", None)));
        assert_eq!(read("https://:word@h.example/").1, some("", Some("word")));
        assert!(!format!("{:?}", parse("https://me:w0rd@h/").unwrap()).contains("w0rd"));
    }

    #[test]
    fn what_a_server_writes_is_no_login() {
        let base = Url::parse("https://h.example/a/").unwrap();
        let join = |text| join(&base, text).unwrap().to_string();
        assert_eq!(join("b"), "https://h.example/a/b");
        assert_eq!(join("https://me:word@o.example/b"), "https://o.example/b");
    }

    #[test]
    fn every_login_in_a_text_is_masked_and_nothing_else() {
        for (text, shown) in [
            (
                "url = \"https://me:word@h.example/x\" # a@b",
                "url = \"https://*******@h.example/x\" # a@b",
            ),
            (
                "git+ssh://tök@h/x@main, http://a:b@c/d@e",
                "git+ssh://****@h/x@main, http://***@c/d@e",
            ),
            ("https://me:se/cr@et@h/x", "https://***********@h/x"),
            ("https://me:word@[/", "https://*******@[/"),
            ("https://h:8080/a@b docker.io/a@sha256:0", "https://h:8080/a@b docker.io/a@sha256:0"),
            ("http://[::1]:80/x@y https://h/a:b@c", "http://[::1]:80/x@y https://h/a:b@c"),
            ("https://", "https://"),
            (
                "\"me:word@r.example/team\" ubuntu:1@sha256:0",
                "\"*******@r.example/team\" ubuntu:1@sha256:0",
            ),
            ("a=https://a:b@h/,https://c:d@h/", "a=https://***@h/,https://***@h/"),
            ("ray @ https://h/x me@h.example", "ray @ https://h/x me@h.example"),
        ] {
            let masked = masked(text);
            assert_eq!(masked, shown);
            assert_eq!(masked.len(), text.len());
        }
    }
}
