//! Images in other files than config.yaml: Kubernetes manifests of several documents, compose files.

use crate::support::release::{CONFIG, push_both, release};
use crate::support::{Envlock, Registry};

const SPEC: &str = r#"
[[config.targets]]
file = "k8s/ray.yaml"
path = "[kind=RayCluster].spec.headGroupSpec.template.spec.containers[name=ray-head].image"
image = "ray-runtime"

[[config.targets]]
file = "k8s/ray.yaml"
path = "[metadata.name=notebook].spec.template.spec.containers[0].image"
image = "marimo-runtime"

[[config.targets]]
file = "compose.override.yaml"
path = "services.ray-cpu.image"
image = "ray-runtime"
"#;

const MANIFEST: &str = "\
# Ray のクラスタ
apiVersion: ray.io/v1
kind: RayCluster
metadata:
  name: ray
spec:
  headGroupSpec:
    template:
      spec:
        containers:
        - name: sidecar
          image: busybox:1   # 触らない
        - name: ray-head
          image: 'rayproject/ray:latest'  # これだけ
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: notebook}
spec:
  template:
    spec:
      containers:
      - image: \"marimo:latest\"
        name: marimo
---
kind: Service
";

const COMPOSE: &str = "services:\r\n  ray-cpu:\r\n    image: ray:old\r\n    ports: [8265]\r\n";

fn project() -> (Registry, Envlock) {
    let (registry, envlock) = (Registry::start(), Envlock::new());
    envlock.write("envlock.toml", SPEC);
    envlock.write("k8s/ray.yaml", MANIFEST);
    envlock.write("compose.override.yaml", COMPOSE);
    (registry, envlock)
}

fn files(envlock: &Envlock) -> [String; 2] {
    ["k8s/ray.yaml", "compose.override.yaml"].map(|file| envlock.read(file))
}

#[test]
fn every_place_gets_its_image_and_a_rollback_gives_every_byte_back() {
    let (registry, envlock) = project();
    envlock.write("config.yaml", CONFIG);
    let images = push_both(&registry, "one");
    let text = |name: &str| images[&name.parse().unwrap()].to_string();
    let (ray, marimo) = (text("ray-runtime"), text("marimo-runtime"));
    let published = release(&envlock, &images, "lock one\n");
    let expected = [
        MANIFEST.replace("rayproject/ray:latest", &ray).replace("marimo:latest", &marimo),
        COMPOSE.replace("ray:old", &ray),
    ];
    assert_eq!(files(&envlock), expected);
    for file in ["config.yaml", "k8s/ray.yaml", "compose.override.yaml"] {
        assert!(published.diff.contains(&format!("+++ b/{file}")), "{}", published.diff);
    }
    let status = envlock.run(["status", "--json"]).exits(0).stdout();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let roles = status["roles"].as_array().unwrap();
    assert_eq!(roles.len(), 6);
    assert!(roles.iter().all(|role| role["release"] == 1 && role["drift"] == false), "{roles:#?}");
    let shown = envlock.run(["status"]).exits(0).stdout();
    assert!(shown.contains("compose.override.yaml services.ray-cpu.image"), "{shown}");
    // The list in the manifest gets longer: the place is found by its name all the same.
    let longer = |text: &str| {
        text.replace(
            "- name: sidecar",
            "- name: first\n          image: a:1\n        - name: sidecar",
        )
    };
    envlock.write("k8s/ray.yaml", longer(&expected[0]));
    envlock.run(["rollback"]).exits(0);
    assert_eq!(files(&envlock), [longer(MANIFEST), COMPOSE.to_owned()]);
    assert_eq!(envlock.read("config.yaml"), CONFIG);
}

#[test]
fn without_a_config_yaml_the_other_files_are_all_there_is() {
    let (registry, envlock) = project();
    release(&envlock, &push_both(&registry, "one"), "lock one\n");
    release(&envlock, &push_both(&registry, "two"), "lock two\n");
    let after = files(&envlock);
    envlock.run(["rollback"]).exits(0);
    assert_ne!(files(&envlock), after);
    envlock.run(["rollback"]).exits(0);
    assert_eq!(files(&envlock), [MANIFEST, COMPOSE]);
}

#[test]
fn a_place_that_is_not_there_or_not_the_only_one_stops_a_release_before_anything_is_written() {
    for (from, to, expected) in [
        ("name: ray-head", "name: other", "no item has name=ray-head"),
        ("name: sidecar", "name: ray-head", "the items 0 and 1 alike"),
        ("kind: Service", "kind: RayCluster", "the items 0 and 2 alike"),
    ] {
        let (registry, envlock) = project();
        envlock.write("config.yaml", CONFIG);
        let changed = MANIFEST.replace(from, to);
        envlock.write("k8s/ray.yaml", &changed);
        let images = push_both(&registry, "one");
        let spec = envlock::spec::load(envlock.folder(), None).unwrap();
        let read = envlock::release::config_files(envlock.folder(), &spec.config).unwrap();
        let publication = envlock::release::Publication {
            config: Some(&spec.config),
            files: &read,
            images: &images,
            lock_text: "lock\n",
            lock_file: None,
            engine: "layers",
        };
        let project = envlock::release::ProjectLock::acquire(envlock.folder(), || {}).unwrap();
        let error = envlock::release::publish(&project, &publication).unwrap_err();
        let error = format!("{:?}", miette::Report::new(error));
        assert!(error.contains(expected), "{error}");
        drop(project);
        assert_eq!(files(&envlock), [changed, COMPOSE.to_owned()]);
        assert_eq!(envlock.read("config.yaml"), CONFIG);
        assert!(!envlock.path("env.releases.jsonl").exists());
    }
}

#[test]
fn a_file_that_was_taken_away_stops_a_rollback_until_force_passes_it_over() {
    let (registry, envlock) = project();
    release(&envlock, &push_both(&registry, "one"), "lock one\n");
    let [manifest, _] = files(&envlock);
    fs_err::remove_file(envlock.path("compose.override.yaml")).unwrap();
    let run = envlock.run(["rollback"]).exits(9);
    assert!(run.stderr().contains("compose.override.yaml"), "{}", run.stderr());
    assert_eq!(envlock.read("k8s/ray.yaml"), manifest);
    envlock.run(["rollback", "--force"]).exits(0);
    assert_eq!(envlock.read("k8s/ray.yaml"), MANIFEST);
}
