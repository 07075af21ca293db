//! An image's layers as the file system that they make.

use std::collections::BTreeMap;

/// By path, without a slash at either end.
pub type FileSystem<'a> = BTreeMap<String, Entry<'a>>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    pub mode: u32,
    /// User and group.
    pub owner: (u64, u64),
    /// Seconds since 1970.
    pub mtime: u64,
    pub what: What<'a>,
}

#[derive(Clone, PartialEq, Eq)]
pub enum What<'a> {
    Folder,
    Symlink(String),
    File(&'a [u8]),
    /// Devices and the like, by their tar type.
    Special(u8),
}

/// Without the bytes.
impl std::fmt::Debug for What<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            What::Folder => write!(f, "a folder"),
            What::Symlink(target) => write!(f, "a link to {target}"),
            What::File(bytes) => {
                write!(f, "{} bytes, {}", bytes.len(), envlock::digest::Sha256::of(bytes))
            }
            What::Special(kind) => write!(f, "special {kind}"),
        }
    }
}

/// The layers' tar files, from the lowest on, as a runtime stacks them.
pub fn stacked(layers: &[Vec<u8>]) -> FileSystem<'_> {
    let mut system = FileSystem::new();
    layers.iter().for_each(|layer| stack(&mut system, layer));
    system
}

fn stack<'a>(system: &mut FileSystem<'a>, layer: &'a [u8]) {
    let mut added = FileSystem::new();
    for entry in tar::Archive::new(layer).entries().unwrap() {
        let entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().trim_matches('/').to_owned();
        let path = path.strip_prefix("./").unwrap_or(&path).to_owned();
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        // Whiteouts are about the layers below, wherever in this one they stand.
        if name == ".wh..wh..opq" {
            remove_below(system, folder);
            continue;
        }
        if let Some(gone) = name.strip_prefix(".wh.") {
            let gone = format!("{folder}/{gone}");
            let gone = gone.trim_start_matches('/');
            system.remove(gone);
            remove_below(system, gone);
            continue;
        }
        let header = entry.header();
        let link = || entry.link_name().unwrap().unwrap().to_str().unwrap().to_owned();
        let what = match header.entry_type() {
            tar::EntryType::Directory => What::Folder,
            tar::EntryType::Symlink => What::Symlink(link()),
            tar::EntryType::Link => {
                let target = link();
                let target = target.trim_start_matches("./").trim_start_matches('/');
                let first: &Entry<'_> = added.get(target).unwrap_or_else(|| &system[target]);
                first.what.clone()
            }
            tar::EntryType::Regular | tar::EntryType::GNUSparse => {
                let start = usize::try_from(entry.raw_file_position()).unwrap();
                let end = start + usize::try_from(entry.size()).unwrap();
                What::File(&layer[start..end])
            }
            other => What::Special(other.as_byte()),
        };
        let mode = header.mode().unwrap() & 0o7777;
        let owner = (header.uid().unwrap(), header.gid().unwrap());
        let mtime = header.mtime().unwrap();
        added.insert(path, Entry { mode, owner, mtime, what });
    }
    for (path, entry) in added {
        if entry.what != What::Folder {
            remove_below(system, &path);
        }
        system.insert(path, entry);
    }
}

fn remove_below(system: &mut FileSystem<'_>, folder: &str) {
    let start = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let below = system.range(start.clone()..).map(|(path, _)| path);
    let below: Vec<String> = below.take_while(|path| path.starts_with(&start)).cloned().collect();
    below.iter().for_each(|path| drop(system.remove(path)));
}
