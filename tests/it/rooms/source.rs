//! Rust source as text: what of it ships, and which paths it names.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use regex::Regex;

/// What is left of Rust source when nothing but the code that ships is looked at.
pub(super) fn shipped_code(source: &str) -> String {
    without_tests(&without_comments_and_strings(source))
}

/// The literals in the code that ships, as written.
pub(super) fn shipped_literals(source: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let numbered = replaced_tokens(source, |literal| {
        texts.push(literal.to_owned());
        format!("\"{}\"", texts.len() - 1)
    });
    let number = Regex::new(r#""(\d+)""#).unwrap();
    let shipped = without_tests(&numbered);
    number.captures_iter(&shipped).map(|m| texts[m[1].parse::<usize>().unwrap()].clone()).collect()
}

/// Comments become nothing, literals become `""`; line breaks stay.
fn without_comments_and_strings(source: &str) -> String {
    replaced_tokens(source, |_| "\"\"".to_owned())
}

/// Comments become nothing, literals what `literal` makes of them; line breaks stay.
fn replaced_tokens(source: &str, mut literal: impl FnMut(&str) -> String) -> String {
    let kept = |found: &regex::Captures<'_>| {
        let text = &found[0];
        let breaks = "\n".repeat(text.matches('\n').count());
        if text.starts_with('/') { breaks } else { literal(text) + &breaks }
    };
    // `r#use` is a name, not an import.
    TOKEN.replace_all(source, kept).replace("r#", "raw_")
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

/// One name that a `use` brings into a module.
#[derive(Debug)]
pub(super) struct Import {
    /// `pub use` of any width.
    pub(super) exported: bool,
    pub(super) path: String,
    /// What the module calls it: `*` for all names of `path`, `_` for none.
    pub(super) name: String,
}

/// The `use` trees of the code, spread out: `use std::{fs, io::Read}` gives two.
pub(super) fn imports(code: &str) -> Vec<Import> {
    let mut found = Vec::new();
    for tree in USES.captures_iter(code) {
        let text: String = tree[2].split(" as ").map(str::trim_start).collect::<Vec<_>>().join("@");
        let mut leaves = Vec::new();
        spread(&text.replace(char::is_whitespace, ""), "", &mut leaves);
        found.extend(leaves.into_iter().map(|leaf| {
            let (path, alias) = leaf.split_once('@').unwrap_or((&leaf, ""));
            let path = path.trim_start_matches("::").trim_end_matches("::self").to_owned();
            let last = path.rsplit("::").next().unwrap_or_default();
            let name = if alias.is_empty() { last } else { alias }.to_owned();
            let path = path.trim_end_matches("::*").to_owned();
            Import { exported: tree.get(1).is_some(), path, name }
        }));
    }
    found
}

/// The code without its `use` lines.
pub(super) fn without_imports(code: &str) -> String {
    USES.replace_all(code, "").into_owned()
}

/// Every path in the code, those of `use` lines among them.
pub(super) fn paths(code: &str) -> BTreeSet<String> {
    let imported = imports(code).into_iter().map(|import| import.path);
    imported.chain(plain_paths(&without_imports(code))).collect()
}

/// The paths of code without `use` lines; a name alone is one, a macro's ends in `!`.
pub(super) fn plain_paths(code: &str) -> BTreeSet<String> {
    let found = PATH.find_iter(code);
    found.map(|found| found.as_str().replace(char::is_whitespace, "")).collect()
}

// Raw strings first; a lifetime is no character literal because no quote follows its letter.
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r####"(?s)//[^\n]*|/\*.*?\*/|\bb?c?r(?:###".*?"###|##".*?"##|#".*?"#|".*?")|"(?:\\.|[^"\\])*"|'(?:\\[^\n]{1,9}?|[^'\\\n])'"####,
    )
    .unwrap()
});
static USES: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(\bpub(?:\([^)]*\))?\s+)?\buse\s+([^;]+);").unwrap());
static PATH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[A-Za-z_]\w*(?:\s*::\s*[A-Za-z_]\w*)*!?").unwrap());

fn spread(tree: &str, before: &str, found: &mut Vec<String>) {
    let Some(open) = tree.find('{') else {
        found.push(format!("{before}{tree}"));
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

pub(super) fn root() -> Utf8PathBuf {
    std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it").into()
}

/// All Rust files below a folder of the project, relative to the project.
pub(super) fn sources(folder: &str) -> Vec<Utf8PathBuf> {
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

pub(super) fn read(path: &Utf8Path) -> String {
    fs_err::read_to_string(root().join(path)).unwrap()
}

/// Whether a file is there for tests alone.
pub(super) fn is_of_tests(path: &Utf8Path) -> bool {
    path.file_name().is_some_and(|name| name.ends_with("tests.rs") || name == "fixture.rs")
}
