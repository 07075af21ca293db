//! What one layer of a base image adds and takes away, of the files that our images change or rely on: accounts, the
//! folders around our own, compilers, interpreters. Collected from its tar stream in one pass. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Account files and templates are smaller; a bigger file is kept without its bytes.
const LONGEST: u64 = 256 * 1024;
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
pub(super) const SKELETON: &str = "etc/skel";
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
    pub(super) entries: BTreeMap<String, Entry>,
    /// Paths of lower layers that are gone, with all below them.
    pub(super) removed: BTreeSet<String>,
    /// Folders that hide what lower layers have in them.
    pub(super) emptied: BTreeSet<String>,
    /// Bytes of its files.
    pub(super) unpacked_size: u64,
}

impl Layer {
    /// Records a tar entry; returns whether its bytes were read.
    pub(super) fn note(&mut self, entry: &mut tar::Entry<impl Read>) -> std::io::Result<bool> {
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.trim_start_matches("./").trim_matches('/').to_owned();
        let header = entry.header();
        let kind = header.entry_type();
        if kind == tar::EntryType::Regular {
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
        let is_read = FILES.contains(&path.as_str()) || path.starts_with(SKELETON);
        let mut taken = false;
        let kind = match kind {
            tar::EntryType::Directory => EntryKind::Folder,
            tar::EntryType::Symlink => {
                let target = entry.link_name_bytes().unwrap_or_default();
                EntryKind::Link(String::from_utf8_lossy(&target).into_owned())
            }
            tar::EntryType::Link => EntryKind::File(None),
            tar::EntryType::Regular if is_read && entry.size() <= LONGEST => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                taken = true;
                EntryKind::File(Some(bytes.into()))
            }
            tar::EntryType::Regular => EntryKind::File(None),
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

pub(super) fn join(folder: &str, name: &str) -> String {
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
