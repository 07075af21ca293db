//! What apt on this machine is set to: its sources, and the keys it trusts.

use camino::{Utf8Path, Utf8PathBuf};
use debian_archive::Keyring;

use super::super::apt_sources::{BadSources, Entry, SignedBy, read_list, read_sources};

/// apt's sources and keys.
#[derive(Debug, Clone, Default)]
pub struct AptSettings {
    /// Each with its file.
    pub entries: Vec<(Utf8PathBuf, Entry)>,
    /// `ID` in os-release.
    pub distribution: Option<String>,
    /// What is not used of it, a sentence each.
    pub notes: Vec<String>,
    root: Utf8PathBuf,
    trusted: Keyring,
}

impl AptSettings {
    /// Those below this root, `/` for the machine's. Without apt there are none. What cannot be read is a note: apt's files are
    /// not written for this program.
    pub fn read(root: impl Into<Utf8PathBuf>) -> Self {
        let root = root.into();
        let mut settings = AptSettings { root: root.clone(), ..AptSettings::default() };
        let etc = root.join("etc/apt");
        settings.file(&etc.join("sources.list"), read_list);
        for path in files(&etc.join("sources.list.d")) {
            match path.extension() {
                Some("list") => settings.file(&path, read_list),
                Some("sources") => settings.file(&path, read_sources),
                _ => {}
            }
        }
        let more = files(&etc.join("trusted.gpg.d"));
        let more = more.into_iter().filter(|path| matches!(path.extension(), Some("gpg" | "asc")));
        for path in [etc.join("trusted.gpg")].into_iter().filter(|path| path.exists()).chain(more) {
            let read = settings.keyring(&path).map(|keys| settings.trusted.add(keys));
            settings.notes.extend(read.err());
        }
        let release = fs_err::read_to_string(root.join("etc/os-release")).unwrap_or_default();
        let id = release.lines().find_map(|line| line.strip_prefix("ID="));
        settings.distribution = id.map(|id| id.trim_matches('"').to_owned());
        settings
    }

    fn file(&mut self, path: &Utf8Path, read: fn(&str) -> Result<Vec<Entry>, BadSources>) {
        let Ok(text) = fs_err::read_to_string(path) else { return };
        match read(&text) {
            Ok(entries) => self.entries.extend(entries.into_iter().map(|e| (path.to_owned(), e))),
            Err(why) => self.notes.push(format!("{path} is not used: {why}")),
        }
    }

    /// The keys that count for an entry: those of its distribution, and those it names, or all that the machine trusts. Where it
    /// names keys by their fingerprints, these of them alone.
    ///
    /// # Errors
    /// A file of them cannot be read: a sentence.
    pub(super) fn keys(&self, entry: &Entry, of_distribution: &Keyring) -> Result<Keyring, String> {
        let mut ring = of_distribution.clone();
        let Some(SignedBy { files, names, keys }) = &entry.signed_by else {
            ring.add(self.trusted.clone());
            return Ok(ring);
        };
        for file in files {
            ring.add(self.keyring(&self.root.join(file.as_str().trim_start_matches('/')))?);
        }
        if let Some(text) = keys {
            let read = Keyring::parse(text.as_bytes());
            ring.add(read.map_err(|why| format!("the keys in Signed-By are not used: {why}"))?);
        }
        if names.is_empty() {
            return Ok(ring);
        }
        if files.is_empty() {
            ring.add(self.trusted.clone());
        }
        Ok(ring.only(names.clone()))
    }

    fn keyring(&self, path: &Utf8Path) -> Result<Keyring, String> {
        let bytes = fs_err::read(path).map_err(|why| format!("{path} is not used: {why}"))?;
        Keyring::parse(&bytes).map_err(|why| format!("{path} is not used: {why}"))
    }
}

/// The files of a folder, by name.
fn files(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Ok(entries) = folder.read_dir_utf8() else { return Vec::new() };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.into_path()).collect();
    files.sort();
    files
}
