//! HTTP with retries ([`http_retry`]), and what the program says where that fails. `index`, `store` and `registry` all go
//! through here.
mod error;
mod gzip;

pub use error::Error;
pub use gzip::gunzip;
pub use http_retry::{Body, Budget, Client, Logins, Opened, Part, Retry, Wait, Why, redacted};

/// What this program is called by servers.
pub const AGENT: &str = concat!("envlock/", env!("CARGO_PKG_VERSION"));
