//! `build --push` with the layers engine, killed at random moments and run again until it ends: the images, env.lock and
//! the release are those of a build that nobody disturbed, and no blob is sent that had arrived.
//!
//! `ENVLOCK_TEST_KILLS` says how many kills there are in all (12), `ENVLOCK_TEST_SEED` which moments they take.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use envlock::digest::Digest;
use envlock::reference::PinnedReference;

use crate::support::workshop::{Workshop, digests, pull};
use crate::support::{Envlock, Run};

/// Incompressible bytes of each of the six wheels: 30 MB in all.
const WHEEL: usize = 5_000_000;

/// What is left when a build has ended, but for the registry's address in it.
#[derive(Debug, PartialEq, Eq)]
struct End {
    digests: BTreeMap<String, Digest>,
    lock: String,
    config: String,
    releases: usize,
}

fn end(envlock: &Envlock, run: &Run, prefix: &str) -> End {
    End {
        digests: digests(run),
        lock: envlock.read("env.lock"),
        config: envlock.read("config.yaml").replace(prefix, "PREFIX"),
        releases: envlock.read("env.releases.jsonl").lines().count(),
    }
}

/// What lies in the project and in its store, but for facts that were being written: `cache prune` clears those.
fn files(envlock: &Envlock) -> BTreeSet<String> {
    fn walk(root: &Utf8Path, folder: &Utf8Path, found: &mut BTreeSet<String>) {
        for entry in folder.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            match path.is_dir() {
                true => walk(root, &path, found),
                false => _ = found.insert(path.strip_prefix(root).unwrap().to_string()),
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(envlock.folder(), envlock.folder(), &mut found);
    found.retain(|path| !(path.starts_with(".store/facts/") && path.contains("/.")));
    found
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// The whole of a project's promises: config.yaml and the record name the same images, or nothing yet.
fn is_consistent(envlock: &Envlock) {
    let config = envlock.read("config.yaml");
    let record = fs_err::read_to_string(envlock.path("env.releases.jsonl")).unwrap_or_default();
    if record.is_empty() {
        return;
    }
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let text = record.to_string();
    let named = config.split('"').filter(|word| word.contains("-runtime@sha256:"));
    named.for_each(|image| assert!(text.contains(image), "{image} is not in {text}"));
}

#[test]
fn kills_at_any_moment_change_nothing_and_cost_the_blobs_in_flight_only() {
    let kills = number("ENVLOCK_TEST_KILLS", 12);
    let mut seed = number("ENVLOCK_TEST_SEED", 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 16) % below
    };
    let workshop = Workshop::new(WHEEL);
    // About 10 MB a second on each connection: kills meet blobs that are on their way.
    workshop.proxy.pace(100);
    let origin = workshop.project();
    let undisturbed = workshop.clone_of(&origin);
    let started = Instant::now();
    let expected =
        end(&undisturbed, &workshop.build(&undisturbed, "undisturbed").exits(0), "undisturbed");
    let whole = u64::try_from(started.elapsed().as_micros()).unwrap();
    assert_eq!(expected.releases, 1);
    let needed: u64 = workshop.since(0).blobs().iter().map(|(_, _, bytes)| bytes).sum();

    let (mut done, mut rounds, mut again, mut sent, mut most) = (0, 0, 0, 0, 0);
    while done < kills {
        rounds += 1;
        let prefix = format!("round-{rounds}");
        let envlock = workshop.clone_of(&origin);
        let mut in_round = 0;
        let received = workshop.proxy.received();
        // Three kills a round on the average: what is left of one build is found by the next.
        let last = loop {
            let there = workshop.present();
            let mark = workshop.mark();
            let is_killed = done < kills && (in_round == 0 || random(4) > 0);
            let run = match is_killed {
                false => Some(workshop.build(&envlock, &prefix).exits(0)),
                true => killed(&workshop, &envlock, &prefix, Duration::from_micros(random(whole))),
            };
            for (repository, digest, _) in workshop.since(mark).blobs() {
                let sent_before = there.contains(&(repository.clone(), digest));
                assert!(
                    !sent_before,
                    "round {rounds}: {repository} had {digest}, and it was sent again"
                );
            }
            is_consistent(&envlock);
            match run {
                None => (done, in_round) = (done + 1, in_round + 1),
                // It may have ended before it could be killed.
                Some(run) => break run,
            }
        };
        assert_eq!(end(&envlock, &last, &prefix), expected, "round {rounds}");
        let received = workshop.proxy.received() - received;
        again += received.saturating_sub(needed);
        sent += received;
        most = most.max(received.saturating_sub(needed));
        let (left, clean) = (files(&envlock), files(&undisturbed));
        assert_eq!(left, clean, "round {rounds}: of the dead, something is left");
    }
    images_of(&workshop, rounds, &expected).iter().for_each(|image| drop(pull(image)));
    eprintln!(
        "{done} kills in {rounds} rounds: {} MB were sent where {} MB are needed; {} MB again, {} MB in the worst round",
        sent / 1_000_000,
        needed * rounds / 1_000_000,
        again / 1_000_000,
        most / 1_000_000
    );
}

fn images_of(workshop: &Workshop, round: u64, expected: &End) -> Vec<PinnedReference> {
    let pinned = |(name, digest): (&String, &Digest)| {
        let repository = format!("round-{round}/{name}");
        PinnedReference::new(workshop.registry.host(), &repository, *digest)
    };
    expected.digests.iter().map(pinned).collect()
}

/// A build that is killed after `moment`, unless it ended before: then what it said.
fn killed(workshop: &Workshop, envlock: &Envlock, prefix: &str, moment: Duration) -> Option<Run> {
    let mut command = envlock.command(workshop.arguments(prefix));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(moment);
    if child.try_wait().unwrap().is_some() {
        return Some(Run(child.wait_with_output().unwrap()).exits(0));
    }
    // SIGKILL.
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    // It may have ended in between.
    output.status.code().map(|_| Run(output.clone()).exits(0))
}
