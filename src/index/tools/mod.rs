//! How pip and uv write where packages are. Pure.
pub mod pip_conf;
pub mod uv_toml;
