//! The files of a base image that our images change or rely on, its layers merged as in a container. Pure.

use std::collections::BTreeMap;

use super::base_cache::{Entry, EntryKind, Layer, SKELETON, join};

/// Links followed on the way to a file, as Linux does.
const MOST_LINKS: usize = 40;
/// Where programs are looked for when the image's config does not say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A base image's files, its layers merged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseSystem {
    entries: BTreeMap<String, Entry>,
    path: Vec<String>,
    /// Bytes of the files of all layers: about the size of the base on a disk.
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

    /// The node at a path, links not followed; `None`: there is none, or its path is not kept.
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
        places.find(|path| self.leads_to_file(path)).map(|path| format!("/{path}"))
    }

    /// Whether there is a C compiler on the image's PATH.
    pub fn has_compiler(&self) -> bool {
        ["cc", "gcc", "clang"].iter().any(|name| self.program(name).is_some())
    }

    /// Whether the header of the distribution's Python of this minor (`3.14`) is there.
    pub fn has_python_header(&self, minor: &str) -> bool {
        let places = ["usr/include", "usr/local/include"];
        places.iter().any(|place| self.leads_to_file(&format!("{place}/python{minor}/Python.h")))
    }

    /// Whether a path leads to a file, through links.
    fn leads_to_file(&self, path: &str) -> bool {
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
                // Most folders are not kept: an unknown path counts as a folder.
                Some(EntryKind::Folder) | None => here = next,
            }
        }
        false
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
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
