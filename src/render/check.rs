//! Checks beyond the schema: values of config.yaml that contradict each other.

use serde_json::Value;

use super::effective::{SHM, is_by_digest};
use super::services::services;
use super::{Problem, networks, size};

/// Errors, and warnings about probable mistakes. `config` is as written, `effective` has its defaults filled in.
pub fn check(config: &Value, effective: &Value) -> (Vec<Problem>, Vec<Problem>) {
    let mut mistakes = images(effective);
    mistakes.extend(ports(effective));
    mistakes.extend(heads(effective));
    mistakes.extend(token(effective));
    mistakes.extend(networks::check(config));
    let mut doubts = builds_by_digest(config, effective);
    doubts.extend(memory(effective));
    (mistakes, doubts)
}

fn images(config: &Value) -> Vec<Problem> {
    let without = services(config).filter(|(_, service)| service.get("image").is_none());
    let problem = |path: &[&str]| {
        let shared = if path.len() == 3 { ", or to services.ray" } else { "" };
        let help = format!(
            "add `image:` here{shared}: NAME:TAG; `envlock build --push` makes it HOST/NAME@sha256:…"
        );
        Problem::new(path, "it has no image", help)
    };
    without.map(|(path, _)| problem(&path)).collect()
}

/// `docker compose build` fails for an image by digest.
fn builds_by_digest(config: &Value, effective: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, service) in services(effective) {
        let own = path.iter().try_fold(config, |value, key| value.get(key));
        let build = |value: Option<&Value>| value.and_then(|v| v.get("build")).cloned();
        let (place, build) = match build(own) {
            Some(build) => (path.clone(), Some(build)),
            None => (
                path[..path.len() - 1].to_vec(),
                build(config.pointer("/services/ray")).filter(|_| path.len() == 3),
            ),
        };
        let enabled = build.is_some_and(|build| build.get("enabled") == Some(&Value::Bool(true)));
        let image = service.get("image").and_then(Value::as_str).unwrap_or_default();
        if enabled && is_by_digest(image) {
            let keys = [place.as_slice(), &["build", "enabled"]].concat();
            let message = format!(
                "it is true, and the image of {} is given by digest: it is not built",
                path.join(".")
            );
            problems.push(Problem::new(
                &keys,
                message,
                "make it false, or name the image by a tag",
            ));
        }
    }
    problems
}

/// A port of the host, and the key that sets it.
struct HostPort<'v> {
    keys: Vec<&'v str>,
    bind: &'v str,
    port: u64,
}

fn host_ports(config: &Value) -> Vec<HostPort<'_>> {
    let mut found = Vec::new();
    for (path, service) in services(config) {
        let bind = service.get("bind").and_then(Value::as_str).unwrap_or_default();
        let ports = service.get("ports").and_then(Value::as_object);
        for (name, port) in ports.into_iter().flatten() {
            let keys = [path.as_slice(), &["ports", name]].concat();
            found.extend(port.as_u64().map(|port| HostPort { keys, bind, port }));
        }
        let keys = [path.as_slice(), &["port"]].concat();
        found.extend(service.get("port").and_then(Value::as_u64).map(|port| HostPort {
            keys,
            bind,
            port,
        }));
    }
    if let Some(health) = config.pointer("/services/health") {
        let bind = health.get("bind").and_then(Value::as_str).unwrap_or_default();
        let keys = vec!["services", "health", "port"];
        found.extend(health.get("port").and_then(Value::as_u64).map(|port| HostPort {
            keys,
            bind,
            port,
        }));
    }
    found
}

fn ports(config: &Value) -> Vec<Problem> {
    let ports = host_ports(config);
    let all = ["0.0.0.0", "::"];
    let meet = |a: &HostPort, b: &HostPort| {
        a.port == b.port && (a.bind == b.bind || all.contains(&a.bind) || all.contains(&b.bind))
    };
    let mut problems = Vec::new();
    for (at, later) in ports.iter().enumerate() {
        if let Some(earlier) = ports[..at].iter().find(|earlier| meet(earlier, later)) {
            let message = format!(
                "port {} of the host is used by {} already",
                later.port,
                earlier.keys.join(".")
            );
            problems.push(Problem::new(&later.keys, message, "give each its own port"));
        }
    }
    problems
}

fn heads(config: &Value) -> Vec<Problem> {
    let role =
        |kind: &str| config.pointer(&format!("/services/ray/{kind}/role")).and_then(Value::as_str);
    let hosts = config.pointer("/services/ray/head_whitelist").and_then(Value::as_array);
    let nobody = hosts.is_none_or(Vec::is_empty);
    let gpu = ["services", "ray", "gpu", "role"];
    match (role("cpu"), role("gpu")) {
        (Some("head"), Some("head")) => {
            vec![Problem::new(
                &gpu,
                "services.ray.cpu is the head already",
                "make one of them a worker",
            )]
        }
        (None, Some("worker")) if nobody => {
            let help =
                "name the hosts to join in services.ray.head_whitelist, or make it `role: head`";
            vec![Problem::new(&gpu[..3], "it is a worker, and there is no head to join", help)]
        }
        (Some("worker"), Some("worker") | None)
            if hosts.is_some_and(|h| h.iter().all(|h| h == "ray-cpu")) =>
        {
            let help =
                "name the hosts to join in services.ray.head_whitelist, or make it `role: head`";
            let cpu = ["services", "ray", "cpu", "role"];
            vec![Problem::new(&cpu, "it is a worker, and there is no head to join", help)]
        }
        _ => vec![],
    }
}

fn token(config: &Value) -> Vec<Problem> {
    let Some(marimo) = config.pointer("/services/marimo") else { return vec![] };
    let said = |key: &&&str| marimo.get(**key).is_some_and(|value| *value != Value::Bool(false));
    let keys: Vec<&&str> = ["token_file", "token_env", "no_token"].iter().filter(said).collect();
    match keys.as_slice() {
        [first, second, ..] => {
            let message = format!("{first} is there, too");
            vec![Problem::new(&["services", "marimo", second], message, "keep one of them")]
        }
        _ => vec![],
    }
}

/// Ray's minimum for /dev/shm; Docker's default is far below it.
const LEAST_SHM: u64 = 1 << 30;

fn memory(config: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, node) in services(config).filter(|(path, _)| path[1] == "ray") {
        let of = |key: &str| node.get(key).and_then(size::bytes);
        let mut doubt = |key: &'static str, message: &str, help: &str| {
            problems.push(Problem::new(&[path.as_slice(), &[key]].concat(), message, help));
        };
        let shm = of("shm_size").unwrap_or(SHM);
        if shm < LEAST_SHM {
            doubt(
                "shm_size",
                "Ray needs 1gb or more, or it ends without a message",
                "make it 1gb or more",
            );
        }
        if of("object_store_memory").is_some_and(|store| store > shm) {
            let help = "raise shm_size, or lower this";
            doubt(
                "object_store_memory",
                "it is more than /dev/shm has: Ray would use the disk",
                help,
            );
        }
        let asked = of("object_store_memory").unwrap_or(0) + of("task_memory").unwrap_or(0);
        if of("memory").is_some_and(|limit| asked > limit) {
            let help = "raise it, or lower task_memory or object_store_memory";
            doubt(
                "memory",
                "it is less than what Ray may hand out: the kernel would kill the node",
                help,
            );
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::{Builds, conform, effective};
    use super::*;

    /// Errors and warnings of `services: {…}` with the keys after it.
    fn of(services: &str) -> (Vec<String>, Vec<String>) {
        let yaml = format!("project: {{name: p}}\nservices: {{{services}\n");
        let config: Value = yaml_serde::from_str(&yaml).unwrap();
        assert_eq!(conform(&config).0, vec![], "{yaml}");
        let complete = effective(&config, &Builds { context: "..".to_owned() });
        let (mistakes, doubts) = check(&config, &complete);
        let messages = |problems: Vec<Problem>| problems.into_iter().map(|p| p.message).collect();
        (messages(mistakes), messages(doubts))
    }

    #[test]
    fn what_does_not_go_together_is_told_at_its_place() {
        for (services, expected) in [
            ("ray: {cpu: {}}}", "services.ray.cpu: it has no image"),
            ("marimo: {}}", "services.marimo: it has no image"),
            (
                "ray: {image: a, cpu: {ports: {client: 8080}}}, marimo: {image: b}}",
                "services.marimo.port: port 8080 of the host is used by services.ray.cpu.ports.client",
            ),
            (
                "ray: {image: a, cpu: {ports: {client: 9, gcs: 9}}}}",
                "services.ray.cpu.ports.gcs: port 9 of the host is used by services.ray.cpu.ports.client",
            ),
            (
                "ray: {image: a, cpu: {bind: 0.0.0.0, ports: {client: 9}}}, health: {port: 9}}",
                "services.health.port: port 9",
            ),
            (
                "ray: {image: a, cpu: {}, gpu: {role: head}}}",
                "services.ray.gpu.role: services.ray.cpu is the head already",
            ),
            (
                "ray: {image: a, gpu: {}}}",
                "services.ray.gpu: it is a worker, and there is no head to join",
            ),
            ("ray: {image: a, cpu: {role: worker}}}", "services.ray.cpu.role: it is a worker"),
            (
                "marimo: {image: a, token_file: f, no_token: true}}",
                "services.marimo.no_token: token_file is there, too",
            ),
            (
                "}\nnetworks: {a: {subnet: 10.0.0.300/24}}",
                "networks.a.subnet: \"10.0.0.300/24\" is not a subnet",
            ),
            (
                "}\nnetworks: {a: {subnet: 10.0.0.5/24}}",
                "networks.a.subnet: 10.0.0.5/24 is an address in 10.0.0.0/24",
            ),
            (
                "}\nnetworks: {a: {subnet: 10.0.0.4/31}}",
                "networks.a.subnet: 10.0.0.4/31 has no addresses",
            ),
            (
                "}\nnetworks: {a: {subnet: 10.0.0.0/16}, b: {subnet: 10.0.3.0/24}}",
                "networks.b.subnet: 10.0.3.0/24 overlaps with 10.0.0.0/16 of a",
            ),
            (
                "}\nnetworks: {a: {subnet: 10.0.0.0/24, gateway: 10.0.1.1}}",
                "networks.a.gateway: 10.0.1.1 is not in 10.0.0.0/24",
            ),
            ("}\nnetworks: {a: {gateway: 10.0.1.1}}", "networks.a.gateway: there is no subnet"),
            (
                "}\nnetworks: {a: {external: true, subnet: 10.0.0.0/24}}",
                "networks.a.external: a network that exists",
            ),
            (
                "marimo: {image: a, networks: [b]}}\nnetworks: {a: }",
                "services.marimo.networks.0: there is no network b",
            ),
            (
                "marimo: {image: a, ip: 10.0.0.9}}\nnetworks: {a: {subnet: 10.1.0.0/24}}",
                "services.marimo.ip: 10.0.0.9 is in no subnet",
            ),
            (
                "marimo: {image: a, ip: 10.1.0.255}}\nnetworks: {a: {subnet: 10.1.0.0/24}}",
                "services.marimo.ip: 10.1.0.255 is not the address of a host",
            ),
            (
                "marimo: {image: a, ip: 10.1.0.1}}\nnetworks: {a: {subnet: 10.1.0.0/24}}",
                "services.marimo.ip: 10.1.0.1 is the address of the host",
            ),
            (
                "ray: {image: a, cpu: {ip: 10.1.0.7}}, marimo: {image: a, ip: 10.1.0.7}}\nnetworks: {a: {subnet: 10.1.0.0/24}}",
                "services.marimo.ip: 10.1.0.7 is the address of services.ray.cpu, too",
            ),
        ] {
            let (mistakes, doubts) = of(services);
            assert_eq!((mistakes.len(), doubts.len()), (1, 0), "{services} {mistakes:#?}");
            assert!(mistakes[0].starts_with(expected), "{services}\n{}", mistakes[0]);
        }
    }

    #[test]
    fn what_goes_together_is_left_alone() {
        for services in [
            "ray: {image: a, cpu: {ports: {client: 9}, bind: 127.0.0.1}, gpu: {bind: 10.0.0.1, ports: {gcs: 9}}}}",
            "ray: {image: a, head_whitelist: [h], gpu: {}}}",
            "ray: {image: a, cpu: {role: worker}, gpu: {role: head}}}",
            "marimo: {image: a, no_token: false, token_env: T, ip: \"fd00::7\"}}\nnetworks: {a: {subnet: \"fd00::/64\"}, b: {subnet: 10.0.0.0/24}, c: {external: true}}",
            "ray: {image: a, cpu: {memory: 8gb, shm_size: 4gb, object_store_memory: 4gb, task_memory: 4gb}}}",
            "ray: {image: \"a:1\", build: {enabled: true}, cpu: {image: \"a@sha256:0\", build: {enabled: false}}}}",
        ] {
            assert_eq!(of(services), (vec![], vec![]), "{services}");
        }
    }

    #[test]
    fn what_is_probably_not_meant_is_told_too() {
        for (services, expected) in [
            (
                "ray: {image: \"a@sha256:0\", build: {enabled: true}, cpu: {}}}",
                "services.ray.build.enabled: it is true, and the image of services.ray.cpu is given by digest",
            ),
            (
                "marimo: {image: \"a@sha256:0\", build: {enabled: true}}}",
                "services.marimo.build.enabled: it is true",
            ),
            ("ray: {image: a, cpu: {shm_size: 64mb}}}", "services.ray.cpu.shm_size: Ray needs 1gb"),
            (
                "ray: {image: a, cpu: {object_store_memory: 3gb}}}",
                "services.ray.cpu.object_store_memory: it is more than /dev/shm has",
            ),
            (
                "ray: {image: a, cpu: {memory: 2gb, task_memory: 3gb}}}",
                "services.ray.cpu.memory: it is less than",
            ),
        ] {
            let (mistakes, doubts) = of(services);
            assert_eq!(
                (mistakes.len(), doubts.len()),
                (0, 1),
                "{services} {mistakes:#?} {doubts:#?}"
            );
            assert!(doubts[0].starts_with(expected), "{services}\n{}", doubts[0]);
        }
    }
}
