//! Errors of requests.

use std::io;
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::StatusCode;
use thiserror::Error;
use url::Url;

use crate::login;
use crate::wait::words;

/// A request that did not succeed, after all retries. URLs are shown without credentials.
#[derive(Debug, Clone, Error)]
pub enum Error {
    /// A response that is not a success.
    #[error("{url} answered {status}")]
    Status {
        /// What was asked.
        url: Box<Url>,
        /// What it answered.
        status: StatusCode,
    },
    /// No request was sent, because none may be.
    #[error("{url} would have to be asked, and this run is offline")]
    Offline {
        /// What was not asked.
        url: Box<Url>,
    },
    /// A server asks for a longer wait than this run allows.
    #[error("{host} asks to be left alone for {}, and of this run's patience {} are left", words(*.asked), words(*.left))]
    Patience {
        /// `HOST[:PORT]`
        host: String,
        /// The wait that it asked for.
        asked: Duration,
        /// What this run would still have waited.
        left: Duration,
    },
    /// No response, or one that broke off.
    #[error("{}", unreachable(url, proxy.as_ref(), cause))]
    Transport {
        /// What was asked.
        url: Box<Url>,
        /// The innermost cause, as text.
        cause: String,
        /// The proxy that was to be asked.
        proxy: Option<Proxy>,
    },
}

impl Error {
    /// The status of the response, where there was one.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Error::Status { status, .. } => Some(*status),
            Error::Offline { .. } | Error::Patience { .. } | Error::Transport { .. } => None,
        }
    }

    /// Whether it is about a request to this URL.
    pub fn is_of(&self, asked: &Url) -> bool {
        match self {
            Error::Status { url, .. } | Error::Offline { url } | Error::Transport { url, .. } => {
                **url == redacted(asked)
            }
            Error::Patience { .. } => false,
        }
    }

    /// Whether there was no response at all.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Error::Offline { .. } | Error::Transport { .. })
    }

    pub(super) fn transport(url: &Url, error: reqwest::Error) -> Self {
        let proxy = error.is_connect().then(|| Proxy::of(url, &error)).flatten();
        // reqwest repeats the URL, credentials included, in its own message.
        match Self::broken(url, &error.without_url()) {
            Error::Transport { url, cause, .. } => Error::Transport { url, cause, proxy },
            other => other,
        }
    }

    /// A server that neither reads nor sends.
    pub(super) fn silent(url: &Url, silence: Duration) -> Self {
        let cause = format!("nothing moved for {silence:?}");
        Error::Transport { url: redacted(url).into(), cause, proxy: None }
    }

    /// No response, or a body that broke off, with the innermost cause.
    pub(crate) fn broken(url: &Url, error: &dyn std::error::Error) -> Self {
        let mut innermost = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        let cause = innermost.to_string();
        Error::Transport { url: redacted(url).into(), cause, proxy: None }
    }

    /// A response that is not a success.
    pub fn answer(url: &Url, status: StatusCode) -> Self {
        Error::Status { url: redacted(url).into(), status }
    }
}

/// A proxy between this program and a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Without a login.
    address: String,
    /// The connection to the proxy itself failed.
    is_dead: bool,
}

impl Proxy {
    /// The proxy of this URL, after a connection failed.
    fn of(url: &Url, error: &dyn std::error::Error) -> Option<Self> {
        let intercept = Matcher::from_system().intercept(&url.as_str().parse().ok()?)?;
        let proxy = intercept.uri();
        let port = proxy.port_u16().map_or_else(String::new, |port| format!(":{port}"));
        let address = format!("{}://{}{port}", proxy.scheme_str()?, proxy.host()?);
        // A proxy that answers but cannot connect further gives another kind of error.
        let is_dead =
            std::iter::successors(error.source(), |e| e.source()).any(|e| e.is::<io::Error>());
        Some(Proxy { address, is_dead })
    }
}

fn unreachable(url: &Url, proxy: Option<&Proxy>, cause: &str) -> String {
    match proxy {
        None => format!("{url} cannot be reached: {cause}"),
        Some(Proxy { address, is_dead: true }) => {
            format!("the proxy {address}, on the way to {url}, cannot be reached: {cause}")
        }
        Some(Proxy { address, is_dead: false }) => {
            format!("{url} cannot be reached through the proxy {address}: {cause}")
        }
    }
}

/// The URL as it may be shown: without user name, password, fragment, and the query, where signed URLs have their
/// credentials.
pub fn redacted(url: &Url) -> Url {
    let mut url = login::without(url.clone());
    url.set_query(None);
    url.set_fragment(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_error_shows_a_password() {
        let url = Url::parse("http://user:hidden@127.0.0.1:1/a?sig=hidden#hidden").unwrap();
        let client = crate::builder::builder("test").build().unwrap();
        let error = client.get(url.clone()).send().await.unwrap_err();
        let error = Error::transport(&url, error);
        assert!(error.to_string().starts_with("http://127.0.0.1:1/a cannot"), "{error}");
        assert!(!format!("{error:?} {error}").contains("hidden"));
        assert!(error.is_unreachable());
    }
}
