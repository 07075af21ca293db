//! Words for a platform are written in one table.

use camino::{Utf8Path, Utf8PathBuf};
use regex::Regex;

use super::source::{is_of_tests, read, root, shipped_literals, sources};

/// The table.
const TABLE: &str = "src/platform.rs";

/// Files that may say the words, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("src/spec/builtin.toml", "a value that users see and change"),
    ("src/release/replaceable.rs", "an attribute about the machine that envlock itself runs on"),
];

/// An architecture as OCI, PEP 425, LLVM or Debian spell it, or an operating system beside one.
fn words() -> Regex {
    Regex::new(
        r#"(?i)x86[-_]64|amd64|aarch64|arm64|[-_/]linux\b|\blinux[-_/]|^["']?linux["']?$|'linux'"#,
    )
    .unwrap()
}

/// What a file of src/ says outside of comments and tests.
fn shipped(path: &Utf8Path) -> Vec<String> {
    match path.extension() {
        Some("rs") => shipped_literals(&read(path)),
        _ => vec![read(path)],
    }
}

/// Files of src/ that are compiled in, Rust or not; those of tests alone are not.
fn files(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut found = Vec::new();
    for entry in root().join(folder).read_dir_utf8().unwrap() {
        let path = entry.unwrap().path().strip_prefix(root()).unwrap().to_owned();
        if path.file_name() == Some("snapshots") || is_of_tests(&path) {
            continue;
        }
        if root().join(&path).is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn only_the_table_spells_a_platform() {
    let words = words();
    let says = |path: &Utf8Path| shipped(path).into_iter().find(|text| words.is_match(text));
    assert!(says(TABLE.into()).is_some(), "the checker sees nothing");
    for (path, why) in EXCEPTIONS {
        assert!(says(path.as_ref()).is_some(), "{path} needs no exception for {why}: take it out");
    }
    let allowed = |path: &Utf8Path| path == TABLE || EXCEPTIONS.iter().any(|(e, _)| path == *e);
    let files = files("src".into());
    assert!(files.len() > sources("src").len() / 2, "{} files only", files.len());
    let found = files.iter().filter(|path| !allowed(path));
    let found: Vec<_> = found.filter_map(|path| Some((path, says(path)?))).collect();
    assert!(found.is_empty(), "crate::platform has words for these: {found:#?}");
}

#[test]
fn a_word_is_seen_in_code_and_not_in_comments_and_tests() {
    let source = r##"
        /// `linux/amd64`
        const NAME: &str = "linux/amd64"; const RAW: &str = r#"x86_64"#; const OTHER: &str = "linus";
        fn quotes() -> char { '"' }
        #[cfg(test)]
        mod tests { const IN_A_TEST: &str = "a { brace and aarch64"; }
        const AFTER: &str = "debian arm64";
    "##;
    let (words, literals) = (words(), shipped_literals(source));
    let seen: Vec<_> = literals.iter().filter(|text| words.is_match(text)).collect();
    assert_eq!(seen, ["\"linux/amd64\"", "r#\"x86_64\"#", "\"debian arm64\""]);
}
