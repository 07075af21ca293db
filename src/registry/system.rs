//! What a base image has of the files that our images change or rely on: accounts, the folders around our own,
//! the compiler, the interpreter. Read from its layers while they pass, then merged as a container sees them. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Account files and templates are smaller; a bigger one is kept without its bytes.
const LONGEST: u64 = 256 * 1024;
/// Links followed on the way to a file, as Linux does.
const MOST_LINKS: usize = 40;
/// Where programs are looked for when the image's config does not say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Files whose bytes are kept.
const FILES: [&str; 8] = [
    "etc/passwd",
    "etc/group",
    "etc/shadow",
    "etc/gshadow",
    "etc/subuid",
    "etc/subgid",
    "etc/pam.d/su",
    "etc/pam.d/su-l",
];
/// What a new home folder starts with.
const SKELETON: &str = "etc/skel";
/// Folders whose owner and mode are kept; some are links in some distributions.
const FOLDERS: [&str; 16] = [
    "bin",
    "etc",
    "etc/pam.d",
    "etc/profile.d",
    "home",
    "lib",
    "opt",
    "opt/conda",
    "opt/conda/bin",
    "opt/conda/envs",
    "opt/conda/envs/py",
    "sbin",
    "usr",
    "usr/local",
    "usr/local/bin",
    "workspace",
];

/// A node of a base image's file system. Paths have no leading slash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Permission bits.
    pub mode: u32,
    /// Its user.
    pub uid: u64,
    /// Its group.
    pub gid: u64,
    /// What it is.
    pub kind: EntryKind,
}

/// What a node of a base image is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A file; its bytes where they were kept.
    File(#[serde(with = "base64_bytes")] Option<Bytes>),
    /// A symbolic link.
    Link(String),
    /// A device, a pipe.
    Other,
}

/// What one layer adds and takes away, as far as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Layer {
    entries: BTreeMap<String, Entry>,
    /// Paths of lower layers that are gone, with all below them.
    removed: BTreeSet<String>,
    /// Folders that hide what lower layers have in them.
    emptied: BTreeSet<String>,
    /// Bytes of its files.
    unpacked_size: u64,
}

impl Layer {
    /// Takes note of a tar entry; true when its bytes were read.
    pub(super) fn note(&mut self, entry: &mut tar::Entry<impl Read>) -> std::io::Result<bool> {
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.trim_start_matches("./").trim_matches('/').to_owned();
        let header = entry.header();
        let kind = header.entry_type();
        if kind.is_file() {
            self.unpacked_size += entry.size();
        }
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if name == ".wh..wh..opq" {
            self.emptied.insert(folder.to_owned());
            return Ok(false);
        }
        if let Some(gone) = name.strip_prefix(".wh.") {
            self.removed.insert(join(folder, gone));
            return Ok(false);
        }
        if !is_kept(&path) {
            return Ok(false);
        }
        let (mode, uid, gid) = (header.mode()? & 0o7777, header.uid()?, header.gid()?);
        let wanted = FILES.contains(&path.as_str()) || path.starts_with(SKELETON);
        let mut taken = false;
        let kind = match kind {
            tar::EntryType::Directory => EntryKind::Folder,
            tar::EntryType::Symlink => {
                let target = entry.link_name_bytes().unwrap_or_default();
                EntryKind::Link(String::from_utf8_lossy(&target).into_owned())
            }
            tar::EntryType::Link => EntryKind::File(None),
            kind if kind.is_file() && wanted && entry.size() <= LONGEST => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                taken = true;
                EntryKind::File(Some(bytes.into()))
            }
            kind if kind.is_file() => EntryKind::File(None),
            _ => EntryKind::Other,
        };
        self.entries.insert(path, Entry { mode, uid, gid, kind });
        Ok(taken)
    }
}

fn is_kept(path: &str) -> bool {
    let below_skeleton =
        path.strip_prefix(SKELETON).is_some_and(|p| p.is_empty() || p.starts_with('/'));
    if below_skeleton || FILES.contains(&path) || FOLDERS.contains(&path) {
        return true;
    }
    let Some((folder, name)) = path.rsplit_once('/') else { return false };
    match folder.rsplit('/').next().unwrap_or_default() {
        _ if folder == "home" => true,
        "bin" | "sbin" | "alternatives" => {
            name == "cc"
                || name.contains("gcc")
                || name.contains("clang")
                || name.starts_with("python3")
        }
        parent => name == "Python.h" && parent.starts_with("python3."),
    }
}

/// A base image's files, its layers merged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseSystem {
    entries: BTreeMap<String, Entry>,
    path: Vec<String>,
    /// Bytes of the files of all layers: about what the base takes on a disk.
    pub unpacked_size: u64,
    /// How many layers it has.
    pub layers: usize,
}

impl BaseSystem {
    /// Merges layers, lowest first. `path` is the PATH of the image's config.
    pub(super) fn merge<'a>(
        layers: impl IntoIterator<Item = &'a Layer>,
        path: Option<&str>,
    ) -> Self {
        let path = path.unwrap_or(PATH).split(':').filter_map(|folder| folder.strip_prefix('/'));
        let path = path.map(|folder| folder.trim_end_matches('/').to_owned()).collect();
        let mut system = BaseSystem { path, ..BaseSystem::default() };
        for layer in layers {
            system.layers += 1;
            system.unpacked_size += layer.unpacked_size;
            let entries = &mut system.entries;
            for gone in &layer.removed {
                entries.retain(|path, _| path != gone && !is_below(path, gone));
            }
            for folder in &layer.emptied {
                entries.retain(|path, _| !is_below(path, folder));
            }
            for (path, entry) in &layer.entries {
                if entry.kind != EntryKind::Folder {
                    entries.retain(|other, _| !is_below(other, path));
                }
                entries.insert(path.clone(), entry.clone());
            }
        }
        system
    }

    /// The node at a path, links not followed; `None`: there is none, or it is not among those that are kept.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// The nodes in and below a folder, in order.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a Entry)> {
        let all = self.entries.range(folder.to_owned()..);
        let all = all.take_while(move |(path, _)| path.starts_with(folder));
        all.filter(move |(path, _)| is_below(path, folder))
            .map(|(path, entry)| (path.as_str(), entry))
    }

    /// What a new home folder starts with: nodes by their path below it.
    pub fn skeleton(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.below(SKELETON).map(|(path, entry)| (&path[SKELETON.len() + 1..], entry))
    }

    /// The first `name` on the image's PATH, as an absolute path. Only compilers and Pythons are known.
    pub fn program(&self, name: &str) -> Option<String> {
        let mut places = self.path.iter().map(|folder| join(folder, name));
        places.find(|path| self.is_file(path)).map(|path| format!("/{path}"))
    }

    /// Whether there is a C compiler on the image's PATH.
    pub fn has_compiler(&self) -> bool {
        ["cc", "gcc", "clang"].iter().any(|name| self.program(name).is_some())
    }

    /// Whether the header of the distribution's Python of this minor (`3.14`) is there.
    pub fn has_python_header(&self, minor: &str) -> bool {
        let places = ["usr/include", "usr/local/include"];
        places.iter().any(|place| self.is_file(&format!("{place}/python{minor}/Python.h")))
    }

    /// Whether a path leads to a file, through links.
    fn is_file(&self, path: &str) -> bool {
        let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut here = String::new();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    here.truncate(here.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let next = join(&here, &part);
            match self.entries.get(&next).map(|entry| &entry.kind) {
                Some(EntryKind::Link(target)) => {
                    links += 1;
                    if links > MOST_LINKS {
                        return false;
                    }
                    if target.starts_with('/') {
                        here.clear();
                    }
                    rest.extend(target.split('/').rev().map(str::to_owned));
                }
                Some(EntryKind::File(_)) => return rest.is_empty(),
                Some(EntryKind::Other) => return false,
                // Most folders are not kept: what is not known is taken for one.
                Some(EntryKind::Folder) | None => here = next,
            }
        }
        false
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Bytes in JSON.
mod base64_bytes {
    use super::{Bytes, Deserialize, Engine, STANDARD};
    use serde::{Deserializer, Serialize as _, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(
        bytes: &Option<Bytes>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        bytes.as_ref().map(|bytes| STANDARD.encode(bytes)).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Bytes>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let decoded = text.map(|text| STANDARD.decode(text)).transpose();
        decoded.map(|bytes| bytes.map(Bytes::from)).map_err(D::Error::custom)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A base image of these layers; a path ending in `/` is a folder, `->` makes a link.
    pub(crate) fn base(layers: &[&[(&str, &str)]]) -> BaseSystem {
        let layers: Vec<Layer> = layers.iter().map(|files| layer(files)).collect();
        BaseSystem::merge(&layers, None)
    }

    fn layer(files: &[(&str, &str)]) -> Layer {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(if path.ends_with('/') { 0o755 } else { 0o644 });
            header.set_uid(0);
            header.set_gid(0);
            if path.ends_with('/') {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_size(0);
                builder.append_data(&mut header, path, &[][..]).unwrap();
            } else if let Some(target) = content.strip_prefix("->") {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                builder.append_link(&mut header, path, target).unwrap();
            } else {
                header.set_size(content.len() as u64);
                builder.append_data(&mut header, path, content.as_bytes()).unwrap();
            }
        }
        let bytes = builder.into_inner().unwrap();
        let mut layer = Layer::default();
        for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
            layer.note(&mut entry.unwrap()).unwrap();
        }
        let text = serde_json::to_string(&layer).unwrap();
        assert_eq!(serde_json::from_str::<Layer>(&text).unwrap(), layer, "a remembered layer");
        layer
    }

    fn bytes(system: &BaseSystem, path: &str) -> Option<String> {
        match &system.entry(path)?.kind {
            EntryKind::File(Some(bytes)) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
            kind => Some(format!("{kind:?}")),
        }
    }

    #[test]
    fn upper_layers_replace_remove_and_empty_what_lower_ones_have() {
        let lower: &[_] = &[
            ("./etc/passwd", "old"),
            ("etc/skel/", ""),
            ("etc/skel/.bashrc", "a"),
            ("etc/skel/.config/", ""),
            ("etc/skel/.config/x", "b"),
            ("home/ray/", ""),
            ("usr/share/big", "not kept, counted"),
        ];
        let upper: &[_] = &[
            ("etc/passwd", "new"),
            ("etc/skel/.config/.wh..wh..opq", ""),
            ("etc/skel/.config/y", "c"),
            ("home/.wh.ray", ""),
        ];
        let system = base(&[lower, upper]);
        assert_eq!(bytes(&system, "etc/passwd").as_deref(), Some("new"));
        let skeleton: Vec<_> = system.skeleton().map(|(path, _)| path).collect();
        assert_eq!(skeleton, [".bashrc", ".config", ".config/y"]);
        assert_eq!((system.entry("home/ray"), system.entry("usr/share/big")), (None, None));
        assert_eq!((system.unpacked_size, system.layers), (26, 2));
        let gone = base(&[lower, &[("etc/.wh.skel", "")]]);
        assert_eq!(gone.skeleton().count(), 0);
        let replaced = base(&[lower, &[("etc/skel", "->/srv/skel")]]);
        assert_eq!(replaced.skeleton().count(), 0);
    }

    #[test]
    fn programs_are_found_through_links_and_folders_that_are_links() {
        let debian: &[_] = &[
            ("bin", "->usr/bin"),
            ("usr/bin/cc", "->/etc/alternatives/cc"),
            ("etc/alternatives/cc", "->/usr/bin/gcc"),
            ("usr/bin/gcc", "->gcc-14"),
            ("usr/bin/gcc-14", "->x86_64-linux-gnu-gcc-14"),
            ("usr/bin/x86_64-linux-gnu-gcc-14", "ELF"),
            ("usr/local/bin/python3.14", "->../../../bin/python3.14"),
            ("usr/bin/python3.14", "ELF"),
            ("usr/include/python3.14/Python.h", "#pragma once"),
        ];
        let system = base(&[debian]);
        assert!(system.has_compiler() && system.has_python_header("3.14"));
        assert_eq!(system.program("python3.14").as_deref(), Some("/usr/local/bin/python3.14"));
        assert!(!system.has_python_header("3.13"));
        let without = base(&[debian, &[("usr/bin/.wh.x86_64-linux-gnu-gcc-14", "")]]);
        assert!(!without.has_compiler(), "a link that leads nowhere is no compiler");
        assert!(!base(&[&[("usr/bin/gcc", "->gcc")]]).has_compiler());
        assert!(!base(&[&[("usr/bin/gcc-ar", "ELF"), ("usr/lib/gcc/", "")]]).has_compiler());
    }
}
