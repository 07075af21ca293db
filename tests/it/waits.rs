//! Waits that servers ask for: kept to, reported at once, and bounded by the patience of a run.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Mutex;

use crate::support::workshop::Workshop;
use crate::support::{Asked, Envlock, Harm, Reply, Server, UNREACHED_BASE};

fn wait(status: u16, header: &str) -> Harm {
    let headers = vec![("Retry-After", header.to_owned())];
    Harm::Status { status, headers, body: "", early: false }
}

fn words(text: &str) -> String {
    text.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A project whose index answers its first `times` requests with 503 and this Retry-After, and then with 404.
fn project(times: usize, retry_after: &'static str, network: &str) -> (Server, Envlock) {
    let index = Server::start(move |request| match request.number < times {
        true => Reply::status(503).header("Retry-After", retry_after),
        false => Reply::status(404),
    });
    let envlock = Envlock::new();
    envlock.write(
        "envlock.toml",
        format!(
            "{UNREACHED_BASE}[groups.python]\npackages = [\"pip\"]\n[sources.pypi]\nurl = \"{}\"\n{network}",
            index.url("/simple/")
        ),
    );
    (index, envlock)
}

#[test]
fn a_wait_beyond_the_patience_of_a_run_ends_it_at_once_and_is_named() {
    let mut workshop = Workshop::new(1000);
    let is_upload = |a: &Asked| a.method == "POST" && a.path.contains("/blobs/uploads/");
    let is_part = |a: &Asked| a.is_part();
    let date = "Fri, 31 Dec 2100 00:00:00 GMT";
    let short = "[network]\npatience = \"3s\"\n";
    type Case = (fn(&Asked) -> bool, u16, &'static str, &'static str, &'static str);
    let cases: [Case; 4] = [
        (is_upload, 429, "86400", "", "for 24h, and of this run's patience 15m are left"),
        (is_part, 429, "901", "", "for 15m 1s, and of this run's patience 15m are left"),
        (is_upload, 503, date, "", "of this run's patience 15m are left"),
        (is_upload, 503, "5", short, "for 5s, and of this run's patience 3s are left"),
    ];
    for (harmed, status, asked, network, said) in cases {
        workshop.proxy.harm(move |a| harmed(a).then(|| wait(status, asked)));
        workshop.spec(|text| text + network);
        let envlock = workshop.project();
        let run = workshop.build(&envlock, "team").exits(8);
        let text = words(&run.stderr());
        assert!(text.contains(said) && text.contains("[network] patience"), "{text}");
        assert!(text.contains(&workshop.proxy.host()), "{text}");
        // It was asked once by each of the blobs that were on their way.
        assert!(workshop.proxy.harms() <= 4 * 8, "{}", workshop.proxy.harms());
        assert!(!envlock.path("env.releases.jsonl").exists());
    }
    let (index, envlock) = project(usize::MAX, "86400", "");
    let run = envlock.run(["resolve"]).exits(5);
    let text = words(&run.stderr());
    let said = format!("{} asks to be left alone for 24h", index.host());
    assert!(text.contains(&said), "{text}");
    assert_eq!(index.requests().len(), 1);
}

#[test]
fn a_push_of_which_a_quarter_of_the_writes_is_refused_once_waits_and_arrives() {
    let workshop = Workshop::new(1000);
    let (seen, written) = (Mutex::new(HashSet::new()), Mutex::new(0));
    workshop.proxy.harm(move |a| {
        if matches!(&*a.method, "GET" | "HEAD") {
            return None;
        }
        let mut written = written.lock().unwrap();
        *written += 1;
        let is_new = seen.lock().unwrap().insert((a.method.clone(), a.path.clone()));
        (is_new && *written % 4 == 0).then(|| wait(429, "1"))
    });
    let envlock = workshop.project();
    let run = workshop.build(&envlock, "team").exits(0);
    assert!(workshop.proxy.harms() >= 3, "{}", workshop.proxy.harms());
    let said = format!("{} asks to be left alone for 1s; waiting", workshop.proxy.host());
    assert_eq!(run.stderr().matches(&said).count(), 1, "{}", run.stderr());
}

#[test]
fn a_short_wait_is_told_unless_quiet_is_wanted() {
    for (quiet, told) in [(false, 1), (true, 0)] {
        let (index, envlock) = project(1, "1", "");
        let arguments = ["resolve", "--quiet"];
        let run = envlock.run(&arguments[..1 + usize::from(quiet)]).exits(4);
        let said = format!("{} asks to be left alone for 1s; waiting", index.host());
        assert_eq!(run.stderr().matches(&said).count(), told, "{}", run.stderr());
        assert!(index.requests().len() > 1);
    }
}

#[test]
fn a_long_wait_is_told_at_once_even_where_quiet_is_wanted() {
    let (index, envlock) = project(1, "600", "");
    let mut command = envlock.command(["resolve", "--quiet"]);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    // It waits on; nobody here does.
    child.kill().unwrap();
    child.wait().unwrap();
    let said = format!("warning: {} asks to be left alone for 10m; waiting\n", index.host());
    assert_eq!(line, said);
}
