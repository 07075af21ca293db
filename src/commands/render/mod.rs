//! `envlock render`: config.yaml and a template → docker/compose.yaml.
mod command;
mod outcome;
mod sources;
mod surroundings;

pub use command::run;
