//! Pushing through bad networks to bad registries: every fault alone, then random schedules of them.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
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

/// Random numbers that a seed decides.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// One fault of a random schedule.
fn fault(dice: &mut Dice, asked: &Asked) -> Harm {
    let header = |seconds: &str| vec![("Retry-After", seconds.to_owned())];
    let status = |status, headers, early| Harm::Status { status, headers, body: "", early };
    match dice.below(12) {
        0 => status(429, header("0"), dice.below(2) == 0),
        1 => {
            let passing = [500, 502, 503, 504][usize::try_from(dice.below(4)).unwrap()];
            status(passing, vec![], dice.below(2) == 0)
        }
        2 | 3 => Harm::CutRequest(dice.below(asked.length + 1)),
        4 | 5 => Harm::CutAnswer(dice.below(400)),
        6 if dice.below(4) == 0 => Harm::Stall(dice.below(asked.length + 1)),
        7 if asked.is_part() => Harm::status(416),
        8 if asked.path.contains("mount=") => Harm::NoMount,
        9 if asked.is_part() && dice.below(3) == 0 => Harm::Lose,
        10 if dice.below(4) == 0 => Harm::WrongDigest,
        11 if asked.method == "GET" && asked.path.contains("/manifests/") => Harm::Spoil,
        _ => Harm::status(502),
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// `ENVLOCK_PUSH_SCHEDULES`, `ENVLOCK_PUSH_BYTES` and `ENVLOCK_PUSH_SEED` make it longer, larger,
/// another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_schedules_of_faults_end_right_or_with_the_named_error() {
    let schedules = setting("ENVLOCK_PUSH_SCHEDULES", 40);
    let bytes = setting("ENVLOCK_PUSH_BYTES", 20_000_000);
    let first = setting("ENVLOCK_PUSH_SEED", 1);
    let registry = Registry::start();
    let chunk = bytes / 20;
    let shares = [45, 30, 15, 9, 1];
    let mut layers: Vec<_> = shares
        .iter()
        .map(|share| ours(noise(*share, usize::try_from(bytes * share / 100).unwrap())))
        .collect();
    layers.push(ours(noise(1, 1)));
    let (mut right, mut resent_in_all, mut harms_in_all) = (0, 0, 0);
    for seed in first..first + schedules {
        let sessions = if seed % 2 == 0 { Sessions::Kept } else { Sessions::Passed };
        let proxy = Faulty::before(registry.host(), sessions);
        let image = Image::new(&proxy.host(), &format!("team/s{seed}"), layers.clone());
        let dice = Mutex::new(Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1));
        let left = AtomicUsize::new(1 + usize::try_from(seed % 12).unwrap());
        let lied = Arc::new(AtomicBool::new(false));
        let lost = Arc::new(AtomicUsize::new(0));
        let (lie, loss) = (lied.clone(), lost.clone());
        proxy.harm(move |asked| {
            let mut dice = dice.lock().unwrap();
            if dice.below(4) != 0 || left.load(SeqCst) == 0 {
                return None;
            }
            left.fetch_sub(1, SeqCst);
            let harm = fault(&mut dice, asked);
            lie.fetch_or(matches!(harm, Harm::WrongDigest | Harm::Spoil), SeqCst);
            loss.fetch_add(usize::from(harm == Harm::Lose), SeqCst);
            Some(harm)
        });
        let result = client(chunk).push(&image.push(), &Bar::hidden()).await;
        let harms = proxy.harms() as u64;
        // One 416 after the other means a registry that wants the blob whole.
        let whole = proxy.asked().iter().any(|asked| asked.is_part() && asked.length > chunk);
        if sessions == Sessions::Kept && lost.load(SeqCst) == 0 && !whole {
            let resent = proxy.received().saturating_sub(image.bytes());
            assert!(resent <= harms * chunk, "seed {seed}: {resent} bytes again, {harms} faults");
            resent_in_all += resent;
            harms_in_all += harms;
        }
        match &result {
            Ok(_) => right += 1,
            Err(error) => {
                let text = format!("seed {seed}: {error:?}");
                let lied = lied.load(SeqCst);
                match error.exit() {
                    Exit::Integrity => assert!(lied, "{text}"),
                    Exit::Network | Exit::Registry => {}
                    exit => panic!("{exit:?} {text}"),
                }
                let tag =
                    envlock::reference::parse(&format!("{}/{}:v1", registry.host(), image.to.name));
                let tagged = client(chunk).has(&tag.unwrap()).await.unwrap();
                if !tagged {
                    assert!(error.to_string().contains(&proxy.host()), "{text}");
                }
                // The same command again, on a better day.
                proxy.harm(|_| None);
                client(chunk).push(&image.push(), &Bar::hidden()).await.unwrap();
            }
        }
        assert_whole(&registry, &image).await;
    }
    eprintln!(
        "{right} of {schedules} ended right at once, {resent_in_all} bytes sent again after {harms_in_all} faults, parts of {chunk}"
    );
    assert!(right * 2 > schedules, "only {right} of {schedules} ended right");
}
