//! `envlock build` without an engine: the plan, what is refused before anything runs, and a `docker` of the
//! test's own that plays BuildKit's part. `build_engine.rs` has the real one.

use std::os::unix::fs::PermissionsExt;

use camino::Utf8PathBuf;
use envlock::digest::{Digest, Sha256};
use envlock::lock::{self, *};
use envlock::platform::Platform;
use envlock::spec::PythonSource;
use envlock::store::Store;

use crate::support::release::{CONFIG, Images, push_both};
use crate::support::{Envlock, Registry, Run};

const SPEC: &str = "\
[python]
source = \"base\"
[groups.python]
packages = [\"pip\"]
[groups.ray]
packages = [\"ray\"]
[groups.marimo]
packages = [\"marimo\"]
[build]
engine = \"dockerfile\"
";

/// Answers as buildx does: the builder's driver from `driver`, the build from `progress` and `metadata`.
const DOCKER: &str = r#"#!/bin/sh
case "$1 $2" in
"buildx version") echo "github.com/docker/buildx $(cat "${0%/*}/version") 0123abc" ;;
"buildx inspect") printf 'Name:   fake\nDriver: %s\n' "$(cat "${0%/*}/driver")" ;;
"buildx bake")
    cat >"${0%/*}/bake.json"
    cat "${0%/*}/progress" >&2
    [ -f "${0%/*}/metadata" ] || exit 1
    cp "${0%/*}/metadata" .envlock/metadata.json ;;
esac
"#;

/// A project with a lock whose wheels are in the store, and a `docker` that would build it.
fn project() -> Envlock {
    let envlock = Envlock::new();
    let path = format!("{}:/usr/bin:/bin", envlock.path(".bin"));
    let envlock = envlock.env("PATH", path);
    envlock.write("envlock.toml", SPEC);
    envlock.write("config.yaml", CONFIG);
    envlock.write("env.lock", lock::render(&locked(&envlock)));
    let docker = envlock.write(".bin/docker", DOCKER);
    fs_err::set_permissions(docker, std::fs::Permissions::from_mode(0o755)).unwrap();
    envlock.write(".bin/driver", "remote");
    envlock.write(".bin/version", "v0.12.0");
    envlock.write(".bin/progress", "");
    envlock
}

fn locked(envlock: &Envlock) -> Lock {
    let store = Store::at(envlock.path(".store")).unwrap();
    let package = |name: &str, version: &str, group: &str| {
        let wheel = format!("the wheel of {name}");
        Package {
            name: name.parse().unwrap(),
            version: version.parse().unwrap(),
            group: group.parse().unwrap(),
            requested: vec![name.to_owned()],
            required_by: vec![],
            extras: vec![],
            file: format!("{name}-{version}-py3-none-any.whl"),
            size: wheel.len() as u64,
            unpacked_size: 3_000_000,
            sha256: store.put(wheel.as_bytes()).unwrap().sha256(),
            locations: vec![format!("pypi:/{name}.whl").parse().unwrap()],
            uploaded: None,
            uploaded_from: None,
            bare_metadata: false,
            rules: vec![],
        }
    };
    let base = |name: &str| BasePin {
        reference: format!("base.example/{name}:1"),
        digests: Some(BaseDigests {
            index_digest: Digest::of("index"),
            platform_digest: Digest::of(name),
        }),
    };
    Lock {
        version: lock::FORMAT,
        profile: None,
        system: None,
        system_packages: Vec::new(),
        layers: Vec::new(),
        spec_sha256: envlock::spec::parse("envlock.toml", SPEC).unwrap().sha256(),
        target: Target {
            platform: Platform::LINUX_AMD64,
            glibc: "2.39".to_owned().try_into().unwrap(),
            cuda_tag: "cu130".parse().unwrap(),
            cuda_line: "13.0".parse().ok(),
            min_driver: Some(580),
            cuda_allow: Vec::new(),
            arch_list: Vec::new(),
            source_date_epoch: 1_767_225_600,
        },
        python: PythonPin {
            version: "3.14.2".parse().unwrap(),
            source: PythonSource::Base,
            archive: None,
            verified: true,
        },
        base: Bases { runtime: base("runtime"), devel: base("devel") },
        packages: vec![
            package("marimo", "0.25.2", "marimo"),
            package("pip", "26.3", "python"),
            package("ray", "2.60.0", "ray"),
        ],
    }
}

/// The fake build gives these digests.
fn gives(envlock: &Envlock, images: &Images) {
    let targets = images.iter().map(|(name, image)| {
        (name.to_string(), serde_json::json!({ "containerimage.digest": image.digest() }))
    });
    let metadata = serde_json::Value::Object(targets.collect());
    envlock.write(".bin/metadata", metadata.to_string());
}

fn push(envlock: &Envlock, registry: &Registry) -> Run {
    envlock.run(["build", "--push", "--registry", &format!("{}/team", registry.host())])
}

/// Nothing was published.
fn untouched(envlock: &Envlock) {
    assert_eq!(envlock.read("config.yaml"), CONFIG);
    assert!(!envlock.path("env.releases.jsonl").exists());
}

#[test]
fn a_dry_run_shows_images_layers_arguments_and_the_config_diff_and_writes_nothing() {
    let envlock = project();
    let before = files(&envlock);
    let run = envlock.run(["build", "--dry-run", "--registry", "ghcr.io/team"]).exits(0);
    let text = run.stdout();
    for part in [
        "image marimo-runtime → ghcr.io/team/marimo-runtime\n  from ray-runtime\n",
        "layer ray           1 packages",
        "3.0 MB unpacked",
        &format!("RUNTIME_BASE_IMAGE=base.example/runtime@{}", Digest::of("runtime")),
        "+      image: \"ghcr.io/team/ray-runtime@sha256:<what the build gives>\"",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert_eq!(files(&envlock), before);
    let json = envlock.run(["build", "--dry-run", "--json"]).exits(0).stdout();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["plan"]["args"]["RAY_VERSION"], "2.60.0");
    assert_eq!(json["config"], "");
}

fn files(envlock: &Envlock) -> Vec<Utf8PathBuf> {
    let mut names: Vec<_> =
        envlock.folder().read_dir_utf8().unwrap().map(|e| e.unwrap().into_path()).collect();
    names.sort();
    names
}

#[test]
fn a_lock_of_another_spec_or_without_its_pins_is_refused() {
    let envlock = project();
    envlock.write("envlock.toml", SPEC.replace("\"marimo\"", "\"marimo>=0.25\""));
    let run = envlock.run(["build"]).exits(3);
    assert!(run.stderr().contains("marimo>=0.25"), "{}", run.stderr());
    assert!(run.stderr().contains("envlock resolve"), "{}", run.stderr());
    let mut lock = locked(&envlock);
    lock.base.runtime.digests = None;
    envlock.write("envlock.toml", SPEC);
    envlock.write("env.lock", lock::render(&lock));
    let run = envlock.run(["build", "--dry-run"]).exits(3);
    assert!(run.stderr().contains("base.example/runtime:1 has no digest"), "{}", run.stderr());
    fs_err::remove_file(envlock.path("env.lock")).unwrap();
    envlock.run(["build"]).exits(3);
}

#[test]
fn what_is_missing_is_named_with_the_way_to_get_it() {
    let envlock = project();
    let run = envlock.run(["build", "--push"]).exits(2);
    assert!(run.stderr().contains("--registry"), "{}", run.stderr());
    envlock.write(".bin/driver", "docker");
    let run = envlock.run(["build", "--push", "--registry", "127.0.0.1:1"]).exits(7);
    assert!(run.stderr().contains("docker buildx create"), "{}", run.stderr());
    envlock.write(".bin/version", "v0.11.2");
    let run = envlock.run(["build"]).exits(7);
    assert!(run.stderr().contains("buildx 0.11.2 is too old"), "{}", run.stderr());
    assert!(run.stderr().contains("0.12.0 and newer"), "{}", run.stderr());
    let envlock = envlock.env("PATH", "/nowhere");
    let run = envlock.run(["build"]).exits(7);
    assert!(run.stderr().contains("docker-cli"), "{}", run.stderr());
    untouched(&envlock);
}

#[test]
fn a_config_that_cannot_take_the_images_is_found_before_anything_is_built() {
    let envlock = project();
    envlock.write("config.yaml", "services: {}\n");
    envlock.run(["build", "--push", "--registry", "127.0.0.1:1"]).exits(9);
    assert!(!envlock.path(".bin/bake.json").exists());
}

#[test]
fn a_wheel_with_one_byte_changed_is_never_built() {
    let envlock = project();
    let store = Store::at(envlock.path(".store")).unwrap();
    let path = store.get(&Sha256::of("the wheel of ray")).unwrap();
    fs_err::remove_file(&path).unwrap();
    fs_err::write(&path, "the wheel of raY").unwrap();
    let run = envlock.run(["build", "--push", "--registry", "127.0.0.1:1"]).exits(6);
    assert!(run.stderr().contains("sha256") || run.stderr().contains("hash"), "{}", run.stderr());
    assert!(!envlock.path(".bin/bake.json").exists());
    untouched(&envlock);
}

#[test]
fn a_push_is_read_back_and_config_and_record_change_once() {
    let (registry, envlock) = (Registry::start(), project());
    let images = push_both(&registry, "one");
    gives(&envlock, &images);
    let run = push(&envlock, &registry).exits(0);
    for image in images.values() {
        assert!(run.stdout().contains(&image.to_string()), "{}", run.stdout());
        assert!(envlock.read("config.yaml").contains(&image.to_string()));
    }
    let history = envlock.read("env.releases.jsonl");
    let record: serde_json::Value = serde_json::from_str(&history).unwrap();
    assert_eq!(record["lock"], Sha256::of(envlock.read("env.lock")).to_string());
    assert_eq!(record["engine"], "dockerfile");

    let bake: serde_json::Value = serde_json::from_str(&envlock.read(".bin/bake.json")).unwrap();
    let output = bake["target"]["ray-runtime"]["output"][0].as_str().unwrap();
    assert!(
        output.contains(&format!("name={}/team/ray-runtime,push=true", registry.host())),
        "{output}"
    );
    let requirements = envlock.read(".envlock/context/ray/requirements.txt");
    let hash = Sha256::of("the wheel of ray");
    assert!(
        requirements.ends_with(&format!("\nray==2.60.0 --hash=sha256:{hash}\n")),
        "{requirements}"
    );

    let run = push(&envlock, &registry).exits(0);
    assert!(run.stderr().contains("nothing changed"), "{}", run.stderr());
    assert_eq!(envlock.read("env.releases.jsonl"), history);
}

#[test]
fn an_image_that_the_registry_does_not_have_in_the_end_is_not_published() {
    let (registry, envlock) = (Registry::start(), project());
    let images = push_both(&registry, "one");
    gives(&envlock, &images);
    registry.delete(&images[&"ray-runtime".parse().unwrap()]);
    push(&envlock, &registry).exits(8);
    untouched(&envlock);
}

#[test]
fn a_failing_step_shows_what_it_said_and_a_failing_push_is_the_registrys() {
    let envlock = project();
    let vertex = |name: &str, error: &str| {
        format!(
            r#"{{"vertexes":[{{"digest":"d","name":"{name}","started":"s","completed":"t","error":"{error}"}}]}}"#
        )
    };
    // "no space left" in base64.
    let log = r#"{"logs":[{"vertex":"d","data":"bm8gc3BhY2UgbGVmdAo="}]}"#;
    let progress = format!(
        "{log}\n{}\n",
        vertex("[x 2/3] RUN --network=none sh /mnt/group.sh ray", "exit code: 1")
    );
    envlock.write(".bin/progress", progress);
    let run = envlock.run(["build", "--push", "--registry", "127.0.0.1:1"]).exits(7);
    assert!(run.stderr().contains("sh /mnt/group.sh ray"), "{}", run.stderr());
    assert!(run.stderr().contains("no space left"), "{}", run.stderr());
    envlock.write(".bin/progress", vertex("[x] exporting to image", "failed to push x: 503"));
    envlock.run(["build", "--push", "--registry", "127.0.0.1:1"]).exits(8);
    untouched(&envlock);
}

#[test]
fn prepare_lays_out_a_build_by_hand() {
    let envlock = project();
    let run = envlock.run(["build", "--prepare"]).exits(0);
    let lines = run.stdout();
    let expected = "docker build --target ray-runtime -t ray-runtime:lock-";
    assert!(lines.starts_with(expected), "{lines}");
    assert!(lines.contains("--build-context envlock=.envlock/context $(cat .envlock/build.args)"));
    assert!(envlock.read(".envlock/build.args").contains("--build-arg PYTHON_VERSION=3.14.2\n"));
    let bake: serde_json::Value =
        serde_json::from_str(&envlock.read(".envlock/docker-bake.json")).unwrap();
    assert_eq!(bake["group"]["default"]["targets"][1], "marimo-runtime");
    assert_eq!(
        envlock.read(".envlock/context/ray/ray-2.60.0-py3-none-any.whl"),
        "the wheel of ray"
    );
    assert!(envlock.path(".envlock/build/docker/build/group.sh").exists());
    assert!(!envlock.path(".bin/bake.json").exists());
}
