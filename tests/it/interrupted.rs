//! Ctrl-C and SIGTERM in the middle of a push: a quick end, files as they were, no upload left open in the registry, and
//! the next run goes on.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::workshop::{Workshop, images, pull};
use crate::support::{Envlock, Harm, Run};

fn begun(workshop: &Workshop, envlock: &Envlock) -> Child {
    let mut command = envlock.command(workshop.arguments("team"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn send(signal: &str, to: &Child) {
    let sent = Command::new("kill").args([signal, &to.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits until `is_so`.
fn wait(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn sessions(workshop: &Workshop) -> usize {
    let find = |kind: &str| {
        let mut command = Command::new("find");
        let found = command.arg(workshop.registry.data()).args(["-name", kind]).output().unwrap();
        String::from_utf8(found.stdout).unwrap().lines().count()
    };
    find("startedat")
}

const FILES: [&str; 2] = ["config.yaml", "env.lock"];

fn an_interrupted_push(signal: &str) {
    let workshop = Workshop::new(5_000_000);
    let envlock = workshop.project();
    let before = FILES.map(|file| envlock.read(file));
    // About 10 MB a second on each connection: the signal meets blobs that are on their way.
    workshop.proxy.pace(100);
    let child = begun(&workshop, &envlock);
    let arrived = || workshop.present().iter().any(|(place, _)| place.starts_with("team/"));
    wait("no blob arrived while another one is on its way", || {
        arrived() && sessions(&workshop) > 0
    });
    send(signal, &child);
    let (told, output) = (Instant::now(), child.wait_with_output().unwrap());
    let took = told.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    let run = Run(output).exits(1);
    assert!(run.stderr().contains("interrupted"), "{}", run.stderr());
    assert!(run.stderr().contains("goes on from there"), "{}", run.stderr());
    assert_eq!(FILES.map(|file| envlock.read(file)), before);
    assert!(!envlock.path("env.releases.jsonl").exists());
    wait("sessions stay open", || sessions(&workshop) == 0);

    workshop.proxy.pace(0);
    let (there, mark) = (workshop.present(), workshop.mark());
    let built = images(&workshop.build(&envlock, "team").exits(0));
    for (repository, digest, _) in workshop.since(mark).blobs() {
        assert!(!there.contains(&(repository, digest)), "{digest} was sent again");
    }
    built.values().for_each(|image| drop(pull(image)));
}

#[test]
fn ctrl_c_ends_a_push_at_once_and_leaves_nothing_open() {
    an_interrupted_push("-INT");
}

#[test]
fn a_termination_ends_a_push_at_once_and_leaves_nothing_open() {
    an_interrupted_push("-TERM");
}

#[test]
fn a_second_signal_does_not_wait_and_after_the_push_a_signal_ends_everything() {
    let workshop = Workshop::new(5_000_000);
    let envlock = workshop.project();
    // Nothing moves any more, the ends of sessions included.
    workshop.proxy.harm(|asked| {
        let stalls = asked.is_part() || asked.method == "DELETE";
        stalls.then_some(Harm::Stall(0))
    });
    let child = begun(&workshop, &envlock);
    wait("no part was sent", || workshop.proxy.harms() > 0);
    send("-INT", &child);
    std::thread::sleep(Duration::from_millis(200));
    send("-INT", &child);
    let (told, output) = (Instant::now(), child.wait_with_output().unwrap());
    assert!(told.elapsed() < Duration::from_secs(1), "{:?}", told.elapsed());
    assert_eq!(output.status.code(), Some(1));

    // The command after a release is the user's; a signal ends envlock while that runs.
    workshop.proxy.harm(|_| None);
    let mut command = envlock.command(workshop.arguments("team"));
    command.args(["--then", "echo $$ > running; exec sleep 60"]).env("PATH", "/usr/bin:/bin");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait("the command after it does not run", || envlock.path("running").exists());
    send("-TERM", &child);
    let (told, status) = (Instant::now(), child.wait().unwrap());
    assert!(told.elapsed() < Duration::from_secs(1), "{:?}", told.elapsed());
    assert_eq!(status.code(), Some(1));
    let own = envlock.read("running");
    Command::new("kill").arg(own.trim()).status().unwrap();
    assert!(envlock.path("env.releases.jsonl").exists());
}
