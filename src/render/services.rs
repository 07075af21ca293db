//! The services of config.yaml that have an image.

use serde_json::Value;

/// Where a service is in config.yaml, and the stage its image comes from.
pub(super) const SERVICES: [(&[&str], &str); 3] = [
    (&["services", "ray", "cpu"], "ray-runtime"),
    (&["services", "ray", "gpu"], "ray-runtime"),
    (&["services", "marimo"], "marimo-runtime"),
];

/// The services that have an image, with their places; those that are not there are left out.
pub(super) fn services(config: &Value) -> impl Iterator<Item = (Vec<&'static str>, &Value)> {
    SERVICES.iter().filter_map(move |(path, _)| {
        let service = path.iter().try_fold(config, |value, key| value.get(key))?;
        Some((path.to_vec(), service))
    })
}
