//! Checks by a wheel's zip directory alone whether it can be installed, so that it is known before the
//! wheel is downloaded. Whatever two readers could understand differently is refused.

use crate::flaw::Flaw;
use crate::names;
use crate::zip::Member;

/// No deflate stream unpacks to more than this many times its size, and the few bytes of its end.
const DEFLATE_RATIO: u64 = 1032;

/// Encrypted, in any of the three ways (bits 0, 6 and 13).
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;

const TYPE: u32 = 0o170_000;
const FILE: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const SYMLINK: u32 = 0o120_000;

/// Whether the members of a directory can be installed, as far as the directory shows it.
///
/// # Errors
///
/// The name of the first that cannot, and why.
pub fn check_members(members: &[Member]) -> Result<(), (String, Flaw)> {
    let named = |(member, flaw): (&Member, Flaw)| (member.name.clone(), flaw);
    members.iter().try_for_each(|m| of_member(m).map_err(|flaw| named((m, flaw))))?;
    names::distinct(members).map_err(named)
}

fn of_member(member: &Member) -> Result<(), Flaw> {
    let Member { packed, unpacked, mode, .. } = *member;
    if !member.clear_name {
        return Err(Flaw::Name);
    }
    names::check(&member.name)?;
    in_data_folder(&member.name)?;
    let folder = member.name.ends_with('/');
    match mode & TYPE {
        SYMLINK => return Err(Flaw::Symlink),
        0 => {}
        // Some writers mark folders as files; their name says what they are.
        FILE => {}
        FOLDER if folder => {}
        _ => return Err(Flaw::Special(mode)),
    }
    if member.flags & ENCRYPTED != 0 {
        return Err(Flaw::Encrypted);
    }
    let possible = match member.method {
        0 => packed == unpacked,
        8 => packed >= 2,
        other => return Err(Flaw::Method(other)),
    };
    if !possible || (folder && unpacked != 0) {
        return Err(Flaw::Sizes { packed, unpacked });
    }
    if unpacked > packed.saturating_mul(DEFLATE_RATIO) {
        return Err(Flaw::Bomb { packed, unpacked });
    }
    Ok(())
}

/// For what lies in `NAME.data/`: the kind of place (`scripts`) and the path in it. `None`: it lies elsewhere, or is
/// only the way there.
///
/// # Errors
///
/// [`Flaw::Scheme`] for a kind of place that no installer knows.
pub(crate) fn in_data_folder(name: &str) -> Result<Option<(&str, &str)>, Flaw> {
    let Some((top, rest)) = name.split_once('/') else {
        // A file that is named like the folder.
        return if name.ends_with(".data") { Err(Flaw::Scheme) } else { Ok(None) };
    };
    if !top.ends_with(".data") || rest.is_empty() {
        return Ok(None);
    }
    let (kind, below) = rest.split_once('/').ok_or(Flaw::Scheme)?;
    match kind {
        "purelib" | "platlib" | "scripts" | "headers" | "data" => {
            Ok((!below.is_empty()).then_some((kind, below)))
        }
        _ => Err(Flaw::Scheme),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_the_data_folder_has_a_known_place() {
        assert_eq!(in_data_folder("x-1.data/scripts/run"), Ok(Some(("scripts", "run"))));
        assert_eq!(in_data_folder("x-1.data/data/share/a"), Ok(Some(("data", "share/a"))));
        for name in ["x/a.data/b", "x-1.data/", "x-1.data/purelib/", "x.py"] {
            assert_eq!(in_data_folder(name), Ok(None), "{name}");
        }
        for name in ["x-1.data/lib/a", "x-1.data/scripts", "x-1.data/other/", "x.data"] {
            assert_eq!(in_data_folder(name), Err(Flaw::Scheme), "{name}");
        }
    }
}
