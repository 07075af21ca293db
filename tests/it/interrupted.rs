//! Ctrl-C and SIGTERM in the middle of a push: a quick end, files as they were, the registry told of every upload that is
//! left, and the next run goes on.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::workshop::{Workshop, images, pull};
use crate::support::{Asked, Envlock, Harm, Run};

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

/// The upload sessions that the registry has, by their names.
fn sessions(workshop: &Workshop) -> Vec<String> {
    let mut command = Command::new("find");
    let found =
        command.arg(workshop.registry.data()).args(["-name", "startedat"]).output().unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    found.lines().map(|path| path.rsplit('/').nth(1).unwrap().to_owned()).collect()
}

const FILES: [&str; 2] = ["config.yaml", "env.lock"];

fn an_interrupted_push(signal: &str) {
    let workshop = Workshop::new(5_000_000);
    let envlock = workshop.project();
    let before = FILES.map(|file| envlock.read(file));
    // About 5 MB a second on each connection: the signal meets blobs that are on their way.
    workshop.proxy.pace(200);
    let child = begun(&workshop, &envlock);
    let is_under_way = || {
        let (asked, present) = (workshop.proxy.asked(), workshop.present());
        let arrived = |a: &Asked| present.iter().any(|(_, digest)| a.path.contains(&digest.hex()));
        let under_way = |session: &String| {
            asked.iter().any(|a| a.is_part() && a.path.contains(session) && !arrived(a))
        };
        present.iter().any(|(place, _)| place.starts_with("team/"))
            && sessions(&workshop).iter().any(under_way)
    };
    wait("no blob arrived while another one is on its way", || {
        if !is_under_way() {
            return false;
        }
        // What is on its way stays so, unless all of it was through already: uploads of one size end together.
        workshop.proxy.pace(20_000);
        std::thread::sleep(Duration::from_millis(200));
        let stays = is_under_way();
        workshop.proxy.pace(if stays { 20_000 } else { 200 });
        stays
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
    // docker-registry refuses to end a session whose part broke off, and clears it away by itself later: it must have
    // been asked to end every one that it still has and whose address had come to us.
    let asked = workshop.proxy.asked();
    assert!(asked.iter().any(|asked| asked.method == "DELETE"));
    for session in sessions(&workshop) {
        let about: Vec<_> = asked.iter().filter(|asked| asked.path.contains(&session)).collect();
        let ended = about.iter().any(|asked| asked.method == "DELETE");
        assert!(ended || about.is_empty(), "{session} stays open");
    }

    workshop.proxy.pace(0);
    let (there, mark) = (workshop.present(), workshop.mark());
    let built = images(&workshop.build(&envlock, "team").exits(0));
    for (repository, digest, _) in workshop.since(mark).blobs() {
        assert!(!there.contains(&(repository, digest)), "{digest} was sent again");
    }
    built.values().for_each(|image| drop(pull(image)));
}

#[test]
fn ctrl_c_ends_a_push_at_once_and_leaves_no_session_untold() {
    an_interrupted_push("-INT");
}

#[test]
fn a_termination_ends_a_push_at_once_and_leaves_no_session_untold() {
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
    assert!(told.elapsed() < Duration::from_secs(30), "{:?}", told.elapsed());
    assert_eq!(status.code(), Some(1));
    let own = envlock.read("running");
    Command::new("kill").arg(own.trim()).status().unwrap();
    assert!(envlock.path("env.releases.jsonl").exists());
}
