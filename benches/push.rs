//! An image of an OCI layout into a registry, by the client that `envlock build --push` uses: `benches/push.sh` measures it.
//!
//! `push LAYOUT HOST/NAME TAG`

// A program that benches/push.sh runs: what stops it is a mistake of the script.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)]

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use envlock::digest::Digest;
use envlock::image::Repository;
use envlock::net::{self, Retry};
use envlock::registry::{self, Blob, Manifest, Push, Source};
use envlock::spec::RegistrySpec;

/// A blob of a layout.
struct Kept {
    file: PathBuf,
    digest: Digest,
    size: u64,
}

impl Blob for Kept {
    fn digest(&self) -> Digest {
        self.digest
    }
    fn size(&self) -> u64 {
        self.size
    }
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        let mut file = File::open(&self.file)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Box::new(file))
    }
}

fn blob(layout: &Path, digest: Digest) -> PathBuf {
    layout.join("blobs/sha256").join(digest.hex())
}

#[tokio::main]
async fn main() {
    // `cargo bench` adds a word of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [layout, destination, tag] = &*words else {
        eprintln!("push LAYOUT HOST/NAME TAG: benches/push.sh calls it");
        return;
    };
    let layout = Path::new(layout);
    let (host, name) = destination.split_once('/').expect("HOST/NAME");
    let to = Repository { registry: host.to_owned(), name: name.to_owned() };
    let index = fs_err::read(layout.join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let digest: Digest = index["manifests"][0]["digest"].as_str().unwrap().parse().unwrap();
    let manifest = fs_err::read(blob(layout, digest)).unwrap();
    let read: Manifest = serde_json::from_slice(&manifest).unwrap();
    let layers = read.layers.iter().map(|layer| {
        let (digest, size) = (layer.digest, layer.size);
        Source::Ours(Arc::new(Kept { file: blob(layout, digest), digest, size }))
    });
    let push = Push {
        to: &to,
        layers: &layers.collect::<Vec<_>>(),
        config: fs_err::read(blob(layout, read.config.digest)).unwrap().into(),
        manifest: manifest.into(),
        tags: std::slice::from_ref(tag),
    };
    let net = net::Client::new(Retry::default()).unwrap();
    let client = registry::client(net, &RegistrySpec::default(), false);
    let pushed = client.push(&push, &[]).await.unwrap();
    println!("{} {}", pushed.image.reference, pushed.sent());
}
