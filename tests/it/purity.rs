//! The pure folders stay pure: no network, disk, clock, environment or process. And only `ui` prints.
//!
//! A checker over source text: comments, strings and `#[cfg(test)]` items are taken out, `use` trees are
//! spread into paths, and every path is held against the lists below.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use regex::Regex;

/// Values in, values out.
const PURE: [&str; 17] = [
    "crates/oci-digest",
    "crates/yaml-scalar-edit",
    "src/catalog",
    "src/index/pages",
    "src/index/tools",
    "src/solve",
    "src/matrix",
    "src/lock",
    "src/image",
    "src/config",
    "src/render",
    "src/python",
    "src/export",
    "src/import",
    "src/size",
    "src/wheel",
    "src/smoke/judge",
];

/// Paths that begin like these lead out of the process.
const EDGES: [&str; 18] = [
    "tokio",
    "reqwest",
    "fs_err",
    "atomic_write_file",
    "indicatif",
    "rustls",
    "std::fs",
    "std::io::stdin",
    "std::env",
    "std::net",
    "std::process",
    "std::thread::sleep",
    "std::time::SystemTime",
    "std::time::Instant",
    "crate::net",
    "crate::store",
    "crate::ui",
    "crate::commands",
];

/// The same, however the path begins.
const CLOCKS: [&str; 4] = ["Timestamp::now", "Zoned::now", "SystemTime::now", "Instant::now"];

/// Methods of paths that ask the disk.
const DISK_METHODS: [&str; 6] =
    ["canonicalize", "exists", "is_dir", "is_file", "read_dir", "try_exists"];

/// Macros and paths that print.
const PRINTS: [&str; 7] =
    ["print!", "println!", "eprint!", "eprintln!", "dbg!", "std::io::stdout", "std::io::stderr"];

/// The log lines of `--verbose` are written by tracing itself.
const MAY_NAME_STDERR: &str = "src/commands/run.rs";

/// What is left of Rust source when nothing but the code that ships is looked at.
fn shipped_code(source: &str) -> String {
    without_tests(&without_comments_and_strings(source))
}

/// Comments become nothing, literals become `""`; line breaks stay.
fn without_comments_and_strings(source: &str) -> String {
    // Raw strings first; a lifetime is no character literal because no quote follows its letter.
    let token = Regex::new(
        r####"(?s)//[^\n]*|/\*.*?\*/|\bb?c?r(?:###".*?"###|##".*?"##|#".*?"#|".*?")|"(?:\\.|[^"\\])*"|'(?:\\[^\n]{1,9}?|[^'\\\n])'"####,
    )
    .unwrap();
    let kept = |found: &regex::Captures<'_>| {
        let text = &found[0];
        let breaks = "\n".repeat(text.matches('\n').count());
        if text.starts_with('/') { breaks } else { format!("\"\"{breaks}") }
    };
    // `r#use` is a name, not an import.
    token.replace_all(source, kept).replace("r#", "raw_")
}

/// Takes out what follows `#[cfg(test)]`: up to `;`, or a block with its end.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let mut depth = 0_i32;
        let end = rest.char_indices().find(|&(_, c)| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0 && matches!(c, ';' | '}')
        });
        rest = end.map_or("", |(end, _)| &rest[end + 1..]);
    }
    kept + rest
}

/// Every path in the code, `use` trees spread out: `use std::{fs, io::Read}` gives two.
fn paths(code: &str) -> BTreeSet<String> {
    let uses = Regex::new(r"\buse\s+([^;]+);").unwrap();
    let path = Regex::new(r"[A-Za-z_]\w*(?:\s*::\s*[A-Za-z_]\w*)*!?").unwrap();
    let mut found = BTreeSet::new();
    for tree in uses.captures_iter(code) {
        let tree: String = tree[1].split(" as ").map(str::trim_start).collect::<Vec<_>>().join("@");
        spread(&tree.replace(char::is_whitespace, ""), "", &mut found);
    }
    let plain = uses.replace_all(code, "");
    found.extend(path.find_iter(&plain).map(|m| m.as_str().replace(char::is_whitespace, "")));
    found
}

fn spread(tree: &str, before: &str, found: &mut BTreeSet<String>) {
    let Some(open) = tree.find('{') else {
        let name = tree.split('@').next().unwrap_or(tree);
        let path = format!("{before}{name}");
        found.insert(path.trim_start_matches("::").trim_end_matches("::self").to_owned());
        return;
    };
    let before = format!("{before}{}", &tree[..open]);
    let inner = &tree[open + 1..tree.rfind('}').unwrap_or(tree.len())];
    let (mut depth, mut from) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ',' && depth == 0 {
            if at > from {
                spread(&inner[from..at], &before, found);
            }
            from = at + 1;
        }
    }
}

fn is_below(path: &str, edge: &str) -> bool {
    path.strip_prefix(edge).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The edges that this source imports or names.
fn edges(source: &str) -> BTreeSet<String> {
    let code = shipped_code(source);
    let method = Regex::new(r"\.\s*([a-z_]+)\s*\(").unwrap();
    let methods = method.captures_iter(&code).map(|m| m[1].to_owned());
    let methods = methods.filter(|name| DISK_METHODS.contains(&name.as_str()));
    let is_edge = |path: &String| {
        EDGES.iter().any(|edge| is_below(path, edge))
            || CLOCKS.iter().any(|clock| path.ends_with(clock))
    };
    paths(&code)
        .into_iter()
        .filter(is_edge)
        .chain(methods.map(|name| format!(".{name}()")))
        .collect()
}

/// What this source prints with.
fn prints(source: &str) -> BTreeSet<String> {
    let found = paths(&shipped_code(source));
    found.into_iter().filter(|path| PRINTS.iter().any(|print| is_below(path, print))).collect()
}

fn root() -> Utf8PathBuf {
    std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it").into()
}

/// All Rust files below a folder of the project, relative to the project.
fn sources(folder: &str) -> Vec<Utf8PathBuf> {
    let mut found = Vec::new();
    for entry in root().join(folder).read_dir_utf8().unwrap() {
        let path = entry.unwrap().path().strip_prefix(root()).unwrap().to_owned();
        if root().join(&path).is_dir() {
            found.extend(sources(path.as_str()));
        } else if path.extension() == Some("rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Utf8Path) -> String {
    fs_err::read_to_string(root().join(path)).unwrap()
}

#[test]
fn pure_folders_have_no_edges() {
    let files: Vec<_> = PURE.iter().flat_map(|folder| sources(folder)).collect();
    assert!(files.len() > PURE.len(), "{files:?}");
    let found: Vec<_> = files
        .iter()
        .flat_map(|path| edges(&read(path)).into_iter().map(move |e| format!("{path}: {e}")))
        .collect();
    assert!(found.is_empty(), "pure code must not reach out of the process:\n{}", found.join("\n"));
}

#[test]
fn only_ui_prints() {
    let files = sources("src");
    let files = files.iter().filter(|path| !path.starts_with("src/ui"));
    let found: Vec<_> = files
        .flat_map(|path| {
            prints(&read(path)).into_iter().map(move |print| format!("{path}: {print}"))
        })
        .filter(|line| *line != format!("{MAY_NAME_STDERR}: std::io::stderr"))
        .collect();
    assert!(found.is_empty(), "printing goes through ui:\n{}", found.join("\n"));
    assert!(
        !prints(&read(Utf8Path::new("src/ui/report.rs"))).is_empty(),
        "the checker sees no print"
    );
}

/// How often this source makes an address of a text.
fn reads_addresses(source: &str) -> usize {
    let code = shipped_code(source);
    let reads = |path: &&String| path.ends_with("Url::parse") || path.ends_with("Url::from_str");
    paths(&code).iter().filter(reads).count() + code.matches("parse::<Url>").count()
}

#[test]
fn addresses_are_read_in_one_place_which_takes_logins_out() {
    let one = Utf8Path::new("src/login.rs");
    assert!(reads_addresses(&read(one)) > 0, "the checker sees nothing");
    let others = sources("src").into_iter().filter(|path| path != one);
    let found: Vec<_> = others.filter(|path| reads_addresses(&read(path)) > 0).collect();
    assert!(found.is_empty(), "addresses are read by login::parse: {found:?}");
}

#[test]
fn every_kind_of_edge_is_seen() {
    let source = r#"
        use std::{collections::BTreeMap, fs::{self, File}, time::{Duration, Instant as I}};
        use tokio as runtime;
        use ::fs_err::read;
        pub(crate) use crate::net::Client;
        fn now() -> Timestamp { jiff::Timestamp :: now() }
        fn home() { std::env::var("HOME"); path.canonicalize(); let c = '"'; std::process::exit(1) }
    "#;
    let expected = [
        ".canonicalize()",
        "crate::net::Client",
        "fs_err::read",
        "jiff::Timestamp::now",
        "std::env::var",
        "std::fs",
        "std::fs::File",
        "std::process::exit",
        "std::time::Instant",
        "tokio",
    ];
    assert_eq!(edges(source).into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(
        prints("fn f() { println!(\"x\"); writeln!(std::io::stderr(), \"\") }").len(),
        2,
        "both prints"
    );
}

#[test]
fn tests_comments_and_strings_are_not_looked_at() {
    let source = r##"
        //! use std::fs; it says
        /* tokio::spawn */ const TEXT: &str = "std::env::var"; const RAW: &str = r#"use std::fs;"#;
        fn borrow<'a>(text: &'a str) -> char { '"' }
        #[cfg(test)]
        use std::fs;
        #[cfg(test)]
        pub(crate) mod tests { use std::env; fn f() { fs_err::read("{"); println!() } }
        fn r#use(r#use: u8) -> u8 { r#use + 1 }
        use std::time::Duration; use crate::network::Thing; use std::ffi::OsStr;
    "##;
    assert_eq!(edges(source), BTreeSet::new());
    assert_eq!(prints(source), BTreeSet::new());
    let after = format!("{source} use std::net::TcpStream;");
    assert_eq!(edges(&after).into_iter().collect::<Vec<_>>(), ["std::net::TcpStream"]);
}
