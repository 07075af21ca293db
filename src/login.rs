//! Logins in addresses: [`http_retry::login`], under the program's own name.

pub use http_retry::login::{Login, join, masked, parse, take, without};
