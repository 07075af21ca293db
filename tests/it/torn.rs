//! No kill -9 tears a release: at every call that writes, and at random moments between a change's first and last,
//! `rollback` and the end of `build --push` leave all files old or all new once the next command has run, and that
//! command says what it found.
//!
//! `ENVLOCK_TEST_TORN` says how many random moments there are in all (40), `ENVLOCK_TEST_SEED` which.

use std::collections::BTreeMap;

use crate::support::release::{CONFIG, push_both, release};
use crate::support::workshop::Workshop;
use crate::support::{Envlock, FROM, Killer, Moment, Registry};

const FILES: [&str; 3] = ["config.yaml", "env.lock", "env.releases.jsonl"];

type State = [Option<String>; 3];

fn state(envlock: &Envlock) -> State {
    FILES.map(|file| fs_err::read_to_string(envlock.path(file)).ok())
}

/// Something that changes all three files, over and over.
trait Job {
    fn envlock(&self) -> &Envlock;
    /// The state before each round.
    fn before(&self) -> &State;
    /// The command's words.
    fn words(&self) -> Vec<String>;
    /// Whether this is the state that the command leaves.
    fn is_done(&self, state: &State) -> bool;

    fn reset(&self) {
        for (file, text) in FILES.iter().zip(self.before()) {
            match text {
                Some(text) => _ = self.envlock().write(file, text),
                None => _ = fs_err::remove_file(self.envlock().path(file)),
            }
        }
    }
}

/// What became of rounds.
#[derive(Debug, Default)]
struct Tally {
    killed: usize,
    old: usize,
    new: usize,
    told: usize,
    /// The calls that were died at.
    at: BTreeMap<String, usize>,
}

/// A round: the command, killed at the moment; then another command, which must leave the project whole. False: nobody
/// was killed.
fn round(job: &dyn Job, killer: &Killer, moment: Moment, tally: &mut Tally) -> bool {
    job.reset();
    let envlock = job.envlock();
    if let Some(run) = killer.run(&mut envlock.command(job.words()), moment) {
        run.exits(0);
        assert!(job.is_done(&state(envlock)), "{moment:?}: {:#?}", state(envlock));
        return false;
    }
    let last = killer.calls().pop();
    let waits = envlock.path(".envlock/transaction/journal.json").exists();
    let torn = state(envlock);
    let next = envlock.run(["history"]).exits(0);
    let after = state(envlock);
    let (is_old, is_new) = (after == *job.before(), job.is_done(&after));
    assert!(is_old != is_new, "{moment:?} at {last:?}:\n{torn:#?}\n{after:#?}");
    let says = |word: &str| next.stderr().contains(&format!("{word} an interrupted change of"));
    let expected = (waits && is_old, waits && is_new);
    assert_eq!((says("undid"), says("finished")), expected, "{moment:?}: {}", next.stderr());
    if !waits {
        assert_eq!(torn, after, "{moment:?}");
    }
    let litter =
        envlock.folder().read_dir_utf8().unwrap().map(|e| e.unwrap().file_name().to_owned());
    let litter: Vec<_> = litter.filter(|name| name.contains(".envlock-")).collect();
    assert!(litter.is_empty(), "{moment:?}: {litter:?}");
    let once_more = envlock.run(["history"]).exits(0).stderr();
    assert!(!once_more.contains("interrupted"), "{moment:?}: {once_more}");
    tally.killed += 1;
    tally.old += usize::from(is_old);
    tally.new += usize::from(is_new);
    tally.told += usize::from(waits);
    *tally.at.entry(last.map_or_else(|| "-".to_owned(), |call| call.name)).or_default() += 1;
    true
}

fn at_every_call(job: &dyn Job, moments: &[fn(usize) -> Moment]) -> Tally {
    let (killer, mut tally) = (Killer::of(job.envlock().folder()), Tally::default());
    for moment in moments {
        let mut nth = 1;
        while round(job, &killer, moment(nth), &mut tally) {
            nth += 1;
        }
        assert!(nth > 30, "only {nth} calls were seen: {:?}", killer.calls());
    }
    // Where the change can only be undone, and where it can only be finished: both were met.
    assert!(tally.old > 20 && tally.new > 5 && tally.told > 20, "{tally:?}");
    tally
}

fn at_random(job: &dyn Job, kills: usize) -> Tally {
    let (killer, mut tally) = (Killer::of(job.envlock().folder()), Tally::default());
    assert!(!round(job, &killer, Moment::Never, &mut tally));
    let calls = killer.calls();
    let first = calls.iter().find(|call| call.path.contains(FROM)).unwrap();
    let window = calls.last().unwrap().nanoseconds - first.nanoseconds;
    let mut seed = number("ENVLOCK_TEST_SEED", 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while tally.killed < kills {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        round(job, &killer, Moment::Nanoseconds((seed >> 16) % window), &mut tally);
    }
    tally
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

fn half_of_the_moments() -> usize {
    usize::try_from(number("ENVLOCK_TEST_TORN", 40)).unwrap() / 2
}

/// The last line of a history is a release of this kind, and there is one line more than before.
fn adds(state: &State, before: &State, kind: &str) -> bool {
    let lines = |state: &State| state[2].as_deref().unwrap_or_default().lines().count();
    let last = state[2].as_deref().and_then(|text| text.lines().last()).unwrap_or_default();
    lines(state) == lines(before) + 1 && last.contains(&format!("\"kind\":\"{kind}\""))
}

/// `rollback --lock` from the second release to the first.
struct Rollback {
    _registry: Registry,
    envlock: Envlock,
    before: State,
    first: State,
}

impl Rollback {
    fn new() -> Self {
        let (registry, envlock) = (Registry::start(), Envlock::new());
        envlock.write("config.yaml", CONFIG);
        release(&envlock, &push_both(&registry, "one"), "lock one\n");
        let first = state(&envlock);
        release(&envlock, &push_both(&registry, "two"), "lock two\n");
        let before = state(&envlock);
        Rollback { _registry: registry, envlock, before, first }
    }
}

impl Job for Rollback {
    fn envlock(&self) -> &Envlock {
        &self.envlock
    }
    fn before(&self) -> &State {
        &self.before
    }
    fn words(&self) -> Vec<String> {
        ["rollback", "--lock"].map(str::to_owned).to_vec()
    }
    fn is_done(&self, state: &State) -> bool {
        state[..2] == self.first[..2] && adds(state, &self.before, "rollback")
    }
}

/// `build --push` with everything in the registry already: what is left to do is the release. env.lock gets its layers
/// with it.
struct Build {
    workshop: Workshop,
    envlock: Envlock,
    before: State,
    done: State,
}

impl Build {
    fn new() -> Self {
        let workshop = Workshop::new(1000);
        let envlock = workshop.project();
        let before = state(&envlock);
        workshop.build(&envlock, "team").exits(0);
        let done = state(&envlock);
        assert_ne!((&before[0], &before[1]), (&done[0], &done[1]));
        Build { workshop, envlock, before, done }
    }
}

impl Job for Build {
    fn envlock(&self) -> &Envlock {
        &self.envlock
    }
    fn before(&self) -> &State {
        &self.before
    }
    fn words(&self) -> Vec<String> {
        self.workshop.arguments("team")
    }
    fn is_done(&self, state: &State) -> bool {
        state[..2] == self.done[..2] && adds(state, &self.before, "build")
    }
}

#[test]
fn a_rollback_that_is_killed_at_any_call_is_whole() {
    let tally = at_every_call(&Rollback::new(), &[Moment::Instead, Moment::Half]);
    eprintln!("rollback, at every call: {tally:?}");
}

#[test]
fn a_build_that_is_killed_at_any_call_is_whole() {
    let tally = at_every_call(&Build::new(), &[Moment::Instead]);
    eprintln!("build --push, at every call: {tally:?}");
}

#[test]
fn a_rollback_that_is_killed_at_random_moments_is_whole() {
    let tally = at_random(&Rollback::new(), half_of_the_moments());
    eprintln!("rollback, at random moments: {tally:?}");
}

#[test]
fn a_build_that_is_killed_at_random_moments_is_whole() {
    let tally = at_random(&Build::new(), half_of_the_moments());
    eprintln!("build --push, at random moments: {tally:?}");
}

#[test]
fn a_lock_of_a_dead_envlock_blocks_nobody() {
    let job = Rollback::new();
    let killer = Killer::of(job.envlock.folder());
    // Dies with the lock in its hands: the journal comes after it.
    assert!(round(&job, &killer, Moment::Instead(12), &mut Tally::default()));
    let run = job.envlock.run(["--no-wait", "rollback", "--lock"]).exits(0);
    assert!(!run.stderr().contains("waiting"), "{}", run.stderr());
}
