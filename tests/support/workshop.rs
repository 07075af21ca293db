//! What the layers engine works with: an index of small wheels, a registry with a base image and a proxy before it that
//! counts, and projects that share one lock.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::process::Command;

use envlock::digest::Digest;
use envlock::lock::{self, Lock};
use envlock::reference::PinnedReference;
use serde_json::{Value, json};

use super::registry::MANIFEST;
use super::release::CONFIG;
use super::{Asked, Envlock, FakeIndex, Faulty, INDEX, Registry, Run, Sessions, Wheel, http};

/// Servers, and the spec that names them.
pub struct Workshop {
    pub registry: Registry,
    pub proxy: Faulty,
    pub index: FakeIndex,
    /// In the order of their names.
    pub wheels: Vec<Wheel>,
    spec: String,
}

impl Workshop {
    /// Each of the six wheels has about so many bytes that no compression shortens.
    pub fn new(bytes: usize) -> Self {
        let registry = Registry::start();
        let proxy = Faulty::before(registry.host(), Sessions::Passed);
        push_base(&registry, &[]);
        let index = FakeIndex::start();
        let wheels = ["marimo", "numpy", "pip", "polars", "pyzmq", "ray"];
        let wheels = wheels.iter().zip(1..).map(|(name, seed)| {
            let wheel =
                index.wheel(name, "1.0").file(&format!("{name}/data.bin"), noise(seed, bytes));
            let wheel = wheel.file(&format!("{name}/text.py"), "x = 1\n".repeat(5000));
            match *name {
                "ray" => wheel.requires("numpy").requires("pyzmq").add(),
                _ => wheel.add(),
            }
        });
        let wheels = wheels.collect();
        let base = format!("{}/base:v1", proxy.host());
        let spec = format!(
            "[python]\nsource = \"base\"\n[target]\nglibc = \"2.39\"\n\
             [base]\nruntime = \"{base}\"\ndevel = \"{base}\"\n\
             [groups.python]\npackages = [\"pip\"]\n\
             [groups.ray]\npackages = [\"polars\", \"ray\"]\n\
             [groups.marimo]\npackages = [\"marimo\"]\n\
             [sources.pypi]\nurl = \"{}\"\n",
            index.url()
        );
        Workshop { registry, proxy, index, wheels, spec }
    }

    /// The base has a file of so many bytes that no compression shortens, for projects that are begun from now on.
    pub fn big_base(&self, bytes: usize) {
        push_base(&self.registry, &[("usr/share/big", &noise(99, bytes))]);
    }

    /// The base is one of Debian 13, with libc6 as dpkg knows it, for projects that are begun from now on.
    pub fn debian_base(&self) {
        let release = b"ID=debian\nVERSION_CODENAME=trixie\n";
        let status = b"Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.41-12\n\n";
        push_base(
            &self.registry,
            &[
                ("etc/os-release", release),
                ("var/lib/dpkg/status", status),
                ("var/lib/dpkg/info/libc6.list", b"/.\n/usr\n/usr/lib\n"),
            ],
        );
    }

    /// More lines of envlock.toml, for projects that are begun from now on.
    pub fn spec(&mut self, change: impl FnOnce(String) -> String) {
        self.spec = change(std::mem::take(&mut self.spec));
    }

    /// A folder with a spec and a config.yaml, an empty store, and no docker.
    pub fn begun(&self) -> Envlock {
        let envlock = Envlock::new().env("PATH", "/nowhere");
        envlock.write("envlock.toml", &self.spec);
        envlock.write("config.yaml", CONFIG);
        envlock
    }

    /// The same, locked.
    pub fn project(&self) -> Envlock {
        let envlock = self.begun();
        envlock.run(["resolve"]).exits(0);
        envlock
    }

    /// What a clone of the project has on another machine: its files, an empty store.
    pub fn clone_of(&self, other: &Envlock) -> Envlock {
        let envlock = self.begun();
        for file in ["env.lock", "config.yaml", "env.releases.jsonl"] {
            if other.path(file).exists() {
                envlock.write(file, other.read(file));
            }
        }
        envlock
    }

    /// `build --push --engine layers` to `HOST/PREFIX` behind the proxy.
    pub fn arguments(&self, prefix: &str) -> Vec<String> {
        let destination = format!("{}/{prefix}", self.proxy.host());
        let words = ["build", "--push", "--engine", "layers", "--json", "--registry", &destination];
        words.map(str::to_owned).to_vec()
    }

    pub fn build(&self, envlock: &Envlock, prefix: &str) -> Run {
        envlock.run(self.arguments(prefix))
    }

    /// How many requests the proxy has seen: a mark for [`Workshop::since`].
    pub fn mark(&self) -> usize {
        self.proxy.asked().len()
    }

    /// What was written to the registry since then.
    pub fn since(&self, mark: usize) -> Written {
        let asked = self.proxy.asked().split_off(mark);
        let writes = asked.into_iter().filter(|a| !matches!(&*a.method, "GET" | "HEAD")).collect();
        Written { writes, about: self.about() }
    }

    /// Manifests and blobs of all that is about an image: records, bills of materials, …
    pub fn about(&self) -> BTreeSet<Digest> {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let get = |path: &str| -> Value {
            let url = format!("http://{}/v2/{path}", self.registry.host());
            let accept = format!("{MANIFEST}, {INDEX}");
            runtime.block_on(async {
                let answer = http().get(url).header("Accept", accept).send().await.unwrap();
                answer.json().await.unwrap()
            })
        };
        let mut about = BTreeSet::new();
        let digest = |value: &Value| value["digest"].as_str().unwrap().parse::<Digest>().unwrap();
        for repository in get("_catalog")["repositories"].as_array().unwrap() {
            let repository = repository.as_str().unwrap();
            let tags = get(&format!("{repository}/tags/list"));
            let tags = tags["tags"].as_array().cloned().unwrap_or_default();
            for tag in tags.iter().filter_map(Value::as_str).filter(|t| t.starts_with("sha256-")) {
                let index = get(&format!("{repository}/manifests/{tag}"));
                // Where there is no list, it is a document in the form of an image.
                let Some(listed) = index["manifests"].as_array() else {
                    about.insert(digest(&index["config"]));
                    about.extend(index["layers"].as_array().unwrap().iter().map(digest));
                    continue;
                };
                for entry in listed {
                    about.insert(digest(entry));
                    let manifest = get(&format!("{repository}/manifests/{}", digest(entry)));
                    about.insert(digest(&manifest["config"]));
                    about.extend(manifest["layers"].as_array().unwrap().iter().map(digest));
                }
            }
        }
        about
    }

    /// Blobs that the registry has, by repository.
    pub fn present(&self) -> BTreeSet<(String, Digest)> {
        let folder = self.registry.data().join("repositories");
        let mut present = BTreeSet::new();
        links(&folder, &folder, &mut present);
        present
    }
}

fn links(root: &std::path::Path, folder: &std::path::Path, found: &mut BTreeSet<(String, Digest)>) {
    // What vanishes while it is looked at is not there.
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            links(root, &path, found);
        } else if path.ends_with("link") {
            let text = path.strip_prefix(root).unwrap().to_str().unwrap();
            if let Some((repository, rest)) = text.split_once("/_layers/sha256/") {
                let digest = format!("sha256:{}", rest.trim_end_matches("/link"));
                found.insert((repository.to_owned(), digest.parse().unwrap()));
            }
        }
    }
}

/// Requests that change a registry.
#[derive(Debug)]
pub struct Written {
    writes: Vec<Asked>,
    about: BTreeSet<Digest>,
}

impl Written {
    /// No blob, no manifest, no session.
    pub fn is_nothing(&self) -> bool {
        self.writes.is_empty()
    }

    /// Repository, digest and bytes of each blob of an image whose last part was begun.
    pub fn blobs(&self) -> Vec<(String, Digest, u64)> {
        let put = |asked: &Asked| {
            let (path, query) = asked.path.split_once('?')?;
            let repository = path.strip_prefix("/v2/")?.split_once("/blobs/uploads/")?.0;
            let digest = url::form_urlencoded::parse(query.as_bytes()).find(|(k, _)| k == "digest");
            let digest = digest.filter(|_| asked.method == "PUT")?.1.parse().unwrap();
            Some((repository.to_owned(), digest, asked.length))
        };
        let blobs = self.writes.iter().filter_map(put);
        blobs.filter(|(_, digest, _)| !self.about.contains(digest)).collect()
    }

    /// Images that were put under their digest.
    pub fn manifests(&self) -> usize {
        let put = self.writes.iter().filter(|asked| asked.method == "PUT");
        let names = put.filter_map(|asked| Some(asked.path.split_once("/manifests/")?.1));
        let digests = names.filter_map(|name| name.parse::<Digest>().ok());
        digests.filter(|digest| !self.about.contains(digest)).count()
    }
}

/// The images that a build with `--json` reports.
pub fn images(run: &Run) -> BTreeMap<String, PinnedReference> {
    let report: Value = serde_json::from_str(&run.stdout()).unwrap();
    serde_json::from_value(report["images"].clone()).unwrap()
}

/// The manifests' digests, by image.
pub fn digests(run: &Run) -> BTreeMap<String, Digest> {
    images(run).into_iter().map(|(name, image)| (name, image.digest())).collect()
}

pub fn locked(envlock: &Envlock) -> Lock {
    lock::parse(&envlock.read("env.lock")).unwrap()
}

/// Bytes that `seed` makes different from others, and that no compression shortens.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}

/// An image as somebody else gets it.
pub struct Pulled {
    pub manifest: Value,
    pub config: Value,
    /// The tar files.
    pub layers: Vec<Vec<u8>>,
}

/// Pulls an image; every digest, size and diff id in it is true.
pub fn pull(image: &PinnedReference) -> Pulled {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let get = |path: String, digest: &str| {
        let url = format!("http://{}/v2/{}/{path}/{digest}", image.registry(), image.repository());
        let accept = "application/vnd.oci.image.manifest.v1+json";
        let bytes = runtime.block_on(async {
            let answer = http().get(&url).header("Accept", accept).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{url}");
            answer.bytes().await.unwrap()
        });
        let expected: Digest = digest.parse().unwrap();
        assert_eq!(expected.algorithm().of(&bytes), expected, "{url}");
        bytes
    };
    let blob = |described: &Value| {
        let bytes = get("blobs".to_owned(), described["digest"].as_str().unwrap());
        assert_eq!(bytes.len() as u64, described["size"].as_u64().unwrap(), "{described}");
        bytes
    };
    let manifest = get("manifests".to_owned(), &image.digest().to_string());
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let config: Value = serde_json::from_slice(&blob(&manifest["config"])).unwrap();
    let unpacked = |layer: &Value| {
        let (bytes, mut tar) = (blob(layer), Vec::new());
        match layer["mediaType"].as_str().unwrap().rsplit_once('+').unwrap().1 {
            "gzip" => {
                flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut tar).unwrap();
            }
            "zstd" => tar = zstd::decode_all(&bytes[..]).unwrap(),
            other => panic!("{other}"),
        }
        tar
    };
    let layers: Vec<Vec<u8>> =
        manifest["layers"].as_array().unwrap().iter().map(unpacked).collect();
    let ids: Vec<_> = layers.iter().map(|tar| json!(Digest::of(tar).to_string())).collect();
    assert_eq!(config["rootfs"]["diff_ids"], json!(ids));
    Pulled { manifest, config, layers }
}

impl Pulled {
    /// Every path that a layer brings, and what of: a file's text, where it is one.
    pub fn paths(&self) -> BTreeMap<String, String> {
        let mut paths = BTreeMap::new();
        for layer in &self.layers {
            for entry in tar::Archive::new(&layer[..]).entries().unwrap() {
                let mut entry = entry.unwrap();
                let path = entry.path().unwrap().to_str().unwrap().to_owned();
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                paths.insert(path, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        paths
    }
}

/// As much of a distribution as the engine looks at: accounts, and something called python3.14.
fn push_base(registry: &Registry, more: &[(&str, &[u8])]) {
    let mut builder = tar::Builder::new(Vec::new());
    let files: [(&str, _, &[u8]); 6] = [
        ("etc/", 0o755, b""),
        ("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n"),
        ("etc/group", 0o644, b"root:x:0:\n"),
        ("etc/skel/", 0o755, b""),
        ("etc/skel/.profile", 0o644, b"umask 022\n"),
        ("usr/bin/python3.14", 0o755, b"an interpreter\n"),
    ];
    let more = more.iter().map(|(path, bytes)| (*path, 0o644, *bytes));
    for (path, mode, text) in files.into_iter().chain(more) {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(text.len() as u64);
        if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
        }
        builder.append_data(&mut header, path, text).unwrap();
    }
    let tar = builder.into_inner().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).unwrap();
    let config = json!({
        "os": "linux", "architecture": "amd64", "created": "2026-11-01T00:00:00Z",
        "config": { "Env": ["PATH=/usr/bin:/bin", "PYTHON_VERSION=3.14.2"] },
        "rootfs": { "type": "layers", "diff_ids": [Digest::of(&tar).to_string()] },
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(registry.push_image("base", "v1", &[gzip.finish().unwrap()], &config));
}

/// The same command, begun by other words: `taskset -c 0`.
pub fn under(words: &[&str], command: &Command) -> Command {
    let mut wrapped = Command::new(words[0]);
    wrapped.args(&words[1..]).arg(command.get_program()).args(command.get_args());
    wrapped.current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    wrapped
}
