//! Configuration files, as dpkg leaves them without asking (`--force-confdef --force-confold`): what an administrator
//! changed stays, and the package's own lies beside it. By deb-conffiles(5) and Debian Policy, appendix "Configuration file handling".

use md5::{Digest, Md5};

use crate::deb::Deb;
use crate::error::Error;
use crate::node::{Kind, Node};
use crate::tree::{ReadError, Tree};

/// What dpkg notes of a conffile that the package lists and does not have.
const NONE: &str = "newconffile";

/// The MD5 of each conffile of a package, in the order of its list: what dpkg notes in its status.
pub(crate) fn hashes(deb: &Deb) -> Result<Vec<(String, String)>, Error> {
    let mut all = Vec::new();
    for conffile in &deb.control.conffiles {
        if conffile.remove_on_upgrade {
            all.push((conffile.path.clone(), format!("{NONE} remove-on-upgrade")));
            continue;
        }
        let entry = deb.entries.iter().find(|(path, _)| *path == conffile.path);
        let hash = match entry.map(|(_, node)| &node.kind) {
            Some(Kind::File(content)) => {
                let read = content.read();
                hash(&read.map_err(|source| Error::Spool { package: deb.file.clone(), source })?)
            }
            _ => NONE.to_owned(),
        };
        all.push((conffile.path.clone(), hash));
    }
    Ok(all)
}

/// Where the conffile for `place` goes. `known` is the MD5 of the version that was there before.
pub(crate) fn place(
    tree: &Tree,
    place: &str,
    node: &Node,
    known: Option<&str>,
) -> Result<String, Error> {
    let unread = |why: &dyn std::fmt::Display| Error::Database {
        path: place.to_owned(),
        detail: format!("whether this conffile was changed cannot be said: {why}"),
    };
    let there = tree.follow(place).map_err(|error| unread(&error))?;
    let Some(there) = there else { return Ok(place.to_owned()) };
    let now = tree.read(&there).map_err(|error| match error {
        ReadError::Read { source, .. } => unread(&source),
        error => unread(&error),
    })?;
    let Some(now) = now else {
        return Ok(there);
    };
    let Kind::File(content) = &node.kind else { return Ok(there) };
    let new = content.read().map_err(|error| unread(&error))?;
    if now == new || known == Some(&hash(&now)) {
        return Ok(there);
    }
    Ok(format!("{there}.dpkg-dist"))
}

fn hash(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
