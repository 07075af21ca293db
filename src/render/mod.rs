//! config.yaml and a Jinja2 template → a compose file. Values in, text out: errors in config.yaml are found
//! before the template is used, and the result is parsed as YAML before it is written.
mod builds;
mod check;
mod compose;
mod effective;
mod error;
mod networks;
mod problem;
mod schema;
mod services;
mod size;
mod template;

pub use builds::{Builds, Lock};
pub use check::check;
pub use compose::{finish, mounted};
pub use effective::effective;
pub use error::{Error, refuse};
pub use problem::Problem;
pub use schema::conform;
pub use template::{BUILT_IN, Rendered, Template};
