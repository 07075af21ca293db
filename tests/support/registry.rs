//! A real registry (Debian's docker-registry) of the test's own, on a free port of loopback.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use envlock::digest::Digest;
use envlock::reference::PinnedReference;
use tempfile::TempDir;

const HOW_TO_INSTALL: &str = "\
this test needs Debian's registry: `apt-get install docker-registry`, or its path in \
ENVLOCK_TEST_REGISTRY";

/// A running registry with its own folder; both gone when dropped.
pub struct Registry {
    process: Child,
    host: String,
    folder: TempDir,
}

impl Registry {
    /// Starts an empty registry and waits until it listens.
    pub fn start() -> Self {
        Self::with_auth("")
    }

    /// With more of the configuration file, such as an `auth:` section.
    pub fn with_auth(section: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let (process, host) = serve(&folder, "127.0.0.1:0", section);
        Registry { process, host, folder }
    }

    /// Starts it again after [`Registry::stop`], at the same address, with what it had.
    pub fn restart(&mut self) {
        (self.process, _) = serve(&self.folder, &self.host, "");
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Where its data lies, to be damaged.
    pub fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data/docker/registry/v2")
    }

    /// Removes the unfinished uploads to a repository.
    pub fn forget_sessions(&self, repository: &str) {
        let folder = self.data().join("repositories").join(repository).join("_uploads");
        if let Err(error) = std::fs::remove_dir_all(folder) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        }
    }

    /// Bytes of everything in its storage, unfinished uploads included.
    pub fn stored(&self) -> u64 {
        fn sum(folder: &std::path::Path) -> u64 {
            // What vanishes while it is looked at (an upload that was finished) counts as nothing.
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries
                .map(|entry| match entry.metadata() {
                    Ok(meta) if meta.is_dir() => sum(&entry.path()),
                    Ok(meta) => meta.len(),
                    Err(_) => 0,
                })
                .sum()
        }
        sum(self.folder.path())
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

    /// Pushes a tiny image that `seed` makes different from others, from outside a runtime.
    pub fn push(&self, repository: &str, seed: &str) -> PinnedReference {
        let config = serde_json::json!({
            "architecture": "amd64", "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(seed)]},
        });
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let layers = [seed.as_bytes().to_vec()];
        let tag = Digest::of(seed).hex();
        let digest = runtime.block_on(self.push_image(repository, &tag, &layers, &config));
        PinnedReference::new(&self.host, repository, digest)
    }

    /// Deletes a manifest, as a retention job does.
    pub fn delete(&self, image: &PinnedReference) {
        let path = format!("v2/{}/manifests/{}", image.repository(), image.digest());
        let request = crate::support::http().delete(format!("http://{}/{path}", self.host));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        assert_eq!(runtime.block_on(request.send()).unwrap().status(), 202);
    }

    /// Takes a blob of an image away behind the registry's back, as a careless garbage collection does: its config or
    /// its first layer.
    pub fn lose(&self, image: &PinnedReference, kind: &str) -> Digest {
        let blob = |digest: Digest| {
            let hex = digest.hex();
            self.data().join("blobs/sha256").join(&hex[..2]).join(hex)
        };
        let manifest = fs_err::read(blob(image.digest()).join("data")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let described = if kind == "config" { &manifest["config"] } else { &manifest["layers"][0] };
        let digest = described["digest"].as_str().unwrap().parse().unwrap();
        fs_err::remove_dir_all(blob(digest)).unwrap();
        digest
    }

    /// Stops it; later requests are refused.
    pub fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
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
        let request = crate::support::http().put(url).header("Content-Type", media);
        let answer = request.body(bytes.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
        Digest::of(bytes)
    }

    async fn push_blob(&self, name: &str, bytes: &[u8]) {
        let client = crate::support::http();
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

/// A docker-registry with its data in `folder`, and the address it listens on.
fn serve(folder: &TempDir, address: &str, section: &str) -> (Child, String) {
    let config = format!(
        "version: 0.1\nlog: {{level: info, formatter: text}}\nhttp: {{addr: '{address}'}}\n\
         storage: {{filesystem: {{rootdirectory: '{}/data'}}, delete: {{enabled: true}}}}\n{section}",
        folder.path().display()
    );
    let file = folder.path().join("config.yml");
    fs_err::write(&file, config).unwrap();
    let program =
        std::env::var("ENVLOCK_TEST_REGISTRY").unwrap_or_else(|_| "docker-registry".to_owned());
    let mut process = Command::new(&program)
        .arg("serve")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; {HOW_TO_INSTALL}"));
    let mut log = BufReader::new(process.stderr.take().unwrap());
    let mut seen = String::new();
    let host = loop {
        let from = seen.len();
        if log.read_line(&mut seen).unwrap() == 0 {
            panic!("{program} ended:\n{seen}\n{HOW_TO_INSTALL}");
        }
        if let Some((_, rest)) = seen[from..].split_once("listening on ") {
            let address = |c: &char| *c == '.' || *c == ':' || c.is_ascii_digit();
            break rest.chars().take_while(address).collect();
        }
    };
    // A full pipe would stop the registry.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    (process, host)
}
