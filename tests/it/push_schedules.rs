//! Random schedules of faults: pushes end right or with the error that names what happened, a cut costs at most a part
//! where the registry keeps what arrived, and config.yaml never names an image that is not whole.
//!
//! `ci/push-faults.sh` runs many and large ones. `ENVLOCK_PUSH_SCHEDULES`, `ENVLOCK_PUSH_BYTES` and `ENVLOCK_PUSH_SEED`
//! say how many, how large, which.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use envlock::digest::Digest;
use envlock::reference::PinnedReference;
use envlock::registry::{Client, Error, Source};
use futures_util::{StreamExt, stream};

use crate::push::{Image, assert_whole, client, noise, ours};
use crate::support::workshop::{Workshop, images, pull};
use crate::support::{Admits, Asked, Faulty, Harm, Registry, Sessions};

/// Schedules that run at the same time: while one waits the other works.
const AT_ONCE: usize = 2;

/// Random numbers that a seed decides.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// One fault. `named`: the manifest was put, so that what is asked for now is a proof.
fn fault(dice: &mut Dice, asked: &Asked, named: bool) -> Harm {
    let header = |seconds: &str| vec![("Retry-After", seconds.to_owned())];
    let status = |status, headers, early| Harm::Status { status, headers, body: "", early };
    match dice.below(13) {
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
        12 if named && asked.method == "HEAD" => Harm::status(404),
        _ => Harm::status(502),
    }
}

/// What happened in a schedule, and what it may have cost.
#[derive(Default)]
struct Account {
    /// Digests or bytes were not what they are.
    lied: AtomicBool,
    /// Something was said to be missing that is there.
    hidden: AtomicBool,
    /// The manifest was put.
    named: AtomicBool,
    /// Bytes that may be sent again where sessions are kept, as the distribution spec says: a part for each cut.
    parts: AtomicU64,
    /// Bytes that a refusal met: nobody kept them.
    refused: AtomicU64,
    /// Bytes of sessions that the registry forgot, by an order of the schedule or because 2.x of docker-registry
    /// forgets a session when a request or its answer is cut.
    lost: AtomicU64,
    /// Sessions that were forgotten.
    losses: AtomicUsize,
    /// Parts that were refused as out of order: after two of them the blobs go whole.
    disorders: AtomicUsize,
}

/// How a schedule is sent.
#[derive(Clone, Copy)]
struct Way {
    sessions: Sessions,
    part: u64,
    largest: u64,
}

impl Account {
    fn enter(&self, asked: &Asked, harm: &Harm, way: Way) {
        let cut = matches!(harm, Harm::CutRequest(_) | Harm::CutAnswer(_) | Harm::Stall(_));
        let resumes = way.sessions == Sessions::Kept && self.disorders.load(SeqCst) < 2;
        let loses = *harm == Harm::Lose || cut && !resumes;
        let hides = *harm == Harm::status(404);
        self.lied.fetch_or(matches!(harm, Harm::WrongDigest | Harm::Spoil), SeqCst);
        self.hidden.fetch_or(hides, SeqCst);
        let range = asked.header("content-range");
        match harm {
            Harm::NoMount => _ = self.refused.fetch_add(way.largest, SeqCst),
            _ if hides => _ = self.refused.fetch_add(way.largest, SeqCst),
            _ if loses && asked.is_part() => {
                let start = range.unwrap_or_default().split('-').next().unwrap();
                self.lost.fetch_add(start.parse().unwrap_or(0) + asked.length, SeqCst);
                self.losses.fetch_add(1, SeqCst);
            }
            Harm::Status { status: 416, .. } if range.is_some() => {
                // The registry may count one byte too many, or take no parts: the blob is sent again in the end.
                self.disorders.fetch_add(1, SeqCst);
                self.refused.fetch_add(way.largest + asked.length, SeqCst);
            }
            Harm::Status { .. } if asked.is_part() => {
                _ = self.refused.fetch_add(asked.length, SeqCst);
            }
            _ => _ = self.parts.fetch_add(way.part, SeqCst),
        }
    }

    /// Whether this error says what was done.
    fn explains(&self, error: &Error, harms: usize) -> bool {
        match error {
            Error::Integrity { .. } => self.lied.load(SeqCst),
            Error::MissingBlob { .. } | Error::NotFound { .. } => self.hidden.load(SeqCst),
            Error::SessionLost { .. } => self.losses.load(SeqCst) >= 6,
            // Six attempts, or three connections, of one request.
            Error::Status { .. } | Error::Unreachable { .. } => harms >= 3,
            _ => false,
        }
    }
}

/// The sums of all schedules.
#[derive(Default)]
struct Sums {
    right: usize,
    failed: std::collections::BTreeMap<String, usize>,
    harms: usize,
    losses: usize,
    /// Bytes sent again, without and with sessions that were forgotten.
    again: u64,
    again_lost: u64,
}

/// The blobs of all schedules, and the registry behind them.
struct Ground {
    registry: Registry,
    layers: Vec<Source>,
    part: u64,
}

/// What one schedule came to.
struct Outcome {
    failure: Option<String>,
    harms: usize,
    losses: usize,
    again: u64,
}

impl Ground {
    /// Two images, of which the second has layers of the first.
    async fn push(&self, client: &Client, images: &[Image; 2]) -> Result<(), Error> {
        for image in images {
            client.push(&image.push(), &[]).await?;
        }
        Ok(())
    }

    async fn schedule(self: Arc<Self>, seed: u64) -> Outcome {
        let sessions = if seed.is_multiple_of(2) { Sessions::Kept } else { Sessions::Passed };
        let proxy = match seed % 3 {
            // A token runs out every few requests.
            0 => {
                let uses = 12 + usize::try_from(seed % 20).unwrap();
                Faulty::guarded(self.registry.host(), sessions, uses, Admits::Anyone)
            }
            _ => Faulty::before(self.registry.host(), sessions),
        };
        let shared = self.layers[self.layers.len() - 2..].to_vec();
        let largest = self.layers.iter().map(Source::size).max().unwrap();
        let way = Way { sessions, part: self.part, largest };
        let images = [
            Image::new(&proxy.host(), &format!("team/ray{seed}"), self.layers.clone()),
            Image::new(&proxy.host(), &format!("team/marimo{seed}"), shared),
        ];
        let account = Arc::new(Account::default());
        let (dice, own) = (Mutex::new(Dice::new(seed)), account.clone());
        let left = AtomicUsize::new(1 + usize::try_from(seed % 12).unwrap());
        proxy.harm(move |asked| {
            let named = asked.method == "PUT" && asked.path.contains("/manifests/");
            let named = own.named.fetch_or(named, SeqCst);
            let mut dice = dice.lock().unwrap();
            if dice.below(4) != 0 || left.load(SeqCst) == 0 {
                return None;
            }
            left.fetch_sub(1, SeqCst);
            let harm = fault(&mut dice, asked, named);
            own.enter(asked, &harm, way);
            Some(harm)
        });
        let result = self.push(&client(self.part), &images).await;
        let left = proxy.left();
        for asked in &left {
            account.enter(asked, &Harm::CutAnswer(0), way);
            // The registry may not have it yet, and says so when it is asked.
            let length = if asked.is_part() { asked.length } else { 0 };
            account.refused.fetch_add(length, SeqCst);
        }
        let (harms, received) = (proxy.harms() + proxy.expired() + left.len(), proxy.received());
        let needed = images[0].bytes() + images[1].config.len() as u64;
        let again = received.saturating_sub(needed);
        let load = |sum: &AtomicU64| sum.load(SeqCst);
        let (parts, refused, lost) =
            (load(&account.parts), load(&account.refused), load(&account.lost));
        let parts = parts + proxy.expired() as u64 * way.part;
        assert!(
            again <= parts + refused + lost,
            "seed {seed}: {again} bytes again after {harms} faults, {} of them for want of time, allowed are {parts} of \
             cuts, {refused} that were refused and {lost} of lost sessions",
            left.len()
        );
        let failure = result.err().map(|error| {
            let text = format!("seed {seed}: {error:?} after {harms} faults");
            assert!(account.explains(&error, harms), "{text}");
            assert!(error.to_string().contains(&proxy.host()), "{text}");
            let kind = format!("{error:?}");
            kind.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
        });
        proxy.harm(|_| None);
        if failure.is_some() {
            // The same command again, on a better day.
            self.push(&client(self.part), &images).await.unwrap();
        }
        for image in &images {
            let image = image.at(self.registry.host());
            client(self.part).read_back(&image).await.unwrap();
        }
        // Sessions that faults left behind are as large as the images: a thousand schedules need the room.
        for image in &images {
            self.registry.forget_sessions(&image.to.name);
        }
        let losses = account.losses.load(SeqCst);
        Outcome { failure, harms, losses, again }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_schedules_of_faults_end_right_or_with_the_named_error() {
    let schedules = setting("ENVLOCK_PUSH_SCHEDULES", 40);
    let bytes = setting("ENVLOCK_PUSH_BYTES", 20_000_000);
    let first = setting("ENVLOCK_PUSH_SEED", 1);
    let part = bytes / 20;
    let layer = |(share, seed)| ours(noise(seed, usize::try_from(bytes * share / 100).unwrap()));
    let layers = [(45, 1), (30, 2), (14, 3), (10, 4), (1, 5)].map(layer);
    let ground = Arc::new(Ground { registry: Registry::start(), layers: layers.to_vec(), part });
    let started = std::time::Instant::now();
    let mut sums = Sums::default();
    let work = stream::iter(first..first + schedules)
        .map(|seed| tokio::spawn(ground.clone().schedule(seed)))
        .buffer_unordered(AT_ONCE);
    let mut work = std::pin::pin!(work);
    let mut done = 0;
    while let Some(outcome) = work.next().await {
        let outcome = outcome.unwrap();
        done += 1;
        match outcome.failure {
            None => sums.right += 1,
            Some(kind) => *sums.failed.entry(kind).or_default() += 1,
        }
        sums.harms += outcome.harms;
        sums.losses += outcome.losses;
        match outcome.losses {
            0 => sums.again += outcome.again,
            _ => sums.again_lost += outcome.again,
        }
        if done % 10 == 0 {
            let Sums { right, failed, harms, losses, again, again_lost } = &sums;
            eprintln!(
                "{done} of {schedules} schedules in {:.0?}: {right} right at once, {failed:?} and right when run \
                 again; {harms} faults; sent again: {again} bytes where sessions were kept, {again_lost} where {losses} \
                 sessions were lost; parts of {part}",
                started.elapsed()
            );
        }
    }
    let last = first + schedules - 1;
    let name = format!("team/ray{last}");
    let last = Image::new(ground.registry.host(), &name, ground.layers.clone());
    assert_whole(&ground.registry, &last).await;
    assert!(sums.right * 2 > done, "only {} of {done} ended right", sums.right);
}

/// Images that config.yaml names, as `REPOSITORY@DIGEST`.
fn named(config: &str) -> Vec<(String, Digest)> {
    let words =
        config.split(['"', '\'', ' ', '\n']).filter(|word| word.contains("-runtime@sha256:"));
    let pinned = words.map(|word| word.parse::<PinnedReference>().unwrap());
    pinned.map(|image| (image.repository().to_owned(), image.digest())).collect()
}

#[test]
fn config_yaml_names_whole_images_or_is_left_alone_whatever_happens_to_a_build() {
    let schedules = setting("ENVLOCK_PUSH_RELEASES", 6);
    let first = setting("ENVLOCK_PUSH_SEED", 1);
    let workshop = Workshop::new(300_000);
    let envlock = workshop.project();
    workshop.build(&envlock, "first").exits(0);
    let (mut right, mut releases) = (0, 1);
    for seed in first..first + schedules {
        let prefix = format!("s{seed}");
        let left = AtomicUsize::new(1 + usize::try_from(seed % 9).unwrap());
        let (dice, named_) = (Mutex::new(Dice::new(seed)), AtomicBool::new(false));
        workshop.proxy.harm(move |asked| {
            let put = asked.method == "PUT" && asked.path.contains("/manifests/");
            let named = named_.fetch_or(put, SeqCst);
            let mut dice = dice.lock().unwrap();
            if dice.below(4) != 0 || left.load(SeqCst) == 0 {
                return None;
            }
            left.fetch_sub(1, SeqCst);
            match fault(&mut dice, asked, named) {
                // A minute of silence each: `a_connection_on_which_nothing_moves_is_left` is the test for that.
                Harm::Stall(after) => Some(Harm::CutRequest(after)),
                harm => Some(harm),
            }
        });
        let before = (envlock.read("config.yaml"), envlock.read("env.releases.jsonl"));
        let run = workshop.build(&envlock, &prefix);
        let run = match run.0.status.code() {
            Some(0) => {
                right += 1;
                run
            }
            code => {
                assert!(matches!(code, Some(5 | 6 | 8)), "seed {seed}: {}", run.stderr());
                let after = (envlock.read("config.yaml"), envlock.read("env.releases.jsonl"));
                assert_eq!(after, before, "seed {seed}: {}", run.stderr());
                workshop.proxy.harm(|_| None);
                workshop.build(&envlock, &prefix).exits(0)
            }
        };
        releases += 1;
        workshop.proxy.harm(|_| None);
        assert_eq!(envlock.read("env.releases.jsonl").lines().count(), releases, "seed {seed}");
        let images = images(&run);
        let config = envlock.read("config.yaml");
        let named = named(&config);
        assert!(named.len() >= 2, "seed {seed}: {config}");
        for (repository, digest) in named {
            assert!(images.values().any(|i| i.repository() == repository && i.digest() == digest));
            pull(&PinnedReference::new(workshop.registry.host(), &repository, digest));
        }
    }
    eprintln!("{right} of {schedules} builds ended right at once, the others when run again");
}
