//! Pinning a standalone interpreter from a mirror with the project's layout.

use envlock::digest::Sha256;
use envlock::exit::{Classified, Exit};
use envlock::index::standalone;
use envlock::net::{Client, Retry};
use envlock::spec::PythonRequest;

use crate::support::{Reply, Server};

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
    let pinned = standalone::pin(&client, &wanted, Some(&server.url(path))).await;
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
    let error = standalone::pin(&client, &wanted, Some(&url)).await.unwrap_err();
    assert!(error.is_unreachable(), "{error:?}");
}
