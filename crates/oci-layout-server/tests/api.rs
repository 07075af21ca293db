//! The API over a socket, as any client sees it.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use camino::Utf8Path;
use oci_layout_server::{Digest, Event, Layout, Running, Server};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }

    fn code(&self) -> (u16, String) {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        (self.status, body["errors"][0]["code"].as_str().unwrap().to_owned())
    }
}

fn layout(folder: &TempDir) -> Layout {
    Layout::open(Utf8Path::from_path(folder.path()).unwrap()).unwrap()
}

async fn start(server: Server) -> Running {
    let listener = Server::listen("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
    server.start(listener).unwrap()
}

async fn ask(registry: &Running, request: &str, headers: &[&str], body: &str) -> Answer {
    let address = registry.address();
    let mut head = vec![
        format!("{request} HTTP/1.1"),
        "Connection: close".to_owned(),
        format!("Content-Length: {}", body.len()),
    ];
    if !headers.iter().any(|header| header.starts_with("Host:")) {
        head.push(format!("Host: {address}"));
    }
    head.extend(headers.iter().map(|&header| header.to_owned()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{}\r\n\r\n{body}", head.join("\r\n")).as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

async fn push_blob(registry: &Running, repository: &str, bytes: &str) -> Digest {
    let digest = Digest::of(bytes);
    let request = format!("POST /v2/{repository}/blobs/uploads/?digest={digest}");
    assert_eq!(ask(registry, &request, &[], bytes).await.status, 201);
    digest
}

/// Pushes an image of a config alone, about another manifest or none.
async fn push_image(registry: &Running, reference: &str, subject: Option<Digest>) -> Digest {
    let config = push_blob(registry, "team/app", reference).await;
    let about = subject.map(|digest| json!({"mediaType": MANIFEST, "digest": digest, "size": 1}));
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "subject": about,
        "config": {"mediaType": "application/x", "digest": config, "size": reference.len()},
        "annotations": {"org.example.b": "2", "org.example.a": "1", "org.example.c": reference},
    });
    let manifest = manifest.to_string();
    let answer =
        ask(registry, &format!("PUT /v2/team/app/manifests/{reference}"), &[], &manifest).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let digest = Digest::of(manifest);
    assert_eq!(answer.header("Docker-Content-Digest"), Some(&*digest.to_string()));
    digest
}

#[tokio::test]
async fn an_image_is_pulled_as_it_was_pushed_and_keeps_its_blobs() {
    let folder = tempfile::tempdir().unwrap();
    let registry = start(Server::new(layout(&folder))).await;
    let image = push_image(&registry, "v1", None).await;
    let pulled = ask(&registry, "GET /v2/team/app/manifests/v1", &[], "").await;
    assert_eq!((pulled.status, Digest::of(&pulled.body)), (200, image));
    let blob = format!("/v2/team/app/blobs/{}", Digest::of("v1"));
    let delete = format!("DELETE {blob}");
    assert_eq!(ask(&registry, &delete, &[], "").await.code(), (405, "UNSUPPORTED".into()));
    let gone = format!("DELETE /v2/team/app/manifests/{image}");
    assert_eq!(ask(&registry, &gone, &[], "").await.status, 202);
    assert_eq!(ask(&registry, &delete, &[], "").await.status, 202);
    let pull = ask(&registry, &format!("GET {blob}"), &[], "").await;
    assert_eq!(pull.code(), (404, "BLOB_UNKNOWN".into()));
}

#[tokio::test]
async fn an_upload_goes_on_in_another_server_over_the_same_layout() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(Server::new(layout(&folder))).await;
    let begun = ask(&first, "POST /v2/a/blobs/uploads/", &[], "").await;
    let place = begun.header("Location").unwrap().to_owned();
    let part = ask(&first, &format!("PATCH {place}"), &["Content-Range: 0-4"], "hello").await;
    assert_eq!(part.status, 202);
    first.stop().await;
    let second = start(Server::new(layout(&folder))).await;
    let there = ask(&second, &format!("GET {place}"), &[], "").await;
    assert_eq!((there.status, there.header("Range")), (204, Some("0-4")));
    let digest = Digest::of("hello, world");
    let put = format!("PUT {place}?digest={digest}");
    let early = ask(&second, &put, &["Content-Range: 6-12"], ", world").await;
    assert_eq!(early.code(), (416, "BLOB_UPLOAD_INVALID".into()));
    assert_eq!(ask(&second, &put, &["Content-Range: 5-11"], ", world").await.status, 201);
    let pulled = ask(&second, &format!("GET /v2/a/blobs/{digest}"), &[], "").await;
    assert_eq!(pulled.body, "hello, world");
}

#[tokio::test]
async fn a_page_in_a_browser_is_refused_under_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(layout(&folder))
        .known_as(vec!["registry.example".parse().unwrap()])
        .host_advice(", or ask for another");
    let registry = start(server).await;
    let known = ask(&registry, "GET /v2/", &["Host: registry.example"], "").await;
    assert_eq!(known.status, 200);
    let rebound = ask(&registry, "GET /v2/", &["Host: evil.example"], "").await;
    assert_eq!(rebound.code(), (421, "DENIED".into()));
    assert!(rebound.body.contains("it listens on, or ask for another\""), "{}", rebound.body);
    let page = ask(&registry, "GET /v2/", &["Origin: http://evil.example"], "").await;
    assert_eq!(page.code(), (403, "DENIED".into()));
}

#[tokio::test]
async fn referrers_are_listed_the_same_each_time_and_by_type() {
    let folder = tempfile::tempdir().unwrap();
    let registry = start(Server::new(layout(&folder).annotated("org.example"))).await;
    let image = push_image(&registry, "v1", None).await;
    let about = push_image(&registry, "sbom", Some(image)).await;
    let request = format!("GET /v2/team/app/referrers/{image}");
    let listed = ask(&registry, &request, &[], "").await;
    assert_eq!(listed.body, ask(&registry, &request, &[], "").await.body);
    let list: Value = serde_json::from_str(&listed.body).unwrap();
    assert_eq!(list["manifests"][0]["digest"], json!(about));
    assert_eq!(list["manifests"][0]["annotations"]["org.example.c"], "sbom");
    let none = ask(&registry, &format!("{request}?artifactType=application/y"), &[], "").await;
    let none: Value = serde_json::from_str(&none.body).unwrap();
    assert_eq!(none["manifests"], json!([]));
    let index = std::fs::read_to_string(folder.path().join("index.json")).unwrap();
    assert!(index.contains(r#""org.example.repository": "team/app""#), "{index}");
}

#[tokio::test]
async fn who_only_reads_is_told_so_and_the_owner_is_told_everything() {
    let folder = tempfile::tempdir().unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let (seen, layout) = (told.clone(), layout(&folder));
    let server = Server::new(layout)
        .read_only(true)
        .with_header("x-layout".parse().unwrap(), "mine".parse().unwrap())
        .observed_by(move |event| {
            if let Event::Answered { .. } = event {
                seen.lock().unwrap().push(event.to_string());
            }
        });
    let registry = start(server).await;
    let answer = ask(&registry, "POST /v2/a/blobs/uploads/", &[], "").await;
    assert_eq!(answer.code(), (405, "UNSUPPORTED".into()));
    assert_eq!(answer.header("X-Layout"), Some("mine"));
    registry.stop().await;
    assert_eq!(*told.lock().unwrap(), ["POST /v2/a/blobs/uploads/ 405"]);
}
