//! Wheels whose server has its own idea of ranges: the whole file is read then, and only that must succeed.

use std::sync::Mutex;
use std::time::Duration;

use envlock::digest::Sha256;
use envlock::index::Fetcher;
use envlock::index::range::RemoteWheel;
use envlock::net::{Client, Retry, Why};

use crate::support::{FakeIndex, Reply, Request, Server};

/// A wheel that is larger than the tail that is asked for first.
fn wheel() -> Vec<u8> {
    let noise = (0..4000_u32).flat_map(|i| *Sha256::of(i.to_le_bytes()).as_bytes());
    let index = FakeIndex::start();
    index.wheel("app", "1.0").file("app/noise.bin", noise.collect::<Vec<u8>>()).add().bytes
}

fn fetcher() -> Fetcher {
    let first = Duration::from_millis(1);
    Fetcher::new(Client::new(Retry { attempts: 3, first, ..Retry::default() }).unwrap())
}

/// What is asked for, as bytes of the file; `None`: all of it.
fn asked(request: &Request, total: usize) -> Option<(usize, usize)> {
    let (from, to) = request.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
    Some(match (from.parse::<usize>(), to.parse::<usize>()) {
        (Ok(from), Ok(to)) => (from, (to + 1).min(total)),
        (Ok(from), Err(_)) => (from, total),
        (Err(_), Ok(last)) => (total.saturating_sub(last), total),
        _ => return None,
    })
}

fn part(file: &[u8], (start, end): (usize, usize), range: String) -> Reply {
    Reply { status: 206, ..Reply::ok(&file[start..end]) }.header("Content-Range", range)
}

/// One of the ways in which servers get ranges wrong, after `sound` requests that are answered as they should be.
fn odd(way: &str, sound: usize, file: &[u8], request: &Request) -> Reply {
    let total = file.len();
    let Some((start, end)) = asked(request, total) else { return Reply::ok(file) };
    let range = format!("bytes {start}-{}/{total}", end - 1);
    if request.number < sound {
        return part(file, (start, end), range);
    }
    let status = way.parse::<u16>();
    match (way, status) {
        (_, Ok(status)) => Reply::status(status),
        ("no total", _) => part(file, (start, end), format!("bytes {start}-{}/*", end - 1)),
        ("no unit", _) => part(file, (start, end), format!("{start}-{}/{total}", end - 1)),
        ("no header", _) => Reply { status: 206, ..Reply::ok(&file[start..end]) },
        ("the head", _) => {
            part(file, (0, end - start), format!("bytes 0-{}/{total}", end - start - 1))
        }
        ("another length", _) => part(file, (start, end - 1), range),
        ("another file", _) => {
            part(file, (start, end), format!("bytes {start}-{}/{}", end - 1, total + 1))
        }
        _ => Reply::ok(file),
    }
}

const WAYS: [&str; 14] = [
    "400",
    "403",
    "404",
    "405",
    "406",
    "416",
    "500",
    "501",
    "no total",
    "no unit",
    "no header",
    "the head",
    "another length",
    "another file",
];

#[test]
fn a_range_that_is_refused_or_answered_in_any_odd_way_costs_one_plain_request() {
    let file = wheel();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for way in WAYS {
        for sound in [0, 1] {
            let bytes = file.clone();
            let server = Server::start(move |request| odd(way, sound, &bytes, request));
            let url = server.url("/app-1.0-py3-none-any.whl");
            let (fetcher, name) = (fetcher(), "app".parse().unwrap());
            let read = async {
                let wheel = RemoteWheel::open(&fetcher, &url).await?;
                let metadata = wheel.metadata(&fetcher, &name).await?;
                let noise = wheel.file(&fetcher, "app/noise.bin", 1 << 20).await?;
                Ok::<_, envlock::index::Error>((metadata, noise.unwrap()))
            };
            let (metadata, noise) = runtime.block_on(read).unwrap_or_else(|e| panic!("{way}: {e}"));
            assert!(metadata.starts_with(b"Metadata-Version"), "{way}");
            assert_eq!(noise.len(), 4000 * 32, "{way}");
            let plain = server.requests().iter().filter(|r| r.header("range").is_none()).count();
            assert_eq!(plain, 1, "{way} after {sound}");
        }
    }
}

#[test]
fn a_plain_request_that_fails_is_what_is_told() {
    let server = Server::start(|request| match request.header("range") {
        Some(_) => Reply::status(405),
        None => Reply::status(403),
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let error = runtime.block_on(RemoteWheel::open(&fetcher(), &server.url("/a.whl"))).unwrap_err();
    assert!(error.to_string().contains("403"), "{error}");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_server_that_says_nothing_is_told_of_once_and_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url: url::Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let held = std::sync::Arc::new(Mutex::new(Vec::new()));
    let kept = held.clone();
    // Each connection is taken, and nothing is said.
    std::thread::spawn(move || {
        listener.incoming().flatten().for_each(|stream| kept.lock().unwrap().push(stream));
    });
    let told = std::sync::Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    let first = Duration::from_millis(1);
    let retry = Retry { first, ..Retry::default() };
    let client = Client::with_silence(retry, Duration::from_millis(240)).unwrap();
    let client = client.reporting(move |wait| heard.lock().unwrap().push(wait.clone()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fetcher = Fetcher::new(client);
    let error = runtime.block_on(fetcher.page(&url, &[])).unwrap_err().to_string();
    assert!(error.contains("nothing moved for 240ms"), "{error}");
    let told = told.lock().unwrap();
    let waits: Vec<_> = told.iter().map(|wait| (wait.host.as_str(), wait.why)).collect();
    let (since, end) = (Duration::from_millis(40), Duration::from_millis(480));
    assert_eq!(waits, [(url.authority(), Why::Silent { since, end })]);
    assert_eq!(held.lock().unwrap().len(), 2);
}
