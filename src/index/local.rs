//! Sources on this machine, `file://`: folders with the layout of PEP 503, lists of files, folders of wheels, wheels.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::Error;
use super::body::{Part, Piece};
use super::pages::page::{Format, Page};

/// The characters of a file name that are not encoded in a link.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'+').remove(b'~').remove(b'!');

/// The file or folder of a `file:` URL; `None`: it has another scheme.
///
/// # Errors
/// It is not a path on this machine.
pub(super) fn path(url: &Url) -> Result<Option<Utf8PathBuf>, Error> {
    if url.scheme() != "file" {
        return Ok(None);
    }
    let path = url.to_file_path().ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
    path.map(Some).ok_or_else(|| Error::local(url, "it is not a path on this machine"))
}

/// The page at a path: a file's text, a folder's index.html, or the list of the files in the folder. `None`: there is none,
/// but there is its parent.
///
/// # Errors
/// It cannot be read, or its parent is missing, too.
pub(super) fn page(url: &Url, path: &Utf8Path) -> Result<Option<Page>, Error> {
    let missing = |error: &std::io::Error| {
        matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
    };
    let read = |path: &Utf8Path| std::fs::read(path);
    let listed = match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => match read(&path.join("index.html")) {
            Err(error) if missing(&error) => list(path),
            text => text,
        },
        Ok(_) => read(path),
        Err(error) if missing(&error) && path.parent().is_some_and(Utf8Path::is_dir) => {
            return Ok(None);
        }
        Err(error) => Err(error),
    };
    let bytes = listed.map_err(|error| Error::local(url, error))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let is_json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
    let mut url = url.clone();
    if path.is_dir() && !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(Some(Page { url, format: if is_json { Format::Json } else { Format::Html }, text }))
}

/// The files of a folder as a page of links, sorted by name.
fn list(folder: &Utf8Path) -> std::io::Result<Vec<u8>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        // No distribution has a file name that is not UTF-8.
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort();
    let link = |name: &String| format!("<a href=\"{}\"></a>\n", utf8_percent_encode(name, PLAIN));
    let links: String = names.iter().map(link).collect();
    Ok(format!("<!DOCTYPE html>\n<html><body>\n{links}</body></html>\n").into_bytes())
}

/// A file's bytes; `None`: there is none.
pub(super) fn small(url: &Url, path: &Utf8Path) -> Result<Option<Bytes>, Error> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes.into())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::local(url, error)),
    }
}

/// A part of a file: `bytes=-N` or `bytes=A-B`.
pub(super) fn range(url: &Url, path: &Utf8Path, range: &str) -> Result<Part, Error> {
    let read = || -> std::io::Result<Option<Part>> {
        let mut file = File::open(path)?;
        let total = file.metadata()?.len();
        let Some((start, end)) = bounds(range, total) else { return Ok(None) };
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(end - start).read_to_end(&mut bytes)?;
        Ok(Some(Part::Range { start, total, bytes: bytes.into() }))
    };
    let part = read().map_err(|error| Error::local(url, error))?;
    Ok(part.unwrap_or(Part::NoRanges))
}

fn bounds(range: &str, total: u64) -> Option<(u64, u64)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let bounds = match from {
        "" => (total.saturating_sub(to.parse().ok()?), total),
        from => (from.parse().ok()?, to.parse::<u64>().ok()?.saturating_add(1).min(total)),
    };
    (bounds.0 < bounds.1).then_some(bounds)
}

/// Streams a whole file; the number of its bytes.
pub(super) fn stream(
    url: &Url,
    path: &Utf8Path,
    mut take: impl FnMut(Piece<'_>) -> std::io::Result<()>,
) -> Result<u64, Error> {
    let unreadable = |error| Error::local(url, error);
    let mut file = File::open(path).map_err(unreadable)?;
    let (mut piece, mut total) = (vec![0; 1 << 18], 0);
    loop {
        let read = file.read(&mut piece).map_err(unreadable)?;
        if read == 0 {
            return Ok(total);
        }
        take(Piece::Bytes(&piece[..read])).map_err(|error| Error::disk(url, &error))?;
        total += read as u64;
    }
}

/// A validator that changes whenever the file does, and its bytes.
pub(super) fn state(url: &Url, path: &Utf8Path) -> Result<(String, u64), Error> {
    let found = std::fs::metadata(path).map_err(|error| Error::local(url, error))?;
    let (inode, seconds, nanos) = (found.ino(), found.ctime(), found.ctime_nsec());
    Ok((format!("{inode} {seconds}.{nanos:09}"), found.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_inside_of_their_file() {
        assert_eq!(bounds("bytes=-10", 4), Some((0, 4)));
        assert_eq!(bounds("bytes=-2", 4), Some((2, 4)));
        assert_eq!(bounds("bytes=1-2", 4), Some((1, 3)));
        assert_eq!(bounds("bytes=1-18446744073709551615", 4), Some((1, 4)));
        for none in ["bytes=4-5", "bytes=3-1", "bytes=-0", "bytes=-", "1-2", "bytes=x-1"] {
            assert_eq!(bounds(none, 4), None, "{none}");
        }
    }

    #[test]
    fn a_folder_is_a_page_of_its_files_and_a_missing_file_differs_from_a_missing_source() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        std::fs::write(root.join("a-1+x&y\"-py3-none-any.whl"), "").unwrap();
        let url = |path: &Utf8Path| Url::from_file_path(path).unwrap();
        let found = page(&url(root), root).unwrap().unwrap();
        assert!(found.url.path().ends_with('/'));
        assert!(found.text.contains("\"a-1+x%26y%22-py3-none-any.whl\""), "{}", found.text);
        let (missing, away) = (root.join("b"), root.join("c/d"));
        assert_eq!(page(&url(&missing), &missing).unwrap(), None);
        assert!(page(&url(&away), &away).is_err());
    }
}
