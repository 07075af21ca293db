//! Which torch goes with which other packages: candidates → a table for each Python, as text, JSON or SVG. Pure.
mod model;
mod survey;
mod svg;
mod text;

pub use model::{Build, Cell, Column, Matrix, Row, Table};
pub use survey::{survey, surveyed};
pub use svg::svg;
pub use text::text;

#[cfg(test)]
mod tests;
