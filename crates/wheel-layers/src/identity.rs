//! Which distribution a wheel is.

use pep508_rs::PackageName;

use crate::wheel_name::{WheelName, same_project};

/// The project of the wheel with the name `file`, and the `.dist-info` folder among the names in it. As pip and uv
/// decide it: there is one, and it is the project's; what version the folder's name states does not matter.
///
/// # Errors
///
/// A sentence that says what is wrong.
pub fn identity<'a>(
    file: &str,
    names: impl Iterator<Item = &'a str>,
) -> Result<(PackageName, String), String> {
    let project = WheelName::parse(file).map_err(|bad| bad.to_string())?.name();
    let project = project.ok_or("its file name has no valid project name")?;
    let tops = names.filter_map(|name| Some(name.split_once('/')?.0));
    let mut folders: Vec<_> = tops.filter(|top| top.ends_with(".dist-info")).collect();
    folders.sort_unstable();
    folders.dedup();
    let &[info] = folders.as_slice() else {
        let found = if folders.is_empty() { "none".to_owned() } else { folders.join(", ") };
        return Err(format!("it needs one .dist-info folder and has {found}"));
    };
    match info.split_once('-') {
        Some((written, _)) if same_project(written, &project) => Ok((project, info.to_owned())),
        _ => Err(format!("it is another distribution inside: {info}")),
    }
}
