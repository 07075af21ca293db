//! The settings files of pip and uv, as far as they are about indexes.
pub mod pip_conf;
pub mod uv_toml;
