//! `envlock size`: `command` is the verb, `scales` measures an image, `against` finds what it is compared with.
mod against;
mod command;
mod scales;

pub use command::run;
