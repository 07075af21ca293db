//! From a 401's challenge to an Authorization header (RFC 9110 11, the distribution spec's token
//! flow, and OAuth2 refresh tokens for identity tokens).

use base64::Engine as _;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use super::{Credentials, Error};
use crate::net;

/// What a registry wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User name and password.
    Basic,
    /// A token from `realm`.
    Bearer { realm: String, service: Option<String> },
}

impl Challenge {
    /// The challenge in an answer's headers that we can meet; a bearer token before a password.
    pub(super) fn find(headers: &HeaderMap) -> Option<Self> {
        let texts = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|v| v.to_str().ok());
        let mut basic = None;
        for challenge in texts.flat_map(http_auth::ChallengeParser::new).flatten() {
            let parameter = |name: &str| {
                let found = challenge.params.iter().find(|(k, _)| k.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_unescaped())
            };
            if challenge.scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = parameter("realm")
            {
                return Some(Challenge::Bearer { realm, service: parameter("service") });
            }
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Challenge::Basic);
            }
        }
        basic
    }
}

/// Why no header could be made.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The one who was asked said no, or there was nothing to say.
    Status(StatusCode),
    /// The token server did not answer.
    Net(net::Error),
    /// The token server's answer or address makes no sense.
    Cause(String),
}

/// The header that meets `challenge`. `secure`: the registry itself is reached by https, so
/// credentials must not leave by anything less.
pub(super) async fn meet(
    client: &net::Client,
    challenge: &Challenge,
    credentials: &Credentials,
    scopes: &[String],
    secure: bool,
) -> Result<HeaderValue, Refusal> {
    let (realm, service) = match challenge {
        Challenge::Basic => {
            return basic(credentials).ok_or(Refusal::Status(StatusCode::UNAUTHORIZED));
        }
        Challenge::Bearer { realm, service } => (realm, service.as_deref().unwrap_or_default()),
    };
    let mut url = Url::parse(realm)
        .map_err(|e| Refusal::Cause(format!("its token server `{realm}` is no URL: {e}")))?;
    if secure && url.scheme() != "https" {
        return Err(Refusal::Cause(format!("its token server {realm} is not https")));
    }
    let answer = if let Credentials::IdentityToken(token) = credentials {
        let scopes = scopes.join(" ");
        let fields = [
            ("grant_type", "refresh_token"),
            ("service", service),
            ("scope", &scopes),
            ("client_id", "envlock"),
            ("refresh_token", token),
        ];
        client.post_form(&url, &fields).await
    } else {
        let scopes = scopes.iter().map(|scope| ("scope", scope));
        url.query_pairs_mut().append_pair("service", service).extend_pairs(scopes);
        let mut headers = HeaderMap::new();
        headers.extend(basic(credentials).map(|value| (AUTHORIZATION, value)));
        client.send(Method::GET, &url, &headers).await
    };
    let answer = answer.map_err(Refusal::Net)?;
    if !answer.status().is_success() {
        return Err(Refusal::Status(answer.status()));
    }
    #[derive(Deserialize)]
    struct Token {
        token: Option<String>,
        access_token: Option<String>,
    }
    let token: Result<Token, _> = answer.json().await;
    let token = token.ok().and_then(|t| t.token.or(t.access_token)).filter(|t| !t.is_empty());
    let token = token.ok_or_else(|| Refusal::Cause("its token server sent no token".to_owned()))?;
    secret(&format!("Bearer {token}"))
        .ok_or_else(|| Refusal::Cause("its token server sent a broken token".to_owned()))
}

fn basic(credentials: &Credentials) -> Option<HeaderValue> {
    let Credentials::Basic(user, password) = credentials else { return None };
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    secret(&format!("Basic {pair}"))
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl Refusal {
    /// As an error about `reference` at `host`.
    pub(super) fn about(self, reference: &str, host: &str, credentials: &Credentials) -> Error {
        let (reference, host) = (reference.to_owned(), host.to_owned());
        match self {
            Refusal::Status(status) if status.is_client_error() => {
                let with = credentials.described().to_owned();
                Error::Unauthorized { reference, host, status, with }
            }
            Refusal::Status(status) => {
                let detail = " (its token server)".to_owned();
                Error::Status { reference, host, status, detail }
            }
            Refusal::Net(source) => Error::Unreachable { reference, host, source },
            Refusal::Cause(cause) => {
                Error::Malformed { reference, host, what: "the challenge".to_owned(), cause }
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
        let bearer = r#"Bearer realm="https://auth.example/token",service="reg, istry",scope="x""#;
        let expected = Challenge::Bearer {
            realm: "https://auth.example/token".to_owned(),
            service: Some("reg, istry".to_owned()),
        };
        assert_eq!(find(&[bearer]), Some(expected.clone()));
        assert_eq!(find(&[r#"Basic realm="r""#, bearer]), Some(expected));
        assert_eq!(find(&[r#"basic realm="r""#]), Some(Challenge::Basic));
        assert_eq!(find(&["Negotiate"]), None);
        assert_eq!(find(&[]), None);
    }

    #[tokio::test]
    async fn credentials_do_not_leave_a_secure_registry_for_a_plain_token_server() {
        let client = net::Client::new(net::Retry::default()).unwrap();
        let challenge =
            Challenge::Bearer { realm: "http://127.0.0.1:1/token".to_owned(), service: None };
        let credentials = Credentials::Basic("user".to_owned(), "word".to_owned());
        let refused =
            meet(&client, &challenge, &credentials, &["scope".to_owned()], true).await.unwrap_err();
        assert!(matches!(refused, Refusal::Cause(_)), "{refused:?}");
    }
}
