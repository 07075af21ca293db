//! HTTP with manners: retries, Retry-After, errors that name the URL and the cause. `index`,
//! `store` and `registry` all go through here.
mod client;
mod error;
mod first;
mod gzip;
mod logins;
mod netrc;
mod pace;
mod part;
mod retry;
mod silence;
mod trust;
mod upload;
mod wait;

pub use client::Client;
pub use error::{Error, redacted};
pub use gzip::gunzip;
pub use logins::Logins;
pub use part::{Opened, Part};
pub use retry::{Budget, Retry};
pub use upload::Body;
pub use wait::{Wait, Why};
