//! Packages on nothing and on a base: whose file it is, and what the database says.

use super::*;
use crate::content::Content;
use crate::fixture::{Entry, control, deb};

fn read(packages: &[(&str, &str, &[Entry], &[Entry])]) -> Vec<Deb> {
    let folder = tempfile::tempdir().unwrap();
    let packages: Vec<_> = packages
        .iter()
        .map(|(name, lines, members, files)| {
            let path = folder.path().join(format!("{name}-{}", lines.len()));
            std::fs::write(&path, deb(&control(name, lines), members, files)).unwrap();
            crate::deb::Package { name: format!("{name}.deb"), path, unpacked: 1 << 20 }
        })
        .collect();
    Deb::read_all(&packages, folder.path()).unwrap()
}

fn text(tree: &Tree, path: &str) -> String {
    let bytes = tree.read(path).unwrap().unwrap_or_else(|| panic!("{path} is missing"));
    String::from_utf8(bytes.into()).unwrap()
}

fn list(tree: &Tree, name: &str) -> Vec<String> {
    let text = text(tree, &format!("var/lib/dpkg/info/{name}.list"));
    text.lines().map(str::to_owned).collect()
}

#[test]
fn files_go_where_links_lead_and_are_listed_as_the_package_has_them() {
    let debs = read(&[(
        "xx",
        "",
        &[],
        &[
            Entry::directory("./"),
            Entry::directory("./lib/"),
            Entry::symlink("./lib/b", "a"),
            Entry::file("./lib/a", "a"),
            Entry::hard_link("./lib/c", "./lib/a"),
        ],
    )]);
    let tree = unpack(Tree::on(Tree::merged_usr()), &debs).unwrap();
    assert_eq!(text(&tree, "usr/lib/b"), "a");
    assert_eq!(text(&tree, "usr/lib/c"), "a");
    assert!(matches!(&tree.get("lib").unwrap().kind, Kind::Symlink { .. }));
    assert_eq!(list(&tree, "xx"), ["/.", "/lib", "/lib/a", "/lib/c", "/lib/b"]);
    assert!(tree.changes().any(|(path, _)| path == "usr/lib/a"));
    assert!(!tree.changes().any(|(path, _)| path == "usr/lib" || path == "lib"));
}

#[test]
fn one_file_of_two_packages_is_an_error_with_both_names() {
    let debs = read(&[
        ("xx", "", &[], &[Entry::file("./a", "1")]),
        ("yy", "", &[], &[Entry::file("./a", "1")]),
    ]);
    let error = unpack(Tree::default(), &debs).unwrap_err().to_string();
    assert_eq!(error, "/a is in xx 1.0 and in yy 1.0, and neither replaces the other");
    // Also by way of a link.
    let debs = read(&[
        ("xx", "", &[], &[Entry::file("./lib/a", "1")]),
        ("yy", "", &[], &[Entry::file("./usr/lib/a", "1")]),
    ]);
    assert!(unpack(Tree::default(), &debs).is_ok());
    assert!(matches!(unpack(Tree::merged_usr(), &debs), Err(Error::Conflict { .. })));
}

#[test]
fn replaces_gives_the_file_to_one_in_either_order() {
    for (first, second) in [(0, 1), (1, 0)] {
        let debs = read(&[
            ("xx", "", &[], &[Entry::file("./a", "old"), Entry::file("./b", "b")]),
            ("yy", "Replaces: xx (<< 2)\n", &[], &[Entry::file("./a", "new")]),
        ]);
        let debs = [debs[first].clone(), debs[second].clone()];
        let tree = unpack(Tree::default(), &debs).unwrap();
        assert_eq!(text(&tree, "a"), "new");
        assert_eq!((list(&tree, "xx"), list(&tree, "yy")), (vec!["/b".into()], vec!["/a".into()]));
    }
    let debs = read(&[
        ("xx", "", &[], &[Entry::file("./a", "old")]),
        ("yy", "Replaces: xx (<< 1)\n", &[], &[Entry::file("./a", "new")]),
    ]);
    assert!(matches!(unpack(Tree::default(), &debs), Err(Error::Conflict { .. })));
}

#[test]
fn directories_are_shared_and_the_first_says_their_mode() {
    let debs = read(&[
        ("xx", "", &[], &[Entry::directory("./d").with_mode(0o700)]),
        ("yy", "", &[], &[Entry::directory("./d"), Entry::file("./d/a", "")]),
        ("zz", "", &[], &[Entry::symlink("./d", "/elsewhere")]),
    ]);
    let tree = unpack(Tree::default(), &debs).unwrap();
    assert_eq!(tree.get("d").unwrap().mode, 0o700);
    assert!(tree.get("d").unwrap().is_directory());
    assert_eq!(list(&tree, "zz"), ["/d"]);
}

#[test]
fn packages_for_two_architectures_share_what_is_the_same() {
    let pair = |content: &str| {
        let mut debs = read(&[
            ("xx", "Multi-Arch: same\n", &[], &[Entry::file("./usr/share/doc/xx", "text")]),
            ("xx", "Multi-Arch: same\nX: \n", &[], &[Entry::file("./usr/share/doc/xx", content)]),
        ]);
        debs[1].control.architecture = "arm64".to_owned();
        unpack(Tree::default(), &debs)
    };
    let tree = pair("text").unwrap();
    assert_eq!(list(&tree, "xx:amd64"), list(&tree, "xx:arm64"));
    assert!(matches!(pair("other"), Err(Error::Shared { first, .. }) if first == "xx:amd64"));
}

#[test]
fn diverted_files_go_elsewhere_and_are_no_conflict() {
    let mut base = Tree::default();
    let list = Node::file(0o644, "/a\n/a.distrib\nyy\n");
    base.put(diversion::FILE, list).unwrap();
    let debs = read(&[
        ("xx", "", &[], &[Entry::file("./a", "theirs")]),
        ("yy", "", &[], &[Entry::file("./a", "own")]),
    ]);
    let tree = unpack(base, &debs).unwrap();
    assert_eq!((text(&tree, "a"), text(&tree, "a.distrib")), ("own".into(), "theirs".into()));
}

#[test]
fn the_database_is_as_dpkg_leaves_it() {
    let debs = read(&[
        (
            "zz",
            "Multi-Arch: same\nDepends: aa(>=1)\n",
            &[
                Entry::file("./conffiles", "/etc/zz.conf\nremove-on-upgrade /etc/old.conf\n"),
                Entry::file("./postinst", "#!/bin/sh\n").with_mode(0o755),
                Entry::file(
                    "./triggers",
                    "# note\ninterest-noawait /usr/lib\ninterest ldconfig\nactivate x\n",
                ),
            ],
            &[Entry::file("./etc/zz.conf", "hello")],
        ),
        ("aa", "", &[Entry::file("./triggers", "interest /usr/lib\n")], &[]),
    ]);
    let tree = unpack(Tree::default(), &debs).unwrap();
    let status = text(&tree, "var/lib/dpkg/status");
    assert!(status.starts_with("Package: aa\nStatus: install ok installed\n"), "{status}");
    assert!(status.ends_with("for a test\n\n") && status.contains("test\n\nPackage: zz\n"));
    assert!(status.contains(
        "Conffiles:\n /etc/zz.conf 5d41402abc4b2a76b9719d911017c592\n \
         /etc/old.conf newconffile remove-on-upgrade\n"
    ));
    assert_eq!(tree.get("var/lib/dpkg/info/zz:amd64.postinst").unwrap().mode, 0o755);
    assert_eq!(
        text(&tree, "var/lib/dpkg/triggers/File"),
        "/usr/lib zz:amd64/noawait\n/usr/lib aa\n"
    );
    assert_eq!(text(&tree, "var/lib/dpkg/triggers/ldconfig"), "zz:amd64\n");
    assert_eq!(text(&tree, "var/lib/dpkg/info/format"), "1\n");
}

#[test]
fn a_trigger_is_no_path() {
    for name in ["../x", "a/b", "File", ".x"] {
        let triggers = [Entry::file("./triggers", format!("interest {name}\n"))];
        let error = unpack(Tree::default(), &read(&[("xx", "", &triggers, &[])])).unwrap_err();
        assert!(error.to_string().contains("is no name of a trigger"), "{error}");
    }
}

/// A base with a package `xx`, whose conffile is as it came, and `yy`.
fn base() -> Tree {
    let conffiles = [Entry::file("./conffiles", "/etc/xx.conf\n")];
    let files = [
        Entry::file("./etc/xx.conf", "one"),
        Entry::file("./usr/lib/old/x", "old"),
        Entry::file("./usr/lib/xx", "1"),
    ];
    let debs = read(&[
        ("xx", "", &conffiles, &files),
        ("yy", "", &[], &[Entry::file("./usr/lib/yy", "1")]),
    ]);
    Tree::on(unpack(Tree::default(), &debs).unwrap())
}

#[test]
fn a_base_keeps_its_packages_and_gets_new_ones_in_order() {
    let debs = read(&[("xz", "", &[], &[Entry::file("./usr/lib/xz", "1")])]);
    let tree = unpack(base(), &debs).unwrap();
    let status = text(&tree, "var/lib/dpkg/status");
    let names: Vec<_> = status.lines().filter(|line| line.starts_with("Package: ")).collect();
    assert_eq!(names, ["Package: xx", "Package: xz", "Package: yy"]);
    let changes: Vec<_> = tree.changes().map(|(path, _)| path).collect();
    assert_eq!(changes, ["usr/lib/xz", "var/lib/dpkg/info/xz.list", "var/lib/dpkg/status"]);
    let error = unpack(base(), &read(&[("zz", "", &[], &[Entry::file("./usr/lib/yy", "")])]));
    assert!(matches!(error, Err(Error::Conflict { first, .. }) if first == "yy 1.0"));
    // A package of the base that loses a file to a new one has a shorter list.
    let debs = read(&[("zz", "Replaces: yy\n", &[], &[Entry::file("./usr/lib/yy", "2")])]);
    let tree = unpack(base(), &debs).unwrap();
    assert_eq!((text(&tree, "usr/lib/yy"), list(&tree, "yy").len()), ("2".into(), 0));
}

#[test]
fn an_upgrade_takes_away_what_only_the_old_version_had() {
    let conffiles = [Entry::file("./conffiles", "/etc/xx.conf\n")];
    let files = [Entry::file("./etc/xx.conf", "two"), Entry::file("./usr/lib/xx", "2")];
    let debs = read(&[("xx", "", &conffiles, &files)]);
    let tree = unpack(base(), &debs).unwrap();
    assert_eq!((text(&tree, "usr/lib/xx"), text(&tree, "etc/xx.conf")), ("2".into(), "two".into()));
    assert!(tree.get("usr/lib/old/x").is_none());
    assert!(tree.changes().any(|(path, node)| path == "usr/lib/old/x" && node.is_none()));
    assert_eq!(text(&tree, "var/lib/dpkg/status").matches("Package: xx").count(), 1);
    // What an administrator changed stays.
    let mut base = base();
    base.put("etc/xx.conf", Node::file(0o644, "mine")).unwrap();
    let tree = unpack(base, &debs).unwrap();
    assert_eq!(text(&tree, "etc/xx.conf"), "mine");
    assert_eq!(text(&tree, "etc/xx.conf.dpkg-dist"), "two");
    // And what cannot be read cannot be judged.
    let mut base = self::base();
    let unread = Node { kind: Kind::File(Content::Elsewhere { size: 3 }), ..Node::file(0o644, "") };
    base.put("etc/xx.conf", unread).unwrap();
    let error = unpack(base, &debs).unwrap_err().to_string();
    assert!(error.contains("/etc/xx.conf") && error.contains("was not read"), "{error}");
}

#[test]
fn a_distroless_base_gets_files_for_scanners() {
    let mut base = Tree::default();
    base.put("var/lib/dpkg/status.d/base", Node::file(0o644, "Package: base\n")).unwrap();
    let sums = [Entry::file("./md5sums", "00  a\n")];
    let tree = unpack(base, &read(&[("xx", "", &sums, &[Entry::file("./a", "")])])).unwrap();
    assert!(text(&tree, "var/lib/dpkg/status.d/xx").starts_with("Package: xx\nVersion: 1.0\n"));
    assert_eq!(text(&tree, "var/lib/dpkg/status.d/xx.md5sums"), "00  a\n");
    assert!(tree.get("var/lib/dpkg/status").is_none());
}
