//! What one layer says about its image. Reads a tar stream once, in bounded memory.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use memchr::memmem;
use pep440_rs::Version;
use serde::{Deserialize, Serialize};

use super::{base_cache, dpkg};
use crate::platform::Platform;
use crate::python::GlibcVersion;

/// No C library or package database is bigger.
const LONGEST: u64 = 64 * 1024 * 1024;

/// What was found in a layer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contents {
    /// From the library itself, else from the package database.
    pub(super) glibc: Option<GlibcVersion>,
    /// The layer has musl's loader.
    pub(super) musl: bool,
    /// PRETTY_NAME of os-release.
    pub(super) system: Option<String>,
    /// The layer has the whole package database of the image so far.
    pub(super) complete: bool,
    /// `3.14` → the full version of its package.
    pub(super) pythons: BTreeMap<String, Version>,
    /// The files that an image on it changes or relies on.
    pub(super) files: base_cache::Layer,
}

/// Reads a layer: gzip, zstd or plain tar.
pub(super) fn read(layer: impl Read, platform: Platform) -> std::io::Result<Contents> {
    read_tar(decompressed(layer)?, platform)
}

/// The tar file of a layer: gzip, zstd or plain, as its first bytes say.
pub(super) fn decompressed<'r>(mut layer: impl Read + 'r) -> std::io::Result<Box<dyn Read + 'r>> {
    let mut magic = [0; 4];
    let mut length = 0;
    while length < magic.len() {
        match layer.read(&mut magic[length..])? {
            0 => break,
            n => length += n,
        }
    }
    let layer = std::io::Cursor::new(magic).take(length as u64).chain(layer);
    Ok(match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(layer)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(layer)?),
        _ => Box::new(layer),
    })
}

fn read_tar(tar: impl Read, platform: Platform) -> std::io::Result<Contents> {
    let mut contents = Contents::default();
    let (mut library, mut packaged) = (None, None);
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        if contents.files.note(&mut entry)? {
            continue;
        }
        if entry.header().entry_type() != tar::EntryType::Regular {
            // musl's loader is often a link; so is os-release, whose target is found anyway.
            contents.musl |= is_musl(&entry.path_bytes());
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.strip_prefix("./").unwrap_or(&path);
        contents.musl |= is_musl(path.as_bytes());
        if is_libc(path, platform) {
            library = version_in(entry)?.or(library);
        } else if path == "etc/os-release" || path == "usr/lib/os-release" {
            contents.system = pretty_name(entry)?.or(contents.system);
        } else if path == "var/lib/dpkg/status" || is_status_part(path) {
            contents.complete |= path == "var/lib/dpkg/status";
            let text = BufReader::new(entry.take(LONGEST));
            for (name, version) in dpkg::installed(text, |n| n == "libc6" || minor(n).is_some())? {
                if let (Some(minor), Some(version)) = (minor(&name), dpkg::python(&version)) {
                    contents.pythons.insert(minor.to_owned(), version);
                } else if name == "libc6" {
                    packaged = dpkg::glibc(&version);
                }
            }
        }
    }
    contents.glibc = library.or(packaged);
    Ok(contents)
}

/// `python3.14-minimal`, `libpython3.14-minimal` → `3.14`.
fn minor(package: &str) -> Option<&str> {
    let package = package.strip_prefix("lib").unwrap_or(package);
    let version = package.strip_prefix("python")?.strip_suffix("-minimal")?;
    let (major, minor) = version.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (digits(major) && digits(minor)).then_some(version)
}

fn is_libc(path: &str, platform: Platform) -> bool {
    let path = path.strip_prefix("usr/").unwrap_or(path);
    let Some((folder, name)) = path.rsplit_once('/') else { return false };
    platform.library_folders().contains(&folder)
        && (name == "libc.so.6" || name.starts_with("libc-2.") && name.ends_with(".so"))
}

fn is_musl(path: &[u8]) -> bool {
    memmem::find(path, b"lib/ld-musl-").is_some()
}

fn is_status_part(path: &str) -> bool {
    path.strip_prefix("var/lib/dpkg/status.d/").is_some_and(|name| !name.ends_with(".md5sums"))
}

/// The version in glibc's own text: `GNU C Library (…) stable release version 2.41.`
fn version_in(library: impl Read) -> std::io::Result<Option<GlibcVersion>> {
    let mut bytes = Vec::new();
    library.take(LONGEST).read_to_end(&mut bytes)?;
    let Some(start) = memmem::find(&bytes, b"GNU C Library") else { return Ok(None) };
    let sentence = &bytes[start..bytes.len().min(start + 200)];
    let mark = b"release version ";
    let Some(at) = memmem::find(sentence, mark) else { return Ok(None) };
    let rest = String::from_utf8_lossy(&sentence[at + mark.len()..]).into_owned();
    let version = rest.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
    Ok(version.trim_end_matches('.').to_owned().try_into().ok())
}

fn pretty_name(file: impl Read) -> std::io::Result<Option<String>> {
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text)?;
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    Ok(name.map(|name| name.trim_matches('"').to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const PLATFORM: Platform = Platform::LINUX_AMD64;

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, *bytes).unwrap();
        }
        tar.into_inner().unwrap()
    }

    const STATUS: &[u8] =
        b"Package: libc6\nVersion: 2.41-12\n\nPackage: libpython3.14-minimal\nVersion: 3.14.2-1\n";

    #[test]
    fn a_layer_is_read_in_every_compression() {
        let plain = tar(&[("./usr/bin/true", b""), ("./var/lib/dpkg/status", STATUS)]);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let all = [gzip.finish().unwrap(), zstd::encode_all(&plain[..], 1).unwrap(), plain];
        for layer in all {
            let contents = read(&layer[..], PLATFORM).unwrap();
            assert_eq!(contents.glibc.unwrap().to_string(), "2.41");
            assert_eq!(contents.pythons["3.14"].to_string(), "3.14.2");
            assert!(contents.complete && !contents.musl);
        }
    }

    #[test]
    fn the_library_knows_better_than_the_package_database() {
        let library =
            b"\x7fELF..GNU C Library (Any 2.34-100) stable release version 2.34.\nCopyright";
        let files: &[(&str, &[u8])] =
            &[("usr/lib64/libc.so.6", library), ("var/lib/dpkg/status", STATUS)];
        assert_eq!(read(&tar(files)[..], PLATFORM).unwrap().glibc.unwrap().to_string(), "2.34");
        let elsewhere: &[(&str, &[u8])] = &[("opt/old/libc.so.6", library)];
        assert_eq!(read(&tar(elsewhere)[..], PLATFORM).unwrap().glibc, None);
    }

    #[test]
    fn an_image_without_glibc_says_what_it_is() {
        let files: &[(&str, &[u8])] = &[
            ("lib/ld-musl-x86_64.so.1", b""),
            ("etc/os-release", b"ID=alpine\nPRETTY_NAME=\"Alpine Linux v3.22\"\n"),
        ];
        let contents = read(&tar(files)[..], PLATFORM).unwrap();
        assert!(contents.musl && contents.glibc.is_none());
        assert_eq!(contents.system.as_deref(), Some("Alpine Linux v3.22"));
    }

    #[test]
    fn package_databases_in_pieces_are_read_too() {
        let files: &[(&str, &[u8])] = &[
            ("var/lib/dpkg/status.d/libc6", b"Package: libc6\nVersion: 2.36-9\n"),
            ("var/lib/dpkg/status.d/libc6.md5sums", b"not a paragraph"),
        ];
        let contents = read(&tar(files)[..], PLATFORM).unwrap();
        assert_eq!((contents.glibc.unwrap().minor, contents.complete), (36, false));
    }
}
