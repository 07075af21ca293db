//! The Python layer of a standalone interpreter: the files of its archive, without running anything.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read};

use camino::Utf8Path;
use tar::{Entry, EntryType};
use wheel_layers::tree::{Content, Kind, Member, Method, Node, Tree};

use super::error::Error;
use super::python::{ENVIRONMENT, environment, folder_of_ray, minor};
use super::system::RAY;
use crate::base_image::BaseSystem;
use crate::lock::Lock;

/// Unpacks the gzip of a locked archive to `tar`, where [`standalone`] finds the members' bytes.
///
/// # Errors
///
/// [`Error::File`].
pub fn inflate(archive: &Utf8Path, tar: &Utf8Path) -> Result<(), Error> {
    let failed = Error::file;
    let packed = File::open(archive).map_err(failed("opening", archive))?;
    let mut packed = flate2::read::MultiGzDecoder::new(BufReader::new(packed));
    let part = format!("{tar}.part");
    let part = Utf8Path::new(&part);
    let mut file = BufWriter::new(File::create(part).map_err(failed("writing", part))?);
    std::io::copy(&mut packed, &mut file).map_err(failed("unpacking", archive))?;
    let written = file.into_inner().map_err(std::io::IntoInnerError::into_error);
    written.and_then(|file| file.sync_all()).map_err(failed("writing", part))?;
    fs_err::rename(part, tar).map_err(failed("writing", tar))
}

/// The environment of a standalone interpreter, from the tar file that [`inflate`] wrote, which is file 0 of the
/// tree's members. What the lock does not name is left out: an archive may bring its own pip, or forbid ours.
///
/// # Errors
///
/// [`Error::Archive`] for one that is not the lock's Python, [`Error::Path`].
pub fn standalone(tar: &Utf8Path, base: &BaseSystem, lock: &Lock) -> Result<Tree, Error> {
    let name = lock.python.archive.as_ref().map_or(tar.as_str(), |archive| &archive.file);
    let mut unpacked = Unpacked { name, tree: environment(base)?, version: None };
    let open = || Ok(tar::Archive::new(File::open(tar)?));
    let mut archive = open().map_err(|error| unpacked.broken(&error))?;
    let entries = archive.entries_with_seek().map_err(|error| unpacked.broken(&error))?;
    for entry in entries {
        let mut entry = entry.map_err(|error| unpacked.broken(&error))?;
        unpacked.add(&mut entry)?;
    }
    unpacked.check(lock)?;
    Ok(unpacked.tree)
}

/// What was read of an archive.
struct Unpacked<'a> {
    /// The archive's, for errors.
    name: &'a str,
    tree: Tree,
    /// As its `patchlevel.h` has it.
    version: Option<String>,
}

impl Unpacked<'_> {
    fn bad(&self, cause: String) -> Error {
        Error::Archive { archive: self.name.to_owned(), cause }
    }

    fn broken(&self, error: &std::io::Error) -> Error {
        self.bad(error.to_string())
    }

    fn add(&mut self, entry: &mut Entry<impl Read>) -> Result<(), Error> {
        let path = String::from_utf8(entry.path_bytes().into_owned());
        let path = path.map_err(|e| self.bad(format!("a name that is not UTF-8: {e}")))?;
        let Some(path) = inside(&path).map_err(|cause| self.bad(cause))? else { return Ok(()) };
        if is_left_out(path) {
            return Ok(());
        }
        let (mode, kind) = self.node(entry, path)?;
        for (end, _) in path.match_indices('/') {
            let folder = format!("{ENVIRONMENT}/{}", &path[..end]);
            if self.tree.get(&folder).is_none() {
                self.tree.insert(folder, folder_of_ray())?;
            }
        }
        let path = format!("{ENVIRONMENT}/{path}");
        let there = self.tree.get(&path).map(|node| &node.kind);
        if kind == Kind::Folder && there == Some(&Kind::Folder) {
            return Ok(());
        }
        Ok(self.tree.insert(path, Node { mode, owner: RAY, kind })?)
    }

    /// Mode and kind of an entry.
    fn node(&mut self, entry: &mut Entry<impl Read>, path: &str) -> Result<(u32, Kind), Error> {
        // As with umask 022, for a user who may not set special bits.
        let mode = entry.header().mode().map_err(|error| self.broken(&error))? & 0o755;
        match entry.header().entry_type() {
            EntryType::Directory => Ok((mode, Kind::Folder)),
            EntryType::Symlink => {
                let target = self.target(path, entry.link_name_bytes())?;
                Ok((0o777, Kind::Symlink { target }))
            }
            EntryType::Link => {
                let target = self.target(path, entry.link_name_bytes())?;
                let target = inside(&target).map_err(|cause| self.bad(cause))?.unwrap_or_default();
                match self.tree.get(&format!("{ENVIRONMENT}/{target}")) {
                    Some(Node { mode, kind: Kind::File(content), .. }) => {
                        Ok((*mode, Kind::File(content.clone())))
                    }
                    _ => Err(self
                        .bad(format!("{path} links to {target}, which is not a file before it"))),
                }
            }
            kind if kind.is_file() => {
                let wants_text = path.starts_with("include/") && path.ends_with("/patchlevel.h");
                let read = member(entry, wants_text);
                let (member, text) = read.map_err(|error| self.broken(&error))?;
                let version = text.as_deref().and_then(version_in);
                self.version = self.version.take().or(version);
                Ok((mode, Kind::File(Content::Member(member))))
            }
            kind => Err(self.bad(format!("{path} is of the kind {kind:?}"))),
        }
    }

    /// Where a link points.
    fn target(&self, path: &str, bytes: Option<Cow<[u8]>>) -> Result<String, Error> {
        let text = String::from_utf8(bytes.unwrap_or_default().into_owned());
        text.map_err(|e| self.bad(format!("{path}: a link that is not UTF-8: {e}")))
    }

    /// Whether it is the lock's Python.
    fn check(&self, lock: &Lock) -> Result<(), Error> {
        let expected = lock.python.version.to_string();
        match &self.version {
            Some(version) if *version == expected => {}
            Some(version) => {
                return Err(
                    self.bad(format!("it holds Python {version}, the lock says {expected}"))
                );
            }
            None => {
                let cause = "it has no patchlevel.h, so its Python is not known";
                return Err(self.bad(cause.to_owned()));
            }
        }
        let program = format!("bin/python{}", minor(lock));
        match self.tree.get(&format!("{ENVIRONMENT}/{program}")) {
            Some(_) => Ok(()),
            None => Err(self.bad(format!("it has no {program}"))),
        }
    }
}

/// A member's path below the environment: without the archive's one folder. `None`: that folder itself.
fn inside(path: &str) -> Result<Option<&str>, String> {
    let path = path.strip_prefix("./").unwrap_or(path).trim_end_matches('/');
    if path.starts_with('/') || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(format!("the name {path:?} leads out of it"));
    }
    Ok(path.split_once('/').map(|(_, rest)| rest))
}

fn is_left_out(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [.., _] if parts.contains(&"__pycache__") => true,
        ["bin", name] => name.starts_with("pip"),
        ["lib", python, "EXTERNALLY-MANAGED"] => python.starts_with("python3"),
        ["lib", python, "site-packages", _, ..] => python.starts_with("python3"),
        _ => false,
    }
}

/// Where a member's bytes lie, their checksum, and, with `keep_text`, its text.
fn member(
    entry: &mut tar::Entry<impl Read>,
    keep_text: bool,
) -> std::io::Result<(Member, Option<String>)> {
    let (offset, size) = (entry.raw_file_position(), entry.size());
    let mut crc = flate2::Crc::new();
    let mut text = Vec::new();
    let mut buffer = [0; 64 * 1024];
    loop {
        let length = entry.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        crc.update(&buffer[..length]);
        if keep_text {
            text.extend_from_slice(&buffer[..length]);
        }
    }
    let crc32 = crc.sum();
    let (method, recorded) = (Method::Stored, None);
    let member = Member { file: 0, offset, compressed: size, size, crc32, method, recorded };
    Ok((member, keep_text.then(|| String::from_utf8_lossy(&text).into_owned())))
}

/// The version that `patchlevel.h` states.
fn version_in(header: &str) -> Option<String> {
    let line = header.lines().find_map(|line| line.strip_prefix("#define PY_VERSION"))?;
    Some(line.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use camino::Utf8PathBuf;

    use super::*;
    use crate::base_image::system::tests::base;
    use crate::lock::sample;

    const HEADER: &str = "#define PY_VERSION      \"3.14.2\"\n";

    fn archive(folder: &Utf8Path, files: &[(&str, u32, &str)]) -> Utf8PathBuf {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, mode, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(*mode);
            header.set_uid(0);
            header.set_gid(0);
            header.set_size(0);
            if let Some(target) = content.strip_prefix("->") {
                header.set_entry_type(tar::EntryType::Symlink);
                builder.append_link(&mut header, path, target).unwrap();
            } else if let Some(target) = content.strip_prefix("=>") {
                header.set_entry_type(tar::EntryType::Link);
                builder.append_link(&mut header, path, target).unwrap();
            } else {
                header.set_size(content.len() as u64);
                builder.append_data(&mut header, path, content.as_bytes()).unwrap();
            }
        }
        let packed = Vec::new();
        let mut gzip = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
        gzip.write_all(&builder.into_inner().unwrap()).unwrap();
        fs_err::write(folder.join("python.tar.gz"), gzip.finish().unwrap()).unwrap();
        inflate(&folder.join("python.tar.gz"), &folder.join("python.tar")).unwrap();
        folder.join("python.tar")
    }

    fn unpacked(files: &[(&str, u32, &str)]) -> (Result<Tree, Error>, Vec<u8>) {
        let temporary = tempfile::tempdir().unwrap();
        let tar = archive(Utf8Path::from_path(temporary.path()).unwrap(), files);
        (standalone(&tar, &base(&[]), &sample()), fs_err::read(tar).unwrap())
    }

    fn paths(tree: &Tree) -> Vec<&str> {
        let below = tree.iter().filter_map(|(path, _)| path.strip_prefix("opt/conda/envs/py/"));
        below.collect()
    }

    #[test]
    fn an_archive_gives_its_files_and_nothing_that_the_lock_does_not_name() {
        let long = format!("python/lib/python3.14/{}x.py", "deep/".repeat(30));
        let (tree, tar) = unpacked(&[
            ("python/bin/python3.14", 0o775, "ELF"),
            ("python/bin/python3", 0o777, "->python3.14"),
            ("python/bin/pip3", 0o755, "not ours"),
            ("python/include/python3.14/patchlevel.h", 0o664, HEADER),
            ("python/lib/python3.14/EXTERNALLY-MANAGED", 0o644, "no"),
            ("python/lib/python3.14/os.py", 0o664, "import sys"),
            ("python/lib/python3.14/__pycache__/os.pyc", 0o644, "bytes"),
            ("python/lib/python3.14/site-packages/pip/x.py", 0o644, "not ours"),
            (&long, 0o644, "far"),
            ("python/share/terminfo/x", 0o644, "=>python/lib/python3.14/os.py"),
        ]);
        let tree = tree.unwrap();
        let found = paths(&tree);
        for gone in ["bin/pip3", "lib/python3.14/EXTERNALLY-MANAGED", "lib/python3.14/__pycache__"]
        {
            assert!(!found.contains(&gone), "{gone}");
        }
        assert!(!found.iter().any(|path| path.contains("pip")), "{found:?}");
        for path in ["bin/python3.14", "lib/python3.14/os.py", &long[7..], "share/terminfo/x"] {
            let node = tree.get(&format!("{ENVIRONMENT}/{path}")).unwrap();
            assert_eq!(node.mode & 0o022, 0, "{path}");
            let Kind::File(Content::Member(member)) = &node.kind else {
                panic!("{path}: {node:?}")
            };
            let start = usize::try_from(member.offset).unwrap();
            let bytes = &tar[start..start + usize::try_from(member.size).unwrap()];
            let mut crc = flate2::Crc::new();
            crc.update(bytes);
            assert_eq!(crc.sum(), member.crc32, "{path}");
            let expected = ["ELF", "import sys", "far"].map(str::as_bytes);
            assert!(expected.contains(&bytes), "{path}");
        }
    }

    #[test]
    fn another_python_and_names_that_lead_out_are_refused() {
        let header = HEADER.replace("3.14.2", "3.14.3");
        let python = ("python/bin/python3.14", 0o755, "ELF");
        for (files, why) in [
            (vec![python, ("python/include/python3.14/patchlevel.h", 0o644, &*header)], "3.14.3"),
            (vec![python], "patchlevel.h"),
            (vec![("python/include/python3.14/patchlevel.h", 0o644, HEADER)], "bin/python3.14"),
        ] {
            let error = unpacked(&files).0.unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
        for name in ["python/../../etc/passwd", "/etc/passwd", "python//x"] {
            assert!(inside(name).is_err(), "{name}");
        }
    }
}
