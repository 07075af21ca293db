//! Release files as archives write them, and as they should not.

#![allow(clippy::unwrap_used)]

use debian_archive::{
    Compression, Freshness, Release, Replay, freshness, in_release, release, release_signature,
    replay,
};
use jiff::Timestamp;

const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn text() -> String {
    format!(
        "Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\nVersion: 13\nCodename: trixie-security\n\
         Date: Thu, 26 Nov 2026 21:03:36 UTC\nValid-Until: Thu, 03 Dec 2026 21:03:36 UTC\nAcquire-By-Hash: yes\n\
         Architectures: amd64 arm64\nComponents: updates/main updates/contrib\nDescription: Security Updates\nMD5Sum:\n nonsense\n\
         SHA256:\n {HASH}   100 main/binary-amd64/Packages\n {HASH}    30 main/binary-amd64/Packages.gz\n\
         \x20{HASH} 20 main/binary-amd64/Packages.xz\n {HASH} 5 main/i18n/Translation-en.bz2\n"
    )
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_release_file_is_read() {
    let release = Release::parse(&text()).unwrap();
    assert_eq!(release.label.as_deref(), Some("Debian-Security"));
    assert_eq!(release.codename.as_deref(), Some("trixie-security"));
    assert_eq!(release.date, time("2026-11-26T21:03:36Z"));
    assert_eq!(release.valid_until, Some(time("2026-12-03T21:03:36Z")));
    assert_eq!(release.architectures, ["amd64", "arm64"]);
    assert_eq!(release.files().count(), 4);
    assert_eq!(release.file("main/i18n/Translation-en.bz2").unwrap().size, 5);
}

#[test]
fn lists_of_packages_are_offered_smallest_first_with_their_place_by_hash() {
    let release = Release::parse(&text()).unwrap();
    let found = release.packages("main", "amd64").unwrap();
    let kinds: Vec<_> = found.iter().map(|file| file.compression).collect();
    assert_eq!(kinds, [Compression::Xz, Compression::Gzip, Compression::None]);
    assert_eq!(found[0].path, "main/binary-amd64/Packages.xz");
    assert_eq!(found[0].unpacked.as_ref().unwrap().size, 100);
    assert_eq!(found[0].by_hash, Some(format!("main/binary-amd64/by-hash/SHA256/{HASH}")));
    let without = Release::parse(&text().replace("Acquire-By-Hash: yes\n", "")).unwrap();
    assert_eq!(without.packages("main", "amd64").unwrap()[0].by_hash, None);
    let error = |component, architecture| {
        release.packages(component, architecture).unwrap_err().to_string()
    };
    assert!(error("universe", "amd64").contains("no component `universe`; it has updates/main"));
    assert!(
        error("main", "riscv64").contains("nothing for the architecture `riscv64`; it has amd64")
    );
    assert!(error("main", "arm64").contains("lists no main/binary-arm64/Packages"));
}

#[test]
fn a_flat_archive_has_its_list_beside_the_release_file() {
    let flat = format!(
        "Suite: x\nDate: Thu, 26 Nov 2026 21:03:36 +0000\nSHA256:\n {HASH} 7 Packages.gz\n"
    );
    let release = Release::parse(&flat).unwrap();
    assert_eq!(release.packages("", "amd64").unwrap()[0].path, "Packages.gz");
}

#[test]
fn folders_of_suites() {
    assert_eq!(in_release("trixie-updates"), "dists/trixie-updates/InRelease");
    assert_eq!(in_release("./"), "InRelease");
    assert_eq!(release("ubuntu2404/x86_64/"), "ubuntu2404/x86_64/Release");
    assert_eq!(release_signature("/"), "Release.gpg");
}

#[test]
fn odd_input_is_refused_with_what_is_odd() {
    let long = "x".repeat(500);
    for (from, to, error) in [
        ("Date: Thu, 26 Nov 2026 21:03:36 UTC\n", "", "it has no `Date`"),
        (
            "21:03:36 UTC\nValid",
            "21:03:36 CET\nValid",
            "its `Date` is `Thu, 26 Nov 2026 21:03:36 CET`, which is no date in UTC",
        ),
        ("Valid-Until: Thu", "Valid-Until: tomorrow", "its `Valid-Until` is `tomorrow, 03"),
        ("By-Hash: yes", "By-Hash: maybe", "its `Acquire-By-Hash` is `maybe`, neither yes nor no"),
        ("SHA256:", "SHA1:", "it has no `SHA256`"),
        ("Origin: Debian\n", "Origin: Debian\norigin: Evil\n", "line 2: a field is there twice"),
        ("Origin: Debian\n", "Origin: Debian\n\n", "it has 2 paragraphs, not one"),
        ("  100 main", " -100 main", "the size is no number"),
        ("  100 main", "  99999999999999999999 main", "the size is no number"),
        ("  100 main", "  100 ../main", "the path leads elsewhere"),
        ("  100 main", "  100 /main", "the path leads elsewhere"),
        ("  100 main", "  100 main%2f", "the path leads elsewhere"),
        ("  100 main", "  100 a main", "not a hash, a size and a path"),
        ("b855   100", "b85   100", "the hash is none"),
        ("Packages.gz", "Packages.xz", "the file is listed twice"),
        (
            "  100 main/binary-amd64/Packages\n",
            &format!("  100 a/../{long}\n"),
            "the path leads elsewhere",
        ),
    ] {
        let found = Release::parse(&text().replacen(from, to, 1)).unwrap_err().to_string();
        assert!(found.contains(error), "{found}, not {error}");
        assert!(found.len() < 300, "{found}");
    }
    let nameless =
        text().replace("Suite: stable-security\n", "").replace("Codename: trixie-security\n", "");
    assert_eq!(Release::parse(&nameless).unwrap_err().to_string(), "it has no `Suite`");
    let sizes = format!("{}SHA512:\n {} 101 main/binary-amd64/Packages\n", text(), "ab".repeat(64));
    let found = Release::parse(&sizes).unwrap_err().to_string();
    assert_eq!(found, "it states two sizes for main/binary-amd64/Packages");
}

#[test]
fn a_release_file_is_current_stale_or_not_yet_valid() {
    let release = Release::parse(&text()).unwrap();
    let at = |now| freshness(&release, time(now));
    assert_eq!(at("2026-11-27T00:00:00Z"), Freshness::Current);
    // A clock may be a day behind.
    assert_eq!(at("2026-11-25T22:00:00Z"), Freshness::Current);
    let date = release.date;
    assert_eq!(at("2026-11-25T20:00:00Z"), Freshness::NotYetValid { date });
    let valid_until = release.valid_until.unwrap();
    assert_eq!(at("2026-12-03T21:03:37Z"), Freshness::Stale { valid_until });
    let mut forever = release;
    forever.valid_until = None;
    assert_eq!(freshness(&forever, time("2036-01-01T00:00:00Z")), Freshness::Current);
}

#[test]
fn an_older_one_than_was_seen_is_told() {
    let (old, new) = (time("2026-11-26T00:00:00Z"), time("2026-11-27T00:00:00Z"));
    assert_eq!(replay(old, new), Replay::Older { seen: new, date: old });
    assert_eq!(replay(new, old), Replay::Newer);
    assert_eq!(replay(new, new), Replay::Same);
}
