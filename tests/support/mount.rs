//! File systems of their own, for disks that are full or read-only.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

/// A file system of its own on a folder; gone when dropped, so it is dropped before the folder.
pub struct Mount(Utf8PathBuf);

impl Mount {
    /// `None` where this user may not mount.
    pub fn small(folder: &Utf8Path, options: &str) -> Option<Self> {
        let made = mount(&["-t", "tmpfs", "-o", options, "tmpfs", folder.as_str()]);
        made.then(|| Mount(folder.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

pub fn mount(args: &[&str]) -> bool {
    Command::new("mount").args(args).output().is_ok_and(|done| done.status.success())
}
