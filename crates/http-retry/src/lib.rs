#![doc = include_str!("../README.md")]

mod builder;
mod client;
mod connect_once;
mod error;
pub mod login;
mod logins;
mod netrc;
mod part;
mod rate_limit;
mod retry;
mod silence;
mod streams;
mod trust;
mod upload;
mod wait;

pub use client::Client;
pub use error::{Error, Proxy, redacted};
pub use logins::Logins;
pub use part::{Opened, Part};
pub use retry::{Budget, Retry};
pub use upload::Body;
pub use wait::{Wait, Why};
