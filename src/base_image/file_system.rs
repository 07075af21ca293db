//! All paths of a base image, with the bytes of what package management reads: what packages are installed on. Each layer is read
//! once and remembered.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use deb_layers::{Content, Kind, Node, PathError, Tree};
use serde::{Deserialize, Serialize};

use super::Error;
use super::base_cache::join;
use super::layer_scan::decompressed;
use crate::lock::BaseDigests;
use crate::reference;
use crate::registry::{Client, Endpoint};
use crate::store::Store;
use crate::ui::{Bar, Stage};

/// The kind of the store's facts about layers, and the version of their form.
const KIND: &str = "layer-paths-1";

/// Where files are whose bytes are kept: dpkg's database, settings, and what maintainer scripts start from.
const KEPT: [&str; 11] = [
    "etc/",
    "var/lib/",
    "usr/lib/os-release",
    "usr/lib/sysusers.d/",
    "usr/lib/tmpfiles.d/",
    "usr/share/base-files/",
    "usr/share/base-passwd/",
    "usr/share/ca-certificates/",
    "usr/share/debianutils/",
    "usr/share/libc-bin/",
    "usr/share/pam-configs/",
];
/// Lists of archives are long, and nobody needs them.
const NOT_KEPT: &str = "var/lib/apt/lists/";
/// No package database is longer, in bytes.
const LONGEST: u64 = 64 * 1024 * 1024;

/// An entry of a layer.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Recorded {
    path: String,
    mode: u32,
    uid: u32,
    gid: u32,
    what: What,
}

/// What an entry of a layer is.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    Folder,
    File {
        size: u64,
    },
    /// A file whose bytes are kept, in Base64.
    Kept(String),
    Link(String),
    HardLink(String),
    /// What lower layers have at this path is gone.
    Gone,
    /// What lower layers have in this folder is gone.
    Emptied,
}

/// The file system of a base image, its layers merged as a container sees them.
///
/// # Errors
/// As [`super::inspect`]; a layer whose paths lead nowhere.
pub async fn file_tree(
    client: &Client,
    store: &Store,
    text: &str,
    digests: BaseDigests,
    bar: &Bar,
) -> Result<Tree, Error> {
    let endpoint = Endpoint::of(&reference::parse(text)?, text);
    let digest = digests.platform_digest;
    let proven = client.proven(endpoint, &digest.to_string(), Some(digest)).await?;
    let mut tree = Tree::default();
    for layer in &proven.manifest()?.layers {
        let recorded: Vec<Recorded> = match store.recall(KIND, &layer.digest.key()) {
            Some(recorded) => recorded,
            None => {
                let part = bar.part(layer.digest.to_string(), layer.size, &[Stage::Read]);
                part.begin(Stage::Read, Some(layer.size));
                part.message(text);
                let read = move |bytes: &mut dyn Read| record(bytes);
                let recorded = client.read_layer(&proven.endpoint, layer, &part, read).await?;
                part.done("read");
                store.remember(KIND, &layer.digest.key(), &recorded);
                recorded
            }
        };
        let malformed =
            |error| proven.endpoint.malformed(&format!("the layer {}", layer.digest), error);
        recorded.into_iter().try_for_each(|entry| apply(&mut tree, entry)).map_err(malformed)?;
    }
    Ok(Tree::on(tree))
}

/// The entries of a layer, compressed or not.
fn record(layer: impl Read) -> std::io::Result<Vec<Recorded>> {
    let mut recorded = Vec::new();
    for entry in tar::Archive::new(decompressed(layer)?).entries()? {
        let mut entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.trim_start_matches("./").trim_matches('/').to_owned();
        let header = entry.header();
        let (mode, kind) = (header.mode()? & 0o7777, header.entry_type());
        // Users have 32 bits; a larger number becomes the one that stands for no user.
        let id = |id: u64| u32::try_from(id).unwrap_or(u32::MAX);
        let (uid, gid) = (id(header.uid()?), id(header.gid()?));
        let target = |entry: &tar::Entry<_>| {
            String::from_utf8_lossy(&entry.link_name_bytes().unwrap_or_default()).into_owned()
        };
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let (path, what) = match kind {
            _ if name == ".wh..wh..opq" => (folder.to_owned(), What::Emptied),
            _ if name.starts_with(".wh.") => (join(folder, &name[4..]), What::Gone),
            tar::EntryType::Directory => (path, What::Folder),
            tar::EntryType::Symlink => (path, What::Link(target(&entry))),
            tar::EntryType::Link => (path, What::HardLink(target(&entry))),
            tar::EntryType::Regular => {
                let what = content(&path, &mut entry)?;
                (path, what)
            }
            // No package has devices, pipes or sockets where a base has them.
            _ => continue,
        };
        recorded.push(Recorded { path, mode, uid, gid, what });
    }
    Ok(recorded)
}

fn content(path: &str, entry: &mut tar::Entry<impl Read>) -> std::io::Result<What> {
    let size = entry.size();
    let is_kept = KEPT.iter().any(|kept| path.starts_with(kept)) && !path.starts_with(NOT_KEPT);
    if !is_kept || size > LONGEST {
        return Ok(What::File { size });
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes)?;
    Ok(What::Kept(STANDARD.encode(bytes)))
}

fn apply(tree: &mut Tree, entry: Recorded) -> Result<(), PathError> {
    let Recorded { path, mode, uid, gid, what } = entry;
    let node = match what {
        What::Gone => return clear(tree, &path, true),
        What::Emptied => return clear(tree, &path, false),
        What::Folder => Node::directory(mode),
        What::File { size } => Node::file(mode, Content::Elsewhere { size }),
        What::Kept(text) => {
            // What was not remembered whole cannot be read: that is an error where it is needed.
            let lost = Content::Elsewhere { size: 0 };
            Node::file(
                mode,
                STANDARD.decode(text).map_or(lost, |bytes| Content::Bytes(bytes.into())),
            )
        }
        What::Link(target) => Node::symlink(target),
        What::HardLink(to) => {
            let to = tree.resolve(&to)?;
            Node { kind: Kind::HardLink { to }, ..Node::file(mode, Content::Elsewhere { size: 0 }) }
        }
    };
    if !node.is_directory() && tree.get(&path).is_some_and(Node::is_directory) {
        clear(tree, &path, true)?;
    }
    tree.put(&path, node.owned_by(uid, gid))
}

/// Takes away what is in a folder, and with `whole` the folder too.
fn clear(tree: &mut Tree, path: &str, whole: bool) -> Result<(), PathError> {
    let path = tree.resolve(path)?;
    let inside: Vec<String> = tree.inside(&path).map(|(path, _)| path.to_owned()).collect();
    // What lies deeper comes later in the order of paths.
    inside.iter().rev().try_for_each(|path| tree.remove(path))?;
    if whole && tree.get(&path).is_some() { tree.remove(&path) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A layer of these paths: one that ends in `/` is a folder, `->` makes a link, `=>` another name.
    fn layer(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(if path.ends_with('/') { 0o755 } else { 0o644 });
            header.set_uid(0);
            header.set_gid(42);
            header.set_size(0);
            let link = |target: &str, kind, header: &mut tar::Header| {
                header.set_entry_type(kind);
                target.to_owned()
            };
            if path.ends_with('/') {
                header.set_entry_type(tar::EntryType::Directory);
                builder.append_data(&mut header, path, &[][..]).unwrap();
            } else if let Some(target) = content.strip_prefix("->") {
                let target = link(target, tar::EntryType::Symlink, &mut header);
                builder.append_link(&mut header, path, target).unwrap();
            } else if let Some(target) = content.strip_prefix("=>") {
                let target = link(target, tar::EntryType::Link, &mut header);
                builder.append_link(&mut header, path, target).unwrap();
            } else {
                header.set_size(content.len() as u64);
                builder.append_data(&mut header, path, content.as_bytes()).unwrap();
            }
        }
        builder.into_inner().unwrap()
    }

    fn tree(layers: &[&[(&str, &str)]]) -> Tree {
        let mut tree = Tree::default();
        for files in layers {
            let recorded = record(&layer(files)[..]).unwrap();
            let text = serde_json::to_string(&recorded).unwrap();
            assert_eq!(serde_json::from_str::<Vec<Recorded>>(&text).unwrap(), recorded);
            recorded.into_iter().try_for_each(|entry| apply(&mut tree, entry)).unwrap();
        }
        Tree::on(tree)
    }

    #[test]
    fn upper_layers_replace_remove_and_empty_what_lower_ones_have() {
        let lower: &[_] = &[
            ("./usr/lib/", ""),
            ("lib", "->usr/lib"),
            ("./etc/passwd", "old"),
            ("opt/a/b/", ""),
            ("opt/a/b/c", "x"),
            ("srv/d/e", "y"),
            ("usr/bin/perl", "ELF"),
            ("usr/bin/perl5", "=>usr/bin/perl"),
        ];
        let upper: &[_] = &[
            ("etc/passwd", "new"),
            ("opt/.wh.a", ""),
            ("srv/d/.wh..wh..opq", ""),
            ("srv/d/f", "z"),
            ("lib/os", "in usr"),
        ];
        let tree = tree(&[lower, upper]);
        assert_eq!(tree.read("etc/passwd").unwrap().unwrap(), "new");
        assert_eq!(tree.get("etc/passwd").unwrap().owner.gid, 42);
        assert!(tree.get("opt/a").is_none() && tree.get("srv/d/e").is_none());
        assert!(tree.get("srv/d/f").is_some() && tree.get("usr/lib/os").is_some());
        assert!(
            matches!(&tree.get("usr/bin/perl5").unwrap().kind, Kind::HardLink { to } if to == "usr/bin/perl")
        );
        assert_eq!(tree.changes().count(), 0, "all of it lies below");
    }

    #[test]
    fn a_file_in_place_of_a_folder_takes_all_of_it_away() {
        let tree = tree(&[&[("opt/a/b", "x")], &[("opt/a", "->/srv")]]);
        assert!(tree.get("opt/a/b").is_none());
        assert!(matches!(tree.get("opt/a").unwrap().kind, Kind::Symlink { .. }));
    }
}
