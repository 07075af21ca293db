//! HTTP with retries ([`http_retry`]), and its failures as errors of this program. `index`, `store` and `registry` all go
//! through here.
mod error;
mod gzip;

pub use error::Error;
pub use gzip::gunzip;
pub use http_retry::{Body, Budget, Client, Logins, Opened, Part, Retry, Wait, Why, redacted};

/// The User-Agent of this program.
pub const AGENT: &str = concat!("envlock/", env!("CARGO_PKG_VERSION"));
