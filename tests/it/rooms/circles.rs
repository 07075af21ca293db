//! Circles between files: a file may not use one that uses it, directly or over others.
//!
//! Each path in a file is followed through `use` lines and re-exports to the file that defines what it names. A
//! re-export alone is no use: only what a file itself needs counts. What this reading does not see are methods that are
//! called in one file and written in another than their type.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use camino::Utf8PathBuf;
use regex::Regex;

use super::source::{
    imports, is_of_tests, plain_paths, read, shipped_code, sources, without_imports,
};
use super::{absolute, is_only_a_way};

/// One file, which is one module; modules inside a file count as part of it.
struct Module {
    file: String,
    /// What is defined at the top of the file.
    items: BTreeSet<String>,
    /// Names that `use` brings in, with their paths as written.
    imports: BTreeMap<String, String>,
    /// Modules of which all names are brought in.
    globs: Vec<String>,
    /// Paths that the file itself needs.
    needed: BTreeSet<String>,
}

impl Module {
    fn new(file: &str, source: &str) -> Self {
        let code = shipped_code(source);
        let body = without_imports(&code);
        let plain = plain_paths(&body);
        let words: BTreeSet<&str> =
            plain.iter().flat_map(|path| path.trim_end_matches('!').split("::")).collect();
        let mut module = Self {
            file: file.to_owned(),
            items: defined(&body),
            imports: BTreeMap::new(),
            globs: Vec::new(),
            needed: plain
                .iter()
                .filter(|path| path.contains("::") && !is_only_a_way(path))
                .cloned()
                .collect(),
        };
        for import in imports(&code) {
            if import.name == "*" {
                module.globs.push(import.path);
                continue;
            }
            if !import.exported || words.contains(import.name.as_str()) {
                module.needed.insert(import.path.clone());
            }
            module.imports.insert(import.name, import.path);
        }
        if !module.globs.is_empty() {
            module.needed.extend(words.iter().map(|word| (*word).to_owned()));
        }
        module
    }
}

/// The names of a file's own items, those of modules inside it among them.
fn defined(body: &str) -> BTreeSet<String> {
    let mut depth = 0_i32;
    let mut top = String::new();
    for c in body.chars() {
        depth -= i32::from(c == '}');
        if depth == 0 {
            top.push(c);
        }
        depth += i32::from(c == '{');
    }
    let names = [&ITEM, &INNER];
    names
        .iter()
        .flat_map(|names| names.captures_iter(&top))
        .map(|name| name[1].to_owned())
        .collect()
}

static ITEM: LazyLock<Regex> = LazyLock::new(|| {
    let kinds = r"(?:struct|enum|union|trait|fn|type|const|static)\s+(?:mut\s+)?|macro_rules!\s*";
    Regex::new(&format!(r"\b(?:{kinds})([A-Za-z_]\w*)")).unwrap()
});
static INNER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bmod\s+(\w+)\s*\{").unwrap());

/// What a name stands for.
#[derive(Clone)]
enum Meaning {
    Module(Vec<String>),
    /// Something that this file defines.
    Item(String),
    /// Something of another crate.
    Foreign,
}

/// The modules of one crate, by their places in its module tree.
struct Crate(BTreeMap<Vec<String>, Module>);

impl Crate {
    /// `files`: the sources by their paths below `src/`.
    fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let modules = files.into_iter().map(|(file, source)| {
            let mut place: Vec<_> =
                file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
            place.pop_if(|last| matches!(last.as_str(), "mod" | "lib" | "main"));
            (place, Module::new(file, source))
        });
        Self(modules.collect())
    }

    /// The meaning of a path in the module at `place`; `None`: nothing that is known, so a name of the file or of Rust.
    fn meaning(
        &self,
        path: &str,
        place: &[String],
        asked: &BTreeSet<(Vec<String>, String)>,
    ) -> Option<Meaning> {
        let borrowed: Vec<_> = place.iter().map(String::as_str).collect();
        let (mut meaning, rest) = match absolute(path, &borrowed) {
            Some(rest) => (Meaning::Module(Vec::new()), rest),
            None => {
                let mut parts = path.trim_end_matches('!').split("::").map(str::to_owned);
                (self.name(&parts.next()?, place, asked)?, parts.collect())
            }
        };
        for name in rest {
            let Meaning::Module(at) = &meaning else { break };
            // What nobody declares there is made there, by a macro.
            let made = || {
                self.0.get(at).map_or(Meaning::Foreign, |module| Meaning::Item(module.file.clone()))
            };
            meaning = self.name(&name, at, asked).unwrap_or_else(made);
        }
        Some(meaning)
    }

    /// What a single name means in the module at `place`. `asked`: what this question came from, so that names which
    /// stand for each other end.
    fn name(
        &self,
        name: &str,
        place: &[String],
        asked: &BTreeSet<(Vec<String>, String)>,
    ) -> Option<Meaning> {
        let mut asked = asked.clone();
        if !asked.insert((place.to_vec(), name.to_owned())) {
            return None;
        }
        let module = self.0.get(place)?;
        let child = [place, &[name.to_owned()]].concat();
        if self.0.contains_key(&child) {
            return Some(Meaning::Module(child));
        }
        if module.items.contains(name) {
            return Some(Meaning::Item(module.file.clone()));
        }
        if let Some(path) = module.imports.get(name) {
            return Some(self.meaning(path, place, &asked).unwrap_or(Meaning::Foreign));
        }
        module.globs.iter().find_map(|glob| match self.meaning(glob, place, &asked)? {
            Meaning::Module(at) => self.name(name, &at, &asked),
            _ => None,
        })
    }

    /// For each file, the files that define what it needs. The root names all modules; that is what it is for.
    fn uses(&self) -> BTreeMap<&str, BTreeSet<String>> {
        let modules = self.0.iter().filter(|(place, _)| !place.is_empty());
        let uses = modules.map(|(place, module)| {
            let used = module.needed.iter().filter_map(|path| {
                match self.meaning(path, place, &BTreeSet::new())? {
                    Meaning::Item(file) if file != module.file => Some(file),
                    _ => None,
                }
            });
            (module.file.as_str(), used.collect())
        });
        uses.collect()
    }

    /// The largest sets of files in which each uses each, over others or not; every set with its uses as `a → b`.
    fn circles(&self) -> Vec<(BTreeSet<String>, Vec<String>)> {
        let uses = self.uses();
        let reached = |from: &str| {
            let mut seen = BTreeSet::new();
            let mut next: Vec<_> = uses.get(from).into_iter().flatten().collect();
            while let Some(file) = next.pop() {
                if seen.insert(file.clone()) {
                    next.extend(uses.get(file.as_str()).into_iter().flatten());
                }
            }
            seen
        };
        let reached: BTreeMap<_, _> = uses.keys().map(|file| (*file, reached(file))).collect();
        let both = |a: &str, b: &str| {
            reached[a].contains(b) && reached.get(b).is_some_and(|of| of.contains(a))
        };
        let circles: BTreeSet<BTreeSet<String>> = uses
            .keys()
            .filter(|file| reached[*file].contains(**file))
            .map(|file| reached[file].iter().filter(|other| both(file, other)).cloned().collect())
            .collect();
        let with_uses = circles.into_iter().map(|circle| {
            let within = |file: &String| {
                let used = uses[file.as_str()].intersection(&circle);
                used.map(|other| format!("{file} → {other}")).collect::<Vec<_>>()
            };
            let shown = circle.iter().flat_map(within).collect();
            (circle, shown)
        });
        with_uses.collect()
    }
}

/// All circles of the project, their files relative to it.
fn circles_of_the_project() -> Vec<(BTreeSet<String>, Vec<String>)> {
    let crates =
        super::HOUSE.iter().map(|room| room.name).filter(|name| name.starts_with("crates/"));
    let folders = crates.map(|name| format!("{name}/src")).chain(["src".to_owned()]);
    let of_folder = |folder: String| {
        let paths = sources(&folder).into_iter().filter(|path| !is_of_tests(path));
        let files: Vec<(Utf8PathBuf, String)> = paths
            .map(|path| (path.strip_prefix(&folder).unwrap().to_owned(), read(&path)))
            .collect();
        let files = Crate::new(files.iter().map(|(path, source)| (path.as_str(), source.as_str())));
        let named = files.circles().into_iter().map(move |(circle, uses)| {
            (circle.iter().map(|file| format!("{folder}/{file}")).collect(), uses)
        });
        named.collect::<Vec<_>>()
    };
    folders.flat_map(of_folder).collect()
}

#[test]
fn no_file_uses_one_that_uses_it() {
    let circles = circles_of_the_project().into_iter().map(|(circle, uses)| {
        let files: Vec<_> = circle.into_iter().collect();
        format!("a circle of {}:\n  {}", files.join(", "), uses.join("\n  "))
    });
    let circles: Vec<_> = circles.collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn circles_are_seen_through_re_exports_globs_and_macros() {
    let seen = |files: &[(&str, &str)]| {
        let circles = Crate::new(files.iter().copied()).circles();
        circles.into_iter().map(|(_, uses)| uses.join(", ")).collect::<Vec<_>>()
    };
    let root = ("lib.rs", "pub mod a; pub mod b;");
    let names = (
        "a/mod.rs",
        "mod one; mod two; pub use one::One; pub use two::Two; pub(crate) use two::*;",
    );
    let two = ("a/two.rs", "use super::One; pub struct Two(One); pub fn both() {}");
    let both = "a/one.rs → a/two.rs, a/two.rs → a/one.rs";
    for one in [
        "pub struct One; fn one(_: crate::a::Two) {}",
        "use super::two::{self as second}; pub struct One; fn one() { second::both() }",
        "use super::*; pub struct One; fn one() { both() }",
        "use crate::b; pub struct One; fn one(_: b::Two) {}",
        "use super::super::b::Other as Named; pub struct One(Named);",
        "made!(One); fn one() { super::Two::new() }",
    ] {
        let b = ("b.rs", "pub use crate::a::{Two, Two as Other};");
        assert_eq!(seen(&[root, names, two, b, ("a/one.rs", one)]), [both], "{one}");
    }
    for one in [
        "pub struct One;",
        "pub struct One; #[cfg(test)] mod tests { use super::super::Two; }",
        "//! [`super::Two`]\npub struct One;",
        "pub use super::two::Two as Second; pub struct One;",
    ] {
        assert_eq!(seen(&[root, names, two, ("a/one.rs", one)]), [""; 0], "{one}");
    }
}
