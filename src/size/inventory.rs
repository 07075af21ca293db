//! A layer's stored tar stream → its files, and the size of the tar file. Memory holds names, not contents.

use std::collections::BTreeMap;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use super::FileFact;
use crate::digest::{Hasher, Sha256};

/// Smaller files are not hashed: their duplicates do not matter.
const HASHED: u64 = 4096;
/// A file of more bytes is not read as a RECORD.
const LONGEST_RECORD: u64 = 64 * 1024 * 1024;

/// The content of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Inventory {
    /// Bytes of the tar file.
    pub unpacked: u64,
    /// Its files, in their order.
    pub files: Vec<FileFact>,
}

/// Reads a layer: gzip, zstd or plain tar, recognized by its first bytes.
pub fn inventory(layer: impl Read) -> io::Result<Inventory> {
    let mut tar = Counted { inner: unpacked(layer)?, count: 0 };
    let (mut files, mut records) = (Vec::new(), BTreeMap::new());
    for entry in tar::Archive::new(&mut tar).entries()? {
        let mut entry = entry?;
        if entry.header().entry_type() != tar::EntryType::Regular {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.strip_prefix("./").unwrap_or(&path).to_owned();
        let bytes = entry.size();
        let mut sha256 = None;
        if let Some((site, package)) = owner(&path) {
            let mut text = Vec::new();
            entry.by_ref().take(LONGEST_RECORD).read_to_end(&mut text)?;
            let text = String::from_utf8_lossy(&text).into_owned();
            records.extend(recorded(&text).map(|file| (joined(site, file), package.clone())));
        } else if bytes >= HASHED {
            sha256 = Some(hashed(&mut entry)?);
        }
        files.push(FileFact { path, bytes, sha256, package: None });
    }
    for file in &mut files {
        file.package = records.get(&file.path).cloned();
    }
    // The bytes after the last entry are part of the tar file too.
    io::copy(&mut tar, &mut io::sink())?;
    Ok(Inventory { unpacked: tar.count, files })
}

fn hashed(file: &mut impl Read) -> io::Result<Sha256> {
    let (mut hasher, mut buffer) = (Hasher::default(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Sha256::finish(&mut hasher)),
            length => sha2::Digest::update(&mut hasher, &buffer[..length]),
        }
    }
}

/// Bytes of a layer's tar file.
pub fn tar_size(layer: impl Read) -> io::Result<u64> {
    io::copy(&mut unpacked(layer)?, &mut io::sink())
}

fn unpacked<'a>(mut layer: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut magic = Vec::new();
    layer.by_ref().take(4).read_to_end(&mut magic)?;
    let kind: [u8; 4] = magic.clone().try_into().unwrap_or_default();
    let layer = io::Cursor::new(magic).chain(layer);
    Ok(match kind {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(layer)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(layer)?),
        _ => Box::new(layer),
    })
}

/// Of a RECORD: the folder that its paths begin in, and the distribution's normalized name.
fn owner(path: &str) -> Option<(&str, String)> {
    let info = path.strip_suffix("/RECORD")?;
    let (site, folder) = info.rsplit_once('/')?;
    let (name, _version) = folder.strip_suffix(".dist-info")?.rsplit_once('-')?;
    let name = pep508_rs::PackageName::new(name.to_owned()).ok()?;
    Some((site, name.to_string()))
}

/// The paths of a RECORD: the first field of each line, quoted where it holds a comma.
fn recorded(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| match line.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => line.split(',').next(),
    })
}

/// A path from a folder, `..` followed.
fn joined(folder: &str, path: &str) -> String {
    if let Some(absolute) = path.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A reader that counts its bytes.
struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.count += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const SITE: &str = "opt/conda/envs/py/lib/python3.14/site-packages";

    fn layer() -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let big = vec![7; 5000];
        let record = "torch/lib.so,sha256=x,5000\n../../../bin/torchrun,,\n\"torch/a,b.py\",,\n";
        let files = [
            (format!("./{SITE}/torch/lib.so"), big.as_slice()),
            (format!("{SITE}/torch/a,b.py"), b"x"),
            (format!("{SITE}/Torch_X-2.0.dist-info/RECORD"), record.as_bytes()),
            ("opt/conda/envs/py/bin/torchrun".to_owned(), b"#!"),
            ("etc/hosts".to_owned(), b""),
        ];
        for (path, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_entry_type(tar::EntryType::Regular);
            tar.append_data(&mut header, path, bytes).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn files_know_their_distribution_in_every_compression() {
        let plain = layer();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let length = plain.len() as u64;
        for stored in [gzip.finish().unwrap(), zstd::encode_all(&plain[..], 1).unwrap(), plain] {
            let found = inventory(&stored[..]).unwrap();
            assert_eq!(found.unpacked, length);
            assert_eq!(tar_size(&stored[..]).unwrap(), length);
            let of = |name: &str| {
                let file = found.files.iter().find(|file| file.path.ends_with(name)).unwrap();
                (file.package.as_deref(), file.sha256.is_some())
            };
            assert_eq!(of("torch/lib.so"), (Some("torch-x"), true));
            assert_eq!(of("torch/a,b.py"), (Some("torch-x"), false));
            assert_eq!(of("bin/torchrun"), (Some("torch-x"), false));
            assert_eq!(of("etc/hosts"), (None, false));
        }
    }

    #[test]
    fn a_layer_that_ends_early_is_an_error() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&layer()).unwrap();
        let stored = gzip.finish().unwrap();
        assert!(inventory(&stored[..stored.len() / 2]).is_err());
        assert!(tar_size(&stored[..stored.len() / 2]).is_err());
    }
}
