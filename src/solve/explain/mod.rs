//! A conflict in the user's words: which wishes clash, through what, what to loosen.
mod advice;
mod conflict;
mod proof;
#[cfg(test)]
mod tests;
mod words;

pub use conflict::Conflict;
pub(super) use words::and;
