//! The files of an image: by kind, duplicates, one library from several packages.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Sha256;

/// Smaller duplicates are not listed.
const SMALLEST_COPY: u64 = 4096;

/// A file of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFact {
    /// Without a leading slash.
    pub path: String,
    /// Its bytes.
    pub bytes: u64,
    /// Of its bytes; only of files of some size.
    pub sha256: Option<Sha256>,
    /// The distribution whose RECORD names it, in this layer.
    pub package: Option<String>,
}

/// The files of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Files {
    /// The image.
    pub name: String,
    /// Their number.
    pub count: usize,
    /// Bytes of all of them.
    pub bytes: u64,
    /// By kind, biggest first.
    pub kinds: Vec<KindSum>,
    /// Bytes of duplicates, without one copy of each.
    pub repeated: u64,
    /// Files with the same bytes, those that waste most first.
    pub duplicates: Vec<Duplicate>,
    /// Libraries that more than one package brings, by their bytes.
    pub libraries: Vec<Library>,
}

/// All files of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KindSum {
    /// Which.
    pub kind: Kind,
    /// How many.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `.so`, `.so.N`
    SharedLibraries,
    /// `.a`
    StaticLibraries,
    /// C, C++ and CUDA headers.
    Headers,
    /// Sources and stubs.
    Python,
    /// Compiled modules.
    Bytecode,
    /// Below a folder `test` or `tests`.
    Tests,
    /// Caches and lists of package managers.
    Caches,
    /// The rest.
    Other,
}

/// The same bytes in several places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Duplicate {
    /// Bytes of each.
    pub bytes: u64,
    /// Where.
    pub copies: Vec<Copy>,
}

/// A library of one name from several packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Library {
    /// `libcudart.so.13`
    pub name: String,
    /// Of all copies.
    pub bytes: u64,
    /// Where.
    pub copies: Vec<Copy>,
}

/// One of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Copy {
    /// Without a leading slash.
    pub path: String,
    /// Its bytes.
    pub bytes: u64,
    /// Its distribution; `None`: it belongs to none, as those of the base image.
    pub package: Option<String>,
}

impl Kind {
    /// Of the file at a path.
    pub fn of(path: &str) -> Self {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folders: Vec<&str> = folders.split('/').collect();
        let within = |names: &[&str]| folders.iter().any(|folder| names.contains(folder));
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        if path.starts_with("var/cache/")
            || path.starts_with("var/lib/apt/lists/")
            || within(&[".cache"])
        {
            Kind::Caches
        } else if ends(&[".pyc"]) {
            Kind::Bytecode
        } else if is_shared(name) {
            Kind::SharedLibraries
        } else if within(&["test", "tests"]) {
            Kind::Tests
        } else if ends(&[".a"]) {
            Kind::StaticLibraries
        } else if ends(&[".h", ".hh", ".hpp", ".hxx", ".cuh", ".inl"]) {
            Kind::Headers
        } else if ends(&[".py", ".pyi"]) {
            Kind::Python
        } else {
            Kind::Other
        }
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Kind::SharedLibraries => "shared libraries",
            Kind::StaticLibraries => "static libraries",
            Kind::Headers => "headers",
            Kind::Python => "Python sources",
            Kind::Bytecode => "compiled modules",
            Kind::Tests => "tests",
            Kind::Caches => "caches",
            Kind::Other => "other",
        }
    }
}

fn is_shared(name: &str) -> bool {
    name.split_once(".so").is_some_and(|(_, rest)| {
        rest.is_empty()
            || rest.starts_with('.') && rest.chars().all(|c| c == '.' || c.is_ascii_digit())
    })
}

/// The files of an image by kind; `layers` from the lowest, each as [`super::inventory()`] reads it.
pub fn files<'a>(name: &str, layers: impl IntoIterator<Item = &'a [FileFact]>) -> Files {
    let mut merged: BTreeMap<&str, &FileFact> = BTreeMap::new();
    for file in layers.into_iter().flatten() {
        match file.removes() {
            Some(Removed::Path(path)) => {
                merged.retain(|known, _| *known != path && !below(known, &path))
            }
            Some(Removed::Below(folder)) => merged.retain(|known, _| !below(known, &folder)),
            None => {
                merged.insert(&file.path, file);
            }
        }
    }
    let all: Vec<&FileFact> = merged.into_values().collect();
    let duplicates = duplicates(&all);
    let wasted = |same: &Duplicate| same.bytes * (same.copies.len() as u64 - 1);
    Files {
        name: name.to_owned(),
        count: all.len(),
        bytes: all.iter().map(|file| file.bytes).sum(),
        kinds: kinds(&all),
        repeated: duplicates.iter().map(wasted).sum(),
        duplicates,
        libraries: libraries(&all),
    }
}

/// What a white-out removes (OCI image spec, "Whiteouts").
enum Removed {
    Path(String),
    Below(String),
}

impl FileFact {
    fn removes(&self) -> Option<Removed> {
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let gone = name.strip_prefix(".wh.")?;
        Some(match (gone, folder) {
            (".wh..opq", folder) => Removed::Below(folder.to_owned()),
            (gone, "") => Removed::Path(gone.to_owned()),
            (gone, folder) => Removed::Path(format!("{folder}/{gone}")),
        })
    }

    fn copy(&self) -> Copy {
        Copy { path: self.path.clone(), bytes: self.bytes, package: self.package.clone() }
    }
}

fn below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn kinds(files: &[&FileFact]) -> Vec<KindSum> {
    let mut sums: BTreeMap<Kind, (usize, u64)> = BTreeMap::new();
    for file in files {
        let sum = sums.entry(Kind::of(&file.path)).or_default();
        *sum = (sum.0 + 1, sum.1 + file.bytes);
    }
    let sums = sums.into_iter().map(|(kind, (files, bytes))| KindSum { kind, files, bytes });
    let mut sums: Vec<_> = sums.collect();
    sums.sort_by_key(|sum| std::cmp::Reverse(sum.bytes));
    sums
}

fn duplicates(files: &[&FileFact]) -> Vec<Duplicate> {
    let mut same: BTreeMap<Sha256, Vec<&FileFact>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.bytes >= SMALLEST_COPY) {
        if let Some(sha256) = file.sha256 {
            same.entry(sha256).or_default().push(file);
        }
    }
    let several = same.into_values().filter(|copies| copies.len() > 1);
    let mut found: Vec<Duplicate> = several
        .map(|copies| Duplicate {
            bytes: copies[0].bytes,
            copies: copies.into_iter().map(FileFact::copy).collect(),
        })
        .collect();
    found.sort_by(|a, b| {
        let wasted = |d: &Duplicate| d.bytes * d.copies.len() as u64 - d.bytes;
        (wasted(b), &a.copies[0].path).cmp(&(wasted(a), &b.copies[0].path))
    });
    found
}

fn libraries(files: &[&FileFact]) -> Vec<Library> {
    let mut named: BTreeMap<String, Vec<&FileFact>> = BTreeMap::new();
    for file in files {
        if let Some(name) = library(&file.path) {
            named.entry(name).or_default().push(file);
        }
    }
    let of_several =
        |copies: &Vec<&FileFact>| copies.iter().any(|c| c.package != copies[0].package);
    let several = named.into_iter().filter(|(_, copies)| of_several(copies));
    let mut found: Vec<Library> = several
        .map(|(name, copies)| Library {
            name,
            bytes: copies.iter().map(|file| file.bytes).sum(),
            copies: copies.into_iter().map(FileFact::copy).collect(),
        })
        .collect();
    found.sort_by(|a, b| (b.bytes, &a.name).cmp(&(a.bytes, &b.name)));
    found
}

/// The name by which a loader asks for a library: `libzstd-40ad5e7e.so.1.5.7`, as wheels carry it, is `libzstd.so.1`.
/// `None` for extension modules, which no loader asks for.
fn library(path: &str) -> Option<String> {
    static HASHED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"[-.][0-9a-f]{8}$").expect("the pattern is right"));
    let name = path.rsplit('/').next()?;
    let (stem, version) =
        name.strip_prefix("lib").filter(|_| is_shared(name))?.split_once(".so")?;
    if stem.contains(".cpython-") || stem.ends_with(".abi3") || stem.is_empty() {
        return None;
    }
    let stem = HASHED.replace(stem, "");
    let major = version.split('.').nth(1).map(|major| format!(".{major}")).unwrap_or_default();
    Some(format!("lib{stem}.so{major}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, bytes: u64, content: &str, package: &str) -> FileFact {
        FileFact {
            path: path.to_owned(),
            bytes,
            sha256: Some(Sha256::of(content)),
            package: (!package.is_empty()).then(|| package.to_owned()),
        }
    }

    #[test]
    fn what_is_there_twice_is_found_across_layers_and_what_is_gone_is_not() {
        let lower = [
            file("usr/lib/libz.so.1.3", 100_000, "z", ""),
            file("usr/lib/gone.bin", 50_000, "a", ""),
            file("opt/old/b.bin", 50_000, "a", ""),
            file("etc/small", 10, "s", ""),
            file("etc/small2", 10, "s", ""),
        ];
        let upper = [
            file("site/pillow.libs/libz-40ad5e7e.so.1.2", 90_000, "y", "pillow"),
            file("site/a/x.bin", 50_000, "a", "a"),
            file("site/b/x.bin", 50_000, "a", "b"),
            file("usr/lib/.wh.gone.bin", 0, "", ""),
            file("opt/.wh..wh..opq", 0, "", ""),
        ];
        let found = files("ray-runtime", [&lower[..], &upper[..]]);
        assert_eq!((found.count, found.repeated), (6, 50_000));
        let paths: Vec<_> = found.duplicates[0].copies.iter().map(|c| c.path.as_str()).collect();
        assert_eq!((found.duplicates.len(), paths), (1, vec!["site/a/x.bin", "site/b/x.bin"]));
        assert_eq!(found.libraries.len(), 1);
        let library = &found.libraries[0];
        assert_eq!((library.name.as_str(), library.bytes), ("libz.so.1", 190_000));
    }

    #[test]
    fn a_library_with_two_names_in_one_package_is_not_of_several() {
        let one =
            [file("t/libcupti.so", 9, "c", "triton"), file("t/x/libcupti.so", 9, "c", "triton")];
        assert!(files("i", [&one[..]]).libraries.is_empty());
        let names = [
            "libcudart.faf08d9a.so.13",
            "libzstd.so.1.5.7",
            "libfoo.so",
            "lib.cpython-314-x86_64-linux-gnu.so",
        ];
        let expected = [Some("libcudart.so.13"), Some("libzstd.so.1"), Some("libfoo.so"), None];
        assert_eq!(names.map(library).each_ref().map(Option::as_deref), expected);
        assert_eq!([library("torch/_C.so"), library("libx.a")], [None, None]);
    }

    #[test]
    fn kinds_are_told_by_path() {
        let cases = [
            ("usr/lib/libc.so.6", Kind::SharedLibraries),
            ("s/torch/lib/libtorch_cuda.so", Kind::SharedLibraries),
            ("usr/lib/libc.a", Kind::StaticLibraries),
            ("s/torch/include/ATen.h", Kind::Headers),
            ("s/pandas/tests/test_a.py", Kind::Tests),
            ("s/ray/init.py", Kind::Python),
            ("s/ray/__pycache__/init.cpython-314.pyc", Kind::Bytecode),
            ("var/lib/apt/lists/x", Kind::Caches),
            ("home/ray/.cache/pip/x", Kind::Caches),
            ("etc/some.sort", Kind::Other),
        ];
        for (path, kind) in cases {
            assert_eq!(Kind::of(path), kind, "{path}");
        }
    }
}
