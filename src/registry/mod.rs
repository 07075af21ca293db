//! The client side of an image registry: pins tags, reads facts out of base images, pushes images,
//! proves that what was pushed is there. Identity is always a digest of bytes that were hashed here.
mod access;
mod address;
mod authorize;
mod blob;
mod client;
mod contents;
mod copy;
mod credentials;
mod dpkg;
pub mod embedded;
mod error;
mod facts;
mod feed;
mod kept;
mod layer;
mod model;
mod pin;
mod push;
mod read_back;
mod session;
mod start;
pub(crate) mod system;
mod upload;
mod uploads;

pub use blob::{Blob, Held, Source};
pub use client::Client;
pub use credentials::{Credentials, credentials_for};
pub use error::Error;
pub use facts::{Ask, BaseFacts, Unknown};
pub use kept::{Entry, EntryKind};
pub use model::{Descriptor, ImageConfig, Manifest};
pub use pin::BaseImage;
pub use push::{Placed, Push, Pushed};
pub use read_back::Image;
pub use system::BaseSystem;
