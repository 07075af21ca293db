//! Links, removals, and the names of one file.

use super::*;

fn names(tree: &Tree) -> Vec<&str> {
    tree.iter().map(|(path, _)| path).collect()
}

#[test]
fn a_path_goes_where_the_links_of_the_base_lead() {
    let mut tree = Tree::on(Tree::merged_usr());
    tree.put("/lib/x86_64-linux-gnu/libc.so.6", Node::file(0o644, "elf")).unwrap();
    tree.put("/bin/sh", Node::symlink("dash")).unwrap();
    tree.put("/usr/bin/dash", Node::file(0o755, "dash")).unwrap();
    tree.put("/etc/alternatives/sh", Node::symlink("/bin/../bin/./sh")).unwrap();
    assert!(tree.get("usr/lib/x86_64-linux-gnu/libc.so.6").is_some());
    assert_eq!(tree.follow("/etc/alternatives/sh").unwrap().unwrap(), "usr/bin/dash");
    assert_eq!(tree.resolve("/bin/sh").unwrap(), "usr/bin/sh");
    assert_eq!(tree.read("/etc/alternatives/sh").unwrap().unwrap(), "dash");
    assert_eq!(tree.follow("/bin/zsh").unwrap(), None);
    assert!(tree.changes().all(|(path, _)| !matches!(path, "lib" | "usr/lib" | "usr")));
}

#[test]
fn no_path_leads_out_through_a_file_or_in_a_circle() {
    let mut tree = Tree::default();
    tree.put("a", Node::symlink("b")).unwrap();
    tree.put("b", Node::symlink("../../a")).unwrap();
    tree.put("f", Node::file(0o644, "")).unwrap();
    assert_eq!(tree.put("a/x", Node::directory(0o755)), Err(PathError::Links("a/x".into())));
    let through = PathError::Through { path: "f/x".into(), through: "f".into() };
    assert_eq!(tree.put("f/x", Node::directory(0o755)), Err(through));
    tree.put("up", Node::symlink("../../../etc")).unwrap();
    tree.put("up/passwd", Node::file(0o644, "")).unwrap();
    assert!(tree.get("etc/passwd").is_some());
    assert!(tree.put("a/../../x", Node::directory(0o755)).is_err());
}

#[test]
fn what_is_removed_is_gone_from_the_base_and_from_what_was_added() {
    let mut base = Tree::default();
    base.put("etc/old", Node::file(0o644, "old")).unwrap();
    let mut tree = Tree::on(base);
    tree.put("etc/new", Node::file(0o644, "new")).unwrap();
    assert_eq!(names(&tree), ["etc", "etc/new", "etc/old"]);
    assert_eq!(tree.remove("etc"), Err(PathError::NotEmpty("etc".into())));
    assert_eq!(tree.put("etc", Node::symlink("usr/etc")), Err(PathError::NotEmpty("etc".into())));
    tree.remove("etc/old").unwrap();
    tree.remove("etc/new").unwrap();
    tree.remove("etc/never").unwrap();
    assert_eq!(names(&tree), ["etc"]);
    let changes: Vec<_> = tree.changes().map(|(path, node)| (path, node.is_some())).collect();
    assert_eq!(changes, [("etc/old", false)]);
    assert!(tree.below("etc/old").is_some());
    assert_eq!(names(&Tree::on(tree)), ["etc"]);
}

#[test]
fn what_lies_in_a_directory_is_not_what_begins_alike() {
    let mut tree = Tree::default();
    for path in ["lib/a", "lib/b/c", "lib64/d", "lib-e"] {
        tree.put(path, Node::file(0o644, "")).unwrap();
    }
    let inside: Vec<_> = tree.inside("/lib").map(|(path, _)| path).collect();
    assert_eq!(inside, ["lib/a", "lib/b", "lib/b/c"]);
}

#[test]
fn the_other_names_of_a_file_outlive_it() {
    let mut tree = Tree::default();
    tree.put("bin/perl", Node::file(0o755, "perl")).unwrap();
    for name in ["bin/perl5", "bin/perl5.40"] {
        let kind = Kind::HardLink { to: "bin/perl".into() };
        tree.put(name, Node { kind, ..Node::file(0o755, "") }).unwrap();
    }
    assert_eq!(tree.read("bin/perl5.40").unwrap().unwrap(), "perl");
    tree.put("bin/perl", Node::file(0o755, "new")).unwrap();
    assert_eq!(tree.read("bin/perl5").unwrap().unwrap(), "perl");
    tree.remove("bin/perl5").unwrap();
    assert_eq!(tree.read("bin/perl5.40").unwrap().unwrap(), "perl");
    assert_eq!(tree.read("bin/perl").unwrap().unwrap(), "new");
}
