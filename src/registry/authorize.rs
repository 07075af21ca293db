//! From a 401's challenge to an Authorization header (RFC 9110 11, the distribution spec's token
//! flow, and OAuth2 refresh tokens for identity tokens).

use base64::Engine as _;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::said::Said;
use super::{Credentials, Error};
use crate::{login, net};

/// What a registry wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User name and password.
    Basic,
    /// A token from `realm`.
    Bearer {
        /// The address of the token server.
        realm: String,
        /// Whom the token is for, where the token server wants to hear that.
        service: Option<String>,
        /// What it must allow, as the registry sees it.
        scopes: Vec<String>,
    },
}

impl Challenge {
    /// The challenge in an answer's headers that we can meet; a bearer token before a password.
    pub(super) fn find(headers: &HeaderMap) -> Option<Self> {
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

    /// What the registry wants a token to allow; empty where it does not say.
    pub(super) fn scopes(&self) -> &[String] {
        match self {
            Challenge::Basic => &[],
            Challenge::Bearer { scopes, .. } => scopes,
        }
    }
}

/// Why a token was not good enough, where the challenge says so (RFC 6750 3).
pub(super) fn complaint(headers: &HeaderMap) -> Option<String> {
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

/// Why no header could be made.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The one who was asked said no, or there was nothing to say.
    Status(StatusCode, Said),
    /// The token server did not answer.
    Net(http_retry::Error),
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
    let (realm, service) = match (challenge, credentials) {
        (Challenge::Basic, _) => {
            let nothing = || Refusal::Status(StatusCode::UNAUTHORIZED, Said::default());
            return basic(credentials).ok_or_else(nothing);
        }
        (Challenge::Bearer { .. }, Credentials::RegistryToken(token)) => return bearer(token),
        (Challenge::Bearer { realm, service, .. }, _) => (realm, service.as_deref()),
    };
    // Some token servers refuse a service that is empty.
    let service = service.map(|service| ("service", service));
    let (mut url, _) = login::parse(realm)
        .map_err(|e| Refusal::Cause(format!("the address of its token server is no URL: {e}")))?;
    if secure && url.scheme() != "https" {
        return Err(Refusal::Cause(format!("its token server {url} is not https")));
    }
    let answer = if let Credentials::IdentityToken(token) = credentials {
        let scopes = scopes.join(" ");
        let mut fields = vec![
            ("grant_type", "refresh_token"),
            ("scope", &scopes),
            ("client_id", "envlock"),
            ("refresh_token", token),
        ];
        fields.extend(service);
        client.post_form(&url, &fields).await
    } else {
        let scopes = scopes.iter().map(|scope| ("scope", scope.as_str()));
        url.query_pairs_mut().extend_pairs(service.into_iter().chain(scopes));
        let mut headers = HeaderMap::new();
        headers.extend(basic(credentials).map(|value| (AUTHORIZATION, value)));
        client.send(Method::GET, &url, &headers).await
    };
    let answer = answer.map_err(Refusal::Net)?;
    if !answer.status().is_success() {
        let status = answer.status();
        return Err(Refusal::Status(status, Said::read(answer).await));
    }
    let token = answer.json::<Token>().await.ok().and_then(Token::some);
    bearer(&token.ok_or_else(|| Refusal::Cause("its token server sent no token".to_owned()))?)
}

/// What a token server sends: by either name, and by both where one of them may be empty.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Token {
    fn some(self) -> Option<String> {
        [self.token, self.access_token].into_iter().flatten().find(|token| !token.is_empty())
    }
}

fn bearer(token: &str) -> Result<HeaderValue, Refusal> {
    secret(&format!("Bearer {token}"))
        .ok_or_else(|| Refusal::Cause("the token for it is broken".to_owned()))
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
    /// Whether the one who was asked said no: to what was asked for, or to who asked.
    pub(super) fn is_a_no(&self) -> bool {
        matches!(self, Refusal::Status(status, _) if status.is_client_error())
    }

    /// As an error about `reference` at `host`.
    pub(super) fn about(self, reference: &str, host: &str, credentials: &Credentials) -> Error {
        let (reference, host) = (reference.to_owned(), host.to_owned());
        match self {
            Refusal::Status(status, said) if status.is_client_error() => {
                let (with, detail) = (credentials.described().to_owned(), said.detail());
                Error::Unauthorized { reference, host, status, with, detail }
            }
            Refusal::Status(status, said) => {
                let detail = format!(" (its token server){}", said.detail());
                Error::Status { reference, host, status, detail }
            }
            Refusal::Net(source) => Error::net(&reference, &host, source),
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

    #[tokio::test]
    async fn credentials_do_not_leave_a_secure_registry_for_a_plain_token_server() {
        let client = net::Client::new(net::Retry::default()).unwrap();
        let realm = "http://127.0.0.1:1/token".to_owned();
        let challenge = Challenge::Bearer { realm, service: None, scopes: vec![] };
        let credentials = Credentials::Basic("user".to_owned(), "word".to_owned());
        let refused =
            meet(&client, &challenge, &credentials, &["scope".to_owned()], true).await.unwrap_err();
        assert!(matches!(refused, Refusal::Cause(_)), "{refused:?}");
    }
}
