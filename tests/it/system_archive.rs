//! Archives of packages over HTTP: every tampering has an exit code and a name, and what is known is not asked for again.

use camino::{Utf8Path, Utf8PathBuf};
use envlock::digest::Sha256;
use envlock::exit::{Classified, Exit};
use envlock::index::{Cache, CachePolicy};
use envlock::net::{Client, Retry};
use envlock::platform::Platform;
use envlock::store::Store;
use envlock::system::Distribution;
use envlock::system::archive::{
    AptSettings, Archive, Deb, Error, Known, Own, Places, VerifiedSuite, Warning,
};
use envlock::ui::Bar;
use jiff::{Timestamp, ToSpan};

use crate::support::apt_archive::{AptServer, AptSuite, archive_key, keyring, sign};
use crate::support::{Reply, Server};

const LIST: &str = concat!(
    "Package: hello\nVersion: 1\nFilename: pool/main/h/hello/hello_1_amd64.deb\n",
    "Description: so long that it is smaller when it is compressed: ",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
);
const IN_RELEASE: &str = "dists/trixie/InRelease";
const PACKAGES: &str = "dists/trixie/main/binary-amd64/Packages";

/// A served archive with the suite trixie, and a machine that trusts its key.
struct Setup {
    server: AptServer,
    suite: AptSuite,
    cache: Cache,
    folder: tempfile::TempDir,
    offline: bool,
}

impl Setup {
    fn new(suite: AptSuite) -> Self {
        let server = AptServer::start(suite.files(&archive_key(1)));
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(Utf8Path::from_path(folder.path()).unwrap().join("store")).unwrap();
        let cache = Cache::at(store.index(), CachePolicy::Fresh);
        let setup = Setup { server, suite, cache, folder, offline: false };
        fs_err::write(setup.path("keys.gpg"), keyring(&archive_key(1))).unwrap();
        setup
    }

    fn trixie() -> Self {
        Self::new(AptSuite::debian("trixie").with("main", "amd64", LIST))
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    fn own(&self) -> Own {
        Own {
            url: Some(self.server.server.url("/debian")),
            keyring: Some(self.path("keys.gpg")),
            snapshots: None,
        }
    }

    fn archive(&self, own: &Own) -> Archive {
        let places =
            Places::find(Distribution::Debian, Platform::LINUX_AMD64, own, &AptSettings::default());
        self.at(places.unwrap())
    }

    fn at(&self, places: Places) -> Archive {
        let first = std::time::Duration::from_millis(1);
        let client = Client::new(Retry { attempts: 2, first, ..Retry::default() }).unwrap();
        let store = Store::at(self.path("store")).unwrap();
        let (client, cache) = match self.offline {
            true => (client.offline(), Cache::at(store.index(), CachePolicy::Offline)),
            false => (client, self.cache.clone()),
        };
        Archive::new(client, store, cache, places)
    }

    async fn open(&self) -> Result<VerifiedSuite, Error> {
        let suite = self.archive(&self.own()).open("trixie", None, Timestamp::now()).await;
        // As a command does at its end.
        self.cache.flush();
        suite
    }

    /// The text of the list.
    async fn packages(&self) -> Result<String, Error> {
        let suite = self.open().await?;
        let archive = self.archive(&self.own());
        let list = archive.packages(&suite, "main", "amd64", &Bar::hidden()).await?;
        Ok(fs_err::read_to_string(list.path()).unwrap())
    }

    /// A suite, signed anew by its key.
    fn publish(&self, suite: &AptSuite) {
        self.server.put(suite.files(&archive_key(1)));
    }
}

fn refused(found: Result<impl std::fmt::Debug, Error>, exit: Exit, says: &str) {
    let error = found.unwrap_err();
    assert_eq!(error.exit(), exit, "{error}");
    assert!(error.to_string().contains(says), "{error}");
    assert!(miette::Diagnostic::help(&error).is_some(), "{error}");
}

#[tokio::test]
async fn a_suite_is_opened_and_its_list_read_once() {
    let setup = Setup::trixie();
    let suite = setup.open().await.unwrap();
    let bytes = setup.server.files.lock().unwrap()[IN_RELEASE].clone();
    assert_eq!(suite.in_release, Sha256::of(&bytes));
    assert_eq!(suite.release.date.as_second(), setup.suite.date.as_second());
    assert_eq!(suite.signer.primary.to_string(), archive_key(1).name());
    assert_eq!(suite.warnings, []);
    assert_eq!(setup.packages().await.unwrap(), LIST);
    let asked = setup.server.asked();
    assert!(asked.iter().any(|path| path.contains("/by-hash/SHA256/")), "{asked:?}");
    assert!(!asked.iter().any(|path| path.starts_with(PACKAGES)), "{asked:?}");
    let before = asked.len();
    assert_eq!(setup.packages().await.unwrap(), LIST);
    assert_eq!(setup.server.asked()[before..], [IN_RELEASE]);
}

#[tokio::test]
async fn what_was_fetched_is_there_without_a_network() {
    let mut setup = Setup::trixie();
    let of_later = Deb { suite: "trixie".to_owned(), ..deb(b"hello") };
    setup.packages().await.unwrap();
    setup.offline = true;
    assert_eq!(setup.packages().await.unwrap(), LIST);
    let fetched = setup.archive(&setup.own()).fetch(&of_later, &Bar::hidden()).await;
    refused(fetched, Exit::Network, "this run is offline");
}

#[tokio::test]
async fn an_in_release_file_that_was_changed_is_refused() {
    let setup = Setup::trixie();
    let whole = setup.server.files.lock().unwrap()[IN_RELEASE].clone();
    let whole = String::from_utf8(whole).unwrap();
    for (text, says) in [
        (whole.replace("Codename: trixie", "Codename: tricky"), "changed after it was signed"),
        (format!("Origin: Debian\n\n{whole}"), "something before the text that is signed"),
        (format!("{whole}\nSHA256:\n"), "something after the signature"),
        (sign(&setup.suite.release(), &archive_key(2)), "a key that is not in the keyring"),
        (setup.suite.release(), "it is not signed"),
        ("<html>Please log in</html>".to_owned(), "it is not signed"),
        (whole[..whole.len() / 2].to_owned(), "no signed text"),
        (sign("Suite: trixie\n", &archive_key(1)), "it has no `Date`"),
    ] {
        setup.server.change(IN_RELEASE, |_| text.into_bytes());
        refused(setup.open().await, Exit::Integrity, says);
    }
}

#[tokio::test]
async fn another_suite_in_its_place_is_refused() {
    let setup = Setup::trixie();
    for other in ["bookworm", "trixie-security"] {
        let text = sign(&AptSuite::debian(other).release(), &archive_key(1));
        setup.server.change(IN_RELEASE, |_| text.into_bytes());
        refused(setup.open().await, Exit::Integrity, &format!("{other}, not of trixie"));
    }
}

#[tokio::test]
async fn an_older_release_than_is_locked_is_refused_and_a_newer_one_is_not() {
    let setup = Setup::trixie();
    let archive = setup.archive(&setup.own());
    let open = async |known: Timestamp| {
        archive.open("trixie", Some(Known { date: known }), Timestamp::now()).await
    };
    let date = setup.open().await.unwrap().release.date;
    assert!(open(date).await.is_ok() && open(date - 1.hour()).await.is_ok());
    refused(open(date + 1.hour()).await, Exit::Integrity, "older than the one of");
}

#[tokio::test]
async fn of_two_releases_that_were_seen_the_newer_one_is_used() {
    let setup = Setup::trixie();
    let old = setup.suite.clone();
    let new = AptSuite { date: old.date + 2.hours(), ..old.clone() };
    setup.publish(&new);
    let seen = setup.open().await.unwrap();
    setup.publish(&old);
    let now = setup.open().await.unwrap();
    assert_eq!((now.in_release, now.release.date), (seen.in_release, seen.release.date));
    let [Warning::Behind { used, .. }] = &now.warnings[..] else { panic!("{:?}", now.warnings) };
    assert_eq!(*used, seen.release.date);
}

#[tokio::test]
async fn a_release_that_has_expired_is_a_warning_and_one_of_the_future_is_refused() {
    let ended = Timestamp::now() - 1.hour();
    let setup = Setup::new(AptSuite { valid_until: Some(ended), ..AptSuite::debian("trixie") });
    let warnings = setup.open().await.unwrap().warnings;
    let [warning @ Warning::Stale { .. }] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(warning.to_string().starts_with("trixie: its Release file was to be used until"));
    let date = Timestamp::now() + 48.hours();
    let setup = Setup::new(AptSuite { date, ..AptSuite::debian("trixie") });
    refused(setup.open().await, Exit::Integrity, "which has not come yet");
    let date = Timestamp::now() + 20.hours();
    let setup = Setup::new(AptSuite { date, ..AptSuite::debian("trixie") });
    assert!(setup.open().await.is_ok(), "clocks may differ by a day");
}

#[tokio::test]
async fn a_list_that_was_changed_is_refused() {
    for by_hash in [true, false] {
        let suite = AptSuite { by_hash, ..AptSuite::debian("trixie").with("main", "amd64", LIST) };
        let setup = Setup::new(suite);
        let paths: Vec<String> = setup.server.files.lock().unwrap().keys().cloned().collect();
        for path in paths.iter().filter(|path| path.contains("binary-amd64")) {
            setup.server.change(path, |mut bytes| {
                bytes[10] ^= 1;
                bytes
            });
        }
        refused(setup.packages().await, Exit::Integrity, "has sha256");
        for path in paths.iter().filter(|path| path.contains("binary-amd64")) {
            setup.server.change(path, |bytes| [bytes, b"more".to_vec()].concat());
        }
        refused(setup.packages().await, Exit::Integrity, "bytes, expected");
    }
}

#[tokio::test]
async fn a_list_whose_text_is_another_than_was_signed_is_refused() {
    let setup = Setup::trixie();
    // Of the compressed list the signed hash is right, of its text it is not.
    let other = Sha256::of("other").to_string();
    let text = setup.suite.release().replace(&Sha256::of(LIST).to_string(), &other);
    setup.server.change(IN_RELEASE, |_| sign(&text, &archive_key(1)).into_bytes());
    refused(setup.packages().await, Exit::Integrity, "unpacks to sha256");
    let line = |size| format!(" {} {size} main/binary-amd64/Packages\n", Sha256::of(LIST));
    let text = setup.suite.release().replace(&line(LIST.len()), &line(LIST.len() - 1));
    setup.server.change(IN_RELEASE, |_| sign(&text, &archive_key(1)).into_bytes());
    refused(setup.packages().await, Exit::Integrity, "cannot be unpacked: more than");
}

#[tokio::test]
async fn a_list_without_a_stated_text_is_unpacked_once_too() {
    let suite = AptSuite::debian("trixie").with("main", "amd64", LIST);
    let setup = Setup::new(AptSuite { states_texts: false, ..suite });
    assert_eq!(setup.packages().await.unwrap(), LIST);
    let before = setup.server.asked().len();
    assert_eq!(setup.packages().await.unwrap(), LIST);
    assert_eq!(setup.server.asked()[before..], [IN_RELEASE]);
}

#[tokio::test]
async fn an_update_in_the_middle_is_survived_by_hash_and_named_without() {
    for (by_hash, survives) in [(true, true), (false, false)] {
        let suite = AptSuite { by_hash, ..AptSuite::debian("trixie").with("main", "amd64", LIST) };
        let setup = Setup::new(suite.clone());
        let archive = setup.archive(&setup.own());
        let opened = archive.open("trixie", None, Timestamp::now()).await.unwrap();
        let new = AptSuite { date: suite.date + 1.hour(), ..suite };
        setup.publish(&new.with("main", "amd64", "Package: other\n"));
        let found = archive.packages(&opened, "main", "amd64", &Bar::hidden()).await;
        match survives {
            true => assert_eq!(fs_err::read_to_string(found.unwrap().path()).unwrap(), LIST),
            false => refused(found, Exit::Network, "in the middle of an update"),
        }
    }
}

#[tokio::test]
async fn a_mirror_without_files_by_hash_is_asked_by_name() {
    let setup = Setup::trixie();
    setup.server.files.lock().unwrap().retain(|path, _| !path.contains("/by-hash/"));
    assert_eq!(setup.packages().await.unwrap(), LIST);
}

fn deb(bytes: &[u8]) -> Deb {
    Deb {
        name: "hello".to_owned(),
        suite: "trixie".to_owned(),
        path: "pool/main/h/hello/hello_1_amd64.deb".to_owned(),
        sha256: Sha256::of(bytes),
        size: bytes.len() as u64,
        day: Some("2026-11-21T09:15:44Z".parse().unwrap()),
    }
}

#[tokio::test]
async fn a_package_comes_from_the_pool_or_the_snapshot_of_its_day_and_is_the_same() {
    let setup = Setup::trixie();
    let deb = deb(b"hello");
    let snapshots = setup.server.server.url("/debian/old/").to_string() + "@SNAPSHOTID@";
    let archive = setup.archive(&Own { snapshots: Some(snapshots), ..setup.own() });
    let fetch = async || archive.fetch(&deb, &Bar::hidden()).await;
    refused(fetch().await, Exit::Network, "hello is not there any more; asked: http://");
    let old = format!("old/20261121T091544Z/{}", deb.path);
    setup.server.put([(old, b"hello".to_vec())].into());
    assert_eq!(fetch().await.unwrap().sha256(), deb.sha256);
    let before = setup.server.asked().len();
    fetch().await.unwrap();
    let two = [deb.clone(), deb.clone()];
    assert_eq!(archive.fetch_all(&two, 8, &Bar::hidden()).await.unwrap().len(), 2);
    assert_eq!(setup.server.asked().len(), before, "it is in the store");
}

#[tokio::test]
async fn a_package_that_was_changed_is_refused_wherever_else_it_may_be() {
    let setup = Setup::trixie();
    let deb = deb(b"hello");
    let snapshots = setup.server.server.url("/debian/old/").to_string() + "@SNAPSHOTID@";
    let archive = setup.archive(&Own { snapshots: Some(snapshots), ..setup.own() });
    let old = format!("old/20261121T091544Z/{}", deb.path);
    for (evil, says) in [(&b"evil!"[..], "has sha256"), (b"longer", "bytes, expected 5")] {
        let files = [(old.clone(), b"hello".to_vec()), (deb.path.clone(), evil.to_vec())];
        setup.server.put(files.into());
        refused(archive.fetch(&deb, &Bar::hidden()).await, Exit::Integrity, says);
    }
}

#[tokio::test]
async fn a_suite_that_is_nowhere_and_an_archive_that_is_down_are_told() {
    let setup = Setup::trixie();
    let archive = setup.archive(&setup.own());
    let found = archive.open("duke", None, Timestamp::now()).await;
    refused(found, Exit::Network, "/debian/dists/duke/InRelease");
    let suite = setup.open().await.unwrap();
    let list = |component, architecture| suite.list(component, architecture);
    refused(list("universe", "amd64"), Exit::Usage, "no component `universe`; it has main");
    refused(list("main", "arm64"), Exit::Usage, "nothing for the architecture `arm64`");
    let down = Server::start(|_| Reply::status(403));
    let own = Own { url: Some(down.url("/debian")), ..setup.own() };
    let found = setup.archive(&own).open("trixie", None, Timestamp::now()).await;
    refused(found, Exit::Network, "403");
}

/// A machine with these apt sources.
fn machine(setup: &Setup, sources: &str) -> AptSettings {
    let root = setup.path("machine");
    fs_err::create_dir_all(root.join("etc/apt/sources.list.d")).unwrap();
    fs_err::write(root.join("etc/os-release"), "NAME=x\nID=debian\n").unwrap();
    fs_err::write(root.join("keys.gpg"), keyring(&archive_key(1))).unwrap();
    fs_err::write(root.join("etc/apt/sources.list.d/test.sources"), sources).unwrap();
    AptSettings::read(root)
}

#[tokio::test]
async fn the_sources_of_this_machines_apt_are_taken_with_their_keys() {
    let setup = Setup::trixie();
    let url = setup.server.server.url("/debian");
    let other = AptSuite { origin: "Docker".to_owned(), ..AptSuite::debian("trixie") };
    let other = AptServer::start(other.files(&archive_key(1)));
    let other = other.server.url("/debian");
    let entry = |url: &dyn std::fmt::Display, suites: &str, more: &str| {
        format!("Types: deb\nURIs: {url}\nSuites: {suites}\nComponents: main\n{more}\n\n")
    };
    let signed = "Signed-By: /keys.gpg\n";
    let open = async |sources: String| {
        let settings = machine(&setup, &sources);
        let places =
            Places::find(Distribution::Debian, Platform::LINUX_AMD64, &Own::default(), &settings);
        let archive = setup.at(places?);
        let found = archive.open("trixie", None, Timestamp::now()).await;
        found.map(|suite| (suite.place.url.to_string(), archive.notes().join("\n")))
    };
    let found = open(entry(&url, "bookworm bookworm-updates", signed)).await.unwrap();
    assert_eq!(found, (format!("{url}/"), String::new()));
    // Another's archive for Debian comes first, has the suite, and is signed; it is not Debian's.
    let both = entry(&other, "trixie", signed) + &entry(&url, "trixie", signed);
    assert_eq!(open(both).await.unwrap().0, format!("{url}/"));
    // So does one that nobody here can verify, where nothing says that it is Debian's.
    let page = Server::start(|_| Reply::ok("<html>"));
    let unlikely = entry(&page.url("/apt"), "trixie", "");
    let both = unlikely.clone() + &entry(&url, "trixie", signed);
    assert_eq!(open(both).await.unwrap().0, format!("{url}/"));
    refused(open(unlikely).await, Exit::Integrity, "it is not signed");
    // Keys that are not named are not trusted.
    let found = open(entry(&url, "trixie", "")).await;
    refused(found, Exit::Integrity, "a key that is not in the keyring");
    let exactly = format!("Signed-By: /keys.gpg {}\n", archive_key(2).name());
    let found = open(entry(&url, "trixie", &exactly)).await;
    refused(found, Exit::Integrity, "not one that is trusted here");
    let odd = entry(&"cdrom:[x]/", "trixie", "")
        + &entry(&url, "trixie", "Signed-By: /keys.gpg\nTrusted: yes\n");
    let (_, notes) = open(odd).await.unwrap();
    assert!(
        notes.contains("only http and https are") && notes.contains("Trusted is not followed"),
        "{notes}"
    );
    refused(open(String::new()).await, Exit::Usage, "apt's sources on this machine");
}

#[test]
fn logins_in_the_addresses_of_apt_are_taken_out() {
    let setup = Setup::trixie();
    let sources = "Types: deb\nURIs: https://me:secret@m.example/debian tor+http://me:secret@t.example/debian\n\
        Suites: trixie\nComponents: main\n";
    let settings = machine(&setup, sources);
    let find =
        Places::find(Distribution::Debian, Platform::LINUX_AMD64, &Own::default(), &settings);
    let places = find.unwrap();
    assert_eq!(places.of("trixie")[0].url.as_str(), "https://m.example/debian/");
    assert_eq!(places.logins[0].1.password.as_deref(), Some("secret"));
    assert!(places.notes[0].contains("t.example/debian is not used"), "{:?}", places.notes);
    assert!(!places.notes[0].contains("secret"), "{:?}", places.notes);
}

#[tokio::test]
async fn security_updates_lie_beside_debian_and_ubuntu_has_addresses_that_everybody_knows() {
    let own = Own { url: Some("http://m.example/linux/debian".parse().unwrap()), ..Own::default() };
    let none = AptSettings::default();
    let urls = |places: &Places, suite: &str| -> Vec<String> {
        places.of(suite).into_iter().map(|place| place.url.to_string()).collect()
    };
    let debian = Places::find(Distribution::Debian, Platform::LINUX_AMD64, &own, &none).unwrap();
    assert_eq!(urls(&debian, "trixie"), ["http://m.example/linux/debian/"]);
    assert_eq!(
        urls(&debian, "trixie-security"),
        ["http://m.example/linux/debian-security/", "http://m.example/linux/debian/"]
    );
    let ubuntu =
        Places::find(Distribution::Ubuntu, Platform::LINUX_AMD64, &Own::default(), &none).unwrap();
    assert_eq!(urls(&ubuntu, "noble"), ["http://archive.ubuntu.com/ubuntu/"]);
    let security = urls(&ubuntu, "noble-security");
    assert_eq!(security[0], "http://security.ubuntu.com/ubuntu/");
    let day = "2026-11-21T09:15:44Z".parse().unwrap();
    let snapshot = ubuntu.snapshot("noble", day).unwrap();
    assert_eq!(snapshot.as_str(), "https://snapshot.ubuntu.com/ubuntu/20261121T091544Z/");
    let snapshots = Some("http://s.example/archive/debian/@SNAPSHOTID@/".to_owned());
    let own = Own { snapshots, ..own };
    let debian = Places::find(Distribution::Debian, Platform::LINUX_AMD64, &own, &none).unwrap();
    let snapshot = debian.snapshot("trixie-security", day).unwrap();
    assert_eq!(snapshot.as_str(), "http://s.example/archive/debian-security/20261121T091544Z/");
    let own = Own { snapshots: Some("http://s.example/".to_owned()), ..own };
    let found = Places::find(Distribution::Debian, Platform::LINUX_AMD64, &own, &none);
    assert!(found.unwrap_err().to_string().contains("it has no @SNAPSHOTID@"));
}
