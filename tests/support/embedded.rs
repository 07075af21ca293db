//! `envlock serve` as a process, and what a client of it needs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use camino::Utf8PathBuf;
use envlock::digest::Digest;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::Envlock;
use super::registry::MANIFEST;

/// A running registry of a user; it is killed when dropped.
pub struct Embedded {
    envlock: Envlock,
    process: Child,
    host: String,
    client: reqwest::Client,
}

impl Embedded {
    /// Starts it on a free port, with an empty layout.
    pub fn start() -> Self {
        Self::of(Envlock::new(), "127.0.0.1:0", &[])
    }

    /// Starts it in this folder.
    pub fn of(envlock: Envlock, address: &str, options: &[&str]) -> Self {
        let (process, host) = serve(&envlock, address, options);
        Embedded { envlock, process, host, client: crate::support::http() }
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn folder(&self) -> Utf8PathBuf {
        self.envlock.path(".home/.local/share/envlock/registry")
    }

    pub fn envlock(&self) -> &Envlock {
        &self.envlock
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again at the same address, over what it had.
    pub fn restart(&mut self, options: &[&str]) {
        (self.process, _) = serve(&self.envlock, &self.host, options);
        // Without the connections that the kill broke.
        self.client = crate::support::http();
    }

    /// Sends a signal; the exit code it ends with.
    pub fn signal(&mut self, name: &str) -> Option<i32> {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
        self.process.wait().unwrap().code()
    }

    /// A request; `path` begins after `/v2/`, or is a Location.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/v2/{path}") };
        self.client.request(method, format!("http://{}{path}", self.host))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub async fn head(&self, path: &str) -> Response {
        self.request(Method::HEAD, path).send().await.unwrap()
    }

    pub async fn delete(&self, path: &str) -> Response {
        self.request(Method::DELETE, path).send().await.unwrap()
    }

    /// Begins an upload; its Location.
    pub async fn begin(&self, repository: &str) -> String {
        let path = format!("{repository}/blobs/uploads/");
        let answer = self.request(Method::POST, &path).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        header(&answer, "location")
    }

    /// Pushes a blob the way most clients do.
    pub async fn push_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let location = self.begin(repository).await;
        let digest = Digest::of(bytes);
        let put = self.request(Method::PUT, &format!("{location}?digest={digest}"));
        let answer = put.body(bytes.to_vec()).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
        digest
    }

    pub async fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        manifest: &Value,
    ) -> Response {
        let put = self.request(Method::PUT, &format!("{repository}/manifests/{reference}"));
        let media = manifest["mediaType"].as_str().unwrap_or(MANIFEST).to_owned();
        put.header("Content-Type", media).body(manifest.to_string()).send().await.unwrap()
    }

    /// Pushes an image with one layer made of `seed`, under a tag; its manifest.
    pub async fn push_image(&self, repository: &str, tag: &str, seed: &str) -> (Value, Digest) {
        let (layer, config) = (format!("layer {seed}"), format!("{{\"seed\":\"{seed}\"}}"));
        self.push_blob(repository, layer.as_bytes()).await;
        self.push_blob(repository, config.as_bytes()).await;
        let manifest = image(&config, &layer);
        let answer = self.put_manifest(repository, tag, &manifest).await;
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
        let digest = Digest::of(manifest.to_string());
        assert_eq!(header(&answer, "docker-content-digest"), digest.to_string());
        (manifest, digest)
    }
}

/// The manifest of an image.
pub fn image(config: &str, layer: &str) -> Value {
    let pointer = |media: &str, text: &str| {
        json!({"mediaType": format!("application/vnd.oci.image.{media}"),
            "digest": Digest::of(text), "size": text.len()})
    };
    json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": pointer("config.v1+json", config),
        "layers": [pointer("layer.v1.tar", layer)]})
}

pub fn header(answer: &Response, name: &str) -> String {
    let value = answer.headers().get(name).unwrap_or_else(|| panic!("{name} is missing"));
    value.to_str().unwrap().to_owned()
}

/// The status and the code in the body of a refusal.
pub async fn refusal(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    (status, body["errors"][0]["code"].as_str().unwrap().to_owned())
}

fn serve(envlock: &Envlock, address: &str, options: &[&str]) -> (Child, String) {
    let args = [&["serve", "--quiet", "--listen", address], options].concat();
    let mut process = envlock.command(args).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let host = line.trim().strip_prefix("http://").unwrap_or_else(|| panic!("{line:?}"));
    (process, host.to_owned())
}

impl Drop for Embedded {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
