//! `envlock rollback` and `history`, against a real registry.

use envlock::reference::PinnedReference;

use crate::support::release::{CONFIG, Images, push_both, release};
use crate::support::{Envlock, Faulty, Registry, Sessions};

struct Scene {
    registry: Registry,
    envlock: Envlock,
    first: Images,
    after_first: String,
    after_second: String,
}

/// Two releases.
fn scene() -> Scene {
    let (registry, envlock) = (Registry::start(), Envlock::new());
    envlock.write("config.yaml", CONFIG);
    let first = push_both(&registry, "one");
    release(&envlock, &first, "lock one\n");
    let after_first = envlock.read("config.yaml");
    release(&envlock, &push_both(&registry, "two"), "lock two\n");
    let after_second = envlock.read("config.yaml");
    Scene { registry, envlock, first, after_first, after_second }
}

impl Scene {
    fn history(&self) -> String {
        self.envlock.read("env.releases.jsonl")
    }
    fn json(&self, args: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.envlock.run(args).exits(0).stdout()).unwrap()
    }
}

#[test]
fn rollbacks_go_back_release_by_release_to_the_file_before_the_first() {
    let scene = scene();
    let run = scene.envlock.run(["rollback"]).exits(0);
    assert!(run.stderr().contains("went back to release 1"), "{}", run.stderr());
    assert!(run.stdout().contains("+++ b/config.yaml"), "{}", run.stdout());
    assert_eq!(scene.envlock.read("config.yaml"), scene.after_first);
    // The first release found tags that are built on the spot: no registry is asked for them.
    scene.envlock.run(["rollback"]).exits(0);
    assert_eq!(scene.envlock.read("config.yaml"), CONFIG);
    let run = scene.envlock.run(["rollback"]).exits(2);
    assert!(run.stderr().contains("no earlier release"), "{}", run.stderr());
    scene.envlock.run(["rollback", "--to", "2"]).exits(0);
    assert_eq!(scene.envlock.read("config.yaml"), scene.after_second);
    let history = scene.json(&["history", "--json"]);
    let kinds: Vec<_> = history["releases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["kind"].as_str().unwrap(), r["to"].as_u64()))
        .collect();
    let back = |to| ("rollback", Some(to));
    assert_eq!(kinds, [("build", None), ("build", None), back(1), back(0), back(2)]);
    assert_eq!((history["version"].as_u64(), history["current"].as_u64()), (Some(2), Some(2)));
}

#[test]
fn an_image_that_is_gone_stops_the_rollback_and_nothing_is_written() {
    let scene = scene();
    let ray = &scene.first[&"ray-runtime".parse().unwrap()];
    scene.registry.delete(ray);
    let before = scene.history();
    for args in
        [&["rollback"][..], &["rollback", "--dry-run"], &["rollback", "--to", "1", "--force"]]
    {
        let run = scene.envlock.run(args).exits(8);
        assert!(
            run.stderr().replace(['\n', ' ', '│'], "").contains(&ray.digest().to_string()),
            "{}",
            run.stderr()
        );
    }
    assert_eq!(scene.envlock.read("config.yaml"), scene.after_second);
    assert_eq!(scene.history(), before);
}

#[test]
fn a_registry_that_does_not_answer_stops_the_rollback() {
    let mut scene = scene();
    scene.registry.stop();
    let run = scene.envlock.run(["rollback"]).exits(8);
    assert!(run.stderr().contains(scene.registry.host()), "{}", run.stderr());
    assert_eq!(scene.envlock.read("config.yaml"), scene.after_second);
}

#[test]
fn hand_edits_stay_and_an_image_changed_by_hand_needs_force() {
    let scene = scene();
    let edited = scene.after_second.replace("port: 8080 ", "port: 9090 ");
    scene.envlock.write("config.yaml", &edited);
    scene.envlock.run(["rollback"]).exits(0);
    let expected = scene.after_first.replace("port: 8080 ", "port: 9090 ");
    assert_eq!(scene.envlock.read("config.yaml"), expected);

    let ray = scene.first[&"ray-runtime".parse().unwrap()].to_string();
    let by_hand = expected.replacen(&ray, "rayproject/ray:latest", 1);
    scene.envlock.write("config.yaml", &by_hand);
    let run = scene.envlock.run(["rollback", "--to", "2"]).exits(9);
    assert!(run.stderr().contains("rayproject/ray:latest"), "{}", run.stderr());
    assert_eq!(scene.envlock.read("config.yaml"), by_hand);
    scene.envlock.run(["rollback", "--to", "2", "--force"]).exits(0);
    let forced = scene.after_second.replace("port: 8080 ", "port: 9090 ");
    assert_eq!(scene.envlock.read("config.yaml"), forced);
}

#[test]
fn a_dry_run_shows_what_the_run_does_and_writes_nothing() {
    let scene = scene();
    let before = scene.history();
    let shown = scene.envlock.run(["rollback", "--dry-run", "--lock"]).exits(0).stdout();
    assert_eq!(
        (scene.envlock.read("config.yaml"), scene.history()),
        (scene.after_second.clone(), before)
    );
    assert!(shown.contains("-lock two\n+lock one\n"), "{shown}");
    let done = scene.envlock.run(["rollback"]).exits(0).stdout();
    assert!(shown.starts_with(&done), "{shown}\n{done}");
}

#[test]
fn the_lock_comes_back_byte_for_byte_from_its_copy_or_from_git() {
    let scene = scene();
    scene.envlock.run(["rollback", "--lock"]).exits(0);
    assert_eq!(scene.envlock.read("env.lock"), "lock one\n");

    let git = |args: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.arg("-C").arg(scene.envlock.folder()).args([
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example",
        ]);
        assert!(command.args(args).output().unwrap().status.success(), "{args:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "env.lock"]);
    git(&["commit", "-qm", "one"]);
    scene.envlock.write("env.lock", "lock two\n");
    git(&["commit", "-qam", "two"]);
    fs_err::remove_dir_all(scene.envlock.path(".envlock")).unwrap();
    scene.envlock.run(["rollback", "--to", "2", "--lock"]).exits(0);
    assert_eq!(scene.envlock.read("env.lock"), "lock two\n");
    fs_err::remove_dir_all(scene.envlock.path(".git")).unwrap();
    let run = scene.envlock.run(["rollback", "--to", "1", "--lock"]).exits(1);
    assert!(run.stderr().contains("neither in .envlock/locks nor in git"), "{}", run.stderr());
    assert_eq!(scene.envlock.read("config.yaml"), scene.after_second);
}

#[test]
fn a_layer_or_config_that_is_gone_stops_the_rollback_and_nothing_is_written() {
    for kind in ["layer", "config"] {
        let scene = scene();
        let ray = &scene.first[&"ray-runtime".parse().unwrap()];
        let blob = scene.registry.lose(ray, kind);
        let before = scene.history();
        let run = scene.envlock.run(["rollback", "--lock"]).exits(8);
        assert!(run.stderr().contains(&blob.to_string()), "{}", run.stderr());
        assert_eq!(scene.envlock.read("config.yaml"), scene.after_second);
        assert_eq!(
            (scene.envlock.read("env.lock"), scene.history()),
            ("lock two\n".into(), before)
        );
    }
}

#[test]
fn a_release_is_named_by_number_by_word_or_by_an_image() {
    let scene = scene();
    let digest = scene.first[&"marimo-runtime".parse().unwrap()].digest().to_string();
    for to in ["previous", "1", &digest, &digest[..20], &format!("r.example/x@{digest}")] {
        scene.envlock.run(["rollback", "--to", to]).exits(0);
        assert_eq!(scene.envlock.read("config.yaml"), scene.after_first, "{to}");
        scene.envlock.run(["rollback", "--to", "2"]).exits(0);
    }
    let none = format!("sha256:{}", "0".repeat(64));
    let run = scene.envlock.run(["rollback", "--to", &none]).exits(2);
    assert!(run.stderr().contains("no release has an image"), "{}", run.stderr());
    scene.envlock.run(["rollback", "--to", "newest"]).exits(2);
}

#[test]
fn what_runs_afterwards_runs_after_a_change_and_its_failure_undoes_nothing() {
    let scene = scene();
    // It is given no lock: it may be envlock itself.
    let envlock = env!("CARGO_BIN_EXE_envlock");
    let after = format!("echo $ENVLOCK_RELEASE out >> ran; {envlock} --no-wait history");
    scene.envlock.write("envlock.toml", format!("[release]\nafter = '{after}'\n"));
    let run = scene.envlock.run(["rollback", "--json"]).exits(0);
    assert_eq!(scene.envlock.read("ran"), "1 out\n");
    serde_json::from_str::<serde_json::Value>(&run.stdout()).unwrap();
    assert!(run.stderr().contains("build (runs)"), "{}", run.stderr());
    // Nothing changed: only what is asked for runs.
    scene.envlock.run(["rollback", "--to", "1"]).exits(0);
    assert_eq!(scene.envlock.read("ran"), "1 out\n");
    scene.envlock.run(["rollback", "--to", "1", "--then", "echo mine >> ran"]).exits(0);
    assert_eq!(scene.envlock.read("ran"), "1 out\nmine\n");
    scene.envlock.run(["rollback", "--to", "2", "--then", ""]).exits(0);
    assert_eq!(scene.envlock.read("ran"), "1 out\nmine\n");

    let dry = scene.envlock.run(["rollback", "--dry-run"]).exits(0);
    assert!(dry.stderr().contains("would then run: echo"), "{}", dry.stderr());
    let run = scene.envlock.run(["rollback", "--to", "1", "--then", "exit 3"]).exits(10);
    assert!(run.stderr().contains("exit status: 3"), "{}", run.stderr());
    assert!(run.stdout().contains("+++ b/config.yaml"), "{}", run.stdout());
    assert_eq!(scene.envlock.read("config.yaml"), scene.after_first);
    assert_eq!(scene.history().lines().count(), 5);
}

#[test]
fn a_release_that_does_not_exist_is_named() {
    let run = scene().envlock.run(["rollback", "--to", "7"]).exits(2);
    assert!(
        run.stderr().contains("no release 7") && run.stderr().contains("1 to 2"),
        "{}",
        run.stderr()
    );
}

#[test]
fn history_is_a_table_and_a_torn_line_is_told() {
    let scene = scene();
    let table = scene.envlock.run(["history"]).exits(0).stdout();
    assert!(
        table.contains("build (runs)") && table.contains("team/ray-runtime@sha256:"),
        "{table}"
    );
    let torn = scene.history() + "{\"v\":1,\"numb";
    scene.envlock.write("env.releases.jsonl", &torn);
    let run = scene.envlock.run(["history"]).exits(0);
    assert!(run.stderr().contains("line 3"), "{}", run.stderr());
    let run = scene.envlock.run(["rollback"]).exits(2);
    assert!(run.stderr().contains("cut off"), "{}", run.stderr());
    assert_eq!(scene.history(), torn);
    assert_eq!(scene.envlock.read("config.yaml"), scene.after_second);
    Envlock::new().run(["history"]).exits(0);
    let run = scene.envlock.run(["-C", "nowhere", "rollback"]).exits(1);
    assert!(run.stderr().contains("cannot be created"), "{}", run.stderr());
    assert!(!scene.envlock.path("nowhere").exists());
}

/// Two releases of images that a proxy lies before.
fn watched() -> (Registry, Faulty, Envlock, Images) {
    let (registry, envlock) = (Registry::start(), Envlock::new());
    let proxy = Faulty::before(registry.host(), Sessions::Passed);
    envlock.write("config.yaml", CONFIG);
    let through = |images: Images| -> Images {
        let image = |image: &PinnedReference| {
            PinnedReference::new(&proxy.host(), image.repository(), image.digest())
        };
        images.iter().map(|(name, pinned)| (name.clone(), image(pinned))).collect()
    };
    let first = through(push_both(&registry, "one"));
    release(&envlock, &first, "lock one\n");
    release(&envlock, &through(push_both(&registry, "two")), "lock two\n");
    (registry, proxy, envlock, first)
}

#[test]
fn a_rollback_reads_no_manifest_twice_and_has_its_record_there_before_it_writes() {
    let (_registry, proxy, envlock, first) = watched();
    let record = "/manifests/envlock-r3.record";
    let config = (envlock.path("config.yaml"), envlock.read("config.yaml"));
    let untouched = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let seen = untouched.clone();
    proxy.harm(move |asked| {
        if asked.method == "PUT" && asked.path.contains("/manifests/") {
            let now = fs_err::read_to_string(&config.0).unwrap();
            seen.fetch_and(now == config.1, std::sync::atomic::Ordering::SeqCst);
        }
        None
    });
    envlock.run(["rollback"]).exits(0);
    assert!(untouched.load(std::sync::atomic::Ordering::SeqCst));
    let asked = proxy.asked();
    let count = |method: &str, end: &str| {
        asked.iter().filter(|a| a.method == method && a.path.ends_with(end)).count()
    };
    for image in first.values() {
        assert_eq!(count("GET", &format!("/manifests/{}", image.digest())), 1, "{image}");
    }
    assert_eq!((count("PUT", record), count("PUT", "/manifests/envlock-r3")), (2, 2));
    // Each name is looked at right before it is written, and read back.
    assert_eq!((count("GET", record), count("HEAD", record)), (2, 2));
    assert_eq!(count("HEAD", "/manifests/envlock-r3"), 4);
    assert!(asked.iter().filter(|a| a.path.contains("/referrers/")).count() <= 1);
    // What nobody can have is not looked for: the record and the history with its line.
    let query = |a: &crate::support::Asked, name: &str| {
        let pairs = a.path.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
        let pairs: Vec<_> = url::form_urlencoded::parse(pairs.as_bytes()).into_owned().collect();
        pairs.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    };
    let sent = asked.iter().filter(|a| a.method == "PUT").filter_map(|a| query(a, "digest"));
    let sent: std::collections::BTreeSet<String> = sent.collect();
    let looked_for = sent.iter().filter(|digest| count("HEAD", &format!("/blobs/{digest}")) > 0);
    assert!(sent.len() >= 2 && looked_for.count() <= sent.len() - 2, "{sent:?}");
    let by_digest =
        asked.iter().filter(|a| a.method == "PUT" && a.path.contains("/manifests/sha256:"));
    assert_eq!(by_digest.count(), 0);
}

#[test]
fn a_rollback_that_is_refused_leaves_no_record_and_no_tag() {
    let (registry, proxy, envlock, first) = watched();
    let config = envlock.read("config.yaml");
    registry.lose(&first[&"marimo-runtime".parse().unwrap()], "layer");
    envlock.run(["rollback"]).exits(8);
    assert_eq!(envlock.read("config.yaml"), config);
    let named = proxy.asked();
    let named: Vec<_> =
        named.iter().filter(|a| a.method == "PUT" && a.path.contains("/manifests/")).collect();
    assert!(named.is_empty(), "{named:?}");
}
