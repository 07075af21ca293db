//! `envlock render`: what it makes, tells and refuses.

use serde_json::{Value, json};

use super::schema::result;
use crate::support::Envlock;
use crate::support::release::CONFIG;
use crate::support::workshop::Workshop;

pub const OUTPUT: &str = "docker/compose.yaml";
pub const BUILT_IN: &str = include_str!("../../docker/compose.yaml.jinja2");
pub const EXAMPLE: &str = include_str!("../../config.example.yaml");

pub fn project(config: &str) -> Envlock {
    let envlock = Envlock::new();
    envlock.write("config.yaml", config);
    envlock
}

/// A project whose lock can be built from.
pub fn locked() -> Envlock {
    Workshop::new(10).project()
}

pub fn yaml(text: &str) -> Value {
    let mut value: yaml_serde::Value = yaml_serde::from_str(text).unwrap();
    value.apply_merge().unwrap();
    serde_json::to_value(value).unwrap()
}

pub const DIGEST: &str = "127.0.0.1:5000/t/ray-runtime@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The platform's config.yaml after a release.
pub fn released() -> String {
    CONFIG
        .replace("\"cslr-exp-platform:ray-runtime\"", &format!("\"{DIGEST}\""))
        .replace("\"cslr-exp-platform:marimo-runtime\"", &format!("\"{DIGEST}\""))
        .replace("enabled: true", "enabled: false")
}

#[test]
fn the_platforms_file_becomes_the_services_that_run() {
    let envlock = project(&released());
    let run = envlock.run(["render"]).exits(0);
    assert!(run.stderr().contains("envlock's own template is used"), "{}", run.stderr());
    assert!(run.stderr().contains("docker/ray.sh is missing"), "{}", run.stderr());
    insta::assert_snapshot!(envlock.read(OUTPUT));
    let again = envlock.run(["render"]).exits(0);
    assert!(again.stderr().contains("is as envlock's own template and config.yaml make it"));
    envlock.run(["render", "--check"]).exits(0);
}

#[test]
fn an_unchanged_file_is_not_written_and_a_changed_one_is_told() {
    let envlock = project(&released());
    envlock.run(["render"]).exits(0);
    let written = || fs_err::metadata(envlock.path(OUTPUT)).unwrap().modified().unwrap();
    let (text, before) = (envlock.read(OUTPUT), written());
    let said = result("render", &envlock.run(["render", "--json"]).exits(0));
    assert_eq!(
        (&said["changed"], &said["file"], &said["text"]),
        (&json!(false), &json!(OUTPUT), &json!(null))
    );
    assert_eq!(written(), before);
    envlock.write("config.yaml", released().replace("dashboard: 8265", "dashboard: 8266"));
    let run = envlock.run(["render", "--check"]).exits(3);
    assert!(
        run.stdout().contains("-        published: \"8265\"\n+        published: \"8266\""),
        "{}",
        run.stdout()
    );
    assert_eq!((envlock.read(OUTPUT), written()), (text.clone(), before));
    assert_eq!(
        result("render", &envlock.run(["render", "--check", "--json"]).exits(3))["changed"],
        true
    );
    let shown = envlock.run(["render", "-o", "-"]).exits(0).stdout();
    assert_eq!(shown, text.replace("\"8265\"\n        host", "\"8266\"\n        host"));
    assert_eq!(
        result("render", &envlock.run(["render", "--json", "-o", "-"]).exits(0))["text"],
        shown
    );
    assert_eq!(envlock.read(OUTPUT), text);
    envlock.run(["render"]).exits(0);
    assert_eq!(envlock.read(OUTPUT), shown);
    fs_err::remove_file(envlock.path(OUTPUT)).unwrap();
    envlock.run(["render", "--check"]).exits(3);
}

#[test]
fn a_tag_is_built_with_the_locks_arguments_and_a_digest_never() {
    let envlock = locked();
    let config = |image: &str| {
        format!(
            "project: {{name: p}}\nservices:\n  ray:\n    image: \"{image}\"\n    build: {{enabled: true, context: .., dockerfile: ../Dockerfile}}\n    cpu:\n    gpu: {{build: {{enabled: true}}}}\n"
        )
    };
    envlock.write("config.yaml", config("ray:1"));
    envlock.write(OUTPUT, "");
    let run = envlock.run(["render"]).exits(0);
    assert!(run.stderr().contains("envlock build --prepare"), "{}", run.stderr());
    let file = yaml(&envlock.read(OUTPUT));
    let cpu = &file["services"]["ray-cpu"];
    assert_eq!(cpu["image"], "ray:1");
    assert_eq!(
        (&cpu["build"]["context"], &cpu["build"]["dockerfile"]),
        (&json!(".."), &json!("Dockerfile"))
    );
    assert_eq!(cpu["build"]["target"], "ray-runtime");
    assert_eq!(cpu["build"]["additional_contexts"]["envlock"], "../.envlock/context");
    // A project without a Dockerfile of its own is built from envlock's.
    assert_eq!(file["services"]["ray-gpu"]["build"]["context"], "../.envlock/build");
    envlock.run(["build", "--prepare"]).exits(0);
    let lines = envlock.read(".envlock/build.args");
    let prepared = lines
        .lines()
        .map(|line| line.strip_prefix("--build-arg ").unwrap().split_once('=').unwrap());
    let prepared: Value = prepared
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    assert_eq!(cpu["build"]["args"], prepared);

    envlock.write("config.yaml", config(DIGEST));
    let run = envlock.run(["render"]).exits(0);
    assert!(run.stderr().contains("config.yaml:5: services.ray.build.enabled: it is true, and the image of services.ray.cpu is given by digest"), "{}", run.stderr());
    assert!(!envlock.read(OUTPUT).contains("build:"));

    fs_err::remove_file(envlock.path("env.lock")).unwrap();
    envlock.run(["render"]).exits(0);
    envlock.write("config.yaml", config("ray:1"));
    let run = envlock.run(["render"]).exits(2);
    assert!(
        run.stderr().contains("there is no env.lock: run `envlock resolve`"),
        "{}",
        run.stderr()
    );
    assert!(!envlock.read(OUTPUT).contains("build:"), "the old file stays");
}

#[test]
fn a_mistake_in_config_yaml_is_shown_at_its_line_with_all_others() {
    let config = "project:\n  name: p\nservices:\n  ray:\n    image: a:b\n    cpu:\n      # ポート\n      ports: {dashboard: 70000}\n      shm_size: lots\n";
    let envlock = project(config);
    let run = envlock.run(["render"]).exits(2);
    let told = run.stderr();
    assert!(
        told.contains("services.ray.cpu.ports.dashboard: 70000 is not a port from 1 to 65535"),
        "{told}"
    );
    assert!(told.contains("[config.yaml:8:26]"), "{told}");
    assert!(
        told.contains("shm_size: \"lots\" is not a size") && told.contains("[config.yaml:9:17]"),
        "{told}"
    );
    assert!(!envlock.path(OUTPUT).exists());
    envlock.write("config.yaml", "project: {name: p}\nservices:\n  marimo: {image: a, port: 80}\nnetworks:\n  a: {subnet: 10.0.0.0/16}\n  b: {subnet: 10.0.1.0/24}\n");
    let told = envlock.run(["render"]).exits(2).stderr();
    assert!(
        told.contains("networks.b.subnet: 10.0.1.0/24 overlaps with 10.0.0.0/16 of a")
            && told.contains("[config.yaml:6:"),
        "{told}"
    );
    envlock.write("config.yaml", "a: [\n");
    assert!(envlock.run(["render"]).exits(2).stderr().contains("[config.yaml:"));
    fs_err::remove_file(envlock.path("config.yaml")).unwrap();
    assert!(envlock.run(["render"]).exits(2).stderr().contains("envlock init --platform"));
}

#[test]
fn an_unknown_key_is_a_warning_unless_the_template_uses_it() {
    let config = released().replace("port: 8080", "prot: 8081\n  database:\n    image: db");
    let envlock = project(&config);
    let run = envlock.run(["render"]).exits(0);
    assert!(
        run.stderr().contains("services.marimo.prot: this key is not known; did you mean port?"),
        "{}",
        run.stderr()
    );
    assert!(run.stderr().contains("services.database: this key is not known"), "{}", run.stderr());
    envlock.write(
        "docker/compose.yaml.jinja2",
        "services:\n  db:\n    image: {{ services.database.image }}\n",
    );
    let run = envlock.run(["render"]).exits(0);
    assert!(
        run.stderr().contains("marimo.prot") && !run.stderr().contains("database"),
        "{}",
        run.stderr()
    );
    assert!(envlock.read(OUTPUT).ends_with("services:\n  db:\n    image: db\n"));
}

#[test]
fn a_mistake_in_a_template_names_its_file_and_line_and_nothing_is_written() {
    let envlock = project(&released());
    let told = |text: &str| {
        envlock.write("docker/compose.yaml.jinja2", text);
        let told = envlock.run(["render"]).exits(2).stderr();
        assert!(!envlock.path(OUTPUT).exists());
        told
    };
    let said = told("services:\n  ray:\n    image: {{ services.ray.cpu.imag }}\n");
    assert!(
        said.contains("docker/compose.yaml.jinja2, line 3: `services.ray.cpu.imag` is not defined"),
        "{said}"
    );
    assert!(said.contains("[docker/compose.yaml.jinja2:3:15]"), "{said}");
    envlock.write("docker/parts/one.jinja2", "x: 1\ny: {{ nothing }}\n");
    let said = told("{% include 'parts/one.jinja2' %}\n");
    assert!(said.contains("docker/parts/one.jinja2, line 2: `nothing` is not defined"), "{said}");
    assert!(
        told("a: {% include '../config.yaml' %}\n").contains("is not below the template's folder")
    );
    let said = told("services:\n  a: {image: b}\n\tc: 1\n");
    assert!(said.contains("is not YAML (from docker/compose.yaml.jinja2, line 3)"), "{said}");
    let run = envlock.run(["render", "--template", "none.jinja2"]).exits(2);
    assert!(run.stderr().contains("none.jinja2"), "{}", run.stderr());
    envlock.write("t.txt", "a: 1\n");
    assert!(envlock.run(["render", "--template", "t.txt"]).exits(2).stderr().contains("--output"));
    envlock.run(["render", "--template", "t.txt", "--output", "deep/er/t.yaml"]).exits(0);
    assert!(envlock.read("deep/er/t.yaml").ends_with("\na: 1\n"));
}

#[test]
fn init_writes_the_platforms_files_and_leaves_what_is_there() {
    let envlock = Envlock::new();
    envlock.write("docker/compose.yaml.jinja2", "# mine\n");
    let run = envlock.run(["init", "--platform"]).exits(0);
    assert!(run.stderr().contains("docker/compose.yaml.jinja2 exists already"), "{}", run.stderr());
    assert_eq!(envlock.read("docker/compose.yaml.jinja2"), "# mine\n");
    assert_eq!(envlock.read("config.example.yaml"), EXAMPLE);
    assert!(!envlock.path("envlock.toml").exists());
    fs_err::remove_file(envlock.path("docker/compose.yaml.jinja2")).unwrap();
    envlock.run(["init", "--platform"]).exits(0);
    assert_eq!(envlock.read("docker/compose.yaml.jinja2"), BUILT_IN);
}

#[test]
fn files_people_have_conform_to_the_schema_and_the_example_renders_at_once() {
    let envlock = locked();
    for config in [EXAMPLE, CONFIG, &released()] {
        super::schema::fits("config", &yaml(config));
        envlock.write("config.yaml", config);
        let said = result("render", &envlock.run(["render", "--json"]).exits(0));
        let strange = said["warnings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|w| !w.as_str().unwrap().contains("is missing"));
        assert_eq!(strange.collect::<Vec<_>>(), [""; 0]);
    }
    // What is commented out is right, too.
    let line = regex::Regex::new(r"(?m)^( *)# ((?:  )*(?:- )?[a-z_]+:(?: .*)?)$").unwrap();
    let all = line.replace_all(EXAMPLE, "$1$2").replace("token_env:", "x-token_env:");
    assert!(all.matches("subnet").count() == 1 && !all.contains("# cpus"), "{all}");
    super::schema::fits("config", &yaml(&all));
    envlock.write("config.yaml", all);
    envlock.run(["render"]).exits(0);
}

/// Every key that there is.
pub fn rich() -> String {
    "project: {name: rich}\nx-mine: 1\nservices:\n  ray:\n    image: ray:1\n    build: {enabled: true, context: \"..\", dockerfile: Dockerfile}\n    head_whitelist: [ray-cpu, other.example]\n    wait: 30\n    pip_requirements: ./pip-requirements\n    cpu:\n      role: head\n      node_ip: 10.5.0.9\n      cpus: 2.5\n      memory: 8gb\n      shm_size: 2gb\n      object_store_memory: 1gb\n      task_memory: 2gb\n      ports: {dashboard: 8265, client: 10001, gcs: 6379}\n      bind: 0.0.0.0\n      networks: [one, two]\n      ip: 10.5.0.9\n      profiles: [ray-cpu]\n      restart: \"no\"\n      environment: {A: \"b'\\\"$$\", B: 1, C: true, D: 2.5, E: 日本}\n      volumes: [\"./data:/data:ro\", \"cache:/cache\"]\n    gpu: {gpus: [\"0\", \"GPU-1\"], image: gpu:1}\n  marimo: {image: m:1, build: {enabled: true, target: marimo-devel}, port: 8081, gpus: 1, token_env: T, cpus: 1, memory: 1gb, networks: [two]}\n  health: {port: 8000, bind: 127.0.0.2}\nnetworks:\n  one: {subnet: 10.5.0.0/24, gateway: 10.5.0.1}\n  two: {subnet: \"fd00:5::/64\"}\n  three: {external: true}\n".to_owned()
}
