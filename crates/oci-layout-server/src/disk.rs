//! Disks that take no more bytes.

use std::io::{Error, ErrorKind};

use camino::Utf8Path;

/// Whether trying again cannot help: the disk is full, over a quota or read-only, or the file would be too long.
pub(crate) fn is_lasting(error: &Error) -> bool {
    use ErrorKind as K;
    matches!(
        error.kind(),
        K::StorageFull | K::QuotaExceeded | K::ReadOnlyFilesystem | K::FileTooLarge
    )
}

/// The end of a sentence about a file that could not be written: what is free there, when that is the cause.
pub(crate) fn free_space(path: &Utf8Path, error: &Error) -> String {
    let full = error.kind() == ErrorKind::StorageFull;
    match full.then(|| path.ancestors().find(|path| path.exists())).flatten().and_then(free) {
        Some(bytes) => format!(" ({} free there)", decimal(bytes)),
        None => String::new(),
    }
}

/// Bytes that this user may still write.
fn free(folder: &Utf8Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder.as_std_path()).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// `1.2 MB`
fn decimal(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_disk_is_reported_with_its_free_space() {
        let error = |code| Error::from_raw_os_error(code);
        let full = free_space("/proc/self/no/such/file".into(), &error(28));
        assert!(full.ends_with(" free there)"), "{full}");
        for (name, code) in [("EROFS", 30), ("EFBIG", 27), ("EDQUOT", 122)] {
            assert!(is_lasting(&error(code)), "{name}");
            assert_eq!(free_space("/".into(), &error(code)), "", "{name}");
        }
        assert!(is_lasting(&error(28)) && !is_lasting(&error(5)));
    }

    #[test]
    fn sizes_are_decimal_with_one_digit() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_999_999, "1.9 MB"),
            (32_500_000_000, "32.5 GB"),
        ] {
            assert_eq!(decimal(bytes), text);
        }
    }
}
