//! Pinning a standalone interpreter from a mirror with the project's layout.

use std::sync::{Arc, Mutex};

use envlock::digest::Sha256;
use envlock::exit::{Classified, Exit};
use envlock::index::standalone;
use envlock::net::{Client, Retry};
use envlock::platform::Platform;
use envlock::spec::PythonRequest;

use crate::support::{Envlock, FakeIndex, Reply, Server};

const FILE: &str = "cpython-3.14.3+20260203-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz";
const LATEST: &str = r#"{
  "version": 1,
  "tag": "20260203",
  "release_url": "https://github.com/astral-sh/python-build-standalone/releases/tag/20260203",
  "asset_url_prefix": "https://github.com/astral-sh/python-build-standalone/releases/download/20260203"
}"#;

fn mirror() -> Server {
    Server::start(|request| match &*request.path {
        "/pbs/latest-release.json" => Reply::ok(LATEST),
        "/pbs/20260203/SHA256SUMS" => Reply::ok(format!("{}  {FILE}\n", Sha256::of("archive"))),
        _ => Reply::status(404),
    })
}

async fn pin(
    server: &Server,
    path: &str,
    minor: u64,
) -> Result<(String, envlock::lock::PythonArchive), standalone::Error> {
    let client = Client::new(Retry { attempts: 1, ..Retry::default() }).unwrap();
    let wanted = PythonRequest { major: 3, minor, patch: None };
    let pinned =
        standalone::pin(&client, &wanted, Platform::LINUX_AMD64, Some(&server.url(path))).await;
    pinned.map(|(version, archive)| (version.to_string(), archive))
}

#[tokio::test]
async fn the_newest_release_pins_version_file_and_hash() {
    let server = mirror();
    let (version, archive) = pin(&server, "/pbs", 14).await.unwrap();
    assert_eq!((&*version, &*archive.release, &*archive.file), ("3.14.3", "20260203", FILE));
    assert_eq!(archive.sha256, Sha256::of("archive"));
    let url = standalone::url(&archive, Some(&server.url("/pbs/")));
    assert_eq!(url, server.url(&format!("/pbs/20260203/{FILE}")));
}

#[tokio::test]
async fn what_is_missing_is_told_from_what_cannot_be_asked() {
    let server = mirror();
    let error = pin(&server, "/pbs", 12).await.unwrap_err();
    assert_eq!((error.exit(), error.is_unreachable()), (Exit::Unsatisfiable, false));
    assert!(error.to_string().contains("no Python 3.12"), "{error}");
    let error = pin(&server, "/elsewhere", 14).await.unwrap_err();
    assert_eq!((error.exit(), error.is_unreachable()), (Exit::Network, false));
    let gone = Server::start(|_| Reply::default().cut(0));
    let url = gone.url("/");
    drop(gone);
    let client = Client::new(Retry { attempts: 1, ..Retry::default() }).unwrap();
    let wanted = PythonRequest { major: 3, minor: 14, patch: None };
    let error =
        standalone::pin(&client, &wanted, Platform::LINUX_AMD64, Some(&url)).await.unwrap_err();
    assert!(error.is_unreachable(), "{error:?}");
}

const SUMS: [(&str, &str); 2] = [
    ("20260508", include_str!("../fixtures/python-build-standalone/SHA256SUMS-20260508")),
    ("20260814", include_str!("../fixtures/python-build-standalone/SHA256SUMS-20260814")),
];
const RECORDED_LATEST: &str =
    include_str!("../fixtures/python-build-standalone/latest-release.json");

/// A line of the list of all releases, in the form that uv reads.
fn listed(version: &str, release: &str, sha256: &str) -> String {
    let file = format!(
        "cpython-{version}%2B{release}-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz"
    );
    let base = "https://github.com/astral-sh/python-build-standalone/releases/download";
    let artifact = serde_json::json!({
        "url": format!("{base}/{release}/{file}"), "sha256": sha256,
        "platform": "x86_64-unknown-linux-gnu", "variant": "install_only_stripped",
    });
    let line = serde_json::json!({
        "version": format!("{version}+{release}"), "date": "2026-08-14T00:00:00Z", "artifacts": [artifact],
    });
    format!("{line}\n")
}

/// The project's releases as recorded, with one more between, and this one as the newest.
fn releases(latest: &Arc<Mutex<String>>, has_list: bool) -> Server {
    let latest = Arc::clone(latest);
    let hash = |text: &str| Sha256::of(text).to_string();
    let list = listed("3.14.7", "20260814", &hash("7"))
        + &listed("3.14.6", "20260620", &hash("6"))
        + &listed("3.14.5rc1", "20260508", &hash("5rc1"))
        + &listed("3.14.4", "20260410", &hash("4"))
        + &listed("3.15.0rc1", "20260814", &hash("15"));
    Server::start(move |request| {
        let tag = latest.lock().unwrap().clone();
        match &*request.path {
            "/pbs/latest-release.json" => Reply::ok(RECORDED_LATEST.replace("20260814", &tag)),
            "/pbs/python-build-standalone.ndjson" if has_list => Reply::ok(list.clone()),
            path => match SUMS.iter().find(|(tag, _)| path == format!("/pbs/{tag}/SHA256SUMS")) {
                Some((_, sums)) => Reply::ok(*sums),
                None => Reply::status(404),
            },
        }
    })
}

async fn asked(server: &Server, text: &str) -> Result<(String, String), standalone::Error> {
    let client = Client::new(Retry { attempts: 1, ..Retry::default() }).unwrap();
    let wanted: PythonRequest = text.to_owned().try_into().unwrap();
    let pinned =
        standalone::pin(&client, &wanted, Platform::LINUX_AMD64, Some(&server.url("/pbs"))).await;
    pinned.map(|(version, archive)| (version.to_string(), archive.release))
}

#[tokio::test]
async fn a_patch_or_a_final_version_that_the_newest_release_lacks_is_found_in_the_one_that_has_it()
{
    let latest = Arc::new(Mutex::new("20260814".to_owned()));
    let server = releases(&latest, true);
    let found = async |text: &str| asked(&server, text).await.unwrap();
    let is = |version: &str, release: &str| (version.to_owned(), release.to_owned());
    assert_eq!(found("3.14").await, is("3.14.7", "20260814"));
    assert_eq!(found("3.14.6").await, is("3.14.6", "20260620"));
    // Nobody has a final 3.15.
    assert_eq!(found("3.15").await, is("3.15.0rc1", "20260814"));
    // The newest release has a release candidate of 3.14 and nothing else.
    *latest.lock().unwrap() = "20260508".to_owned();
    assert_eq!(found("3.14").await, is("3.14.7", "20260814"));
    let error = asked(&server, "3.14.9").await.unwrap_err();
    assert_eq!(error.exit(), Exit::Unsatisfiable);
    assert!(
        error.to_string().ends_with("only 3.14.5rc1; no earlier release has it either"),
        "{error}"
    );
}

#[tokio::test]
async fn a_mirror_without_the_list_of_all_releases_is_told_and_no_candidate_taken() {
    let latest = Arc::new(Mutex::new("20260508".to_owned()));
    let server = releases(&latest, false);
    let error = asked(&server, "3.14").await.unwrap_err();
    assert_eq!(error.exit(), Exit::Unsatisfiable);
    let text = error.to_string();
    assert!(text.contains("only 3.14.5rc1; and the list of all releases"), "{text}");
    assert!(text.contains("python-build-standalone.ndjson answered 404"), "{text}");
}

#[test]
fn a_locked_interpreter_stays_until_everything_or_python_itself_is_upgraded() {
    let latest = Arc::new(Mutex::new("20260203".to_owned()));
    let tag = Arc::clone(&latest);
    let mirror = Server::start(move |request| {
        let tag = tag.lock().unwrap().clone();
        let patch = if tag == "20260203" { 3 } else { 4 };
        let file = format!(
            "cpython-3.14.{patch}+{tag}-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz"
        );
        match &*request.path {
            "/pbs/latest-release.json" => Reply::ok(LATEST.replace("20260203", &tag)),
            path if path == format!("/pbs/{tag}/SHA256SUMS") => {
                Reply::ok(format!("{}  {file}\n", Sha256::of(&file)))
            }
            _ => Reply::status(404),
        }
    });
    let index = FakeIndex::start();
    for name in ["pip", "marimo", "ray"] {
        index.wheel(name, "1.0").add();
    }
    let envlock = Envlock::new();
    let spec = |packages: &str| {
        format!(
            "[python]\nversion = \"3.14\"\nmirror = \"{}\"\n[target]\nglibc = \"2.39\"\n\
             [base]\nruntime = \"127.0.0.1:1/base:v1\"\ndevel = \"127.0.0.1:1/base:v1\"\n\
             [groups.python]\npackages = [\"pip\"]\n[groups.all]\npackages = [{packages}]\n\
             [images.all]\ngroups = [\"python\", \"all\"]\n[sources.pypi]\nurl = \"{}\"\n",
            mirror.url("/pbs"),
            index.url()
        )
    };
    let python = || {
        let lock = envlock::lock::parse(&envlock.read("env.lock")).unwrap();
        (lock.python.version.to_string(), lock.python.archive.unwrap().release)
    };
    envlock.write("envlock.toml", spec("\"marimo\""));
    envlock.run(["resolve"]).exits(0);
    let old = ("3.14.3".to_owned(), "20260203".to_owned());
    assert_eq!(python(), old);
    *latest.lock().unwrap() = "20260301".to_owned();
    index.wheel("marimo", "1.1").add();
    let run = envlock.run(["resolve", "--upgrade", "marimo"]).exits(0);
    assert_eq!(run.stdout(), "~ marimo 1.0 → 1.1\n");
    envlock.write("envlock.toml", spec("\"marimo\", \"ray\""));
    envlock.run(["resolve", "--refresh"]).exits(0);
    assert_eq!(python(), old);
    for upgrade in [&["--upgrade", "python"][..], &["--upgrade"]] {
        let lock = envlock.read("env.lock");
        let run = envlock.run(["resolve"].iter().chain(upgrade)).exits(0);
        assert_eq!(run.stdout(), "~ Python: 3.14.3 → 3.14.4\n");
        assert_eq!(python(), ("3.14.4".to_owned(), "20260301".to_owned()));
        envlock.write("env.lock", lock);
    }
    // What the lock has does not fit any more.
    envlock.write("envlock.toml", spec("\"marimo\"").replace("\"3.14\"", "\"3.14.4\""));
    envlock.run(["resolve"]).exits(0);
    assert_eq!(python().0, "3.14.4");
}
