//! Earlier responses of the indexes, on disk: small files, each named by the hash of its question.
//!
//! Entries are written atomically, also with several writers. One that is damaged, or of another version of
//! envlock, is ignored. The cache does not replace the check of a hash.

use std::fs::File;
use std::io::Write;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::Sha256;

/// Includes the program's version: entries are Rust values as this version writes them. The number changes with their
/// shape, too: parts of them are read when they cannot be requested again.
const FORMAT: &str = concat!("envlock ", env!("CARGO_PKG_VERSION"), " cache 3 ");

/// Seconds for which a page is fresh when its server does not say, as in pip and uv.
const FRESH: u64 = 600;

/// The modification time of an entry that is used is renewed at most this often.
const TOUCH: Duration = Duration::from_secs(24 * 3600);

/// When a cached page is used without a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CachePolicy {
    /// As long as its server said.
    #[default]
    Fresh,
    /// Never: every page is requested again, on the condition that it changed.
    Refresh,
    /// Always, and no request is sent.
    Offline,
}

/// The cache of index answers. Cheap to clone; any number of processes may share its folder.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: Utf8PathBuf,
    policy: CachePolicy,
    writer: Arc<Writer>,
}

/// How long a response may be reused, as its headers say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// Seconds since 1970-01-01 UTC.
    pub asked: u64,
    /// Seconds from then.
    pub fresh: u64,
    /// ETag.
    pub tag: Option<String>,
    /// Last-Modified, as it came.
    pub modified: Option<String>,
    /// Cache-Control: no-store.
    pub forbidden: bool,
}

impl Validity {
    /// From Cache-Control, ETag and Last-Modified.
    pub fn new(control: Option<&str>, tag: Option<&str>, modified: Option<&str>) -> Self {
        let directives = control.unwrap_or_default().to_ascii_lowercase();
        let mut directives = directives.split(',').map(str::trim);
        let has = |name: &str| directives.clone().any(|d| d == name);
        let (forbidden, unsure) = (has("no-store"), has("no-cache"));
        let stated = directives.find_map(|d| d.strip_prefix("max-age=")?.parse().ok());
        Self {
            asked: now(),
            fresh: if unsure { 0 } else { stated.unwrap_or(FRESH) },
            tag: tag.map(str::to_owned),
            modified: modified.map(str::to_owned),
            forbidden,
        }
    }

    /// After a 304, which need not repeat every header.
    pub fn after(self, before: Validity) -> Self {
        let (tag, modified) = (self.tag.or(before.tag), self.modified.or(before.modified));
        Self { tag, modified, ..self }
    }

    fn is_fresh(&self, now: u64) -> bool {
        // A clock that was set back must not make an entry valid for ever.
        now.checked_sub(self.asked).is_some_and(|age| age < self.fresh)
    }
}

/// A response, as it was read, with its validity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept<T> {
    /// The value read from it.
    pub answer: T,
    /// How long it may be reused, and the validators for the next request.
    pub validity: Validity,
}

impl Cache {
    /// A cache in this folder, which need not exist.
    pub fn at(folder: impl Into<Utf8PathBuf>, policy: CachePolicy) -> Self {
        Self { folder: folder.into(), policy, writer: Arc::default() }
    }

    /// Where the entries are.
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// Whether no request may be sent.
    pub fn is_offline(&self) -> bool {
        self.policy == CachePolicy::Offline
    }

    /// Whether a response may be used without a request.
    pub fn may_reuse(&self, validity: &Validity) -> bool {
        match self.policy {
            CachePolicy::Fresh => validity.is_fresh(now()),
            CachePolicy::Refresh => false,
            CachePolicy::Offline => true,
        }
    }

    /// The entry for this question.
    pub fn get<T: DeserializeOwned>(&self, kind: &str, key: &Sha256) -> Option<T> {
        let path = self.path(kind, key);
        let bytes = std::fs::read(&path).ok()?;
        let value = checked(&bytes).and_then(|payload| serde_json::from_slice(payload).ok());
        if value.is_none() {
            tracing::debug!(%path, "a cache entry that cannot be used");
        }
        touch(&path);
        value
    }

    /// Stores a response. A thread writes it, see [`Cache::flush`]; a failure costs only the time of the next request.
    pub fn put<T: Serialize + Send + 'static>(&self, kind: &'static str, key: &Sha256, value: T) {
        let path = self.path(kind, key);
        self.writer.send(move || {
            let written = serde_json::to_vec(&value)
                .map_err(std::io::Error::other)
                .and_then(|payload| write(&path, &sealed(&payload)));
            if let Err(error) = written {
                tracing::debug!(%path, %error, "a cache entry could not be written");
            }
        });
    }

    /// Waits until everything stored so far is written. May block.
    pub fn flush(&self) {
        self.writer.finish();
    }

    fn path(&self, kind: &str, key: &Sha256) -> Utf8PathBuf {
        self.folder.join(kind).join(key.to_string())
    }
}

/// The payload behind its checksum.
fn sealed(payload: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(payload);
    let mut bytes = format!("{FORMAT}{:08x}\n", crc.sum()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

fn checked(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(FORMAT.as_bytes())?;
    let (sum, payload) = (rest.get(..8)?, rest.get(8..)?.strip_prefix(b"\n")?);
    let mut crc = flate2::Crc::new();
    crc.update(payload);
    (sum == format!("{:08x}", crc.sum()).as_bytes()).then_some(payload)
}

/// Without a sync: a crash may leave a damaged entry, which its checksum shows.
fn write(path: &Utf8Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    let mut file = match tempfile::NamedTempFile::new_in(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::create_dir_all(folder)?;
            tempfile::NamedTempFile::new_in(folder)?
        }
        made => made?,
    };
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

fn touch(path: &Utf8Path) {
    let now = SystemTime::now();
    let old = |modified: SystemTime| now.duration_since(modified).is_ok_and(|age| age > TOUCH);
    if std::fs::metadata(path).and_then(|m| m.modified()).is_ok_and(old)
        && let Err(error) =
            File::options().append(true).open(path).and_then(|f| f.set_modified(now))
    {
        tracing::debug!(%path, %error, "the time of a cache entry could not be set");
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

type Work = Box<dyn FnOnce() + Send>;

/// A thread that writes while others go on; it starts with the first piece of work.
#[derive(Debug, Default)]
struct Writer(Mutex<Option<(Sender<Work>, JoinHandle<()>)>>);

impl Writer {
    fn send(&self, work: impl FnOnce() + Send + 'static) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (sender, _) = running.get_or_insert_with(|| {
            let (sender, receiver) = channel::<Work>();
            (sender, std::thread::spawn(move || receiver.iter().for_each(|work| work())))
        });
        if sender.send(Box::new(work)).is_err() {
            tracing::debug!("the cache's writer is gone");
        }
    }

    fn finish(&self) {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((sender, thread)) = running {
            drop(sender);
            if thread.join().is_err() {
                tracing::debug!("the cache's writer stopped");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(policy: CachePolicy) -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().join("index")).unwrap();
        (folder, Cache::at(path, policy))
    }

    #[test]
    fn what_was_kept_is_found_and_every_damaged_byte_is_noticed() {
        let (_folder, cache) = cache(CachePolicy::Fresh);
        let key = Sha256::of("question");
        cache.put("wheels", &key, vec!["answer".to_owned()]);
        cache.flush();
        assert_eq!(cache.get::<Vec<String>>("wheels", &key).unwrap(), ["answer"]);
        assert_eq!(cache.get::<Vec<String>>("pages", &key), None);
        let path = cache.path("wheels", &key);
        let bytes = std::fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            std::fs::write(&path, changed).unwrap();
            assert_eq!(cache.get::<Vec<String>>("wheels", &key), None, "byte {at}");
            std::fs::write(&path, &bytes[..at]).unwrap();
            assert_eq!(cache.get::<Vec<String>>("wheels", &key), None, "cut at {at}");
        }
        cache.put("wheels", &key, vec!["again".to_owned()]);
        cache.flush();
        assert_eq!(cache.get::<Vec<String>>("wheels", &key).unwrap(), ["again"]);
    }

    #[test]
    fn writers_of_the_same_entry_leave_one_whole_entry() {
        let (_folder, cache) = cache(CachePolicy::Fresh);
        let key = Sha256::of("question");
        std::thread::scope(|scope| {
            for number in 0..8 {
                let cache = Cache::at(cache.folder(), CachePolicy::Fresh);
                scope.spawn(move || {
                    for _ in 0..20 {
                        cache.put("pages", &key, vec![number; 4000]);
                    }
                    cache.flush();
                });
            }
        });
        let kept: Vec<i32> = cache.get("pages", &key).unwrap();
        assert!(kept.len() == 4000 && kept.iter().all(|n| *n == kept[0]));
        let folder = cache.path("pages", &key).parent().unwrap().to_owned();
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1, "a temporary file stayed");
    }

    #[test]
    fn a_response_is_reused_as_long_as_its_server_said() {
        let fresh = |control| Validity::new(control, None, None);
        assert_eq!(fresh(None).fresh, FRESH);
        assert_eq!(fresh(Some("public, Max-Age=7")).fresh, 7);
        assert_eq!(fresh(Some("no-cache, max-age=7")).fresh, 0);
        assert!(fresh(Some("no-store")).forbidden);
        let validity = Validity { asked: 1000, fresh: 10, ..Validity::default() };
        assert!(validity.is_fresh(1009) && !validity.is_fresh(1010));
        assert!(!validity.is_fresh(999), "asked in the future");
        let (old, new) = (validity, fresh(None));
        let may_reuse = |policy, validity| cache(policy).1.may_reuse(validity);
        assert!(may_reuse(CachePolicy::Fresh, &new) && !may_reuse(CachePolicy::Fresh, &old));
        assert!(!may_reuse(CachePolicy::Refresh, &new) && may_reuse(CachePolicy::Offline, &old));
    }
}
