//! Images of the layers engine, from docker-registry and from `envlock serve`, in the hands of the tools that people
//! use: crane, skopeo and podman, each where it is installed.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use envlock::reference::PinnedReference;
use serde_json::Value;

use crate::support::file_system::{FileSystem, What, stacked};
use crate::support::workshop::{Workshop, images, pull};
use crate::support::{Embedded, Envlock, left_out};

/// What the command prints; it must succeed.
#[track_caller]
fn output(mut command: Command) -> Vec<u8> {
    let output = command.output().unwrap();
    let (text, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{text}\n{errors}");
    output.stdout
}

fn is_installed(program: &str, version: &str) -> bool {
    let there = Command::new(program).arg(version).output().is_ok();
    if !there {
        left_out(format_args!("{program} is not installed"));
    }
    there
}

#[test]
fn crane_skopeo_and_podman_take_the_images_from_any_registry() {
    let workshop = Workshop::new(20_000);
    let served = Embedded::start();
    let first = workshop.project();
    for (kind, host) in [("docker-registry", workshop.registry.host()), ("serve", served.host())] {
        let envlock = workshop.clone_of(&first);
        let destination = format!("{host}/team");
        let push = ["build", "--push", "--engine", "layers", "--json", "--registry", &destination];
        let images = images(&envlock.run(push).exits(0));
        assert_eq!(images.len(), 2);
        for image in images.values() {
            eprintln!("{kind}: {image}");
            crane_validates(&envlock, image);
            skopeo_reads_and_copies(&envlock, image, host);
            podman_unpacks(&envlock, image);
        }
    }
}

/// Every digest, size and diff id, by another program's reckoning.
fn crane_validates(envlock: &Envlock, image: &PinnedReference) {
    if is_installed("crane", "version") {
        let mut command = Command::new("crane");
        command.args(["validate", "--insecure", "--remote", &image.to_string()]);
        command.env("DOCKER_CONFIG", envlock.path("nobody"));
        output(command);
    }
}

/// The copy has the digest of the original: no byte of it had to be rewritten.
fn skopeo_reads_and_copies(envlock: &Envlock, image: &PinnedReference, host: &str) {
    if !is_installed("skopeo", "--version") {
        return;
    }
    let login = envlock.write("login.json", "{}");
    let skopeo = |args: &[&str]| {
        let mut command = Command::new("skopeo");
        command.args(args).env("REGISTRY_AUTH_FILE", &login);
        output(command)
    };
    // docker-registry has no list of tags for an image without any.
    let inspected =
        skopeo(&["inspect", "--no-tags", "--tls-verify=false", &format!("docker://{image}")]);
    let inspected: Value = serde_json::from_slice(&inspected).unwrap();
    assert_eq!(inspected["Digest"], image.digest().to_string());
    let pulled = pull(image);
    let described = pulled.manifest["layers"].as_array().unwrap().iter().map(|l| &l["digest"]);
    let layers: Vec<Value> = described.cloned().collect();
    assert_eq!(inspected["Layers"], Value::Array(layers));
    assert_eq!(inspected["Env"], pulled.config["config"]["Env"]);

    let copy = ["copy", "--insecure-policy", "--src-tls-verify=false"];
    let layout = format!("oci:{}:copied", envlock.path("layout"));
    skopeo(&[&copy[..], &[&format!("docker://{image}"), &layout]].concat());
    let back = format!("docker://{host}/copies/{}:v1", image.repository());
    skopeo(&[&copy[..], &["--dest-tls-verify=false", &layout, &back]].concat());
    let inspected = skopeo(&["inspect", "--tls-verify=false", &back]);
    let inspected: Value = serde_json::from_slice(&inspected).unwrap();
    assert_eq!(inspected["Digest"], image.digest().to_string());
}

/// What podman makes of the layers is what the layers say.
fn podman_unpacks(envlock: &Envlock, image: &PinnedReference) {
    if !is_installed("podman", "--version") {
        return;
    }
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return left_out("only root may unpack owners that are not its own");
    }
    let root = envlock.path("podman");
    let login = envlock.write("login.json", "{}");
    let podman = |args: &[&str]| {
        let own = ["--root", root.as_str(), "--runroot", root.as_str(), "--storage-driver", "vfs"];
        let mut command = Command::new("podman");
        command.args(own).args(args).env("REGISTRY_AUTH_FILE", &login);
        output(command)
    };
    let name = image.to_string();
    podman(&["pull", "--quiet", "--tls-verify=false", &name]);
    let container = String::from_utf8(podman(&["create", &name, "true"])).unwrap();
    let exported = vec![podman(&["export", container.trim()])];
    podman(&["rm", container.trim()]);
    podman(&["rmi", &name]);
    let layers = pull(image).layers;
    let (unpacked, expected) = (files(stacked(&exported)), files(stacked(&layers)));
    assert!(expected.len() > 40, "{:?}", expected.keys());
    let missing = expected.iter().find(|(path, entry)| unpacked.get(*path) != Some(entry));
    if let Some((path, entry)) = missing {
        panic!("{path}: {entry:?} became {:?}", unpacked.get(path));
    }
}

/// The root itself is the tool's.
fn files(mut system: FileSystem<'_>) -> FileSystem<'_> {
    system.retain(|path, entry| !path.is_empty() && !matches!(entry.what, What::Special(_)));
    system
}
