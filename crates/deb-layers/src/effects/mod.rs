#![doc = include_str!("README.md")]

mod accounts;
mod alternatives;
mod apply;
mod certificates;
mod debconf;
mod defaults;
mod error;
mod files;
mod operation;
mod order;
mod pam;
mod perform;
mod shells;
mod subject;
mod sysusers;
mod table;
mod text;
mod tmpfiles;
mod units;

pub use apply::{Applied, Scripts, Settings, apply, check, diversions};
pub use error::{EffectError, Flaw};
pub use operation::Operation;
pub use order::configure_order;
pub use table::{Condition, Table};
pub use text::{Section, Text};
