//! Packages as they should be, and hostile ones.

use std::io::Write;

use super::*;
use crate::fixture::{Entry, ar, control, deb, pack, tar};

fn package(folder: &Path, name: &str, bytes: &[u8]) -> Package {
    let path = folder.join(name);
    File::create(&path).unwrap().write_all(bytes).unwrap();
    Package { name: name.to_owned(), path, unpacked: 1 << 20 }
}

fn read(bytes: &[u8]) -> Result<Deb, Error> {
    let folder = tempfile::tempdir().unwrap();
    let package = package(folder.path(), "x_1.0_amd64.deb", bytes);
    Ok(Deb::read_all(&[package], folder.path())?.remove(0))
}

fn refused(files: &[Entry]) -> String {
    read(&deb(&control("xx", ""), &[], files)).unwrap_err().to_string()
}

#[test]
fn a_package_is_read_with_its_files() {
    let deb = read(&deb(
        &control("xx", ""),
        &[Entry::file("./md5sums", "…")],
        &[
            Entry::directory("./"),
            Entry::directory("./usr/").with_mode(0o2775).owned_by(0, 50),
            Entry::file("./usr/a", vec![7; 600_000]).with_time(5),
            Entry::hard_link("./usr/b", "./usr/a"),
            Entry::hard_link("./usr/c", "usr/b"),
            Entry::symlink("./usr/d", "../../../etc"),
            Entry::file("./usr/empty", ""),
        ],
    ))
    .unwrap();
    let paths: Vec<&str> = deb.entries.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["", "usr", "usr/a", "usr/b", "usr/c", "usr/d", "usr/empty"]);
    let node = |at: usize| &deb.entries[at].1;
    assert_eq!((node(1).mode, node(1).owner), (0o2775, Owner { uid: 0, gid: 50 }));
    let Kind::File(content) = &node(2).kind else { panic!() };
    assert_eq!((content.read().unwrap(), node(2).mtime), (vec![7; 600_000].into(), Some(5)));
    for at in [3, 4] {
        assert!(matches!(&node(at).kind, Kind::HardLink { to } if to == "usr/a"));
    }
    assert!(matches!(&node(6).kind, Kind::File(content) if content.read().unwrap().is_empty()));
    assert!(deb.control.members.contains_key("md5sums"));
}

#[test]
fn hostile_entries_are_refused_with_package_and_member() {
    let a = || Entry::file("./a", "a");
    for (files, told) in [
        (vec![Entry::file("./../etc/passwd", "")], "leads out"),
        (vec![Entry::file("/usr/../../etc/passwd", "")], "leads out"),
        (vec![Entry::file("./", "")], "only a directory can have"),
        (vec![Entry::file("./a/", "")], "only a directory can have"),
        (vec![Entry::file("./a\nb", "")], "has a control character"),
        (vec![Entry::file("./.wh.passwd", "")], "would delete a file"),
        (vec![Entry::directory("./.wh..wh..opq/")], "would delete a file"),
        (vec![Entry::file(&format!("./{}", "x".repeat(256)), "")], "is too long"),
        (vec![a(), a()], "it is there twice"),
        (vec![Entry::directory("./a"), a()], "it is there twice"),
        (vec![a(), Entry::file("a", "")], "it is there twice"),
        (vec![Entry::symlink("./a", "")], "points nowhere"),
        (vec![Entry::hard_link("./b", "./a"), a()], "a hard link to `./a`"),
        (vec![Entry::hard_link("./b", "/etc/shadow")], "a hard link to `/etc/shadow`"),
        (vec![Entry::hard_link("./b", "../a"), a()], "a hard link to `../a`"),
        (vec![Entry::directory("./d"), Entry::hard_link("./b", "d")], "a hard link to `d`"),
        (vec![Entry::file("./dev/sda", "").of_kind(b'4')], "a device"),
        (vec![Entry::file("./x", "").of_kind(b'x')], "a pax header"),
        (vec![Entry::file("./x", vec![0; 2 << 20])], "it is larger than 1048576 bytes"),
    ] {
        let error = refused(&files);
        assert!(
            error.starts_with("the package x_1.0_amd64.deb is refused: data.tar.xz: "),
            "{error}"
        );
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn a_directory_may_be_there_twice_and_a_link_may_lead_anywhere() {
    let files = [Entry::directory("./d/"), Entry::directory("./d"), Entry::symlink("./l", "/..")];
    assert_eq!(read(&deb(&control("xx", ""), &[], &files)).unwrap().entries.len(), 2);
}

#[test]
fn all_forms_of_compression_are_read_and_others_named() {
    let control = tar(&[Entry::file("./control", control("xx", ""))]);
    let data = tar(&[Entry::file("./a", "text")]);
    let with = |control_name: &str, data_name: &str| {
        read(&ar(&[
            ("debian-binary", b"2.0\n"),
            (control_name, &pack(control_name, &control)),
            (data_name, &pack(data_name, &data)),
        ]))
    };
    for end in ["", ".gz", ".xz", ".zst"] {
        let deb = with(&format!("control.tar{end}"), &format!("data.tar{end}")).unwrap();
        assert_eq!(deb.entries.len(), 1);
    }
    let error = with("control.tar", "data.tar.lzma").unwrap_err().to_string();
    assert!(error.contains("data.tar.lzma") && error.contains(".zst"), "{error}");
}

#[test]
fn the_first_of_several_errors_is_told_and_a_missing_file_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = deb(&control("xx", ""), &[], &[]);
    let mut packages: Vec<Package> = (0..9)
        .map(|at| {
            let bytes = if at < 4 { &good[..] } else { b"no package, but longer" };
            package(folder.path(), &format!("{at}.deb"), bytes)
        })
        .collect();
    let error = Deb::read_all(&packages, folder.path()).unwrap_err().to_string();
    assert!(error.starts_with("the package 4.deb is refused: "), "{error}");
    packages[1].path.push("not there");
    let error = Deb::read_all(&packages, folder.path()).unwrap_err();
    assert!(matches!(error, Error::Read { package, .. } if package == "1.deb"));
    packages.truncate(1);
    let error = Deb::read_all(&packages, &folder.path().join("not there")).unwrap_err();
    assert!(matches!(error, Error::Spool { package, .. } if package == "0.deb"));
}

#[test]
fn damage_anywhere_is_an_error_and_never_a_panic() {
    let bytes = deb(&control("xx", ""), &[], &[Entry::file("./a", vec![1; 3000])]);
    assert!(read(&bytes).is_ok());
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x20;
        // Times and owners of the outer archive mean nothing; all else must be seen or lead to another package.
        let _ = read(&changed);
        assert!(read(&bytes[..at]).is_err(), "{at}");
    }
}
