//! The challenge of a 401 (RFC 9110 11). Pure.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// The kind of authorization that a registry requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User name and password.
    Basic,
    /// A token from `realm`.
    Bearer {
        /// The address of the token server.
        realm: String,
        /// The service that the token is for, where the token server asks for it.
        service: Option<String>,
        /// What it must allow, as the registry sees it.
        scopes: Vec<String>,
    },
}

impl Challenge {
    /// The challenge in an answer's headers that can be met here; a bearer token before a password.
    pub(crate) fn find(headers: &HeaderMap) -> Option<Self> {
        let mut basic = None;
        for challenge in challenges(headers) {
            if challenge.scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = parameter(&challenge, "realm")
            {
                let service = parameter(&challenge, "service");
                let scopes = parameter(&challenge, "scope").unwrap_or_default();
                let scopes = scopes.split_whitespace().map(str::to_owned).collect();
                return Some(Challenge::Bearer { realm, service, scopes });
            }
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Challenge::Basic);
            }
        }
        basic
    }

    /// The scopes that the registry requires; empty where it does not say.
    pub(crate) fn scopes(&self) -> &[String] {
        match self {
            Challenge::Basic => &[],
            Challenge::Bearer { scopes, .. } => scopes,
        }
    }
}

/// Why a token was not good enough, where the challenge says so (RFC 6750 3).
pub(crate) fn complaint(headers: &HeaderMap) -> Option<String> {
    challenges(headers).find_map(|challenge| {
        let error = parameter(&challenge, "error")?;
        Some(match parameter(&challenge, "error_description") {
            Some(words) => format!("{words} ({error})"),
            None => error,
        })
    })
}

fn challenges(headers: &HeaderMap) -> impl Iterator<Item = http_auth::ChallengeRef<'_>> {
    let texts = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|v| v.to_str().ok());
    texts.flat_map(http_auth::ChallengeParser::new).flatten()
}

fn parameter(challenge: &http_auth::ChallengeRef<'_>, name: &str) -> Option<String> {
    let found = challenge.params.iter().find(|(k, _)| k.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_unescaped())
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn find(values: &[&'static str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(value));
        }
        Challenge::find(&headers)
    }

    #[test]
    fn challenges_are_read_and_a_token_is_preferred() {
        let bearer =
            r#"Bearer realm="https://auth.example/token",service="reg, istry",scope="x y""#;
        let expected = Challenge::Bearer {
            realm: "https://auth.example/token".to_owned(),
            service: Some("reg, istry".to_owned()),
            scopes: vec!["x".to_owned(), "y".to_owned()],
        };
        assert_eq!(find(&[bearer]), Some(expected.clone()));
        assert_eq!(find(&[r#"Basic realm="r""#, bearer]), Some(expected));
        assert_eq!(find(&[r#"basic realm="r""#]), Some(Challenge::Basic));
        assert_eq!(find(&["Negotiate"]), None);
        assert_eq!(find(&[]), None);
    }
}
