//! A failed request as an error of this program: its exit code, and what may help.

use std::fmt::Display;
use std::ops::Deref;

use miette::Diagnostic;
use reqwest::StatusCode;

use super::Retry;
use crate::exit::{Classified, Exit, Failure};

/// A request that did not succeed, after all retries.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] http_retry::Error);

impl Deref for Error {
    type Target = http_retry::Error;
    fn deref(&self) -> &http_retry::Error {
        &self.0
    }
}

impl Diagnostic for Error {
    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        advice(&self.0).map(|text| Box::new(text) as _)
    }
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        Exit::Network
    }
}

impl From<http_retry::Error> for Failure {
    fn from(error: http_retry::Error) -> Self {
        Error(error).into()
    }
}

/// What may help; `None`: nothing known.
fn advice(error: &http_retry::Error) -> Option<String> {
    use http_retry::Error as E;
    Some(match error {
        E::Offline { .. } => {
            "run the same command once without --offline: the answers are cached".to_owned()
        }
        E::Patience { .. } => {
            "run the same command again after that time; `[network] patience` in envlock.toml says how long a run \
             waits in all"
                .to_owned()
        }
        E::Transport { .. } => {
            "check the network, the proxy settings (HTTPS_PROXY) and the certificates (SSL_CERT_FILE)".to_owned()
        }
        E::Status { url, status } => {
            let host = url.host_str().unwrap_or_default();
            match *status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => format!(
                    "a login for {host} is missing or wrong: `machine {host} login … password …` in ~/.netrc, \
                     https://USER:PASSWORD@{host}/… as the index address, or keyring-provider = \"subprocess\" in \
                     envlock.toml"
                ),
                StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                    "the proxy requires a login: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT".to_owned()
                }
                status if Retry::is_passing(status) => {
                    format!("{host} was asked several times; try again later")
                }
                _ => return None,
            }
        }
    })
}
