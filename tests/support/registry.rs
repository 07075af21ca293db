//! A real registry (Debian's docker-registry) of the test's own, on a free port of loopback.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use envlock::digest::Digest;
use tempfile::TempDir;

/// A running registry with its own folder; both gone when dropped.
pub struct Registry {
    process: Child,
    host: String,
    folder: TempDir,
}

impl Registry {
    /// `None`, said aloud, where no docker-registry is installed; `ENVLOCK_TEST_REGISTRY=required`
    /// makes that a failure.
    pub fn start() -> Option<Self> {
        Self::with_auth("")
    }

    /// With more of the configuration file, such as an `auth:` section.
    pub fn with_auth(section: &str) -> Option<Self> {
        let Some(program) = program() else {
            let required = std::env::var("ENVLOCK_TEST_REGISTRY").is_ok_and(|v| v == "required");
            assert!(!required, "docker-registry is not installed");
            eprintln!("skipped: docker-registry is not installed (Debian: docker-registry)");
            return None;
        };
        let folder = TempDir::new().unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let host = free.local_addr().unwrap().to_string();
        drop(free);
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {}/data}}\n  \
             delete: {{enabled: true}}\nhttp: {{addr: {host}}}\n{section}",
            folder.path().display()
        );
        let file = folder.path().join("config.yml");
        fs_err::write(&file, config).unwrap();
        let process = Command::new(program)
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let registry = Registry { process, host, folder };
        let start = Instant::now();
        while std::net::TcpStream::connect(&registry.host).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "docker-registry does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(registry)
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Where its data lies, to be damaged.
    pub fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data/docker/registry/v2")
    }

    /// Pushes an OCI image; `layers` are stored as they are. The manifest's digest.
    pub async fn push_image(
        &self,
        name: &str,
        tag: &str,
        layers: &[Vec<u8>],
        config: &serde_json::Value,
    ) -> Digest {
        let config = serde_json::to_vec(config).unwrap();
        let descriptor = |media: &str, bytes: &[u8]| {
            serde_json::json!({
                "mediaType": format!("application/vnd.oci.image.{media}"),
                "digest": Digest::of(bytes).to_string(), "size": bytes.len(),
            })
        };
        for blob in layers.iter().chain([&config]) {
            self.push_blob(name, blob).await;
        }
        let layers: Vec<_> = layers.iter().map(|l| descriptor("layer.v1.tar+gzip", l)).collect();
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": descriptor("config.v1+json", &config), "layers": layers,
        });
        self.push_manifest(name, tag, MANIFEST, &manifest).await
    }

    /// Pushes a manifest or index as it is; its digest.
    pub async fn push_manifest(
        &self,
        name: &str,
        tag: &str,
        media: &str,
        manifest: &serde_json::Value,
    ) -> Digest {
        let bytes = serde_json::to_vec(manifest).unwrap();
        let url = format!("http://{}/v2/{name}/manifests/{tag}", self.host);
        let request = reqwest::Client::new().put(url).header("Content-Type", media);
        let answer = request.body(bytes.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
        Digest::of(bytes)
    }

    async fn push_blob(&self, name: &str, bytes: &[u8]) {
        let client = reqwest::Client::new();
        let start = format!("http://{}/v2/{name}/blobs/uploads/", self.host);
        let answer = client.post(start).send().await.unwrap();
        let location = answer.headers()["location"].to_str().unwrap();
        let mut url = answer.url().join(location).unwrap();
        url.query_pairs_mut().append_pair("digest", &Digest::of(bytes).to_string());
        let answer = client.put(url).body(bytes.to_vec()).send().await.unwrap();
        assert_eq!(answer.status(), 201);
    }
}

/// The media type of an image's manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The media type of an index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join("docker-registry"));
    found.chain(["/opt/envlock-engine/bin/docker-registry".into()]).find(|file| file.is_file())
}
