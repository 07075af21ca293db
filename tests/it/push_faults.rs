//! Pushing through bad networks to bad registries: every fault alone.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use envlock::digest::Digest;
use envlock::exit::Exit;
use envlock::registry::{self, Error, Pushed, Source};

use crate::push::{Image, assert_whole, client, noise, ours};
use crate::support::{Asked, Embedded, Faulty, Harm, Registry, Sessions};

const PART: u64 = 100_000;

/// A push of one blob of five and a half parts through a proxy.
struct Case {
    registry: Registry,
    proxy: Faulty,
    image: Image,
    /// No blob arrives in one request: this is what happens to it instead.
    whole: Option<Harm>,
}

impl Case {
    fn new(sessions: Sessions) -> Self {
        let registry = Registry::start();
        let proxy = Faulty::before(registry.host(), sessions);
        let image = Image::new(&proxy.host(), "team/ray", vec![ours(noise(7, 550_000))]);
        Case { registry, proxy, image, whole: None }
    }

    /// The same where every blob of some size is cut after 200,000 bytes when it is sent whole.
    fn in_parts(sessions: Sessions) -> Self {
        Case { whole: Some(Harm::CutRequest(200_000)), ..Case::new(sessions) }
    }

    /// The rule's harm, the first `times` that it wants to do any.
    fn harm(
        self,
        times: usize,
        rule: impl Fn(&Asked) -> Option<Harm> + Send + Sync + 'static,
    ) -> Self {
        let (done, whole) = (AtomicUsize::new(0), self.whole.clone());
        self.proxy.harm(move |asked| {
            let whole = whole.clone().filter(|_| is_whole(asked) && asked.length > 200_000);
            let harm = || rule(asked).filter(|_| done.fetch_add(1, SeqCst) < times);
            whole.or_else(harm)
        });
        self
    }

    async fn push(&self) -> Result<Pushed, Error> {
        client(PART).push(&self.image.push(), &[]).await
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

    /// What was sent of the blob: method, and range or "whole".
    fn sent(&self) -> Vec<String> {
        let asked = self.proxy.asked().into_iter().filter(|a| a.is_part() && a.length > 1000);
        asked
            .map(|a| format!("{} {}", a.method, a.header("content-range").unwrap_or("whole")))
            .collect()
    }
}

/// Whether this is a blob in one request.
fn is_whole(asked: &Asked) -> bool {
    asked.is_part() && asked.length > 0 && asked.header("content-range").is_none()
}

/// The part that begins there.
fn begins(asked: &Asked, offset: u64) -> bool {
    let range = asked.header("content-range");
    range.is_some_and(|range| range.starts_with(&format!("{offset}-")))
}

/// The question how far an upload is.
fn asks(asked: &Asked) -> bool {
    asked.method == "GET" && asked.path.contains("/blobs/uploads/")
}

fn refusal(status: u16, body: &'static str) -> Harm {
    Harm::Status { status, headers: vec![], body, early: false }
}

#[tokio::test]
async fn a_blob_is_sent_in_one_request() {
    let case = Case::new(Sessions::Passed);
    case.push().await.unwrap();
    assert_eq!(case.sent(), ["PUT whole"]);
    assert_eq!(case.proxy.received(), case.image.bytes());
}

#[tokio::test]
async fn passing_errors_are_waited_out_and_cost_what_they_met() {
    for status in [429, 500, 502, 503] {
        let case = Case::new(Sessions::Passed);
        let case = case.harm(2, move |a| a.is_part().then(|| Harm::status(status)));
        case.ends_right(2 * 550_000).await;
        let case = Case::in_parts(Sessions::Kept);
        let case = case.harm(3, move |a| begins(a, 300_000).then(|| Harm::status(status)));
        case.ends_right(3 * PART).await;
    }
    // Every request of the push, not only its parts.
    let case = Case::new(Sessions::Passed);
    case.harm(usize::MAX, |a| (a.number % 4 == 0).then(|| Harm::status(503)))
        .ends_right(3 * 550_000)
        .await;
}

#[tokio::test]
async fn a_registry_that_asks_for_time_gets_it() {
    let case = Case::new(Sessions::Passed).harm(1, |a| {
        is_whole(a).then(|| {
            let headers = vec![("Retry-After", "1".to_owned())];
            Harm::Status { status: 429, headers, body: "", early: true }
        })
    });
    let start = Instant::now();
    case.ends_right(550_000).await;
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
    client(PART).push(&image.push(), &[]).await.unwrap();
    let (refused, asked) = (proxy.harms(), proxy.asked().len());
    assert!(refused > 0 && refused * 3 < asked, "{refused} of {asked} requests were refused");
}

/// The layer in one request; the config is on its way beside it.
fn is_layer(a: &Asked) -> bool {
    is_whole(a) && a.length == 550_000
}

#[tokio::test]
async fn what_is_cut_anywhere_goes_on_where_it_stopped() {
    for after in [2, 30_000, 99_999, 100_000, 549_999, 550_000] {
        let case = Case::new(Sessions::Kept);
        let case = case.harm(1, move |a| is_layer(a).then_some(Harm::CutRequest(after)));
        let sent = case.ends_right(0).await.sent();
        let rest = format!("PATCH {after}-{}", after + PART - 1);
        assert!(after + PART >= 550_000 || sent[1] == rest, "{sent:?}");
    }
    for after in [0, 1, 30_000, 99_999, 100_000] {
        let case = Case::in_parts(Sessions::Kept);
        case.harm(1, move |a| begins(a, 300_000).then_some(Harm::CutRequest(after)))
            .ends_right(0)
            .await;
        let case = Case::in_parts(Sessions::Kept);
        case.harm(1, move |a| begins(a, 200_000).then_some(Harm::CutAnswer(after / 1000)))
            .ends_right(0)
            .await;
        let case = Case::in_parts(Sessions::Kept);
        case.harm(1, move |a| begins(a, 500_000).then_some(Harm::CutRequest(after / 2)))
            .ends_right(0)
            .await;
    }
}

#[tokio::test]
async fn the_embedded_registry_keeps_what_arrived_of_a_blob_that_was_cut() {
    let registry = Embedded::start();
    let proxy = Faulty::before(registry.host(), Sessions::Passed);
    let cut = AtomicBool::new(false);
    proxy.harm(move |a| {
        let cuts = is_whole(a) && a.length == 550_000 && !cut.fetch_or(true, SeqCst);
        cuts.then_some(Harm::CutRequest(200_000))
    });
    let image = Image::new(&proxy.host(), "team/ray", vec![ours(noise(7, 550_000))]);
    let client = client(PART);
    client.push(&image.push(), &[]).await.unwrap();
    client.read_back(&image.at(registry.host())).await.unwrap();
    let asked = proxy.asked();
    let wholes = asked.iter().filter(|a| is_whole(a) && a.length == 550_000).count();
    let parts = asked.iter().filter(|a| a.header("content-range").is_some()).count();
    assert!(wholes == 1 && (4..=5).contains(&parts), "{wholes} wholes, {parts} parts");
    assert!(proxy.received() <= image.bytes() + PART);
}

#[tokio::test]
async fn a_single_byte_that_arrived_is_found() {
    let case = Case::new(Sessions::Kept);
    case.harm(1, |a| a.is_part().then_some(Harm::CutRequest(1))).ends_right(1).await;
}

#[tokio::test]
async fn a_registry_that_loses_what_is_cut_gets_the_blob_whole_again() {
    let case = Case::new(Sessions::Passed);
    let case = case.harm(1, |a| is_layer(a).then_some(Harm::CutRequest(30_000)));
    assert_eq!(case.ends_right(30_000).await.sent(), ["PUT whole", "PUT whole"]);
    let case = Case::new(Sessions::Passed);
    let case = case.harm(1, |a| is_layer(a).then_some(Harm::Lose));
    assert_eq!(case.ends_right(550_000).await.sent(), ["PUT whole", "PUT whole"]);
    // The blob arrived, and only the answer did not.
    let case = Case::new(Sessions::Passed);
    let case = case.harm(1, |a| is_layer(a).then_some(Harm::CutAnswer(0)));
    assert_eq!(case.ends_right(0).await.sent(), ["PUT whole"]);
}

#[tokio::test]
async fn what_never_arrives_whole_goes_in_parts_also_where_nothing_is_kept() {
    let case = Case::in_parts(Sessions::Passed).harm(0, |_| None).ends_right(2 * 200_000).await;
    let parts = ["PATCH 0-99999", "PATCH 100000-199999", "PATCH 200000-299999"];
    assert_eq!(case.sent()[..5], [["PUT whole"; 2].as_slice(), &parts].concat());
}

#[tokio::test]
async fn a_registry_that_always_loses_the_upload_is_named() {
    let case = Case::in_parts(Sessions::Passed)
        .harm(usize::MAX, |a| begins(a, 200_000).then_some(Harm::Lose));
    let (case, error) = case.fails().await;
    assert!(matches!(error, Error::SessionLost { times: 6, sent: 200_000, .. }), "{error:?}");
    // Whole again after what was lost between parts.
    let wholes = case.sent().iter().filter(|sent| *sent == "PUT whole").count();
    assert_eq!(wholes, 4);
    let text = error.to_string();
    assert!(text.contains(&case.image.layers[0].digest().to_string()), "{text}");
    assert!(text.contains(&case.proxy.host()), "{text}");
    assert_eq!(registry::exit(&error), Exit::Registry);
}

#[tokio::test]
async fn a_connection_on_which_nothing_moves_is_left() {
    let case = Case::new(Sessions::Kept);
    case.harm(1, |a| is_whole(a).then_some(Harm::Stall(50_000))).ends_right(0).await;
    let case = Case::in_parts(Sessions::Kept);
    case.harm(1, |a| begins(a, 300_000).then_some(Harm::Stall(0))).ends_right(0).await;
    let case = Case::new(Sessions::Kept);
    case.harm(1, |a| (a.method == "HEAD").then_some(Harm::Stall(0))).ends_right(0).await;
}

#[tokio::test]
async fn a_part_out_of_order_is_followed_by_the_question_where_to_go_on() {
    let case = Case::in_parts(Sessions::Kept);
    let case =
        case.harm(1, |a| begins(a, 300_000).then(|| Harm::status(416))).ends_right(PART).await;
    let asked = case.proxy.asked();
    let refused = asked.iter().position(|a| begins(a, 300_000)).unwrap();
    assert!(asks(&asked[refused + 1]));
    assert!(begins(&asked[refused + 2], 300_000));
}

// quay/quay endpoints/v2/blob.py: GET of a session counts one byte more than there is, and a part behind that is refused.
#[tokio::test]
async fn a_registry_that_counts_one_byte_too_many_gets_every_byte_once() {
    let counts = |has: u64| {
        move |a: &Asked| {
            let range = vec![("Range", format!("bytes=0-{has}"))];
            asks(a)
                .then_some(Harm::Headers(range))
                .or_else(|| begins(a, has + 1).then(|| Harm::status(416)))
        }
    };
    let case = Case::in_parts(Sessions::Kept).harm(usize::MAX, counts(200_000));
    let sent = case.ends_right(PART).await.sent();
    assert_eq!(sent[..3], ["PUT whole", "PATCH 200001-300000", "PATCH 200000-299999"]);
    // All of it arrived.
    let case = Case { whole: Some(Harm::CutRequest(550_000)), ..Case::new(Sessions::Kept) };
    case.harm(usize::MAX, counts(550_000)).ends_right(0).await;
}

// contracts of ECR, aws/containers-roadmap#2831 and dotnet/sdk#33019: the range of a part stands still although it was
// stored, and nobody is told how far an upload is.
#[tokio::test]
async fn a_range_that_stands_still_and_a_session_that_tells_nothing_are_no_faults() {
    let registry = Registry::start();
    let proxy = Faulty::before(registry.host(), Sessions::Kept);
    proxy.harm(|a| {
        let still = vec![("Range", "0-99999".to_owned())];
        match () {
            () if is_whole(a) && a.length > 200_000 => Some(Harm::CutRequest(200_000)),
            () if asks(a) => Some(Harm::status(404)),
            () => (a.method == "PATCH").then_some(Harm::Headers(still)),
        }
    });
    let layers = vec![ours(noise(7, 550_000)), ours(noise(8, 450_000))];
    let image = Image::new(&proxy.host(), "team/ray", layers);
    let one = NonZeroUsize::new(1);
    client(PART).with_uploads(one, Some(PART)).push(&image.push(), &[]).await.unwrap();
    assert_whole(&registry, &image).await;
    let asked = proxy.asked();
    assert_eq!(asked.iter().filter(|a| asks(a)).count(), 1);
    assert_eq!(asked.iter().filter(|a| is_whole(a) && a.length > 200_000).count(), 4);
    assert_eq!(proxy.received(), image.bytes() + 4 * 200_000);
}

#[tokio::test]
async fn a_mount_that_is_refused_becomes_an_upload() {
    let refusals = [Harm::NoMount, Harm::status(405), Harm::status(403)];
    for harm in refusals {
        let case = Case::new(Sessions::Passed);
        let base = Image::new(case.registry.host(), "base/cuda", case.image.layers.clone());
        client(PART).push(&base.push(), &[]).await.unwrap();
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
async fn a_registry_that_knows_no_mounts_is_asked_for_one_once() {
    for (status, mounts) in [(405, 1), (400, 1), (403, 2)] {
        let registry = Registry::start();
        let proxy = Faulty::before(registry.host(), Sessions::Passed);
        proxy.harm(move |a| a.path.contains("mount=").then(|| Harm::status(status)));
        let client = client(PART);
        for name in ["team/ray", "team/marimo", "team/jupyter"] {
            let image = Image::new(&proxy.host(), name, vec![ours(noise(7, 100_000))]);
            client.push(&image.push(), &[]).await.unwrap();
            assert_whole(&registry, &image).await;
        }
        let asked = proxy.asked();
        let layer = Digest::of(noise(7, 100_000)).to_string().replace(":", "%3A");
        let asked = asked.iter().filter(|a| a.path.contains("mount=") && a.path.contains(&layer));
        assert_eq!(asked.count(), mounts, "{status}");
    }
}

#[tokio::test]
async fn a_registry_without_ranges_is_asked_for_one_once() {
    let (from, to) = (Registry::start(), Registry::start());
    let base = Image::new(from.host(), "base/cuda", vec![ours(noise(1, 500_000))]);
    client(PART).push(&base.push(), &[]).await.unwrap();
    let proxy = Faulty::before(from.host(), Sessions::Passed);
    let cuts = AtomicUsize::new(0);
    proxy.harm(move |a| match a.method == "GET" && a.path.contains("/blobs/") {
        true if a.header("range").is_some() => Some(Harm::status(416)),
        // Further every time.
        true => match cuts.fetch_add(1, SeqCst) as u64 {
            time @ 0..3 => Some(Harm::CutAnswer(100_000 * (time + 1))),
            _ => None,
        },
        false => None,
    });
    let source = Source::Base {
        from: base.at(&proxy.host()),
        digest: base.layers[0].digest(),
        size: base.layers[0].size(),
    };
    let image = Image::new(to.host(), "team/ray", vec![source]);
    client(PART).push(&image.push(), &[]).await.unwrap();
    assert_whole(&to, &image).await;
    let asked = proxy.asked();
    assert_eq!(asked.iter().filter(|a| a.header("range").is_some()).count(), 1);
}

#[tokio::test]
async fn a_registry_that_takes_no_parts_gets_blobs_whole_and_is_asked_for_parts_once() {
    for (status, parts) in [(400, 1), (404, 1), (405, 1), (501, 1), (416, 2)] {
        let registry = Registry::start();
        let proxy = Faulty::before(registry.host(), Sessions::Kept);
        let cut = Mutex::new(std::collections::BTreeSet::new());
        proxy.harm(move |a| match is_whole(a) && a.length > 200_000 {
            true => cut.lock().unwrap().insert(a.length).then_some(Harm::CutRequest(200_000)),
            false => a.header("content-range").map(|_| Harm::status(status)),
        });
        let layers = vec![ours(noise(7, 550_000)), ours(noise(8, 450_000))];
        let image = Image::new(&proxy.host(), "team/ray", layers);
        let client = client(PART).with_uploads(NonZeroUsize::new(1), Some(PART));
        client.push(&image.push(), &[]).await.unwrap();
        assert_whole(&registry, &image).await;
        let asked = proxy.asked();
        let ranges = asked.iter().filter(|a| a.header("content-range").is_some()).count();
        assert_eq!(ranges, parts, "{status}");
        assert_eq!(asked.iter().filter(|a| is_whole(a) && a.length > 200_000).count(), 4);
    }
}

#[tokio::test]
async fn parts_are_as_large_as_a_registry_wants_them() {
    let case = Case::in_parts(Sessions::Kept).harm(usize::MAX, |a| {
        let least = vec![("OCI-Chunk-Min-Length", "250000".to_owned())];
        (a.method == "POST").then_some(Harm::Headers(least))
    });
    let case = case.ends_right(0).await;
    assert_eq!(case.sent(), ["PUT whole", "PATCH 200000-449999", "PUT 450000-549999"]);
}

/// Two blobs of some MB in a repository of their own, one after the other; the lengths of what was sent.
async fn lengths_of_large(
    rule: impl Fn(&Asked) -> Option<Harm> + Send + Sync + 'static,
) -> Vec<u64> {
    let registry = Registry::start();
    let proxy = Faulty::before(registry.host(), Sessions::Kept);
    proxy.harm(rule);
    let layers = vec![ours(noise(1, 12_000_000)), ours(noise(2, 11_000_000))];
    let image = Image::new(&proxy.host(), "team/ray", layers);
    let client = client(64 << 20).with_uploads(NonZeroUsize::new(1), None);
    client.push(&image.push(), &[]).await.unwrap();
    assert_whole(&registry, &image).await;
    proxy.asked().iter().filter(|a| a.is_part() && a.length > 1000).map(|a| a.length).collect()
}

#[tokio::test]
async fn a_limit_of_a_proxy_before_the_registry_is_found_once() {
    for early in [false, true] {
        let lengths = lengths_of_large(move |a| {
            let refused = Harm::Status { status: 413, headers: vec![], body: "", early };
            (a.is_part() && a.length > 3_000_000).then_some(refused)
        })
        .await;
        let (met, kept) = lengths.split_at(3);
        assert_eq!(met, [12_000_000, 6_000_000, 3_000_000], "early: {early}");
        assert!(kept.iter().all(|length| *length <= 3_000_000), "early: {early}: {lengths:?}");
    }
}

// wasmCloud/wash-archive#268, ocx-sh/ocx#237: parts of 4 MiB, wholes of any size.
#[tokio::test]
async fn a_limit_for_parts_is_kept_by_parts_alone() {
    const SAID: &str = r#"{"errors":[{"code":"REQUESTED_RANGE_NOT_SATISFIABLE","message":"the request body is too large and exceeds the maximum permissible limit of 4.00MiB"}]}"#;
    let cut = AtomicBool::new(false);
    let lengths = lengths_of_large(move |a| match is_whole(a) && a.length > 10_000_000 {
        true => (!cut.fetch_or(true, SeqCst)).then_some(Harm::CutRequest(2_000_000)),
        false => (a.is_part() && a.length > 4 << 20).then(|| refusal(416, SAID)),
    })
    .await;
    let parts = [10_000_000, 4 << 20, 4 << 20, 10_000_000 - (8 << 20)];
    assert_eq!(lengths, [[12_000_000].as_slice(), &parts, &[11_000_000]].concat());
}

#[tokio::test]
async fn bytes_that_change_on_the_way_are_sent_again_and_never_believed() {
    let case = Case::new(Sessions::Passed);
    let case = case.harm(1, |a| is_whole(a).then_some(Harm::SpoilRequest));
    case.ends_right(550_000).await;
    let case = Case::new(Sessions::Passed);
    let case = case.harm(usize::MAX, |a| is_whole(a).then_some(Harm::SpoilRequest));
    let (_, error) = case.fails().await;
    assert_eq!(registry::exit(&error), Exit::Integrity, "{error:?}");
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
        assert_eq!(registry::exit(&error), exit, "{error:?}");
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
    assert_eq!(registry::exit(&error), Exit::Registry);
}

#[tokio::test]
async fn a_refusal_is_not_tried_again() {
    let case = Case::new(Sessions::Passed).harm(usize::MAX, |a| {
        let body = r#"{"errors":[{"code":"DENIED","message":"quota"}]}"#;
        a.is_part().then(|| refusal(403, body))
    });
    let (case, error) = case.fails().await;
    assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
    assert_eq!(case.proxy.harms(), 1);
}
