//! Pushing through bad networks to bad registries: every fault alone.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use envlock::exit::{Classified, Exit};
use envlock::registry::{Error, Pushed, Source};
use envlock::ui::Bar;

use crate::push::{Image, assert_whole, client, noise, ours};
use crate::support::{Asked, Faulty, Harm, Registry, Sessions};

const CHUNK: u64 = 100_000;

/// A push of one blob of five and a half parts through a proxy.
struct Case {
    registry: Registry,
    proxy: Faulty,
    image: Image,
}

impl Case {
    fn new(sessions: Sessions) -> Self {
        let registry = Registry::start();
        let proxy = Faulty::before(registry.host(), sessions);
        let image = Image::new(&proxy.host(), "team/ray", vec![ours(noise(7, 550_000))]);
        Case { registry, proxy, image }
    }

    /// The rule's harm, the first `times` that it wants to do any.
    fn harm(
        self,
        times: usize,
        rule: impl Fn(&Asked) -> Option<Harm> + Send + Sync + 'static,
    ) -> Self {
        let done = AtomicUsize::new(0);
        self.proxy.harm(move |asked| rule(asked).filter(|_| done.fetch_add(1, SeqCst) < times));
        self
    }

    async fn push(&self) -> Result<Pushed, Error> {
        client(CHUNK).push(&self.image.push(), &Bar::hidden()).await
    }

    /// The push ends right, after harm, with at most so many bytes of blobs sent twice.
    async fn ends_right(self, resent: u64) -> Self {
        self.push().await.unwrap_or_else(|error| panic!("{error:?}"));
        assert!(self.proxy.harms() > 0, "nothing happened");
        let received = self.proxy.received();
        let needed = self.image.bytes();
        assert!(received <= needed + resent, "{received} bytes for {needed}, {resent} allowed");
        assert_whole(&self.registry, &self.image).await;
        self
    }

    async fn fails(self) -> (Self, Error) {
        let error = self.push().await.unwrap_err();
        assert!(self.proxy.harms() > 0, "nothing happened");
        (self, error)
    }

    /// The part that begins in the middle of the blob.
    fn middle(asked: &Asked) -> bool {
        asked.header("content-range").is_some_and(|range| range.starts_with("200000-"))
    }
}

#[tokio::test]
async fn passing_errors_are_waited_out_and_cost_one_part_each() {
    for status in [429, 500, 502, 503] {
        let case = Case::new(Sessions::Passed);
        let case = case.harm(3, move |a| a.is_part().then(|| Harm::status(status)));
        case.ends_right(3 * CHUNK).await;
    }
    // Every request of the push, not only its parts.
    let case = Case::new(Sessions::Passed);
    case.harm(usize::MAX, |a| (a.number % 4 == 0).then(|| Harm::status(503)))
        .ends_right(6 * CHUNK)
        .await;
}

#[tokio::test]
async fn a_registry_that_asks_for_time_gets_it() {
    let case = Case::new(Sessions::Passed).harm(1, |a| {
        Case::middle(a).then(|| {
            let headers = vec![("Retry-After", "1".to_owned())];
            Harm::Status { status: 429, headers, body: "", early: true }
        })
    });
    let start = Instant::now();
    case.ends_right(CHUNK).await;
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_registry_with_a_rate_limit_is_asked_as_often_as_it_bears() {
    let registry = Registry::start();
    let proxy = Faulty::before(registry.host(), Sessions::Passed);
    // Thirty requests a second, and it does not say so.
    let bucket = Mutex::new((Instant::now(), 5.0));
    proxy.harm(move |_| {
        let mut bucket = bucket.lock().unwrap();
        let (since, left) = *bucket;
        let left = (left + since.elapsed().as_secs_f64() * 30.0).min(5.0);
        let refused = left < 1.0;
        *bucket = (Instant::now(), if refused { left } else { left - 1.0 });
        refused.then(|| Harm::status(429))
    });
    let layers = (0..20).map(|seed| ours(noise(seed, 1000))).collect();
    let image = Image::new(&proxy.host(), "team/ray", layers);
    client(CHUNK).push(&image.push(), &Bar::hidden()).await.unwrap();
    let (refused, asked) = (proxy.harms(), proxy.asked().len());
    assert!(refused > 0 && refused * 3 < asked, "{refused} of {asked} requests were refused");
}

#[tokio::test]
async fn a_part_that_is_cut_anywhere_goes_on_where_it_stopped() {
    for after in [0, 1, 30_000, 99_999, 100_000] {
        let case = Case::new(Sessions::Kept);
        case.harm(1, move |a| Case::middle(a).then_some(Harm::CutRequest(after)))
            .ends_right(0)
            .await;
        let case = Case::new(Sessions::Kept);
        case.harm(1, move |a| Case::middle(a).then_some(Harm::CutAnswer(after / 1000)))
            .ends_right(0)
            .await;
        let case = Case::new(Sessions::Kept);
        case.harm(1, move |a| {
            (a.method == "PUT" && a.is_part()).then_some(Harm::CutRequest(after / 2))
        })
        .ends_right(0)
        .await;
    }
}

#[tokio::test]
async fn a_single_byte_that_arrived_is_found() {
    let case = Case::new(Sessions::Kept);
    case.harm(1, |a| a.is_part().then_some(Harm::CutRequest(1))).ends_right(CHUNK).await;
}

#[tokio::test]
async fn a_registry_that_loses_what_is_cut_gets_the_blob_again() {
    let case = Case::new(Sessions::Passed);
    case.harm(1, |a| Case::middle(a).then_some(Harm::CutRequest(30_000))).ends_right(230_000).await;
    let case = Case::new(Sessions::Passed);
    case.harm(1, |a| Case::middle(a).then_some(Harm::Lose)).ends_right(300_000).await;
    // The blob arrived, and only the answer did not.
    let case = Case::new(Sessions::Passed);
    case.harm(1, |a| (a.method == "PUT" && a.is_part()).then_some(Harm::CutAnswer(0)))
        .ends_right(0)
        .await;
}

#[tokio::test]
async fn a_registry_that_always_loses_the_upload_is_named() {
    let case =
        Case::new(Sessions::Passed).harm(usize::MAX, |a| Case::middle(a).then_some(Harm::Lose));
    let (case, error) = case.fails().await;
    assert!(matches!(error, Error::SessionLost { times: 6, sent: 200_000, .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&case.image.layers[0].digest().to_string()), "{text}");
    assert!(text.contains(&case.proxy.host()), "{text}");
    assert_eq!(error.exit(), Exit::Registry);
}

#[tokio::test]
async fn a_connection_on_which_nothing_moves_is_left() {
    for after in [0, 50_000] {
        let case = Case::new(Sessions::Kept);
        case.harm(1, move |a| Case::middle(a).then_some(Harm::Stall(after))).ends_right(0).await;
    }
    let case = Case::new(Sessions::Kept);
    case.harm(1, move |a| (a.method == "HEAD").then_some(Harm::Stall(0))).ends_right(0).await;
}

#[tokio::test]
async fn a_part_out_of_order_is_followed_by_the_question_where_to_go_on() {
    let case = Case::new(Sessions::Passed);
    let case = case.harm(1, |a| Case::middle(a).then(|| Harm::status(416))).ends_right(CHUNK).await;
    let asked = case.proxy.asked();
    let refused = asked.iter().position(Case::middle).unwrap();
    assert_eq!(asked[refused + 1].method, "GET");
    assert!(Case::middle(&asked[refused + 2]));
}

#[tokio::test]
async fn a_mount_that_is_refused_becomes_an_upload() {
    let refusals = [Harm::NoMount, Harm::status(405), Harm::status(403)];
    for harm in refusals {
        let case = Case::new(Sessions::Passed);
        let base = Image::new(case.registry.host(), "base/cuda", case.image.layers.clone());
        client(CHUNK).push(&base.push(), &Bar::hidden()).await.unwrap();
        let source = Source::Base {
            from: base.at(&case.proxy.host()),
            digest: base.layers[0].digest(),
            size: base.layers[0].size(),
        };
        let image = Image::new(&case.proxy.host(), "team/ray", vec![source]);
        let case = Case { image, ..case };
        case.harm(1, move |a| a.path.contains("mount=").then(|| harm.clone())).ends_right(0).await;
    }
}

#[tokio::test]
async fn a_registry_that_takes_no_parts_gets_the_blob_whole() {
    for status in [400, 405, 416, 501] {
        let case = Case::new(Sessions::Passed);
        let case =
            case.harm(usize::MAX, move |a| a.header("content-range").map(|_| Harm::status(status)));
        let case = case.ends_right(3 * CHUNK).await;
        let whole = |a: &&Asked| a.is_part() && a.length == 550_000;
        assert_eq!(case.proxy.asked().iter().filter(whole).count(), 1, "{status}");
    }
}

#[tokio::test]
async fn parts_are_as_large_as_a_registry_wants_them() {
    let case = Case::new(Sessions::Passed).harm(usize::MAX, |a| {
        let least = vec![("OCI-Chunk-Min-Length", "250000".to_owned())];
        (a.method == "POST").then_some(Harm::Headers(least))
    });
    let case = case.ends_right(0).await;
    let lengths: Vec<_> =
        case.proxy.asked().iter().filter(|a| a.is_part()).map(|a| a.length).take(3).collect();
    assert_eq!(lengths, [250_000, 250_000, 50_000]);

    let registry = Registry::start();
    let proxy = Faulty::before(registry.host(), Sessions::Passed);
    let large = |a: &Asked| a.is_part() && a.length > 3_000_000;
    proxy.harm(move |a| large(a).then(|| Harm::status(413)));
    let image = Image::new(&proxy.host(), "team/ray", vec![ours(noise(1, 9_000_000))]);
    client(64 << 20).push(&image.push(), &Bar::hidden()).await.unwrap();
    assert_whole(&registry, &image).await;
}

#[tokio::test]
async fn bytes_that_change_on_the_way_are_sent_again_and_never_believed() {
    let case = Case::new(Sessions::Passed);
    let case = case.harm(1, |a| Case::middle(a).then_some(Harm::SpoilRequest));
    case.ends_right(550_000).await;
    let case = Case::new(Sessions::Passed);
    let case = case.harm(usize::MAX, |a| Case::middle(a).then_some(Harm::SpoilRequest));
    let (_, error) = case.fails().await;
    assert_eq!(error.exit(), Exit::Integrity, "{error:?}");
}

#[tokio::test]
async fn a_registry_that_lies_is_caught_before_a_tag_means_the_image() {
    type Lie = fn(&Asked) -> Option<Harm>;
    let lies: [(Lie, Exit); 5] = [
        (|a| (a.method == "PUT" && a.is_part()).then_some(Harm::WrongDigest), Exit::Integrity),
        (|a| manifest(a, "PUT").then_some(Harm::WrongDigest), Exit::Integrity),
        (|a| manifest(a, "GET").then_some(Harm::WrongDigest), Exit::Integrity),
        (|a| manifest(a, "GET").then_some(Harm::Spoil), Exit::Integrity),
        (|a| manifest(a, "GET").then(|| Harm::status(404)), Exit::Registry),
    ];
    for (lie, exit) in lies {
        let (case, error) = Case::new(Sessions::Passed).harm(usize::MAX, lie).fails().await;
        assert_eq!(error.exit(), exit, "{error:?}");
        assert!(error.to_string().contains(&case.proxy.host()), "{error}");
        assert!(!case.proxy.asked().iter().any(|a| a.path.ends_with("/manifests/v1")));
    }
}

fn manifest(asked: &Asked, method: &str) -> bool {
    asked.method == method && asked.path.contains("/manifests/sha256:")
}

#[tokio::test]
async fn a_blob_that_is_missing_after_success_is_named() {
    let put = Arc::new(AtomicBool::new(false));
    let case = Case::new(Sessions::Passed).harm(usize::MAX, move |a| {
        let blob = a.method == "HEAD" && a.path.contains("/blobs/");
        let lost = put.load(SeqCst) && blob;
        put.fetch_or(manifest(a, "PUT"), SeqCst);
        lost.then(|| Harm::status(404))
    });
    let (_, error) = case.fails().await;
    assert!(matches!(error, Error::MissingBlob { .. }), "{error:?}");
    assert_eq!(error.exit(), Exit::Registry);
}

#[tokio::test]
async fn a_refusal_is_not_tried_again() {
    let case = Case::new(Sessions::Passed).harm(usize::MAX, |a| {
        let body = r#"{"errors":[{"code":"DENIED","message":"quota"}]}"#;
        let harm = Harm::Status { status: 403, headers: vec![], body, early: false };
        a.is_part().then_some(harm)
    });
    let (case, error) = case.fails().await;
    assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
    assert_eq!(case.proxy.harms(), 1);
}
