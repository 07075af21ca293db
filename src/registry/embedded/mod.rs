//! The user's own registry: one image layout for all projects of a user, which `oci_layout_server` keeps and serves.
//! This room decides where it is and how projects are named in it, and reports its errors and events.
mod error;
mod port;
mod serve;
mod user;

pub use error::Error;
pub use oci_layout_server::{Freed, HostName, Layout, Running, Server};
pub use port::DEFAULT_PORT;
pub use serve::{LAYOUT_HEADER, Report, listen, server};
pub use user::{FOLDER, existing, folder_of_user, open, project_name};
