//! `envlock build --engine layers` from a lock to a real registry: what is sent, what is not, what is refused.

use std::collections::BTreeSet;
use std::process::Command;

use envlock::digest::Digest;
use serde_json::Value;

use crate::support::release::CONFIG;
use crate::support::workshop::{Workshop, digests, images, locked, noise, pull};
use crate::support::{Envlock, Run, http, left_out};

const SITE: &str = "opt/conda/envs/py/lib/python3.14/site-packages";

fn first_line(run: &Run) -> String {
    run.stderr().lines().next().unwrap_or_default().to_owned()
}

fn layer_of(envlock: &Envlock, name: &str) -> Digest {
    let lock = locked(envlock);
    let layer = lock.layers.iter().find(|layer| layer.name == name);
    layer.unwrap_or_else(|| panic!("{name} is not in {:?}", lock.layers)).digest
}

/// Nothing was published.
fn untouched(envlock: &Envlock) {
    assert_eq!(envlock.read("config.yaml"), CONFIG);
    assert!(!envlock.path("env.releases.jsonl").exists());
    assert_eq!(locked(envlock).layers, []);
}

#[test]
fn a_lock_becomes_images_and_the_same_lock_sends_nothing() {
    let workshop = Workshop::new(20_000);
    let envlock = workshop.project();
    let run = workshop.build(&envlock, "team").exits(0);
    assert_eq!(first_line(&run), "engine: layers (asked for)");
    let images = images(&run);
    let (ray, marimo) = (pull(&images["ray-runtime"]), pull(&images["marimo-runtime"]));
    for image in images.values() {
        assert!(envlock.read("config.yaml").contains(&image.to_string()));
    }
    // The base, the user, the interpreter, pip, two bundled, polars, ray; then marimo.
    assert_eq!((ray.layers.len(), marimo.layers.len()), (7, 8));
    assert_eq!(marimo.layers[..7], ray.layers);
    let paths = marimo.paths();
    for wheel in &workshop.wheels {
        let name = wheel.file.split('-').next().unwrap();
        assert_eq!(paths[&format!("{SITE}/{name}/text.py")], "x = 1\n".repeat(5000));
        assert_eq!(paths[&format!("{SITE}/{name}-1.0.dist-info/INSTALLER")].trim(), "envlock");
    }
    assert!(paths["etc/passwd"].contains("ray:x:1000:1000"));
    assert_eq!(ray.config["config"]["User"], "ray");

    let lock = locked(&envlock);
    let names: BTreeSet<_> = lock.layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["marimo", "pip", "polars", "ray", "ray (2 packages)"]));
    let described = marimo.manifest["layers"].as_array().unwrap();
    for layer in &lock.layers {
        let found = described.iter().find(|d| d["digest"] == layer.digest.to_string());
        assert_eq!(found.unwrap()["size"], layer.size);
    }
    let history = envlock.read("env.releases.jsonl");
    let record: Value = serde_json::from_str(&history).unwrap();
    assert_eq!(record["engine"], "layers");

    let (mark, config, text) =
        (workshop.mark(), envlock.read("config.yaml"), envlock.read("env.lock"));
    let downloads = workshop.index.downloads(".whl");
    let again = workshop.build(&envlock, "team").exits(0);
    assert!(again.stderr().contains("0 blobs sent"), "{}", again.stderr());
    assert!(again.stderr().contains("nothing changed"), "{}", again.stderr());
    assert!(workshop.since(mark).is_nothing(), "{:?}", workshop.since(mark));
    assert_eq!(workshop.index.downloads(".whl"), downloads);
    assert_eq!(
        (envlock.read("config.yaml"), envlock.read("env.lock"), envlock.read("env.releases.jsonl")),
        (config, text, history)
    );
}

#[test]
fn a_changed_package_sends_its_layer_and_what_names_it() {
    let workshop = Workshop::new(20_000);
    let envlock = workshop.project();
    let before = workshop.build(&envlock, "team").exits(0);
    let old = locked(&envlock).layers;
    workshop.index.wheel("marimo", "1.1").file("marimo/data.bin", noise(77, 30_000)).add();
    envlock.run(["resolve", "--upgrade", "marimo"]).exits(0);
    let mark = workshop.mark();
    let after = workshop.build(&envlock, "team").exits(0);
    let written = workshop.since(mark);
    let new = layer_of(&envlock, "marimo");
    let (before, after) = (images(&before), images(&after));
    let (ray, marimo) = (pull(&after["ray-runtime"]), pull(&after["marimo-runtime"]));
    let config = |manifest: &Value| manifest["config"]["digest"].as_str().unwrap().to_owned();
    // Both images say which lock they are of; nothing else of ray's is new.
    let expected: BTreeSet<_> = [
        ("team/marimo-runtime".to_owned(), new.to_string()),
        ("team/marimo-runtime".to_owned(), config(&marimo.manifest)),
        ("team/ray-runtime".to_owned(), config(&ray.manifest)),
    ]
    .into();
    let sent = written.blobs();
    assert_eq!(sent.len(), expected.len(), "{sent:?}");
    let sent: BTreeSet<_> = sent.into_iter().map(|(to, blob, _)| (to, blob.to_string())).collect();
    assert_eq!(sent, expected);
    assert_eq!(written.manifests(), 2);
    assert_eq!(ray.manifest["layers"], pull(&before["ray-runtime"]).manifest["layers"]);
    let kept = locked(&envlock).layers.into_iter().filter(|layer| layer.name != "marimo");
    assert_eq!(
        kept.collect::<Vec<_>>(),
        old.into_iter().filter(|l| l.name != "marimo").collect::<Vec<_>>()
    );
    assert!(marimo.paths().contains_key(&format!("{SITE}/marimo-1.1.dist-info/RECORD")));
}

#[test]
fn a_machine_that_never_saw_the_wheels_neither_downloads_nor_sends() {
    let workshop = Workshop::new(20_000);
    let first = workshop.project();
    let built = digests(&workshop.build(&first, "team").exits(0));
    let second = workshop.clone_of(&first);
    let (mark, downloads) = (workshop.mark(), workshop.index.requests(".whl"));
    let run = workshop.build(&second, "team").exits(0);
    assert_eq!(digests(&run), built);
    assert!(workshop.since(mark).is_nothing(), "{:?}", workshop.since(mark));
    assert_eq!(
        workshop.index.requests(".whl"),
        downloads,
        "no wheel is asked for, nor a part of one"
    );
    assert!(run.stderr().contains("0 blobs sent"), "{}", run.stderr());

    // A layer that the registry lost is made again, from its own wheels only.
    let lost = layer_of(&first, "ray (2 packages)");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for image in ["ray-runtime", "marimo-runtime"] {
        let url = format!("http://{}/v2/team/{image}/blobs/{lost}", workshop.registry.host());
        let answer = runtime.block_on(async { http().delete(&url).send().await.unwrap() });
        assert_eq!(answer.status(), 202, "{url}");
    }
    let third = workshop.clone_of(&first);
    let mark = workshop.mark();
    let run = workshop.build(&third, "team").exits(0);
    assert_eq!(digests(&run), built);
    let sent = workshop.since(mark).blobs();
    let sent: Vec<_> = sent.iter().map(|(_, digest, _)| *digest).collect();
    assert_eq!(sent, [lost]);
    let fetched = |name: &str| workshop.index.downloads(&format!("{name}-1.0-py3"));
    assert_eq!((fetched("numpy"), fetched("pyzmq"), fetched("polars")), (2, 2, 1));
    images(&run).values().for_each(|image| drop(pull(image)));
}

#[test]
fn a_layer_that_env_lock_promises_and_the_wheels_do_not_give_is_not_sent() {
    let workshop = Workshop::new(1_000);
    let first = workshop.project();
    workshop.build(&first, "team").exits(0);
    let second = workshop.clone_of(&first);
    let (right, wrong) = (layer_of(&first, "polars"), Digest::of("something else"));
    second
        .write("env.lock", first.read("env.lock").replace(&right.to_string(), &wrong.to_string()));
    let before = second.read("config.yaml");
    let run = workshop.build(&second, "other").0;
    assert_ne!(run.status.code(), Some(0));
    let errors = String::from_utf8(run.stderr).unwrap();
    assert!(errors.contains("polars") && errors.contains(&wrong.to_string()), "{errors}");
    assert_eq!(second.read("config.yaml"), before);
    assert!(workshop.present().iter().all(|(_, digest)| *digest != wrong));
}

#[test]
fn two_wheels_with_one_path_are_refused_by_name() {
    // polars and ray have a layer each; numpy and pyzmq share one.
    for (first, second) in [("polars", "ray"), ("numpy", "pyzmq")] {
        let workshop = Workshop::new(1_000);
        for name in [first, second] {
            let wheel = workshop
                .index
                .wheel(name, "1.1")
                .file("shared/thing.py", format!("who = {name:?}\n"));
            match name {
                "ray" => wheel.requires("numpy").requires("pyzmq").add(),
                _ => wheel.add(),
            };
        }
        let envlock = workshop.project();
        // The second time they are known, and refused all the same.
        for _ in 0..2 {
            let run = workshop.build(&envlock, "team").exits(7);
            let errors = run.stderr();
            for part in [first, second, &format!("{SITE}/shared/thing.py")] {
                assert!(errors.contains(part), "{part} is not in\n{errors}");
            }
            untouched(&envlock);
        }
    }
}

#[test]
fn two_wheels_with_equal_files_stand_beside_each_other() {
    let workshop = Workshop::new(1_000);
    for name in ["polars", "marimo"] {
        workshop.index.wheel(name, "1.1").file("shared/__init__.py", "").add();
    }
    let envlock = workshop.project();
    let run = workshop.build(&envlock, "team").exits(0);
    assert_eq!(
        pull(&images(&run)["marimo-runtime"]).paths()[&format!("{SITE}/shared/__init__.py")],
        ""
    );
}

/// envlock's own Dockerfile and scripts, as a project that changes them has them.
fn with_a_dockerfile(workshop: &Workshop) -> Envlock {
    let envlock = workshop.project();
    let root = camino::Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    for folder in ["docker/build", "docker/files"] {
        for file in root.join(folder).read_dir_utf8().unwrap() {
            let file = file.unwrap();
            let text = fs_err::read(file.path()).unwrap();
            envlock.write(&format!("{folder}/{}", file.file_name()), text);
        }
    }
    envlock.write("Dockerfile", fs_err::read(root.join("Dockerfile")).unwrap());
    envlock
}

#[test]
fn what_only_buildkit_can_do_is_named() {
    let workshop = Workshop::new(1_000);
    let envlock = with_a_dockerfile(&workshop);
    let text = envlock.read("Dockerfile");
    let last = "AS ray-runtime\n";
    assert!(text.contains(last));
    envlock.write("Dockerfile", text.replace(last, &format!("{last}RUN touch /etc/mine\n")));
    let run = workshop.build(&envlock, "team").exits(7);
    assert!(run.stderr().contains("RUN touch /etc/mine"), "{}", run.stderr());
    assert!(run.stderr().contains("--engine dockerfile"), "{}", run.stderr());
    // auto has no docker here, and says why neither engine can do it.
    let destination = format!("{}/team", workshop.proxy.host());
    let auto = ["build", "--push", "--registry", &destination];
    let run = envlock.run(auto).exits(7);
    assert!(run.stderr().contains("RUN touch /etc/mine"), "{}", run.stderr());
    assert!(run.stderr().contains("docker"), "{}", run.stderr());

    envlock.write("Dockerfile", &text);
    let script = envlock.read("docker/build/group.sh");
    envlock.write("docker/build/group.sh", format!("{script}# mine\n"));
    let run = workshop.build(&envlock, "team").exits(7);
    assert!(run.stderr().contains("docker/build/group.sh"), "{}", run.stderr());
    untouched(&envlock);

    // Unchanged, it is envlock's own.
    envlock.write("docker/build/group.sh", script);
    let run = envlock.run(auto).exits(0);
    assert_eq!(first_line(&run), "engine: layers (no daemon needed)");
}

#[test]
fn zstd_layers_are_made_when_asked_for_and_unpack_to_the_same_files() {
    let mut workshop = Workshop::new(20_000);
    let gzip = workshop.project();
    let gzip = pull(&images(&workshop.build(&gzip, "gzip").exits(0))["marimo-runtime"]);
    workshop.spec(|spec| spec + "[build]\ncompression = \"zstd\"\n");
    let envlock = workshop.project();
    let run = workshop.build(&envlock, "zstd").exits(0);
    let image = &images(&run)["marimo-runtime"];
    let zstd = pull(image);
    for (number, layer) in zstd.manifest["layers"].as_array().unwrap().iter().enumerate() {
        // The base's layer is as it was.
        let compression = if number == 0 { "gzip" } else { "zstd" };
        assert_eq!(
            layer["mediaType"],
            format!("application/vnd.oci.image.layer.v1.tar+{compression}")
        );
    }
    assert_eq!(zstd.paths(), gzip.paths());
    let again = workshop.build(&envlock, "zstd").exits(0);
    assert!(again.stderr().contains("0 blobs sent"), "{}", again.stderr());

    let from = format!("docker://{image}");
    let to = format!("oci:{}:x", envlock.path("pulled"));
    match Command::new("skopeo").args(["copy", "--src-tls-verify=false", &from, &to]).output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr))
        }
        Err(_) => left_out("skopeo is not installed: this test pulled the image by itself only"),
    }
}
