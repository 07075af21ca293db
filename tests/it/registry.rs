//! The registry client against a real registry, and against servers that lie.

use std::collections::BTreeMap;

use camino::Utf8Path;
use envlock::base_image::{self, Ask, Error};
use envlock::digest::Digest;
use envlock::exit::{Classified, Exit};
use envlock::net::{self, Retry};
use envlock::platform::Platform;
use envlock::reference::PinnedReference;
use envlock::registry::{self, Client};
use envlock::spec::{PythonRequest, RegistrySpec};
use envlock::store::Store;
use envlock::ui::Bar;
use serde_json::{Value, json};

use crate::support::{INDEX, Registry, Reply, Request, Server};

const PLATFORM: Platform = Platform::LINUX_AMD64;

fn client() -> Client {
    with_mirrors(&[])
}

fn with_mirrors(mirrors: &[(&str, &str)]) -> Client {
    let first = std::time::Duration::from_millis(1);
    let net = net::Client::new(Retry { first, ..Retry::default() }).unwrap();
    let mirrors = mirrors.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
    let spec = RegistrySpec { mirrors: mirrors.collect::<BTreeMap<_, _>>(), ..Default::default() };
    registry::client(net, &spec, false)
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(Utf8Path::from_path(folder.path()).unwrap()).unwrap();
    (folder, store)
}

fn config() -> Value {
    json!({"os": "linux", "architecture": "amd64", "created": "2026-01-02T03:04:05Z",
        "config": {"Env": ["PATH=/bin"], "Labels": {"lock": "x"}},
        "rootfs": {"type": "layers", "diff_ids": []}})
}

/// A gzip layer with these files.
fn layer(files: &[(&str, &str)]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn debian() -> Vec<Vec<u8>> {
    let libc = "Package: libc6\nVersion: 2.41-12\n\n";
    let python = "Package: python3.14-minimal\nStatus: install ok installed\nVersion: 3.14.2-1\n\n";
    vec![
        layer(&[("var/lib/dpkg/status", libc)]),
        layer(&[("var/lib/dpkg/status", &format!("{libc}{python}"))]),
        layer(&[("etc/hello", "world")]),
    ]
}

fn python() -> Ask {
    let wanted = PythonRequest { major: 3, minor: 14, patch: None };
    Ask { glibc: true, python: Some(wanted), ..Ask::on(PLATFORM) }
}

#[tokio::test]
async fn a_tag_of_one_image_has_one_digest() {
    let registry = Registry::start();
    let digest = registry.push_image("base/one", "v1", &debian(), &config()).await;
    let text = format!("{}/base/one:v1", registry.host());
    let pinned = base_image::pin(&client(), &text, PLATFORM).await.unwrap();
    assert_eq!((pinned.index_digest, pinned.platform_digest), (digest, digest));
    let by_digest =
        base_image::pin(&client(), &format!("{text}@{digest}"), PLATFORM).await.unwrap();
    assert_eq!(by_digest, pinned);
}

#[tokio::test]
async fn a_tag_of_an_index_has_the_digest_of_our_platform_too() {
    let registry = Registry::start();
    let digest = registry.push_image("base/multi", "amd64", &debian(), &config()).await;
    let entry = |os: &str, architecture: &str| {
        json!({"mediaType": envlock_manifest(), "digest": digest.to_string(), "size": 1,
            "platform": {"os": os, "architecture": architecture}})
    };
    let index =
        |entries: Vec<Value>| json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    let both =
        index(vec![entry("unknown", "unknown"), entry("linux", "arm64"), entry("linux", "amd64")]);
    let index_digest = registry.push_manifest("base/multi", "v1", INDEX, &both).await;
    let pinned =
        base_image::pin(&client(), &format!("{}/base/multi:v1", registry.host()), PLATFORM)
            .await
            .unwrap();
    assert_eq!((pinned.index_digest, pinned.platform_digest), (index_digest, digest));

    let arm = index(vec![entry("unknown", "unknown"), entry("linux", "arm64")]);
    registry.push_manifest("base/multi", "arm", INDEX, &arm).await;
    let error =
        base_image::pin(&client(), &format!("{}/base/multi:arm", registry.host()), PLATFORM)
            .await
            .unwrap_err();
    assert!(
        error.to_string().ends_with("no image for linux/amd64, only for linux/arm64"),
        "{error}"
    );
}

fn envlock_manifest() -> &'static str {
    "application/vnd.oci.image.manifest.v1+json"
}

#[tokio::test]
async fn an_image_of_another_platform_is_refused_by_its_config() {
    let registry = Registry::start();
    let mut config = config();
    config["architecture"] = json!("arm64");
    registry.push_image("base/arm", "v1", &[], &config).await;
    let error = base_image::pin(&client(), &format!("{}/base/arm:v1", registry.host()), PLATFORM)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::NoPlatform { found, .. } if found == "linux/arm64"),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let registry = Registry::start();
    let text = format!("{}/base/none:v1", registry.host());
    let error = base_image::pin(&client(), &text, PLATFORM).await.unwrap_err();
    assert_eq!((error.exit(), error.is_unreachable()), (Exit::Registry, false));
    assert!(error.to_string().contains(&text), "{error}");
    let error = base_image::pin(&client(), "Not A Reference", PLATFORM).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Usage);
}

#[tokio::test]
async fn a_registry_that_is_away_is_told_apart_from_one_that_refuses() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = base_image::pin(&client(), &format!("{free}/base:v1"), PLATFORM).await.unwrap_err();
    assert_eq!((error.exit(), error.is_unreachable()), (Exit::Network, true));
    let text = error.to_string();
    assert!(text.contains(&format!("{free}/base:v1")), "{text}");
}

#[tokio::test]
async fn the_facts_of_a_base_come_from_its_layers_and_are_read_once() {
    let registry = Registry::start();
    registry.push_image("base/debian", "v1", &debian(), &config()).await;
    let (text, (_folder, store)) = (format!("{}/base/debian:v1", registry.host()), store());
    let client = client();
    let digests = base_image::pin(&client, &text, PLATFORM).await.unwrap();
    let bar = Bar::hidden();
    let facts =
        base_image::inspect(&client, &store, &text, digests, &python(), &bar).await.unwrap();
    assert_eq!(facts.glibc.clone().unwrap().to_string(), "2.41");
    assert_eq!(facts.python.clone().unwrap().to_string(), "3.14.2");
    assert_eq!(facts.created.unwrap().to_string(), "2026-01-02T03:04:05Z");
    assert_eq!(facts.env["PATH"], "/bin");
    drop(registry);
    assert_eq!(
        base_image::inspect(&client, &store, &text, digests, &python(), &bar).await.unwrap(),
        facts
    );
    let other =
        Ask { python: Some(PythonRequest { minor: 13, ..python().python.unwrap() }), ..python() };
    let facts = base_image::inspect(&client, &store, &text, digests, &other, &bar).await.unwrap();
    assert!(facts.python.unwrap_err().to_string().ends_with("it has Python 3.14.2"));
}

#[tokio::test]
async fn the_files_of_a_base_are_merged_over_its_layers_and_read_once() {
    let registry = Registry::start();
    let mut layers = debian();
    layers.push(layer(&[("usr/bin/gcc", "ELF"), ("usr/bin/python3.14", "ELF")]));
    layers.push(layer(&[("usr/bin/.wh.gcc", "")]));
    registry.push_image("base/files", "v1", &layers, &config()).await;
    let (text, (_folder, store)) = (format!("{}/base/files:v1", registry.host()), store());
    let client = client();
    let digests = base_image::pin(&client, &text, PLATFORM).await.unwrap();
    let bar = Bar::hidden();
    let facts =
        base_image::inspect(&client, &store, &text, digests, &python(), &bar).await.unwrap();
    assert_eq!(facts.system, None, "nobody asked");
    let ask = Ask { system: true, ..python() };
    let facts = base_image::inspect(&client, &store, &text, digests, &ask, &bar).await.unwrap();
    let system = facts.system.clone().unwrap();
    assert_eq!(system.layers, 5);
    // The PATH of its config is /bin alone.
    assert!(!system.has_compiler() && system.program("python3.14").is_none());
    assert!(system.entry("usr/bin/python3.14").is_some() && system.entry("usr/bin/gcc").is_none());
    drop(registry);
    assert_eq!(
        base_image::inspect(&client, &store, &text, digests, &ask, &bar).await.unwrap(),
        facts
    );
}

#[tokio::test]
async fn the_documents_of_a_base_come_byte_by_byte_and_say_who_has_them() {
    let registry = Registry::start();
    let digest = registry.push_image("mirrored/base/one", "v1", &debian(), &config()).await;
    let mirror = format!("{}/mirrored", registry.host());
    let client = with_mirrors(&[("registry.example", &mirror)]);
    let text = "registry.example/base/one:v1";
    let digests = base_image::pin(&client, text, PLATFORM).await.unwrap();
    let image = base_image::read(&client, text, digests).await.unwrap();
    assert_eq!(Digest::of(&image.manifest_bytes), digest);
    assert_eq!(Digest::of(&image.config_bytes), image.manifest.config.digest);
    assert_eq!((&*image.registry, &*image.repository), (registry.host(), "mirrored/base/one"));
}

#[tokio::test]
async fn a_python_image_says_its_version_itself() {
    let registry = Registry::start();
    let mut config = config();
    config["config"]["Env"] = json!(["PYTHON_VERSION=3.14.5"]);
    registry.push_image("base/python", "v1", &debian(), &config).await;
    let (text, (_folder, store)) = (format!("{}/base/python:v1", registry.host()), store());
    let digests = base_image::pin(&client(), &text, PLATFORM).await.unwrap();
    let facts =
        base_image::inspect(&client(), &store, &text, digests, &python(), &Bar::hidden()).await;
    assert_eq!(facts.unwrap().python.unwrap().to_string(), "3.14.5");
}

#[tokio::test]
async fn a_pushed_image_is_read_back_whole_or_its_missing_blob_is_named() {
    let registry = Registry::start();
    let layers = debian();
    let digest = registry.push_image("team/ray", "v1", &layers, &config()).await;
    let pinned = PinnedReference::new(registry.host(), "team/ray", digest);
    assert!(client().exists(&pinned).await.unwrap());
    let image = client().read_back(&pinned).await.unwrap();
    assert_eq!(image.manifests[0].layers.len(), 3);
    assert!(image.size() > layers.iter().map(|l| l.len() as u64).sum());
    assert_eq!(client().config(&pinned).await.unwrap().labels()["lock"], "x");

    let absent = PinnedReference::new(registry.host(), "team/ray", Digest::of("other"));
    assert!(!client().exists(&absent).await.unwrap());
    let error = client().read_back(&absent).await.unwrap_err();
    assert!(matches!(error, registry::Error::NotFound { .. }), "{error:?}");

    let lost = Digest::of(&layers[1]).hex();
    fs_err::remove_dir_all(registry.data().join("blobs/sha256").join(&lost[..2]).join(&lost))
        .unwrap();
    let error = client().read_back(&pinned).await.unwrap_err();
    assert_eq!(registry::exit(&error), Exit::Registry);
    assert!(error.to_string().contains(&format!("sha256:{lost}")), "{error}");
}

/// An image served by hand, so that a test can spoil any part of it.
struct Served {
    manifest: Vec<u8>,
    config: Vec<u8>,
    layer: Vec<u8>,
}

impl Served {
    fn new() -> Self {
        let (config, layer) = (serde_json::to_vec(&config()).unwrap(), debian().remove(1));
        let blob =
            |bytes: &[u8]| json!({"digest": Digest::of(bytes).to_string(), "size": bytes.len()});
        let manifest =
            json!({"schemaVersion": 2, "config": blob(&config), "layers": [blob(&layer)]});
        Served { manifest: serde_json::to_vec(&manifest).unwrap(), config, layer }
    }

    fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    fn answer(&self, request: &Request) -> Reply {
        let blob = |bytes: &[u8]| request.path.ends_with(&Digest::of(bytes).to_string());
        if request.path.contains("/manifests/") {
            Reply::ok(self.manifest.clone()).header("Content-Type", envlock_manifest())
        } else if blob(&self.config) {
            Reply::ok(self.config.clone())
        } else if blob(&self.layer) {
            Reply::ranged(request, &self.layer)
        } else {
            Reply::status(404)
        }
    }
}

#[tokio::test]
async fn bytes_that_are_not_what_their_digest_says_are_never_believed() {
    let spoiled = |what: &'static str| {
        let image = Served::new();
        let pinned = image.digest();
        let server = Server::start(move |request| {
            let mut reply = image.answer(request);
            if request.path.contains(what) {
                reply.body[10] ^= 1;
            }
            reply
        });
        (pinned, server)
    };
    for what in ["/manifests/", "/blobs/"] {
        let (digest, server) = spoiled(what);
        let error =
            base_image::pin(&client(), &format!("{}/base@{digest}", server.host()), PLATFORM)
                .await
                .unwrap_err();
        assert_eq!(error.exit(), Exit::Integrity, "{what}: {error}");
        assert!(error.to_string().contains("expected sha256:"), "{error}");
    }
}

#[tokio::test]
async fn a_layer_is_hashed_before_its_facts_are_believed_and_resumed_when_it_is_cut() {
    let image = Served::new();
    let (digest, name) = (image.digest(), Digest::of(&image.layer).to_string());
    let layer = name.clone();
    let server = Server::start(move |request| {
        let reply = image.answer(request);
        let first = request.path.ends_with(&layer) && request.header("range").is_none();
        if first { reply.cut(50) } else { reply }
    });
    let text = format!("{}/base@{digest}", server.host());
    let digests = base_image::pin(&client(), &text, PLATFORM).await.unwrap();
    let (_folder, store) = store();
    let facts =
        base_image::inspect(&client(), &store, &text, digests, &python(), &Bar::hidden()).await;
    assert_eq!(facts.unwrap().python.unwrap().to_string(), "3.14.2");
    let resumed = server.requests().into_iter().filter(|r| r.header("range") == Some("bytes=50-"));
    assert_eq!(resumed.count(), 1);

    let image = Served::new();
    let server = Server::start(move |request| {
        let mut reply = image.answer(request);
        if request.path.ends_with(&name) {
            // Still a valid gzip stream: only the time in its header differs.
            reply.body[4] ^= 1;
        }
        reply
    });
    let text = format!("{}/base@{digest}", server.host());
    let (_folder, store) = self::store();
    let error =
        base_image::inspect(&client(), &store, &text, digests, &python(), &Bar::hidden()).await;
    assert_eq!(error.unwrap_err().exit(), Exit::Integrity);
}

#[tokio::test]
async fn a_registry_that_states_another_digest_is_caught_by_head_and_read_back() {
    let image = Served::new();
    let pinned = image.digest();
    let wrong = Digest::of("wrong");
    let server =
        Server::start(move |request| image.answer(request).header("Docker-Content-Digest", wrong));
    let pinned = PinnedReference::new(&server.host(), "team/ray", pinned);
    assert_eq!(registry::exit(&client().exists(&pinned).await.unwrap_err()), Exit::Integrity);
    assert_eq!(registry::exit(&client().read_back(&pinned).await.unwrap_err()), Exit::Integrity);
}

#[tokio::test]
async fn a_blob_of_another_size_is_caught_by_read_back() {
    let image = Served::new();
    let digest = image.digest();
    let server = Server::start(move |request| {
        let mut reply = image.answer(request);
        if request.method == "HEAD" {
            reply.body.push(0);
        }
        reply
    });
    let pinned = PinnedReference::new(&server.host(), "team/ray", digest);
    let error = client().read_back(&pinned).await.unwrap_err();
    assert_eq!(registry::exit(&error), Exit::Integrity);
}

#[tokio::test]
async fn a_mirror_is_asked_first_and_the_registry_when_it_has_not_got_it() {
    let image = Served::new();
    let digest = image.digest();
    let mirror = Server::start(move |request| image.answer(request));
    let empty = Server::start(|_| Reply::status(404));
    let image = Served::new();
    let real = Server::start(move |request| image.answer(request));
    let mirrored = with_mirrors(&[("docker.io", &mirror.host())]);
    let pinned = base_image::pin(&mirrored, "ubuntu:24.04", PLATFORM).await.unwrap();
    assert_eq!(pinned.platform_digest, digest);
    assert_eq!(mirror.requests()[0].path, "/v2/library/ubuntu/manifests/24.04");

    let prefix = format!("{}/hub", empty.host());
    let mirrored = with_mirrors(&[(&real.host(), &prefix)]);
    base_image::pin(&mirrored, &format!("{}/base:v1", real.host()), PLATFORM).await.unwrap();
    assert_eq!(empty.requests()[0].path, "/v2/hub/base/manifests/v1");
    // Whether a pushed image is there is never a mirror's to say.
    let pinned = PinnedReference::new(&real.host(), "base", digest);
    assert!(mirrored.exists(&pinned).await.unwrap());
    assert_eq!(empty.requests().len(), 1);
}

#[tokio::test]
async fn an_anonymous_token_is_fetched_once_and_used_for_everything() {
    let image = Served::new();
    let host = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let own = host.clone();
    let server = Server::start(move |request| {
        if request.path.starts_with("/token?") {
            return Reply::ok(r#"{"token": "abc"}"#);
        }
        if request.header("authorization") == Some("Bearer abc") {
            return image.answer(request);
        }
        let realm = format!("http://{}/token", own.get().unwrap());
        let challenge = format!(r#"Bearer realm="{realm}",service="here",scope="ignored""#);
        Reply::status(401).header("WWW-Authenticate", challenge)
    });
    host.set(server.host()).unwrap();
    base_image::pin(&client(), &format!("{}/team/base:v1", server.host()), PLATFORM).await.unwrap();
    let tokens: Vec<_> =
        server.requests().into_iter().filter(|r| r.path.starts_with("/token")).collect();
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].path, "/token?service=here&scope=repository%3Ateam%2Fbase%3Apull");
}

#[tokio::test]
async fn plain_http_beyond_loopback_is_used_only_when_asked_for() {
    let image = Served::new();
    let server = Server::start(move |request| image.answer(request));
    // A spelling of this machine that is not taken for loopback.
    let text = format!("{}/base:v1", server.host().replace("127.0.0.1", "127.1"));
    let net = net::Client::new(Retry { attempts: 1, ..Retry::default() }).unwrap();
    let client = |insecure| registry::client(net.clone(), &RegistrySpec::default(), insecure);
    let error = base_image::pin(&client(false), &text, PLATFORM).await.unwrap_err();
    assert!(error.is_unreachable(), "{error:?}");
    base_image::pin(&client(true), &text, PLATFORM).await.unwrap();
}

#[tokio::test]
async fn a_refusal_says_how_to_log_in() {
    let server = Server::start(|_| Reply::status(401).header("WWW-Authenticate", "Basic realm=x"));
    let error = base_image::pin(&client(), &format!("{}/base:v1", server.host()), PLATFORM)
        .await
        .unwrap_err();
    assert_eq!(error.exit(), Exit::Registry);
    let report = format!("{:?}", miette::Report::new(error));
    assert!(report.contains(&format!("docker login {}", server.host())), "{report}");
}
