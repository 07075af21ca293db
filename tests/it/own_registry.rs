//! The registry of a user, which all projects share: several at once, one that ends, those of earlier versions.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use camino::Utf8Path;
use envlock::digest::Digest;
use envlock::reference::PinnedReference;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::embedded::{header, image, refusal};
use crate::support::release::CONFIG;
use crate::support::workshop::{Workshop, images, locked, pull};
use crate::support::{Embedded, Envlock};

/// A home that several projects share, and a port that nobody else has.
struct Home {
    folder: tempfile::TempDir,
    port: u16,
}

impl Home {
    fn new() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        // Not one that the system may give to an outgoing connection before it is listened on.
        let first = 20_000 + u16::try_from(std::process::id() % 200).unwrap() * 50;
        let ports = std::iter::repeat_with(|| first + NEXT.fetch_add(1, Ordering::SeqCst));
        let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        Home { folder: tempfile::tempdir().unwrap(), port: ports.take(50).find(is_free).unwrap() }
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// This project, at home here.
    fn of(&self, envlock: Envlock) -> Envlock {
        envlock.env("HOME", self.folder.path().display())
    }

    /// A project with a lock, whose registry has the port of this home.
    fn project(&self, workshop: &Workshop, groups: &str) -> Envlock {
        let envlock = self.of(workshop.begun());
        let spec = envlock.read("envlock.toml").replace("[\"polars\", \"ray\"]", groups);
        envlock.write("envlock.toml", format!("{spec}[registry]\nport = {}\n", self.port));
        envlock.run(["resolve"]).exits(0);
        envlock
    }

    /// `envlock serve` in no project, over what all of them have.
    fn serve(&self) -> Embedded {
        Embedded::of(self.of(Envlock::new()), &self.host(), &[])
    }
}

fn whole(images: &BTreeMap<String, PinnedReference>) {
    for image in images.values() {
        assert!(pull(image).paths().contains_key("etc/passwd"), "{image}");
    }
}

#[test]
fn two_projects_build_roll_back_and_build_at_once_and_one_serve_serves_both() {
    let (workshop, home) = (Workshop::new(20_000), Home::new());
    let projects = [r#"["polars", "ray"]"#, r#"["ray"]"#].map(|g| home.project(&workshop, g));
    let rounds = |envlock: &Envlock| {
        let built = images(&envlock.run(["build", "--push", "--json"]).exits(0));
        envlock.run(["rollback", "--to", "0"]).exits(0);
        assert_eq!(envlock.read("config.yaml"), CONFIG);
        let again = images(&envlock.run(["build", "--push", "--json"]).exits(0));
        assert_eq!(again, built);
        envlock.run(["verify", "--supply"]).exits(0);
        built
    };
    let [first, second] = &projects;
    let (a, b) = std::thread::scope(|scope| {
        let first = scope.spawn(|| rounds(first));
        let second = scope.spawn(|| rounds(second));
        (first.join().unwrap(), second.join().unwrap())
    });
    let place = |image: &PinnedReference| {
        (image.registry().to_owned(), image.repository().split('/').next().unwrap().to_owned())
    };
    let (of_a, of_b) = (place(&a["ray-runtime"]), place(&b["ray-runtime"]));
    assert_eq!((&of_a.0, &of_b.0), (&home.host(), &home.host()));
    assert_ne!(of_a.1, of_b.1);
    assert_ne!(a["ray-runtime"].digest(), b["ray-runtime"].digest());

    // Both ended. One serve has it all, and each project finds its own releases there.
    let serve = home.serve();
    whole(&a);
    whole(&b);
    for (envlock, images) in projects.iter().zip([&a, &b]) {
        for image in images.values() {
            assert!(envlock.read("config.yaml").contains(&image.to_string()));
        }
        let history = envlock.read("env.releases.jsonl");
        fs_err::remove_file(envlock.path("env.releases.jsonl")).unwrap();
        let told = envlock.run(["history", "--from-registry", "--json"]).exits(0).stderr();
        assert_eq!(envlock.read("env.releases.jsonl"), history, "{told}");
        assert_eq!(history.lines().count(), 3);
    }
    drop(serve);
    // What is old in one project is no business of the other's.
    first.run(["prune", "--keep", "1"]).exits(0);
    let _serve = home.serve();
    whole(&a);
    whole(&b);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stands_by_takes_over_when_the_one_that_served_is_killed() {
    let home = Home::new();
    let mut first = home.serve();
    let second = home.serve();
    let bytes = vec![7; 3_000_000];
    let location = first.begin("a").await;
    let patch = first.request(Method::PATCH, &location).body(bytes[..1_000_000].to_vec());
    assert_eq!(patch.send().await.unwrap().status(), 202);
    first.kill();
    // Until somebody listens again, as any client does.
    let progress = loop {
        match second.request(Method::GET, &location).send().await {
            Ok(answer) => break answer,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
        }
    };
    assert_eq!(header(&progress, "range"), "0-999999");
    let put = format!("{location}?digest={}", Digest::of(&bytes));
    let put = second.request(Method::PUT, &put).body(bytes[1_000_000..].to_vec());
    assert_eq!(put.send().await.unwrap().status(), 201);
}

#[test]
fn a_build_goes_on_when_the_one_that_serves_it_is_killed() {
    let (workshop, home) = (Workshop::new(2_000_000), Home::new());
    let envlock = home.project(&workshop, r#"["polars", "ray"]"#);
    let mut serve = home.serve();
    let built = std::thread::scope(|scope| {
        let build = scope.spawn(|| envlock.run(["build", "--push", "--json"]).exits(0));
        // As soon as something of it is there.
        let repositories = home.folder.path().join(".local/share/envlock/registry/repositories");
        while std::fs::read_dir(&repositories).unwrap().next().is_none() {
            std::thread::yield_now();
        }
        serve.kill();
        images(&build.join().unwrap())
    });
    let _serve = home.serve();
    whole(&built);
}

#[test]
fn an_address_that_others_have_is_told_with_the_key_that_helps() {
    let (workshop, home) = (Workshop::new(1_000), Home::new());
    let envlock = home.project(&workshop, r#"["ray"]"#);
    let other = Embedded::of(Envlock::new(), &home.host(), &[]);
    let told = envlock.run(["build", "--push"]).exits(8).stderr();
    assert!(told.contains(&home.host()) && told.contains("`port` under"), "{told}");
    assert_eq!(envlock.read("config.yaml"), CONFIG);
    drop(other);
    let _stranger = TcpListener::bind(home.host()).unwrap();
    let serve = ["serve", "--listen", &home.host()];
    let told = home.of(Envlock::new()).run(serve).exits(1).stderr();
    assert!(told.contains(&home.host()) && told.contains("--listen"), "{told}");
}

/// Pushes an image under a tag into the layout that an earlier version kept in the project folder.
async fn pushed_before(envlock: Envlock, tag: &str, seed: &str) -> (Envlock, Digest) {
    let folder = envlock.path(".envlock/registry");
    let old = Embedded::of(Envlock::new(), "127.0.0.1:0", &["--folder", folder.as_str()]);
    let (_, digest) = old.push_image("ray-runtime", tag, seed).await;
    (envlock, digest)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_projects_pushed_into_layouts_of_their_own_is_served_and_never_changed() {
    let home = Home::new();
    let (a, of_a) = pushed_before(home.of(Envlock::new()), "envlock-r1", "a").await;
    let (b, of_b) = pushed_before(home.of(Envlock::new()), "envlock-r1", "b").await;
    let listing = |envlock: &Envlock| listing(&envlock.path(".envlock/registry"));
    let (before, folder_of_a) = (listing(&a), a.path(".envlock/registry"));
    let serve = home.serve();
    // A project is known from its first command on.
    let [of_a_too, _of_b_too] = [a, b].map(|envlock| Embedded::of(envlock, "127.0.0.1:0", &[]));
    for digest in [of_a, of_b] {
        let answer = serve.get(&format!("ray-runtime/manifests/{digest}")).await;
        let manifest: Value = answer.json().await.unwrap();
        let layer = manifest["layers"][0]["digest"].as_str().unwrap();
        assert_eq!(serve.get(&format!("ray-runtime/blobs/{layer}")).await.status(), 200);
    }
    let tagged = serve.head("ray-runtime/manifests/envlock-r1").await;
    assert_eq!(header(&tagged, "docker-content-digest"), of_b.to_string());
    let catalog: Value = serve.get("_catalog").await.json().await.unwrap();
    assert_eq!(catalog, json!({"repositories": ["ray-runtime"]}));
    let gone = serve.delete(&format!("ray-runtime/manifests/{of_a}")).await;
    assert_eq!(refusal(gone).await, (404, "MANIFEST_UNKNOWN".into()));

    // A new tag, a record about it, a mount: the user's layout takes over what they need.
    let manifest: Value =
        serve.get(&format!("ray-runtime/manifests/{of_a}")).await.json().await.unwrap();
    assert_eq!(serve.put_manifest("ray-runtime", "envlock-r2", &manifest).await.status(), 201);
    let mut record = image("{\"seed\":\"b\"}", "layer b");
    record["subject"] = json!({"mediaType": "x", "digest": of_b, "size": 1});
    assert_eq!(serve.put_manifest("ray-runtime", "record", &record).await.status(), 201);
    let about: Value =
        serve.get(&format!("ray-runtime/referrers/{of_b}")).await.json().await.unwrap();
    assert_eq!(about["manifests"].as_array().unwrap().len(), 1);
    let layer = Digest::of("layer b");
    let mount = format!("new/x/blobs/uploads/?mount={layer}&from=ray-runtime");
    assert_eq!(serve.request(Method::POST, &mount).send().await.unwrap().status(), 201);
    let tags: Value = serve.get("ray-runtime/tags/list").await.json().await.unwrap();
    assert_eq!(tags["tags"], json!(["envlock-r1", "envlock-r2", "record"]));
    assert_eq!(listing(of_a_too.envlock()), before);

    // Without the old folder the image is still whole.
    fs_err::remove_dir_all(folder_of_a).unwrap();
    let kept = PinnedReference::new(serve.host(), "ray-runtime", of_a);
    let answer = serve.get(&format!("ray-runtime/manifests/{}", kept.digest())).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(serve.get("ray-runtime/blobs/".to_owned().as_str()).await.status(), 400);
    let layer = format!("ray-runtime/blobs/{}", Digest::of("layer a"));
    assert_eq!(serve.get(&layer).await.text().await.unwrap(), "layer a");
}

fn listing(folder: &Utf8Path) -> String {
    let mut find = std::process::Command::new("find");
    let found = find.arg(folder).args(["-printf", "%p %s %T@\n"]).output().unwrap();
    String::from_utf8(found.stdout).unwrap()
}

#[test]
fn a_release_in_a_layout_of_the_projects_own_is_found_rolled_back_to_and_pruned() {
    let (workshop, home) = (Workshop::new(20_000), Home::new());
    let envlock = home.project(&workshop, r#"["polars", "ray"]"#);
    let folder = envlock.path(".envlock/registry");
    // As an earlier version did: no prefix, and the layout in the project.
    let old = Embedded::of(Envlock::new(), &home.host(), &["--folder", folder.as_str()]);
    let destination = home.host();
    let push = ["build", "--push", "--json", "--registry", &destination];
    let before = images(&envlock.run(push).exits(0));
    drop(old);
    let status = envlock.run(["status", "--registry", "--json"]).exits(0).stdout();
    let status: Value = serde_json::from_str(&status).unwrap();
    for role in status["roles"].as_array().unwrap().iter().filter(|r| !r["release"].is_null()) {
        assert_eq!(role["in_registry"], "there", "{role}");
    }

    let spec = envlock.read("envlock.toml").replace("\"polars\", ", "");
    envlock.write("envlock.toml", spec);
    envlock.run(["resolve"]).exits(0);
    let after = images(&envlock.run(["build", "--push", "--json"]).exits(0));
    assert!(!locked(&envlock).layers.is_empty());
    envlock.run(["rollback"]).exits(0);
    for image in before.values() {
        assert_eq!(image.registry(), home.host());
        assert!(envlock.read("config.yaml").contains(&image.to_string()));
    }
    {
        let _serve = home.serve();
        whole(&before);
        whole(&after);
    }
    // The next two builds make the first release old, and nothing names it any more.
    for group in ["[\"ray\", \"numpy\"]", "[\"ray\", \"pyzmq\"]"] {
        let spec = envlock.read("envlock.toml");
        let (head, rest) = spec.split_once("[groups.ray]\npackages = ").unwrap();
        let rest = rest.split_once('\n').unwrap().1;
        let spec = format!("{head}[groups.ray]\npackages = {group}\n{rest}");
        envlock.write("envlock.toml", spec);
        envlock.run(["resolve"]).exits(0);
        envlock.run(["build", "--push"]).exits(0);
    }
    let told = envlock.run(["prune", "--keep", "1"]).exits(0);
    assert!(told.stdout().contains(&before["ray-runtime"].to_string()), "{}", told.stdout());
    let serve = home.serve();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for image in before.values().chain(after.values()) {
        let path = format!("{}/manifests/{}", image.repository(), image.digest());
        assert_eq!(runtime.block_on(serve.get(&path)).status(), 404, "{image}");
    }
}
