//! Full disks: recognized as such, so that a write is not tried again, and reported with the space that is left.

use std::io::{Error, ErrorKind};

use camino::Utf8Path;

/// Whether a disk is full, or a quota is used up: files must be removed before another try.
pub fn is_used_up(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Bytes that this user may still write where `path` is or would be; `None`: not known.
pub fn free(path: &Utf8Path) -> Option<u64> {
    let there = path.ancestors().find(|path| path.exists())?;
    let there = if there.as_str().is_empty() { Utf8Path::new(".") } else { there };
    let disk = rustix::fs::statvfs(there.as_std_path()).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The end of a sentence about a file that could not be written: the free space, where that is the cause.
pub fn left(path: impl AsRef<Utf8Path>, error: &Error) -> String {
    match free(path.as_ref()).filter(|_| error.kind() == ErrorKind::StorageFull) {
        Some(bytes) => format!(" ({} free there)", indicatif::DecimalBytes(bytes)),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_disk_is_told_with_its_room() {
        let error = |code| Error::from_raw_os_error(code);
        let full = error(28);
        assert!(left("/proc/self/no/such/file", &full).ends_with(" free there)"));
        for (name, code) in [("EROFS", 30), ("EFBIG", 27), ("EDQUOT", 122)] {
            assert_eq!(left("/", &error(code)), "", "{name}");
            assert_eq!(is_used_up(&error(code)), name == "EDQUOT", "{name}");
        }
        assert!(is_used_up(&full) && !is_used_up(&Error::other("no number")));
    }
}
