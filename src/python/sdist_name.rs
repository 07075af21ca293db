//! File names of source distributions.

use pep508_rs::PackageName;

use super::same_project;

/// The version in the file name of a source distribution of `name`, as written; `None` when the
/// file is something else.
pub fn sdist_version<'a>(file: &'a str, name: &PackageName) -> Option<&'a str> {
    const ENDINGS: [&str; 5] = [".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz"];
    let stem = ENDINGS.iter().find_map(|ending| file.strip_suffix(ending))?;
    // Old sdists have `-` in their names, so the name says where the version starts.
    let mut splits = stem.match_indices('-').map(|(at, _)| stem.split_at(at));
    splits.find(|(front, _)| same_project(front, name)).map(|(_, version)| &version[1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sdist_tells_its_version_even_with_dashes_in_the_name() {
        let name = "torch-geometric".parse().unwrap();
        assert_eq!(sdist_version("torch-geometric-2.8.0.tar.gz", &name), Some("2.8.0"));
        assert_eq!(sdist_version("torch_geometric-2.8.0.zip", &name), Some("2.8.0"));
        assert_eq!(sdist_version("torch-2.8.0.tar.gz", &name), None);
        assert_eq!(sdist_version("torch_geometric-2.8.0-py3-none-any.whl", &name), None);
    }
}
