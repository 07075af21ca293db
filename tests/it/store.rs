//! The store against servers that cut, stall, change and lie.

use std::sync::Arc;

use camino::Utf8Path;
use envlock::digest::Sha256;
use envlock::exit::{Classified, Exit};
use envlock::net::{Client, Retry};
use envlock::store::{Error, FileRequest, Store};
use envlock::ui::Bar;

use crate::support::{Reply, Server};

struct Place {
    _folder: tempfile::TempDir,
    store: Store,
    client: Client,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(Utf8Path::from_path(folder.path()).unwrap()).unwrap();
    let first = std::time::Duration::from_millis(1);
    let client = Client::new(Retry { first, ..Retry::default() }).unwrap();
    Place { _folder: folder, store, client }
}

fn wheel(length: usize) -> Arc<Vec<u8>> {
    Arc::new((0..length).map(|n| (n * 7 + n / 251) as u8).collect())
}

impl Place {
    async fn fetch(&self, server: &Server, file: &[u8]) -> Result<Vec<u8>, Error> {
        let (url, hash) = (server.url("/wheel"), Sha256::of(file));
        let size = Some(file.len() as u64);
        let got = self.store.fetch(&self.client, &url, hash, size, &Bar::hidden()).await?;
        assert_eq!((got.sha256(), got.size()), (hash, file.len() as u64));
        Ok(fs_err::read(got.path()).unwrap())
    }

    fn parts(&self) -> usize {
        fs_err::read_dir(self.store.root().join("part")).unwrap().count()
    }
}

#[tokio::test]
async fn a_download_cut_at_any_byte_goes_on_from_there() {
    let file = wheel(97);
    for cut in 0..file.len() {
        let (place, served) = (place(), file.clone());
        let server = Server::start(move |request| {
            let reply = Reply::ranged(request, &served).header("ETag", "\"one\"");
            if request.number == 0 { reply.cut(cut) } else { reply }
        });
        assert_eq!(place.fetch(&server, &file).await.unwrap(), *file);
        let requests = server.requests();
        assert_eq!(requests.len(), 2, "cut at {cut}");
        if cut > 0 {
            assert_eq!(requests[1].header("range"), Some(format!("bytes={cut}-").as_str()));
            assert_eq!(requests[1].header("if-range"), Some("\"one\""));
        }
        assert_eq!(place.parts(), 0);
    }
}

#[tokio::test]
async fn a_later_run_goes_on_where_an_earlier_one_gave_up() {
    let (place, file) = (place(), wheel(1000));
    let served = file.clone();
    let down = Server::start(move |request| match request.number {
        0 => Reply::ok(&**served).cut(400),
        _ => Reply::status(503),
    });
    let error = place.fetch(&down, &file).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Network);
    let served = file.clone();
    let up = Server::start(move |request| Reply::ranged(request, &served));
    assert_eq!(place.fetch(&up, &file).await.unwrap(), *file);
    assert_eq!(up.requests()[0].header("range"), Some("bytes=400-"));
}

#[tokio::test]
async fn what_an_earlier_run_left_wrong_is_thrown_away_and_fetched_whole() {
    let (place, file) = (place(), wheel(1000));
    let part = place.store.root().join("part").join(Sha256::of(&*file).to_string());
    fs_err::write(part, vec![0; 400]).unwrap();
    let served = file.clone();
    let server = Server::start(move |request| Reply::ranged(request, &served));
    assert_eq!(place.fetch(&server, &file).await.unwrap(), *file);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_server_without_ranges_sends_the_file_again() {
    let (place, file) = (place(), wheel(1000));
    let served = file.clone();
    let server = Server::start(move |request| {
        let reply = Reply::ok(&**served);
        if request.number < 2 { reply.cut(10 + request.number) } else { reply }
    });
    assert_eq!(place.fetch(&server, &file).await.unwrap(), *file);
}

#[tokio::test]
async fn a_server_that_always_cuts_at_the_same_byte_is_given_up() {
    let (place, file) = (place(), wheel(600_000));
    let served = file.clone();
    let server = Server::start(move |_| Reply::ok(&**served).cut(500_000));
    let error = place.fetch(&server, &file).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Network);
    assert_eq!(server.requests().len(), Retry::default().attempts as usize);
}

#[tokio::test]
async fn a_file_that_changes_between_two_requests_is_never_mixed() {
    let (place, file) = (place(), wheel(1000));
    let served = file.clone();
    let server = Server::start(move |request| match request.number {
        0 => Reply::ok(vec![9; 1000]).header("ETag", "\"old\"").cut(300),
        // If-Range names the old one: the new one comes whole.
        _ => Reply::ok(&**served).header("ETag", "\"new\""),
    });
    assert_eq!(place.fetch(&server, &file).await.unwrap(), *file);
}

#[tokio::test]
async fn without_a_known_hash_a_cut_download_without_validator_starts_again() {
    let (place, file) = (place(), wheel(1000));
    let served = file.clone();
    let server = Server::start(move |request| match request.number {
        0 => Reply::ok(vec![9; 1000]).cut(300),
        _ => Reply::ranged(request, &served),
    });
    let url = server.url("/wheel");
    let got = place.store.fetch_and_hash(&place.client, &url, None, &Bar::hidden()).await.unwrap();
    assert_eq!(got.sha256(), Sha256::of(&*file));
    assert_eq!(server.requests()[1].header("range"), None);
}

#[tokio::test]
async fn wrong_bytes_end_it_with_both_hashes_and_leave_nothing() {
    let (place, file) = (place(), wheel(1000));
    let mut other = file.to_vec();
    other[500] ^= 1;
    let got = Sha256::of(&other);
    let server = Server::start(move |_| Reply::ok(other.clone()));
    let error = place.fetch(&server, &file).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Integrity);
    let text = error.to_string();
    for part in [server.url("/wheel").to_string(), got.to_string(), Sha256::of(&*file).to_string()]
    {
        assert!(text.contains(&part), "{text}");
    }
    assert_eq!(place.parts(), 0);
    assert!(place.store.get(&Sha256::of(&*file)).is_none());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_wrong_size_is_named_before_the_bytes_are_read() {
    let (place, file) = (place(), wheel(1000));
    let server = Server::start(move |_| Reply::ok(vec![0; 2000]));
    let error = place.fetch(&server, &file).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Integrity);
    assert!(error.to_string().contains("2000 bytes, expected 1000"), "{error}");
}

#[tokio::test]
async fn a_server_that_asks_for_patience_gets_it() {
    let (place, file) = (place(), wheel(1000));
    let served = file.clone();
    let server = Server::start(move |request| match request.number {
        0 => Reply::status(429).header("Retry-After", "1"),
        _ => Reply::ok(&**served),
    });
    let start = std::time::Instant::now();
    assert_eq!(place.fetch(&server, &file).await.unwrap(), *file);
    assert!(start.elapsed() >= std::time::Duration::from_secs(1));
}

#[tokio::test]
async fn compressed_answers_are_kept_as_they_are() {
    let (place, file) = (place(), wheel(1000));
    let served = file.clone();
    let server = Server::start(move |_| Reply::ok(&**served).header("Content-Encoding", "gzip"));
    assert_eq!(place.fetch(&server, &file).await.unwrap(), *file);
    assert_eq!(server.requests()[0].header("accept-encoding"), None);
}

#[tokio::test]
async fn a_stored_file_that_changed_is_found_and_the_next_run_fetches_it_again() {
    let (place, file) = (place(), wheel(1000));
    let served = file.clone();
    let server = Server::start(move |request| Reply::ranged(request, &served));
    place.fetch(&server, &file).await.unwrap();
    place.fetch(&server, &file).await.unwrap();
    assert_eq!(server.requests().len(), 1);
    let path = place.store.get(&Sha256::of(&*file)).unwrap();
    fs_err::remove_file(&path).unwrap();
    let mut changed = file.to_vec();
    changed[0] ^= 1;
    fs_err::write(&path, changed).unwrap();
    let error = place.fetch(&server, &file).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Integrity);
    assert!(error.to_string().contains(path.as_str()), "{error}");
    assert_eq!(place.fetch(&server, &file).await.unwrap(), *file);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_download_a_file_once() {
    let (place, file) = (Arc::new(place()), wheel(100_000));
    let served = file.clone();
    let server = Arc::new(Server::start(move |request| Reply::ranged(request, &served)));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (place, server, file) = (place.clone(), server.clone(), file.clone());
            tokio::spawn(async move { place.fetch(&server, &file).await.unwrap() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), *file);
    }
    assert_eq!(server.requests().len(), 1);
    assert_eq!(place.parts(), 0);
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_is_away_but_not_when_it_lies() {
    let (place, file) = (place(), wheel(1000));
    let served = file.clone();
    let good = Server::start(move |request| Reply::ranged(request, &served));
    let (gone, lying) =
        (Server::start(|_| Reply::status(404)), Server::start(|_| Reply::ok(vec![1; 1000])));
    let request = |servers: [&Server; 2]| FileRequest {
        name: "wheel".to_owned(),
        sha256: Sha256::of(&*file),
        size: None,
        urls: servers.map(|s| s.url("/wheel").into()).to_vec(),
    };
    let bar = Bar::hidden();
    let all = |list| place.store.fetch_all(&place.client, list, 4, &bar);
    let error = all(vec![request([&lying, &good])]).await.unwrap_err();
    assert!(matches!(error, Error::Hash { .. }), "{error:?}");
    let got = all(vec![request([&gone, &good])]).await.unwrap();
    assert_eq!(fs_err::read(got[0].path()).unwrap(), *file);
}
