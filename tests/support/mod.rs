//! What the integration tests share: one file a server or tool.
pub mod apt_archive;
pub mod embedded;
pub mod engine;
mod envlock;
mod faulty;
// What the tests of signatures make, those of archives need too.
pub mod file_system;
#[path = "../../crates/debian-archive/tests/verdicts/forge.rs"]
pub mod forge;
mod gateway;
mod index;
pub mod judge;
mod killer;
mod left_out;
pub mod mount;
pub mod personality;
pub mod random_yaml;
pub mod registry;
pub mod release;
pub mod round_trip;
pub mod screen;
mod server;
mod wheel;
pub mod workshop;
pub mod yaml;

pub use embedded::Embedded;
pub use envlock::{Envlock, Run, UNREACHED_BASE};
pub use faulty::{Admits, Asked, Change, Faulty, Harm, Recorded, Sessions};
pub use gateway::{INSIDE, Proxy, Tls};
pub use index::{FakeIndex, Fault, Pages};
pub use killer::{FROM, Killer, Moment};
pub use left_out::left_out;
pub use registry::{INDEX, Registry};
pub use server::{Reply, Request, Server};
pub use wheel::{Wheel, WheelBuilder};

/// A plain HTTP client, for what envlock itself is not asked to do.
pub fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}
