//! Paths in a tree: absolute, without the leading slash, no `.` and no `..`; the root is the empty path.

use thiserror::Error;

/// The longest path, bytes: Linux takes no longer one (PATH_MAX).
const LONGEST: usize = 4095;
/// The longest name in a path, bytes (NAME_MAX).
const LONGEST_NAME: usize = 255;

/// A path that has no place in a tree.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PathError {
    /// Nothing that a path can be.
    #[error("`{}` is no path in a file system", .0.escape_debug())]
    Bad(String),
    /// It leads through something that is no directory.
    #[error("/{path} leads through /{through}, which is no directory")]
    Through {
        /// The path.
        path: String,
        /// What is no directory.
        through: String,
    },
    /// Links that lead in a circle.
    #[error("/{0} leads through too many symbolic links")]
    Links(String),
    /// A directory with something in it would give way to something else.
    #[error("/{0} is a directory that is not empty")]
    NotEmpty(String),
}

/// The form in which a tree has this path: `./usr/bin/`, `/usr//bin` and `usr/bin` are `usr/bin`.
pub(crate) fn clean(path: &str) -> Result<String, PathError> {
    let bad = || PathError::Bad(path.to_owned());
    let mut clean = String::with_capacity(path.len());
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." || part.len() > LONGEST_NAME || part.contains('\0') {
            return Err(bad());
        }
        push(&mut clean, part);
    }
    if clean.len() > LONGEST {
        return Err(bad());
    }
    Ok(clean)
}

/// Adds a name to a path.
pub(crate) fn push(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('/');
    }
    path.push_str(name);
}

/// The directory that a path lies in; of the root, the root.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_form() {
        for path in ["usr/bin", "/usr/bin", "./usr/bin/", "//usr/./bin//"] {
            assert_eq!(clean(path).unwrap(), "usr/bin");
        }
        for root in ["", ".", "./", "/"] {
            assert_eq!(clean(root).unwrap(), "");
        }
    }

    #[test]
    fn a_path_that_leads_up_or_is_too_long_is_refused() {
        let long = format!("/{}", "n".repeat(256));
        let deep = "name/".repeat(1000);
        for path in ["..", "/usr/../etc", "a/..", "a\0b", &long, &deep] {
            assert_eq!(clean(path), Err(PathError::Bad(path.to_owned())));
        }
    }
}
