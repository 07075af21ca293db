//! The client side of an image registry: pins tags, reads facts out of base images, proves that
//! what was pushed is there. Identity is always a digest of bytes that were hashed here.
mod address;
mod authorize;
mod client;
mod contents;
mod credentials;
mod dpkg;
pub mod embedded;
mod error;
mod facts;
mod layer;
mod model;
mod pin;
mod read_back;

pub use client::Client;
pub use credentials::{Credentials, credentials_for};
pub use error::Error;
pub use facts::{Ask, BaseFacts, Unknown};
pub use model::{Descriptor, ImageConfig, Manifest};
pub use read_back::Image;
