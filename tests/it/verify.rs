//! `envlock verify` and `build --verify`: images in containers against their lock. With a real engine
//! (`ENVLOCK_TEST_ENGINE=1`) a small real stack holds, and images derived from it fail for what was done to them.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use envlock::reference::PinnedReference;
use serde_json::Value;

use super::build_engine::GROUPS;
use super::schema::result;
use crate::support::engine::Engine;
use crate::support::workshop::{Workshop, images, locked, pull};
use crate::support::{Envlock, FakeIndex, Run, left_out};

/// The real images of a test, and what becomes of them.
struct Pair {
    envlock: Envlock,
    builder: String,
    place: String,
    ray: String,
    marimo: String,
    made: std::cell::RefCell<Vec<String>>,
}

impl Pair {
    fn build(engine: &Engine) -> Self {
        let envlock = engine.project(GROUPS);
        envlock.run(["resolve"]).exits(0);
        let built = images(&envlock.run(engine.push("layers", "test-verify")).exits(0));
        let (ray, marimo) = (built["ray-runtime"].to_string(), built["marimo-runtime"].to_string());
        let (builder, place) = (engine.builder.clone(), format!("{}/test-verify", engine.registry));
        let made = vec![ray.clone(), marimo.clone()].into();
        Pair { envlock, builder, place, ray, marimo, made }
    }

    /// An image on top of another, by these lines of a Dockerfile and the files beside it.
    fn derive(&self, name: &str, from: &str, lines: &str) -> String {
        self.envlock.write(&format!("{name}/Dockerfile"), format!("FROM {from}\n{lines}"));
        let (folder, report) = (self.envlock.path(name), self.envlock.path("metadata.json"));
        let tag = format!("{}/{name}:latest", self.place);
        let words = ["buildx", "build", "--builder", &self.builder, "--provenance=false", "--push"];
        let mut command = Command::new("docker");
        command.args(words).args(["-t", &tag, "--metadata-file", report.as_str(), folder.as_str()]);
        succeeds(&mut command);
        let report: Value = serde_json::from_str(&self.envlock.read("metadata.json")).unwrap();
        let digest = report["containerimage.digest"].as_str().unwrap();
        let image = format!("{}/{name}@{digest}", self.place);
        self.made.borrow_mut().push(image.clone());
        image
    }

    /// `verify --json --only CHECKS` of these images.
    fn verify(&self, only: &str, code: i32, words: &[&str]) -> Value {
        let words = [&["verify", "--json", "--only", only], words].concat();
        result("verify", &self.envlock.run(words).exits(code))
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for image in self.made.borrow().iter() {
            let _ = Command::new("docker").args(["rmi", "--force", image]).output();
        }
    }
}

#[track_caller]
fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    output
}

/// How a check of an image came out, and its detail.
fn check(report: &Value, image: usize, name: &str) -> (String, String) {
    let checks = report["images"][image]["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["check"] == name);
    let found = found.unwrap_or_else(|| panic!("{name}: {report:#}"));
    (found["result"].as_str().unwrap().to_owned(), found["detail"].as_str().unwrap().to_owned())
}

/// The check failed, and says why.
#[track_caller]
fn fails(report: &Value, image: usize, name: &str, why: &str) {
    let (outcome, detail) = check(report, image, name);
    assert!(outcome == "failed" && detail.contains(why), "{name}: {outcome}: {detail}");
}

/// What the engine has of the run of this process.
fn left_of(program: &str, pid: u32) -> Vec<String> {
    let filter = format!("name=envlock-verify-{pid}-");
    let listed = |words: &[&str]| {
        let output = succeeds(Command::new(program).args(words).args(["--filter", &filter]));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    [listed(&["ps", "--all", "--quiet"]), listed(&["network", "ls", "--quiet"])].concat()
}

#[test]
fn a_real_pair_holds_and_what_is_done_to_it_is_named() {
    let Some(engine) = Engine::find() else { return };
    let pair = Pair::build(&engine);
    everything_holds(&pair);
    a_swapped_package_a_missing_library_another_python_and_a_root_user_are_named(&pair);
    another_ray_in_the_notebooks_image_is_named_before_it_connects(&pair);
    an_image_over_its_budget_and_another_lock_are_named(&pair);
    nothing_is_left_after_ctrl_c(&pair);
    podman_does_it_too(&pair);
}

fn everything_holds(pair: &Pair) {
    let command = pair.envlock.command(["verify", "--json", "--junit", "verify.xml"]);
    let (run, pid) = spawned(command);
    let report = result("verify", &run.exits(0));
    assert_eq!(left_of("docker", pid), [""; 0]);
    assert_eq!((&report["sound"], &report["runtime"]["program"]), (&true.into(), &"docker".into()));
    // The order of the images is that of their names.
    let (marimo, ray) = (0, 1);
    let ok = |image, names: &[&str]| {
        for name in names {
            let (outcome, detail) = check(&report, image, name);
            assert_eq!(outcome, "ok", "{name}: {detail}");
        }
    };
    let both = ["lock", "pull", "python", "packages", "files", "user", "layout", "size", "imports"];
    ok(ray, &[&both[..], &["ray", "tasks"]].concat());
    ok(marimo, &[&both[..], &["client", "marimo"]].concat());
    let version = locked(&pair.envlock).package(&"ray".parse().unwrap()).unwrap().version.clone();
    let expected = format!("to ray-runtime: 4 tasks by Ray {version} on 2 CPU");
    assert_eq!(check(&report, marimo, "client").1, expected);
    for (image, name) in
        [(ray, "torch"), (ray, "pyg"), (ray, "gpu"), (ray, "dashboard"), (ray, "marimo")]
    {
        assert_eq!(check(&report, image, name).0, "not-locked", "{name}");
    }
    let xml = pair.envlock.read("verify.xml");
    let failures = "failures=\"0\"";
    assert!(xml.contains(failures) && xml.matches("<testcase").count() == 36, "{xml}");
}

fn a_swapped_package_a_missing_library_another_python_and_a_root_user_are_named(pair: &Pair) {
    let index = FakeIndex::start();
    let wheel = index.wheel("filelock", "0.0.1").add();
    pair.envlock.write(&format!("damaged/{}", wheel.file), &wheel.bytes);
    let python = locked(&pair.envlock).python.version.to_string();
    let last = python.pop_digit();
    let damaged = pair.derive(
        "damaged",
        &pair.ray,
        &format!(
            "RUN rm /opt/conda/envs/py/lib/python3.*/site-packages/ray/_raylet.so\n\
             COPY {file} /tmp/\n\
             RUN python -m pip install --no-index --no-deps /tmp/{file}\n\
             USER root\n\
             RUN sed -i 's/{python}/{last}/g' $(readlink -f /opt/conda/envs/py/bin/python)\n",
            file = wheel.file
        ),
    );
    let only = "python,packages,files,user,imports";
    let report = pair.verify(only, 6, &["--lock", "env.lock", &damaged]);
    fails(&report, 0, "python", &format!("the image has Python {last}, the lock {python}"));
    fails(&report, 0, "packages", "filelock is 0.0.1, the lock has ");
    fails(&report, 0, "files", "1 missing: ray/_raylet.so");
    fails(&report, 0, "imports", "ray: ");
    fails(&report, 0, "user", "it runs as 0:0 (root), not as 1000:1000: its config names root");
    // The same for people, with an exit code for scripts.
    let table = pair.envlock.run(["verify", "--only", "packages", &damaged]).exits(6);
    assert!(table.stdout().contains("FAILED   packages   ray-runtime"), "{}", table.stdout());
}

/// Another version of the same length.
trait PopDigit {
    fn pop_digit(&self) -> String;
}

impl PopDigit for String {
    fn pop_digit(&self) -> String {
        let (rest, last) = self.split_at(self.len() - 1);
        format!("{rest}{}", if last == "1" { "2" } else { "1" })
    }
}

fn another_ray_in_the_notebooks_image_is_named_before_it_connects(pair: &Pair) {
    let index = FakeIndex::start();
    let wheel = index.wheel("ray", "9.9.9").add();
    pair.envlock.write(&format!("other-ray/{}", wheel.file), &wheel.bytes);
    let lines = format!(
        "COPY {file} /tmp/\nRUN python -m pip install --no-index --no-deps /tmp/{file}\n",
        file = wheel.file
    );
    let other = pair.derive("other-ray", &pair.marimo, &lines);
    let report = pair.verify("client", 1, &[&pair.ray, &other]);
    let ray = locked(&pair.envlock).package(&"ray".parse().unwrap()).unwrap().version.clone();
    let why = format!("Ray is 9.9.9 in marimo-runtime and {ray} in ray-runtime: not connected");
    fails(&report, 1, "client", &why);
}

fn an_image_over_its_budget_and_another_lock_are_named(pair: &Pair) {
    let spec = pair.envlock.read("envlock.toml");
    let budget = "[images.ray-runtime]\ngroups = [\"python\", \"ray\"]\nmax-size = \"100 MB\"\n\
                  [images.marimo-runtime]\nfrom = \"ray-runtime\"\ngroups = [\"marimo\"]\n";
    pair.envlock.write("envlock.toml", format!("{spec}{budget}"));
    let report = pair.verify("size", 1, &[&pair.ray]);
    fails(&report, 0, "size", "GB is more than max-size, 100 MB");
    pair.envlock.write("envlock.toml", spec);
    let text = pair.envlock.read("env.lock");
    let other = text.replacen("name = \"pip\"\nversion = \"", "name = \"pip\"\nversion = \"9", 1);
    assert_ne!(other, text);
    pair.envlock.write("other.lock", other);
    let report = pair.verify("lock,packages", 6, &["--lock", "other.lock", &pair.ray]);
    fails(&report, 0, "lock", "the image says it was built from a lock of sha256 ");
    fails(&report, 0, "packages", "pip is ");
}

fn nothing_is_left_after_ctrl_c(pair: &Pair) {
    let mut command = pair.envlock.command(["verify", "--only", "ray,marimo"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (pid, start) = (child.id(), Instant::now());
    while left_of("docker", pid).len() < 3 {
        assert!(start.elapsed() < Duration::from_secs(120), "no container was started");
        std::thread::sleep(Duration::from_millis(100));
    }
    succeeds(Command::new("kill").args(["-INT", &pid.to_string()]));
    let ended = Run(child.wait_with_output().unwrap()).exits(1);
    assert!(ended.stderr().contains("interrupted"), "{}", ended.stderr());
    assert_eq!(left_of("docker", pid), [""; 0]);
}

fn podman_does_it_too(pair: &Pair) {
    let podman = |words: &[&str]| match Command::new("podman")
        .args(words)
        .env_remove("DOCKER_CONFIG")
        .output()
    {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    };
    let pulled = podman(&["pull", "--quiet", "--tls-verify=false", &pair.ray]);
    let runs =
        pulled.and_then(|()| podman(&["run", "--rm", "--network", "none", &pair.ray, "true"]));
    if let Err(why) = runs {
        left_out(format_args!("podman runs no containers here: {why}"));
        let _ = podman(&["rmi", "--force", &pair.ray]);
        return;
    }
    let words = ["verify", "--runtime", "podman", "--json", "--only"];
    let only = "pull,python,packages,files,user,size,ray,tasks,client,marimo";
    let command =
        pair.envlock.command(words.into_iter().chain([only, "ray-runtime", "marimo-runtime"]));
    let (run, pid) = spawned(command);
    let report = result("verify", &run.exits(0));
    assert_eq!(report["runtime"]["program"], "podman");
    for (image, name) in [(0, "tasks"), (0, "size"), (1, "client"), (1, "marimo")] {
        let (outcome, detail) = check(&report, image, name);
        assert_eq!(outcome, "ok", "{name}: {detail}");
    }
    assert_eq!(left_of("podman", pid), [""; 0]);
    for image in [&pair.marimo, &pair.ray] {
        succeeds(Command::new("podman").args(["rmi", "--force", image]));
    }
}

/// The command's end, and its process id.
fn spawned(mut command: Command) -> (Run, u32) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    (Run(child.wait_with_output().unwrap()), pid)
}

#[test]
fn a_build_whose_images_do_not_hold_releases_nothing() {
    let Some(engine) = Engine::find() else { return };
    let index = FakeIndex::start();
    for name in ["pip", "marimo"] {
        index.wheel(name, "1.0").add();
    }
    let broken = "raise ImportError('libgone.so.1: cannot open shared object file')\n";
    index.wheel("ray", "1.0").file("ray/__init__.py", broken).add();
    let source = format!("[sources.pypi]\nurl = \"{}\"\n[build]\nverify = true\n", index.url());
    let envlock = engine.project(&(GROUPS.replace("[client]", "") + &source));
    envlock.run(["resolve"]).exits(0);
    let before = envlock.read("config.yaml");
    let push = engine.push("layers", "test-verify-build");
    let refused = envlock.run(&push).exits(1).stderr();
    assert!(refused.contains("no file names them"), "{refused}");
    let why = "ray-runtime, imports: ray: ImportError: libgone.so.1: cannot open";
    assert!(refused.contains(why), "{refused}");
    assert_eq!(envlock.read("config.yaml"), before);
    assert!(!envlock.path("env.releases.jsonl").exists());
    // What is in the registry can be looked at, and released all the same.
    let released =
        images(&envlock.run(push.iter().map(String::as_str).chain(["--no-verify"])).exits(0));
    let ray = released["ray-runtime"].to_string();
    assert!(envlock.read("config.yaml").contains(&ray) && refused.contains(&ray), "{refused}");
    for image in released.values().map(PinnedReference::to_string) {
        let _ = Command::new("docker").args(["rmi", "--force", &image]).output();
    }
}

#[test]
fn without_docker_and_podman_nothing_is_built_or_run() {
    let workshop = Workshop::new(2_000);
    let envlock = workshop.project();
    let before = workshop.mark();
    let words = workshop.arguments("team");
    let verify = envlock.run(words.iter().map(String::as_str).chain(["--verify"])).exits(1);
    assert!(
        verify.stderr().contains("no containers can be run here: docker: "),
        "{}",
        verify.stderr()
    );
    assert!(workshop.since(before).is_nothing());
    workshop.build(&envlock, "team").exits(0);
    let run = envlock.run(["verify"]).exits(1);
    assert!(
        run.stderr().contains("podman: ") && run.stderr().contains("--supply"),
        "{}",
        run.stderr()
    );
    envlock.run(["verify", "--supply"]).exits(0);
    envlock.run(["verify", "--supply", "--only", "ray"]).exits(2);
    envlock.run(["verify", "--only", "nothing"]).exits(2);
}

/// A `docker` that only pulls, in the words of Docker 28 without a terminal.
#[test]
fn without_a_terminal_a_pulled_image_is_one_line_with_its_bytes() {
    let workshop = Workshop::new(200_000);
    let envlock = workshop.project();
    let image = images(&workshop.build(&envlock, "team").exits(0))["ray-runtime"].clone();
    let layers = pull(&image).manifest["layers"].as_array().unwrap().clone();
    let said = layers.iter().map(|layer| {
        let id = &layer["digest"].as_str().unwrap()["sha256:".len()..][..12];
        format!(
            "echo {id}: Pulling fs layer; echo {id}: Download complete; echo {id}: Pull complete\n"
        )
    });
    let said: String = said.collect();
    let script = format!("#!/bin/sh\ncase $1 in version) echo 28.5.2;; pull)\n{said}esac\n");
    let docker = envlock.write("bin/docker", script);
    fs_err::set_permissions(&docker, std::fs::Permissions::from_mode(0o755)).unwrap();
    let verify = |words: &[&str]| {
        let mut command = envlock.command(["verify", "--only", "pull", &image.to_string()]);
        command.args(words).env("PATH", envlock.path("bin"));
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{text}");
        text
    };
    let text = verify(&[]);
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("[pulls 1/1] ")).collect();
    let bytes: u64 = layers.iter().map(|layer| layer["size"].as_u64().unwrap()).sum();
    let expected = format!("ray-runtime: pulled, {:.1} MB", bytes as f64 / 1e6);
    assert!(matches!(lines[..], [line] if line.contains(&expected)), "{expected}: {text}");
    assert!(!verify(&["--no-progress"]).contains("[pulls "));
}
