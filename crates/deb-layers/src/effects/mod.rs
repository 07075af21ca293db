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

/// The rules by which effects change a tree. A new number when one of them, or a reviewed entry that was used before, changes
/// a byte: it belongs in the key of a layer ([`LayerSettings::key`](crate::LayerSettings::key)).
pub const RULES: &str = "deb-layers effects 1";

pub use apply::{Applied, Scripts, Settings, apply, check, diversions};
pub use error::{EffectError, Flaw};
pub use operation::Operation;
pub use order::configure_order;
pub use table::{Condition, Table};
pub use text::{Section, Text};
