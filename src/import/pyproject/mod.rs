//! pyproject.toml → what it asks for: `[project]` (PEP 621), `[dependency-groups]` (PEP 735) and the rules of `[tool.uv]`.
mod file;
mod model;
mod read;
mod select;
mod uv;

pub use model::{At, BadPyproject, Pyproject, Selection};
pub use read::pyproject;
