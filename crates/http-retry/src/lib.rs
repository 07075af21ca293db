#![doc = include_str!("../README.md")]

mod client;
mod error;
mod first;
pub mod login;
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
pub use error::{Error, Proxy, redacted};
pub use logins::Logins;
pub use part::{Opened, Part};
pub use retry::{Budget, Retry};
pub use upload::Body;
pub use wait::{Wait, Why};
