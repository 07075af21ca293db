//! `envlock build`, a stage a file: `Prepared → Planned → Built → Attested → Verified → Published`.
mod attested;
mod built;
mod change;
mod command;
mod engine;
mod images;
mod means;
mod page;
mod planned;
mod prepared;
mod published;
mod verified;

pub use command::run;
