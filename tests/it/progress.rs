//! Progress as it is seen: on a terminal, in a log, and not at all; and recordings of it for the documents.

use std::process::Command;
use std::time::Duration;

use crate::support::screen::{Recording, record};
use crate::support::workshop::Workshop;
use crate::support::{Envlock, Reply, Server, UNREACHED_BASE};

const SIZE: (u16, u16) = (24, 100);

/// `build --push` as one types it, to a registry that takes its time.
fn build(workshop: &Workshop, envlock: &Envlock, more: &[&str]) -> Command {
    let destination = format!("{}/team", workshop.proxy.host());
    let words = ["build", "--push", "--engine", "layers", "--registry", &destination];
    envlock.command(words.iter().chain(more))
}

fn slow_workshop() -> Workshop {
    let workshop = Workshop::new(4_000_000);
    // 4 MB/s on each connection.
    workshop.proxy.pace(250);
    workshop
}

/// Neither a bar nor a line of one that moves.
fn is_clean(text: &str) -> bool {
    !text.contains("[==")
        && !text.contains(" left")
        && !text.chars().any(|c| ('⠀'..='⣿').contains(&c))
}

#[test]
fn a_build_draws_a_line_for_each_layer_in_work_and_leaves_a_clean_terminal() {
    let workshop = slow_workshop();
    let envlock = workshop.project();
    let recording = record(&mut build(&workshop, &envlock, &[]), SIZE, |_, _| ());
    assert!(recording.status.success(), "{}", recording.last());
    let texts = recording.texts();
    // Under one line for all, at least two layers are on their way at the same time.
    let shows_both = |text: &String| {
        let lines = text.lines().skip_while(|line| !line.contains("layers  "));
        let lines: Vec<_> = lines.collect();
        lines.first().is_some_and(|all| all.contains('/') && all.contains(" MB"))
            && lines.iter().filter(|l| l.starts_with("  ") && l.contains("  send      [")).count()
                >= 2
    };
    assert!(texts.iter().any(shows_both), "{}", texts.join("\n---\n"));
    // The total is the plan's, and the same in every frame that shows it.
    let total = |text: &str| {
        let line = text.lines().find(|line| line.contains("layers  "))?;
        Some(line.split_once('/')?.1.split_once('/')?.1.split_once(" MB")?.0.to_owned())
    };
    let totals: std::collections::BTreeSet<_> =
        texts.iter().filter_map(|text| total(text)).collect();
    assert_eq!(totals.len(), 1, "{totals:?}");
    assert!(is_clean(&recording.last()), "{}", recording.last());
    // NO_COLOR is set: nothing has a colour.
    let raw = String::from_utf8_lossy(&recording.raw);
    assert!(raw.contains("built in "), "{raw}");
    assert!(["\x1b[1m", "\x1b[32m", "\x1b[36m"].iter().all(|colour| !raw.contains(colour)));
}

#[test]
fn ctrl_c_takes_the_bars_away_in_a_build_and_in_a_resolve() {
    let workshop = slow_workshop();
    let envlock = workshop.project();
    let signalled = |command: &mut Command, seen: &str| -> Recording {
        let mut sent = false;
        record(command, SIZE, |screen, child| {
            if !sent && screen.contents().contains(seen) {
                sent = true;
                let id = child.id().to_string();
                assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
            }
        })
    };
    let built = signalled(&mut build(&workshop, &envlock, &[]), "  send  ");
    assert_eq!(built.status.code(), Some(1), "{}", built.last());
    assert!(is_clean(&built.last()) && built.last().contains("interrupted"), "{}", built.last());

    let index = Server::start(|_| {
        std::thread::sleep(Duration::from_secs(5));
        Reply::status(404)
    });
    let spec = format!(
        "{UNREACHED_BASE}[groups.python]\npackages = [\"pip\"]\n[sources.pypi]\nurl = \"{}\"\n",
        index.url("/simple/")
    );
    let envlock = Envlock::new();
    envlock.write("envlock.toml", spec);
    let waits = format!("{}  wait      1 request", index.host());
    let resolved = signalled(&mut envlock.command(["resolve"]), &waits);
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(resolved.status.signal(), Some(2), "{}", resolved.texts().join("\n---\n"));
    assert!(is_clean(&resolved.last()), "{}", resolved.last());
}

#[test]
fn without_a_terminal_each_layer_is_one_line_and_quiet_is_silent() {
    let workshop = Workshop::new(1000);
    let envlock = workshop.project();
    for (more, lines) in [(&[][..], true), (&["--no-progress"], false), (&["--quiet"], false)] {
        let output = build(&workshop, &envlock, more).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{text}");
        assert!(!text.contains('\x1b') && is_clean(&text), "{text}");
        let told: Vec<_> = text.lines().filter(|line| line.starts_with("[layers ")).collect();
        assert_eq!(!told.is_empty(), lines, "{text}");
        if lines {
            let all = told[0].split_once('/').unwrap().1.split_once(']').unwrap().0;
            assert_eq!(told.len().to_string(), all, "{text}");
            assert!(told.iter().any(|line| line.contains(": sent")), "{text}");
        }
    }
}

#[test]
#[ignore = "makes pictures for the documents: run ci/screens.sh"]
fn recordings_for_the_documents() {
    let folder = std::env::var_os("ENVLOCK_TEST_SCREENS").expect("ci/screens.sh sets it");
    let workshop = Workshop::new(12_000_000);
    workshop.proxy.pace(100);
    let envlock = workshop.project();
    let mut command = build(&workshop, &envlock, &[]);
    let recording = record(command.env_remove("NO_COLOR"), (13, 96), |_, _| ());
    let svg =
        recording.svg("envlock build --push --registry REGISTRY/team", Duration::from_millis(300));
    let svg = svg.replace(&workshop.proxy.host(), "registry.example");
    let folder = std::path::Path::new(&folder);
    fs_err::write(folder.join("build-progress.svg"), svg).unwrap();

    workshop.index.latency(Duration::from_millis(700));
    let envlock = workshop.begun();
    let recording =
        record(envlock.command(["resolve"]).env_remove("NO_COLOR"), (16, 96), |_, _| ());
    assert!(recording.status.success(), "{}", recording.last());
    let svg = recording.svg("envlock resolve", Duration::from_millis(300));
    let svg = svg
        .replace(&workshop.index.host(), "packages.example")
        .replace(&workshop.proxy.host(), "registry.example");
    fs_err::write(folder.join("resolve-progress.svg"), svg).unwrap();
}
