//! `.envlock/context`: what BuildKit may read of the lock, one folder a group, so that a changed wheel
//! touches its own group's layer only.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::Error;
use crate::digest::Sha256;
use crate::image::GroupContext;

/// Makes `folder` hold exactly these groups. `files` are verified files by hash; they are linked where
/// the file system allows, else copied.
pub(super) fn fill(
    folder: &Utf8Path,
    groups: &[GroupContext],
    files: &BTreeMap<Sha256, Utf8PathBuf>,
) -> Result<(), Error> {
    match fs_err::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::file("emptying", folder)(e));
        }
        _ => {}
    }
    for group in groups {
        let folder = folder.join(&group.group);
        fs_err::create_dir_all(&folder).map_err(Error::file("making the folder", &folder))?;
        let requirements = folder.join("requirements.txt");
        fs_err::write(&requirements, &group.requirements)
            .map_err(Error::file("writing", &requirements))?;
        for file in &group.files {
            let target = folder.join(&file.file);
            if Utf8Path::new(&file.file).file_name() != Some(&file.file) {
                let refused = std::io::Error::other("this is not a plain file name");
                return Err(Error::file("placing", target)(refused));
            }
            let source = files.get(&file.sha256).ok_or_else(|| {
                Error::file("placing", &target)(std::io::Error::other("it was not fetched"))
            })?;
            if fs_err::hard_link(source, &target).is_err() {
                fs_err::copy(source, &target).map_err(Error::file("copying", &target))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ContextFile;

    fn group(file: &str, sha256: Sha256) -> GroupContext {
        GroupContext {
            group: "ray".to_owned(),
            requirements: "ray==1\n".to_owned(),
            files: vec![ContextFile { file: file.to_owned(), sha256, package: None }],
        }
    }

    #[test]
    fn the_folder_holds_what_was_asked_for_and_nothing_of_before() {
        let temporary = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temporary.path()).unwrap();
        fs_err::write(root.join("stored"), "wheel").unwrap();
        let files = BTreeMap::from([(Sha256::of("wheel"), root.join("stored"))]);
        let folder = root.join("context");
        fs_err::create_dir_all(folder.join("torch/old")).unwrap();
        fill(&folder, &[group("ray-1.whl", Sha256::of("wheel"))], &files).unwrap();
        assert!(!folder.join("torch").exists());
        assert_eq!(fs_err::read_to_string(folder.join("ray/ray-1.whl")).unwrap(), "wheel");
        assert_eq!(
            fs_err::read_to_string(folder.join("ray/requirements.txt")).unwrap(),
            "ray==1\n"
        );
    }

    #[test]
    fn names_that_leave_the_folder_and_files_that_are_not_there_are_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temporary.path()).unwrap();
        let files = BTreeMap::from([(Sha256::of("wheel"), root.join("stored"))]);
        for (name, sha256) in [("../x.whl", Sha256::of("wheel")), ("x.whl", Sha256::of("other"))] {
            assert!(fill(&root.join("context"), &[group(name, sha256)], &files).is_err(), "{name}");
        }
        assert!(!root.join("x.whl").exists());
    }
}
