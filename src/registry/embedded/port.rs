//! The port of the registry.

/// Where `envlock serve` listens on 127.0.0.1 unless another address is set, and where `build --push` without a registry
/// pushes to: the address is part of every reference in config.yaml, so it has to stay the same. 5000 is often taken.
pub const DEFAULT_PORT: u16 = 5080;
