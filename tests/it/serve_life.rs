//! `envlock serve` as a process: it is started, stopped, killed, cut off and crowded.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use envlock::digest::Digest;
use envlock::registry::embedded::{Report, listen, open, server};
use reqwest::Method;

use crate::support::embedded::{header, image, refusal};
use crate::support::{Embedded, Envlock};

/// Bytes that no compression and no accident makes equal.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(length).collect()
}

/// How far an upload is, once that stays the same.
async fn settled(registry: &Embedded, location: &str) -> u64 {
    let length = async || -> u64 {
        let range = header(&registry.get(location).await, "range");
        range.strip_prefix("0-").unwrap().parse::<u64>().unwrap() + 1
    };
    let mut last = length().await;
    loop {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let now = length().await;
        if now == last && now > 1 {
            return now;
        }
        last = now;
    }
}

/// Sends the head of a PATCH and these bytes of a body that is announced to be longer.
fn half(registry: &Embedded, location: &str, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(registry.host()).unwrap();
    let length = bytes.len() * 2;
    let host = registry.host();
    write!(stream, "PATCH {location} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n")
        .unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

async fn rest(registry: &Embedded, location: &str, bytes: &[u8], from: u64) -> u16 {
    let put = registry.request(Method::PUT, &format!("{location}?digest={}", Digest::of(bytes)));
    let range = format!("{from}-{}", bytes.len() - 1);
    let body = bytes[usize::try_from(from).unwrap()..].to_vec();
    put.header("Content-Range", range).body(body).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn an_upload_goes_on_after_a_cut_a_stall_a_kill_and_a_restart() {
    let mut registry = Embedded::start();
    let bytes = noise(1, 6_000_000);
    let mut open = Vec::new();
    for end in ["cut", "stall", "kill"] {
        let location = registry.begin(&format!("team/{end}")).await;
        let stream = half(&registry, &location, &bytes[..3_000_000]);
        if end == "cut" {
            drop(stream);
        } else {
            open.push(stream);
        }
        let there = settled(&registry, &location).await;
        assert!((1_000_000..=3_000_000).contains(&there), "{end}: {there}");
        if end == "kill" {
            registry.kill();
            registry.restart(&[]);
            assert_eq!(settled(&registry, &location).await, there);
        }
        // The stalled request is still open: it makes room for the one that goes on.
        let mut from = there;
        let mut status = rest(&registry, &location, &bytes, from).await;
        if status == 416 {
            // What the stalled request still had in hand came after we asked.
            from = settled(&registry, &location).await;
            status = rest(&registry, &location, &bytes, from).await;
        }
        assert_eq!(status, 201, "{end}");
        let blob = registry.get(&format!("team/{end}/blobs/{}", Digest::of(&bytes))).await;
        assert_eq!(blob.bytes().await.unwrap(), bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_pushes_at_once_lose_nothing() {
    let registry = Embedded::start();
    let common = noise(7, 2_000_000);
    let push = async |number: u64| {
        let name = format!("team/app-{}", number % 4);
        let own = noise(100 + number, 500_000);
        let (a, b) =
            tokio::join!(registry.push_blob(&name, &common), registry.push_blob(&name, &own));
        let mut manifest = image("", "");
        manifest["config"]["digest"] = serde_json::json!(a);
        manifest["layers"][0]["digest"] = serde_json::json!(b);
        let answer = registry.put_manifest(&name, &format!("v{number}"), &manifest).await;
        assert_eq!(answer.status(), 201);
    };
    futures_util::future::join_all((0..16).map(push)).await;
    for number in 0..16_u64 {
        let name = format!("team/app-{}", number % 4);
        let manifest = registry.get(&format!("{name}/manifests/v{number}")).await;
        let manifest: serde_json::Value = manifest.json().await.unwrap();
        let layer = manifest["layers"][0]["digest"].as_str().unwrap();
        let blob = registry.get(&format!("{name}/blobs/{layer}")).await.bytes().await.unwrap();
        assert_eq!(blob, noise(100 + number, 500_000));
    }
    // Two processes over one layout see the same.
    let second = Envlock::new();
    let folder = registry.folder();
    let listener = listen("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
    let running = server(open(folder).unwrap(), Report::Server).start(listener).unwrap();
    let url = format!("http://{}/v2/team/app-1/manifests/v5", running.address());
    assert_eq!(crate::support::http().get(&url).send().await.unwrap().status(), 200);
    registry.push_image("team/app-1", "later", "x").await;
    let url = format!("http://{}/v2/team/app-1/manifests/later", running.address());
    assert_eq!(crate::support::http().get(&url).send().await.unwrap().status(), 200);
    running.stop().await;
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_of_many_pushes_leaves_whole_images_only() {
    let mut registry = Embedded::start();
    let mut complete = 0;
    for round in 0..20_u64 {
        let done = AtomicU64::new(0);
        let count = || done.fetch_add(1, Ordering::SeqCst);
        let push = async |number: u64| -> Result<(), reqwest::Error> {
            let (layer, config) =
                (noise(round * 100 + number, 200_000), format!("{{\"n\":{number}}}"));
            for bytes in [&layer, config.as_bytes()] {
                let begin = registry.request(Method::POST, "a/blobs/uploads/").send().await?;
                count();
                let path = format!("{}?digest={}", header(&begin, "location"), Digest::of(bytes));
                registry.request(Method::PUT, &path).body(bytes.to_vec()).send().await?;
                count();
            }
            let mut manifest = image(&config, "");
            manifest["layers"][0]["digest"] = serde_json::json!(Digest::of(&layer));
            let path = format!("a/manifests/r{round}-{number}");
            let put = registry.request(Method::PUT, &path).body(manifest.to_string());
            put.header("Content-Type", manifest["mediaType"].as_str().unwrap()).send().await?;
            Ok(())
        };
        let pushes = futures_util::future::join_all((0..8).map(push));
        // Of the forty requests of a round, so many are answered, and the others under way.
        let moment = async {
            while done.load(Ordering::SeqCst) <= round * 2 {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        };
        tokio::select! {
            _ = pushes => {}
            () = moment => {}
        }
        registry.kill();
        registry.restart(&[]);
        let tags: serde_json::Value = match registry.get("a/tags/list").await {
            answer if answer.status() == 200 => answer.json().await.unwrap(),
            _ => continue,
        };
        let tags = tags["tags"].as_array().unwrap().clone();
        assert!(tags.len() >= complete, "a tag was lost");
        complete = tags.len();
        for tag in tags {
            let path = format!("a/manifests/{}", tag.as_str().unwrap());
            let manifest: serde_json::Value = registry.get(&path).await.json().await.unwrap();
            for blob in [&manifest["config"], &manifest["layers"][0]] {
                let digest = blob["digest"].as_str().unwrap();
                let bytes = registry.get(&format!("a/blobs/{digest}")).await.bytes().await.unwrap();
                assert_eq!(Digest::of(&bytes).to_string(), digest);
            }
        }
    }
    assert!(complete > 8, "the kills came too early to mean anything: {complete}");
}

#[tokio::test]
async fn signals_end_it_cleanly_even_with_open_connections() {
    for signal in ["INT", "TERM"] {
        let mut registry = Embedded::start();
        let mut idle = TcpStream::connect(registry.host()).unwrap();
        write!(idle, "GET /v2/ HTTP/1.1\r\nHost: {}\r\n\r\n", registry.host()).unwrap();
        assert!(idle.read(&mut [0; 1000]).unwrap() > 0);
        let start = Instant::now();
        assert_eq!(registry.signal(signal), Some(0));
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn read_only_pulls_and_writes_nothing() {
    let mut registry = Embedded::start();
    registry.push_image("a", "v1", "x").await;
    registry.kill();
    let folder = registry.folder();
    let listing = || {
        let mut find = std::process::Command::new("find");
        let found = find.arg(&folder).args(["-printf", "%p %s %T@\n"]).output().unwrap();
        String::from_utf8(found.stdout).unwrap()
    };
    let before = listing();
    registry.restart(&["--read-only"]);
    assert_eq!(registry.get("a/manifests/v1").await.status(), 200);
    for (method, path) in [
        (Method::POST, "a/blobs/uploads/"),
        (Method::DELETE, "a/manifests/v1"),
        (Method::PUT, "a/manifests/v2"),
    ] {
        let answer = registry.request(method, path).send().await.unwrap();
        assert_eq!(refusal(answer).await, (405, "UNSUPPORTED".into()));
    }
    assert_eq!(listing(), before);
}

#[test]
fn it_says_why_it_does_not_start() {
    let envlock = Envlock::new();
    let open = envlock.run(["serve", "--listen", "0.0.0.0:0"]).exits(2).stderr();
    assert!(open.contains("neither TLS nor a login") && open.contains("--insecure"), "{open}");
    envlock.run(["serve", "--listen", "nowhere"]).exits(2);
    envlock.run(["serve", "--listen", "127.0.0.1:0", "--read-only"]).exits(2);
    envlock.write("stuff/thesis.tex", "");
    let other = envlock.run(["serve", "--listen", "127.0.0.1:0", "--folder", "stuff"]).exits(2);
    assert!(other.stderr().contains("is not an image layout"), "{}", other.stderr());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = envlock.run(["serve", "--listen", &address]).exits(1).stderr();
    assert!(run.contains(&address), "{run}");
    assert!(!envlock.path(".home/.local").exists() && !envlock.path(".envlock").exists());
}
