//! Logins in addresses: [`http_retry::login`], under the program's own name.

pub use http_retry::login::{Login, has_one, join, masked, parse, take, without};
