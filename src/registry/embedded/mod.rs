//! A registry of one's own: one image layout for all projects of a user, which `oci_layout_server` keeps and serves.
//! Here is what is envlock's about it: where it is, how it is named, and how its errors and events are told.
mod error;
mod port;
mod serve;
mod user;

pub use error::Error;
pub use oci_layout_server::{Freed, HostName, Layout, Running, Server};
pub use port::DEFAULT_PORT;
pub use serve::{LAYOUT_HEADER, Report, listen, server};
pub use user::{FOLDER, existing, folder_of_user, open, project_name};
