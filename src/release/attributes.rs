//! The attributes of a file: owner, mode, access control list, extended attributes. A file that replaces another one
//! gets all of them, or does not replace it.

use std::fs::File;
use std::io::{Error as IoError, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

use camino::Utf8Path;
use xattr::FileExt;

use super::Error;

/// The access control list, as Linux keeps it.
const ACL: &str = "system.posix_acl_access";

/// Attributes with checksums of a file's bytes, made by the kernel: they would be wrong for other bytes.
const OF_THE_BYTES: [&str; 2] = ["security.ima", "security.evm"];

/// Gives `file` the attributes of the file at `target`; where there is none, only a mode that lets all read. `at` is
/// the path of `file`, for messages.
///
/// # Errors
/// [`Error::OtherOwner`], [`Error::Attribute`].
pub(super) fn copy(target: &Utf8Path, file: &File, at: &Utf8Path) -> Result<(), Error> {
    let set_mode = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        file.set_permissions(mode).map_err(Error::file(at, "given its mode"))
    };
    let Ok(old) = fs_err::File::open(target).map(fs_err::File::into_file) else {
        return set_mode(0o644);
    };
    let facts = |file: &File| file.metadata().map_err(Error::file(at, "read"));
    let (before, now) = (facts(&old)?, facts(file)?);
    if (before.uid(), before.gid()) != (now.uid(), now.gid()) {
        fchown(file, Some(before.uid()), Some(before.gid())).map_err(|source| {
            let (uid, gid) = (before.uid(), before.gid());
            Error::OtherOwner { path: target.to_owned(), uid, gid, source }
        })?;
    }
    // A folder may give new files a default access control list.
    if file.get_xattr(ACL).is_ok_and(|list| list.is_some()) {
        file.remove_xattr(ACL).map_err(failed(target, ACL))?;
    }
    // After the owner: a change of owner clears the set-id bits.
    set_mode(before.mode() & 0o7777)?;
    copy_extended(target, &old, file)
}

fn copy_extended(target: &Utf8Path, old: &File, new: &File) -> Result<(), Error> {
    let names = match old.list_xattr() {
        Ok(names) => names,
        // A file system without any.
        Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
        Err(error) => return Err(failed(target, "")(error)),
    };
    for name in names {
        let shown = name.to_string_lossy();
        if OF_THE_BYTES.contains(&&*shown) {
            continue;
        }
        let value = old.get_xattr(&name).map_err(failed(target, &shown))?;
        // An attribute that the kernel gave the new file too (a label) need not be set.
        let Some(value) = value.filter(|v| new.get_xattr(&name).ok().flatten().as_ref() != Some(v))
        else {
            continue;
        };
        new.set_xattr(&name, &value).map_err(failed(target, &shown))?;
    }
    Ok(())
}

fn failed(target: &Utf8Path, name: &str) -> impl FnOnce(IoError) -> Error {
    let (path, name) = (target.to_owned(), name.to_owned());
    move |source| Error::Attribute { path, name, source }
}
