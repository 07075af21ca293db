//! Pushing to a real registry: what goes where, and in which order.

use std::io::Read;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use bytes::Bytes;
use envlock::digest::Digest;
use envlock::exit::Exit;
use envlock::image::Repository;
use envlock::net::{self, Retry};
use envlock::reference::PinnedReference;
use envlock::registry::{self, Blob, Client, Error, InMemory, Placed, Push, Source, unseen};
use envlock::spec::RegistrySpec;
use serde_json::json;

use crate::support::{Faulty, Harm, Registry, Sessions, workshop};

/// A client that does not wait long between attempts, with parts of `part` bytes after a break.
pub fn client(part: u64) -> Client {
    let first = std::time::Duration::from_millis(1);
    // Longer than a registry takes on a machine that has much else to do.
    let silence = std::time::Duration::from_secs(5);
    let net = net::Client::with_silence(Retry { first, ..Retry::default() }, silence).unwrap();
    registry::client(net, &RegistrySpec::default(), false).with_uploads(None, Some(part))
}

pub fn noise(seed: u64, length: usize) -> Bytes {
    workshop::noise(seed, length).into()
}

pub fn ours(bytes: Bytes) -> Source {
    Source::Ours(Arc::new(InMemory::new(bytes)))
}

/// An image of these layers, on its way to a repository.
pub struct Image {
    pub to: Repository,
    pub layers: Vec<Source>,
    pub config: Bytes,
    pub manifest: Bytes,
    pub tags: Vec<String>,
}

impl Image {
    pub fn new(host: &str, name: &str, layers: Vec<Source>) -> Self {
        let ids: Vec<_> = layers.iter().map(|layer| layer.digest().to_string()).collect();
        let config = json!({"os": "linux", "architecture": "amd64", "config": {},
            "rootfs": {"type": "layers", "diff_ids": ids}});
        let config = Bytes::from(serde_json::to_vec(&config).unwrap());
        let described = |media: &str, digest: Digest, size: u64| {
            json!({"mediaType": format!("application/vnd.oci.image.{media}"),
                "digest": digest.to_string(), "size": size})
        };
        let list: Vec<_> =
            layers.iter().map(|l| described("layer.v1.tar+gzip", l.digest(), l.size())).collect();
        let manifest = json!({"schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": described("config.v1+json", Digest::of(&config), config.len() as u64),
            "layers": list});
        let manifest = Bytes::from(serde_json::to_vec(&manifest).unwrap());
        let to = Repository { registry: host.to_owned(), name: name.to_owned() };
        Image { to, layers, config, manifest, tags: vec!["v1".to_owned(), "latest".to_owned()] }
    }

    pub fn push(&self) -> Push<'_> {
        Push {
            to: &self.to,
            layers: &self.layers,
            config: self.config.clone(),
            manifest: self.manifest.clone(),
            tags: &self.tags,
        }
    }

    /// The image at a registry, whatever it was pushed through.
    pub fn at(&self, host: &str) -> PinnedReference {
        PinnedReference::new(host, &self.to.name, Digest::of(&self.manifest))
    }

    pub fn bytes(&self) -> u64 {
        self.layers.iter().map(Source::size).sum::<u64>() + self.config.len() as u64
    }
}

/// Asks the registry itself for every byte of the image.
pub async fn assert_whole(registry: &Registry, image: &Image) {
    let http = crate::support::http();
    let base = format!("http://{}/v2/{}", registry.host(), image.to.name);
    let blobs = image.layers.iter().map(Source::digest).chain([Digest::of(&image.config)]);
    for digest in blobs {
        let answer = http.get(format!("{base}/blobs/{digest}")).send().await.unwrap();
        assert_eq!(Digest::of(answer.bytes().await.unwrap()), digest);
    }
    for tag in &image.tags {
        let answer = http.get(format!("{base}/manifests/{tag}"));
        let answer = answer.header("Accept", "application/vnd.oci.image.manifest.v1+json");
        assert_eq!(answer.send().await.unwrap().bytes().await.unwrap(), image.manifest);
    }
}

#[tokio::test]
async fn an_image_arrives_whole_and_a_second_push_sends_nothing() {
    let registry = Registry::start();
    let layers = [700_000, 100_000, 65_536, 1, 0].map(|n| ours(noise(n as u64, n)));
    let image = Image::new(registry.host(), "team/ray", layers.to_vec());
    let client = client(100_000);
    let pushed = client.push(&image.push(), &[]).await.unwrap();
    assert_eq!(pushed.sent(), image.bytes());
    assert_eq!(pushed.blobs.len(), 6);
    assert_eq!(pushed.image.reference, image.at(registry.host()));
    assert_whole(&registry, &image).await;

    // A registry whose tags cannot be written again is content too.
    let proxy = Faulty::before(registry.host(), Sessions::Passed);
    proxy.harm(|asked| {
        asked.path.contains("/manifests/v1").then(|| match &*asked.method {
            "PUT" => Harm::status(400),
            _ => Harm::Headers(vec![]),
        })
    });
    let through = Repository { registry: proxy.host(), ..image.to.clone() };
    let same = Push { to: &through, ..image.push() };
    self::client(100_000).push(&same, &[]).await.unwrap();
    assert_eq!(proxy.harms(), 1);

    let again = self::client(100_000).push(&image.push(), &[]).await.unwrap();
    assert_eq!((again.sent(), again.blobs.len()), (0, 0));
    // Only the manifest differs: nothing else is sent.
    let other = Image { manifest: Bytes::from([&image.manifest[..], b"\n"].concat()), ..image };
    let pushed = self::client(100_000).push(&other.push(), &[]).await.unwrap();
    assert!(pushed.blobs.iter().all(|(_, placed)| *placed == Placed::Present), "{pushed:?}");
    assert_whole(&registry, &other).await;
}

#[tokio::test]
async fn the_manifest_comes_after_its_blobs_and_before_its_tags() {
    let registry = Registry::start();
    let proxy = Faulty::before(registry.host(), Sessions::Kept);
    let image = Image::new(&proxy.host(), "team/ray", vec![ours(noise(1, 250_000))]);
    client(100_000).push(&image.push(), &[]).await.unwrap();
    let asked = proxy.asked();
    let lines: Vec<_> = asked
        .iter()
        .map(|a| {
            let path = a.path.split(['?', '@']).next().unwrap().replace("/v2/team/ray/", "");
            format!("{} {}", a.method, path.split('/').take(2).collect::<Vec<_>>().join("/"))
        })
        .collect();
    let digest = Digest::of(&image.manifest);
    let manifest = |method: &str| format!("{method} manifests/{digest}");
    let at = |line: &str| lines.iter().rposition(|l| l == line).unwrap_or_else(|| panic!("{line}"));
    assert_eq!(lines[0], manifest("HEAD"));
    assert!(at("PUT blobs/uploads") < at(&manifest("PUT")));
    assert!(at(&manifest("PUT")) < at(&manifest("GET")));
    assert!(at(&manifest("GET")) < at("PUT manifests/v1"));
    assert_whole(&registry, &image).await;
}

#[tokio::test]
async fn the_largest_layers_go_first() {
    let registry = Registry::start();
    let proxy = Faulty::before(registry.host(), Sessions::Kept);
    let sizes = [1_000, 210_000, 30_000, 210_001];
    let layers = sizes.iter().zip(1..).map(|(size, seed)| ours(noise(seed, *size))).collect();
    let image = Image::new(&proxy.host(), "team/ray", layers);
    let client = client(20_000).with_uploads(NonZeroUsize::new(1), None);
    let pushed = client.push(&image.push(), &[]).await.unwrap();
    let told: Vec<_> = pushed.blobs.iter().map(|b| b.0).take(4).collect();
    let given: Vec<_> = image.layers.iter().map(Source::digest).collect();
    assert_eq!(told, given);
    let asked = proxy.asked();
    let lengths: Vec<_> = asked.iter().filter(|a| a.is_part()).map(|a| a.length).collect();
    assert_eq!(lengths[..4], [210_001, 210_000, 30_000, 1_000]);
    assert_whole(&registry, &image).await;
}

#[tokio::test]
async fn two_images_share_their_layers_in_one_run() {
    let registry = Registry::start();
    let shared = ours(noise(1, 400_000));
    let ray = Image::new(registry.host(), "team/ray", vec![shared.clone(), ours(noise(2, 1000))]);
    let marimo = Image::new(registry.host(), "team/marimo", vec![shared.clone()]);
    let client = client(100_000);
    let (one, two) = (ray.push(), marimo.push());
    let unseen = unseen();
    let (first, second, early) = tokio::join!(
        client.push(&one, &[]),
        client.push(&two, &[]),
        client.place(&ray.to, &shared, &unseen)
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    let placed = [first.blobs[0].1, second.blobs[0].1, early.unwrap()];
    let count = |wanted: Placed| placed.iter().filter(|placed| **placed == wanted).count();
    assert_eq!(count(Placed::Sent(400_000)), 1, "{placed:?}");
    assert_eq!(count(Placed::Mounted), 1, "{placed:?}");
    assert_eq!(count(Placed::Present), 1, "{placed:?}");
    assert_whole(&registry, &ray).await;
    assert_whole(&registry, &marimo).await;
}

#[tokio::test]
async fn layers_of_a_base_are_mounted_or_copied_from_where_they_are() {
    let registry = Registry::start();
    let elsewhere = Registry::start();
    let layer = noise(1, 500_000);
    let base = |registry: &Registry| {
        let image = Image::new(registry.host(), "base/cuda", vec![ours(layer.clone())]);
        (image.at(registry.host()), image)
    };
    let source = |from: &PinnedReference| Source::Base {
        from: from.clone(),
        digest: Digest::of(&layer),
        size: layer.len() as u64,
    };
    let (near, image) = base(&registry);
    client(100_000).push(&image.push(), &[]).await.unwrap();
    let mounted = Image::new(registry.host(), "team/near", vec![source(&near)]);
    let pushed = client(100_000).push(&mounted.push(), &[]).await.unwrap();
    assert_eq!(pushed.blobs[0].1, Placed::Mounted);
    assert_whole(&registry, &mounted).await;

    let (_, image) = base(&elsewhere);
    client(100_000).push(&image.push(), &[]).await.unwrap();
    let proxy = Faulty::before(elsewhere.host(), Sessions::Passed);
    let cuts = AtomicUsize::new(0);
    proxy.harm(move |asked| {
        let blob = asked.method == "GET" && asked.path.contains("/blobs/");
        (blob && cuts.fetch_add(1, SeqCst) < 3).then_some(Harm::CutAnswer(150_000))
    });
    let far = image.at(&proxy.host());
    let registry = Registry::start();
    let copied = Image::new(registry.host(), "team/far", vec![source(&far)]);
    let pushed = client(200_000).push(&copied.push(), &[]).await.unwrap();
    assert_eq!(pushed.blobs[0].1, Placed::Sent(500_000));
    assert!(proxy.harms() >= 3);
    assert_whole(&registry, &copied).await;
}

#[tokio::test]
async fn a_base_layer_with_other_bytes_is_never_published() {
    let elsewhere = Registry::start();
    let layer = noise(1, 300_000);
    let image = Image::new(elsewhere.host(), "base/cuda", vec![ours(layer.clone())]);
    client(100_000).push(&image.push(), &[]).await.unwrap();
    let proxy = Faulty::before(elsewhere.host(), Sessions::Passed);
    proxy.harm(|asked| (asked.method == "GET").then_some(Harm::Spoil));
    let registry = Registry::start();
    let source = Source::Base {
        from: image.at(&proxy.host()),
        digest: Digest::of(&layer),
        size: layer.len() as u64,
    };
    let to = Image::new(registry.host(), "team/ray", vec![source]);
    let error = client(100_000).push(&to.push(), &[]).await.unwrap_err();
    assert_eq!(registry::exit(&error), Exit::Integrity, "{error}");
    assert!(error.to_string().contains(&proxy.host()), "{error}");
    let gone = to.at(registry.host());
    assert!(!client(1).exists(&gone).await.unwrap());
}

/// A file that was changed, or cut, after it was hashed.
struct Unsteady {
    promised: Digest,
    bytes: Bytes,
    size: u64,
}

impl Blob for Unsteady {
    fn digest(&self) -> Digest {
        self.promised
    }
    fn size(&self) -> u64 {
        self.size
    }
    fn open(&self, offset: u64) -> std::io::Result<Box<dyn Read + Send>> {
        InMemory::new(self.bytes.clone()).open(offset)
    }
}

#[tokio::test]
async fn a_blob_that_changed_or_shrank_since_it_was_hashed_is_named() {
    let registry = Registry::start();
    let bytes = noise(1, 300_000);
    let promised = Digest::of("what it was");
    let push = |size: u64| {
        let blob = Unsteady { promised, bytes: bytes.clone(), size };
        let image = Image::new(registry.host(), "team/ray", vec![Source::Ours(Arc::new(blob))]);
        async move { client(100_000).push(&image.push(), &[]).await.unwrap_err() }
    };
    let changed = push(300_000).await;
    assert!(matches!(changed, Error::Changed { .. }), "{changed:?}");
    assert_eq!(registry::exit(&changed), Exit::Integrity);
    let shrunk = push(300_001).await;
    assert!(matches!(shrunk, Error::Blob { .. }), "{shrunk:?}");
    assert!(shrunk.to_string().contains(&promised.to_string()), "{shrunk}");
}

#[tokio::test]
async fn a_token_is_asked_for_with_the_right_scope_and_renewed_in_the_middle_of_a_blob() {
    let registry = Registry::start();
    let base = Image::new(registry.host(), "base/cuda", vec![ours(noise(1, 1000))]);
    client(100_000).push(&base.push(), &[]).await.unwrap();
    let proxy = Faulty::with_tokens(registry.host(), 7);
    let mount = Source::Base {
        from: base.at(&proxy.host()),
        digest: base.layers[0].digest(),
        size: base.layers[0].size(),
    };
    let layers = vec![mount, ours(noise(2, 2_000_000))];
    let image = Image::new(&proxy.host(), "team/ray", layers);
    // It only arrives in parts.
    proxy.harm(|a| (a.is_part() && a.length == 2_000_000).then_some(Harm::CutRequest(1000)));
    let pushed = client(100_000).push(&image.push(), &[]).await.unwrap();
    assert_eq!(pushed.blobs[0].1, Placed::Mounted);
    assert_whole(&registry, &image).await;
    let asked = proxy.asked();
    let tokens: Vec<_> = asked.iter().filter(|a| a.path.starts_with("/token")).collect();
    assert!(tokens.len() > 4, "{}", tokens.len());
    let push = "scope=repository%3Ateam%2Fray%3Apull%2Cpush";
    assert!(tokens.iter().all(|a| a.path.contains(push)), "{:?}", tokens[0]);
    let both = format!("{push}&scope=repository%3Abase%2Fcuda%3Apull");
    assert!(tokens.last().unwrap().path.ends_with(&both), "{:?}", tokens.last());
}

#[tokio::test]
async fn a_token_that_ran_out_while_a_request_waited_is_fetched_again_and_a_fourth_is_not() {
    for (refusals, goes) in [(3, true), (4, false)] {
        let registry = Registry::start();
        let proxy = Faulty::with_tokens(registry.host(), 1000);
        let challenge = format!("Bearer realm=\"http://{}/token\",service=\"test\"", proxy.host());
        let left = AtomicUsize::new(refusals);
        proxy.harm(move |asked| {
            let opens = asked.method == "POST" && asked.path.ends_with("/blobs/uploads/");
            let refused =
                opens && left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
            let headers = vec![("WWW-Authenticate", challenge.clone())];
            refused.then_some(Harm::Status { status: 401, headers, body: "", early: false })
        });
        let image = Image::new(&proxy.host(), "team/ray", vec![]);
        let pushed = client(100_000).push(&image.push(), &[]).await;
        match pushed {
            Ok(_) => assert!(goes),
            Err(error) => assert!(!goes && matches!(error, Error::Unauthorized { .. }), "{error}"),
        }
    }
}

#[tokio::test]
async fn what_a_registry_warns_of_is_kept_once() {
    let registry = Registry::start();
    let proxy = Faulty::before(registry.host(), Sessions::Passed);
    let warning = ("Warning", "299 - \"your \\\"token\\\" ends soon\"".to_owned());
    proxy.harm(move |_| Some(Harm::Headers(vec![warning.clone()])));
    let image = Image::new(&proxy.host(), "team/ray", vec![ours(noise(1, 1000))]);
    let client = client(100_000);
    client.push(&image.push(), &[]).await.unwrap();
    assert_eq!(
        registry::warnings(&client),
        [format!("{}: your \"token\" ends soon", proxy.host())]
    );
    assert!(registry::warnings(&client).is_empty());
}
