//! config.yaml as templates see it: with what services inherit from services.ray, and defaults for missing keys.

use serde_json::{Map, Value, json};

use super::services::{SERVICES, services};
use super::{Builds, networks, size};

/// `config` with inherited values and defaults filled in:
/// cpu and gpu of services.ray inherit image and build from it where they have none, `build` always has `enabled`,
/// `context`, `dockerfile` (seen from the context) and `target`, and no service with an image by digest is built;
/// role, bind, port, head_whitelist and the health service have their defaults, Ray's sizes are bytes.
/// Values that do not conform to the schema are left unchanged.
pub fn effective(config: &Value, builds: &Builds) -> Value {
    let mut config = config.clone();
    let Some(services) = config.get_mut("services").and_then(Value::as_object_mut) else {
        return config;
    };
    for name in ["ray", "marimo", "health"] {
        fill_null(services, name);
    }
    if let Some(ray) = services.get_mut("ray").and_then(Value::as_object_mut) {
        complete_ray(ray);
        if ray.contains_key("cpu") && !services.contains_key("health") {
            services.insert("health".to_owned(), json!({}));
        }
    }
    for (path, stage) in SERVICES {
        let service = path[1..].split_first().and_then(|(first, rest)| {
            rest.iter().try_fold(services.get_mut(*first)?, |value, key| value.get_mut(key))
        });
        if let Some(service) = service.and_then(Value::as_object_mut) {
            complete(service, stage, builds);
        }
    }
    for (name, key, value) in [("marimo", "port", json!(8080)), ("health", "bind", json!(LOCAL))] {
        if let Some(service) = services.get_mut(name).and_then(Value::as_object_mut) {
            service.entry(key).or_insert(value);
        }
    }
    place_addresses(&mut config);
    config
}

/// Bytes of a node's /dev/shm by default.
pub(super) const SHM: u64 = 2 << 30;

const LOCAL: &str = "127.0.0.1";

fn fill_null(map: &mut Map<String, Value>, key: &str) {
    if let Some(value) = map.get_mut(key).filter(|value| value.is_null()) {
        *value = json!({});
    }
}

fn complete_ray(ray: &mut Map<String, Value>) {
    let kinds = ["cpu", "gpu"];
    if !kinds.iter().any(|kind| ray.contains_key(*kind)) {
        ray.insert("cpu".to_owned(), json!({}));
    }
    let chosen = ray.contains_key("head_whitelist");
    let has_cpu = ray.contains_key("cpu");
    let hosts = if has_cpu { json!(["ray-cpu"]) } else { json!([]) };
    ray.entry("head_whitelist").or_insert(hosts);
    for kind in kinds {
        fill_null(ray, kind);
        let shared = ["image", "build"].map(|key| (key, ray.get(key).cloned()));
        let Some(node) = ray.get_mut(kind).and_then(Value::as_object_mut) else { continue };
        for (key, value) in shared {
            if let Some(value) = value {
                node.entry(key).or_insert(value);
            }
        }
        let role = match (kind, chosen) {
            ("gpu", _) => "worker",
            (_, true) => "auto",
            (_, false) => "head",
        };
        node.entry("role").or_insert(json!(role));
        // /dev/shm is small by default; on a big machine Ray would use more memory than that, and then the disk.
        if !node.contains_key("shm_size") {
            node.entry("object_store_memory").or_insert(json!(SHM / 10 * 9));
        }
        for key in ["object_store_memory", "task_memory"] {
            if let Some(bytes) = node.get(key).and_then(size::bytes) {
                node.insert(key.to_owned(), json!(bytes));
            }
        }
    }
}

fn complete(service: &mut Map<String, Value>, stage: &str, builds: &Builds) {
    service.entry("bind").or_insert(json!(LOCAL));
    for key in ["build", "environment", "ports"] {
        fill_null(service, key);
    }
    let by_digest = service.get("image").and_then(Value::as_str).is_some_and(is_by_digest);
    let build = service.entry("build").or_insert(json!({}));
    let Some(build) = build.as_object_mut() else { return };
    let defaults = [
        ("enabled", json!(false)),
        ("context", json!(builds.context)),
        ("dockerfile", json!("Dockerfile")),
        ("target", json!(stage)),
    ];
    for (key, value) in defaults {
        build.entry(key).or_insert(value);
    }
    if by_digest {
        build.insert("enabled".to_owned(), json!(false));
    }
    if let (Some(context), Some(file)) = (text(build, "context"), text(build, "dockerfile")) {
        build.insert("dockerfile".to_owned(), json!(below(&file, &context)));
    }
}

/// Whether an image is named by its digest: compose cannot build it.
pub(super) fn is_by_digest(image: &str) -> bool {
    image.contains("@sha256:") || image.contains("@sha512:")
}

fn text(map: &Map<String, Value>, key: &str) -> Option<String> {
    map.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// Compose needs the Dockerfile's path relative to the context; config.yaml may have it relative to the same folder as
/// the context.
fn below(file: &str, context: &str) -> String {
    let context = context.trim_end_matches('/');
    let rest = file.strip_prefix(context).and_then(|rest| rest.strip_prefix('/'));
    rest.unwrap_or(file).to_owned()
}

/// Adds the network of each fixed address.
fn place_addresses(config: &mut Value) {
    let found: Vec<_> = services(config)
        .filter_map(|(path, service)| Some((path, networks::of_ip(config, service)?)))
        .collect();
    for (path, network) in found {
        let service = path.iter().try_fold(&mut *config, |value, key| value.get_mut(key));
        if let Some(service) = service.and_then(Value::as_object_mut) {
            service.insert("network_of_ip".to_owned(), json!(network));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(services: &str) -> Value {
        let yaml = format!("project: {{name: p}}\nservices: {{{services}}}\n");
        let builds = Builds { context: "..".to_owned() };
        effective(&yaml_serde::from_str(&yaml).unwrap(), &builds)["services"].clone()
    }

    #[test]
    fn cpu_and_gpu_take_image_and_build_from_ray_where_they_have_none() {
        let ray = "image: shared:1, build: {enabled: true, target: t}";
        for (nodes, expected) in [
            ("cpu: {}, gpu: {}", "shared:1 true t, shared:1 true t"),
            ("cpu: , gpu: {image: own:1}", "shared:1 true t, own:1 true t"),
            (
                "cpu: {build: {enabled: false}}, gpu: {}",
                "shared:1 false ray-runtime, shared:1 true t",
            ),
            ("cpu: {build: }", "shared:1 false ray-runtime"),
            ("wait: 1", "shared:1 true t"),
            ("gpu: {image: \"a@sha256:00\"}", "a@sha256:00 false t"),
        ] {
            let services = of(&format!("ray: {{{ray}, {nodes}}}"));
            let shown = ["cpu", "gpu"].iter().filter_map(|kind| {
                let node = services["ray"].get(kind)?;
                let build = &node["build"];
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                Some(format!(
                    "{} {} {}",
                    text(&node["image"]),
                    build["enabled"],
                    text(&build["target"])
                ))
            });
            assert_eq!(shown.collect::<Vec<_>>().join(", "), expected, "{nodes}");
        }
    }

    #[test]
    fn an_image_by_digest_is_never_built_also_when_it_is_inherited() {
        let services = of(
            "ray: {image: \"r/x@sha256:00\", build: {enabled: true}, cpu: {}}, marimo: {image: \"m@sha256:00\", build: {enabled: true}}",
        );
        assert_eq!(services["ray"]["cpu"]["build"]["enabled"], false);
        assert_eq!(services["marimo"]["build"]["enabled"], false);
        assert_eq!(
            of("marimo: {image: \"m:1\", build: {enabled: true}}")["marimo"]["build"]["enabled"],
            true
        );
    }

    #[test]
    fn roles_and_hosts_follow_from_the_nodes() {
        for (ray, expected) in [
            ("cpu: {}, gpu: {}", "head worker ray-cpu"),
            ("head_whitelist: [a, b], cpu: {}, gpu: {role: head}", "auto head a,b"),
            ("gpu: {}", "- worker "),
        ] {
            let ray = &of(&format!("ray: {{{ray}}}"))["ray"];
            let role = |kind: &str| ray[kind]["role"].as_str().unwrap_or("-").to_owned();
            let hosts: Vec<_> = ray["head_whitelist"]
                .as_array()
                .unwrap()
                .iter()
                .map(|h| h.as_str().unwrap())
                .collect();
            assert_eq!(format!("{} {} {}", role("cpu"), role("gpu"), hosts.join(",")), expected);
        }
    }

    #[test]
    fn the_dockerfile_is_seen_from_the_context() {
        for (context, file, expected) in [
            ("..", "../Dockerfile", "Dockerfile"),
            ("../", "../docker/Dockerfile", "docker/Dockerfile"),
            ("..", "Dockerfile", "Dockerfile"),
            ("..", "../../Dockerfile", "../Dockerfile"),
            ("../x", "../xy/Dockerfile", "../xy/Dockerfile"),
        ] {
            assert_eq!(below(file, context), expected, "{context} {file}");
        }
    }

    #[test]
    fn what_is_absent_has_its_default_and_what_is_there_stays() {
        let services =
            of("ray: {cpu: {object_store_memory: 2gb, task_memory: 1024}}, marimo: {port: 9}");
        let cpu = &services["ray"]["cpu"];
        assert_eq!(
            (&cpu["object_store_memory"], &cpu["task_memory"]),
            (&json!(2_u64 << 30), &json!(1024))
        );
        let store = |yaml: &str| of(yaml)["ray"]["cpu"].get("object_store_memory").cloned();
        assert_eq!(store("ray: "), Some(json!(SHM / 10 * 9)));
        assert_eq!(store("ray: {cpu: {shm_size: 8gb}}"), None);
        assert_eq!((&cpu["bind"], &services["marimo"]["port"]), (&json!(LOCAL), &json!(9)));
        assert_eq!(services["health"], json!({"bind": LOCAL}));
        assert_eq!(of("marimo: ")["marimo"]["port"], 8080);
        assert!(of("marimo: ").get("health").is_none());
    }
}
