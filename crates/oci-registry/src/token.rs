//! From a challenge to an Authorization header: the distribution spec's token flow, and OAuth2 refresh tokens for identity
//! tokens.

use base64::Engine as _;
use http_retry::login;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use crate::challenge::Challenge;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::server_message::ServerMessage;

/// Why no header could be made.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The token server refused, or there are no credentials.
    Status(StatusCode, ServerMessage),
    /// The token server did not answer.
    Net(http_retry::Error),
    /// The token server's answer or address makes no sense.
    Cause(String),
}

/// The header that answers `challenge`. `client_id`: what this program is called. `secure`: the registry itself is reached by https, so
/// credentials must not leave by anything less.
pub(crate) async fn answer_challenge(
    client: &http_retry::Client,
    challenge: &Challenge,
    credentials: &Credentials,
    scopes: &[String],
    (client_id, secure): (&str, bool),
) -> Result<HeaderValue, Refusal> {
    let (realm, service) = match (challenge, credentials) {
        (Challenge::Basic, _) => {
            let nothing = || Refusal::Status(StatusCode::UNAUTHORIZED, ServerMessage::default());
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
            ("client_id", client_id),
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
        return Err(Refusal::Status(status, ServerMessage::read(answer).await));
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
    pub(crate) fn is_a_no(&self) -> bool {
        matches!(self, Refusal::Status(status, _) if status.is_client_error())
    }

    /// As an error about `reference` at `host`.
    pub(crate) fn about(self, reference: &str, host: &str, credentials: &Credentials) -> Error {
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

    #[tokio::test]
    async fn credentials_do_not_leave_a_secure_registry_for_a_plain_token_server() {
        let client = http_retry::Client::new(http_retry::Retry::default()).unwrap();
        let realm = "http://127.0.0.1:1/token".to_owned();
        let challenge = Challenge::Bearer { realm, service: None, scopes: vec![] };
        let credentials = Credentials::Basic("user".to_owned(), "word".to_owned());
        let refused = answer_challenge(
            &client,
            &challenge,
            &credentials,
            &["scope".to_owned()],
            ("test", true),
        )
        .await
        .unwrap_err();
        assert!(matches!(refused, Refusal::Cause(_)), "{refused:?}");
    }
}
