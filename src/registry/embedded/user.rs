//! The place of a user's registry, and the names of projects in it.

use camino::{Utf8Path, Utf8PathBuf};
use oci_layout_server::Layout;

use super::Error;
use crate::digest::Sha256;

/// Where each project had its own layout, before there was one for all projects of a user.
pub const FOLDER: &str = ".envlock/registry";

/// The prefix of annotations in index.json. Existing layouts have it: it must not change.
const NAMESPACE: &str = "dev.envlock";

const VARIABLE: &str = "ENVLOCK_REGISTRY_FOLDER";

/// The longest part of a folder's name that becomes part of a project's.
const LONGEST: usize = 40;

/// The layout of this user: `ENVLOCK_REGISTRY_FOLDER`, else `envlock/registry` in the data folder (XDG).
///
/// # Errors
/// [`Error::NoHome`].
pub fn folder_of_user() -> Result<Utf8PathBuf, Error> {
    use etcetera::BaseStrategy as _;
    let folder = match std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        Some(path) => path.into(),
        None => {
            let found = etcetera::choose_base_strategy().map_err(|_| Error::NoHome)?;
            found.data_dir().join("envlock/registry")
        }
    };
    Utf8PathBuf::from_path_buf(folder).map_err(|_| Error::NoHome)
}

/// The layout in this folder, which is made when it is missing or empty.
///
/// # Errors
/// Those of [`Layout::open`].
pub fn open(folder: impl Into<Utf8PathBuf>) -> Result<Layout, Error> {
    Ok(Layout::open(folder)?.annotated(NAMESPACE))
}

/// The layout in this folder, read-only.
///
/// # Errors
/// Those of [`Layout::existing`].
pub fn existing(folder: impl Into<Utf8PathBuf>) -> Result<Layout, Error> {
    Ok(Layout::existing(folder)?.annotated(NAMESPACE))
}

/// The first component of the repositories of a project: its folder's name, and digits that distinguish it from
/// others of the same name. The same as long as the folder stays where it is.
pub fn project_name(folder: &Utf8Path) -> String {
    let real = folder.canonicalize_utf8().unwrap_or_else(|_| folder.to_owned());
    let name = real.file_name().unwrap_or_default().to_ascii_lowercase();
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut words = words.collect::<Vec<_>>().join("-");
    words.truncate(LONGEST);
    let digits = &Sha256::of(real.as_str()).to_string()[..8];
    match words.trim_end_matches('-') {
        "" => format!("project-{digits}"),
        words => format!("{words}-{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use oci_layout_server::Repository;

    use super::*;

    #[test]
    fn any_folder_gives_a_name_of_its_own_that_is_a_repositorys() {
        let folders = [
            "/work/ML Project.v2",
            "/home/ML Project.v2",
            "/",
            "/データ",
            "/__a__",
            &"/x-".repeat(90),
        ];
        let names: Vec<_> = folders.iter().map(|f| project_name(Utf8Path::new(f))).collect();
        for name in &names {
            assert!(name.parse::<Repository>().is_ok() && !name.contains('/'), "{name}");
            assert!(name.len() < LONGEST + 10, "{name}");
        }
        assert!(names[0].starts_with("ml-project-v2-") && names[0] != names[1], "{names:?}");
        assert!(names[2].starts_with("project-") && names[3].starts_with("project-"), "{names:?}");
    }
}
