//! A real registry of a test's own: Debian's `docker-registry` on a free port of loopback.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use envlock::digest::Digest;
use envlock::reference::PinnedReference;
use tempfile::TempDir;

const HOW_TO_INSTALL: &str = "\
this test needs Debian's registry: `apt-get install docker-registry`, or its path in \
ENVLOCK_TEST_REGISTRY";

pub struct Registry {
    process: Child,
    address: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    _storage: TempDir,
}

impl Registry {
    /// Starts an empty registry and waits until it listens.
    pub fn start() -> Self {
        let storage = TempDir::new().unwrap();
        let config = storage.path().join("config.yml");
        let root = storage.path().join("data");
        let text = format!(
            "version: 0.1\nlog: {{level: info, formatter: text}}\nhttp: {{addr: '127.0.0.1:0'}}\n\
             storage: {{filesystem: {{rootdirectory: '{}'}}, delete: {{enabled: true}}}}\n",
            root.display()
        );
        fs_err::write(&config, text).unwrap();
        let program =
            std::env::var("ENVLOCK_TEST_REGISTRY").unwrap_or_else(|_| "docker-registry".to_owned());
        let mut process = Command::new(&program)
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}; {HOW_TO_INSTALL}"));
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let mut seen = String::new();
        let address = loop {
            let from = seen.len();
            if log.read_line(&mut seen).unwrap() == 0 {
                panic!("{program} ended:\n{seen}\n{HOW_TO_INSTALL}");
            }
            if let Some((_, rest)) = seen[from..].split_once("listening on ") {
                break rest
                    .chars()
                    .take_while(|c| *c == '.' || *c == ':' || c.is_ascii_digit())
                    .collect();
            }
        };
        // A full pipe would stop the registry.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { process, address, client: reqwest::Client::new(), runtime, _storage: storage }
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Pushes a tiny image that `seed` makes different from others.
    pub fn push(&self, repository: &str, seed: &str) -> PinnedReference {
        let layer = format!("layer {seed}").into_bytes();
        let config = serde_json::json!({
            "architecture": "amd64", "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer)]},
        });
        let config = serde_json::to_vec(&config).unwrap();
        let describe = |kind: &str, bytes: &[u8]| {
            serde_json::json!({
                "mediaType": format!("application/vnd.oci.image.{kind}"),
                "digest": Digest::of(bytes), "size": bytes.len(),
            })
        };
        let manifest_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": manifest_type,
            "config": describe("config.v1+json", &config),
            "layers": [describe("layer.v1.tar", &layer)],
        });
        let manifest = serde_json::to_vec(&manifest).unwrap();
        self.runtime.block_on(async {
            for blob in [layer, config] {
                let url = format!("http://{}/v2/{repository}/blobs/uploads/", self.address);
                let session = self.client.post(url).send().await.unwrap();
                assert_eq!(session.status(), 202);
                let location = session.headers()["location"].to_str().unwrap();
                let mut url = session.url().join(location).unwrap();
                url.query_pairs_mut().append_pair("digest", &Digest::of(&blob).to_string());
                let done = self.client.put(url).body(blob).send().await.unwrap();
                assert_eq!(done.status(), 201);
            }
            let pinned = PinnedReference::new(&self.address, repository, Digest::of(&manifest));
            let request = self.client.put(self.manifest_url(&pinned));
            let done = request.header("content-type", manifest_type).body(manifest).send().await;
            assert_eq!(done.unwrap().status(), 201);
            pinned
        })
    }

    /// Deletes a manifest, as a retention job does.
    pub fn delete(&self, image: &PinnedReference) {
        let request = self.client.delete(self.manifest_url(image));
        let answer = self.runtime.block_on(request.send()).unwrap();
        assert_eq!(answer.status(), 202);
    }

    /// Stops it; later requests are refused.
    pub fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn manifest_url(&self, image: &PinnedReference) -> String {
        format!("http://{}/v2/{}/manifests/{}", self.address, image.repository(), image.digest())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
