//! The Python layer of a base image's own interpreter, and what both kinds of it share: what `docker/build/python.sh` makes,
//! without running it. The two give equal file trees.

use wheel_layers::tree::{Content, Kind, Node, Tree};

use super::error::Error;
use super::system::{RAY, insert_folders};
use crate::base_image::BaseSystem;
use crate::lock::Lock;

/// The environment.
pub const ENVIRONMENT: &str = "opt/conda/envs/py";

/// `3.14`
pub fn minor(lock: &Lock) -> String {
    let release = lock.python.version.release();
    release.iter().take(2).map(u64::to_string).collect::<Vec<_>>().join(".")
}

/// A virtual environment of the base image's own interpreter.
///
/// # Errors
///
/// [`Error::NoPython`], [`Error::Path`].
pub fn skeleton(base: &BaseSystem, lock: &Lock) -> Result<Tree, Error> {
    let minor = minor(lock);
    let name = format!("python{minor}");
    let interpreter = base.program(&name).ok_or(Error::NoPython { minor })?;
    let home = interpreter.rsplit_once('/').map_or("/", |(folder, _)| folder);
    let version = &lock.python.version;
    let settings =
        format!("home = {home}\ninclude-system-site-packages = false\nversion = {version}\n");
    let mut tree = environment(base)?;
    for folder in ["bin", "include", "lib", &format!("lib/{name}")] {
        tree.insert(format!("{ENVIRONMENT}/{folder}"), folder_of_ray())?;
    }
    tree.insert(format!("{ENVIRONMENT}/lib/{name}/site-packages"), folder_of_ray())?;
    let links = [("lib64", "lib"), ("bin/python", &name), ("bin/python3", &name)];
    for (path, target) in links.into_iter().chain([(&*format!("bin/{name}"), &*interpreter)]) {
        let kind = Kind::Symlink { target: target.to_owned() };
        tree.insert(format!("{ENVIRONMENT}/{path}"), Node { mode: 0o777, owner: RAY, kind })?;
    }
    let kind = Kind::File(Content::Bytes(settings.into()));
    tree.insert(format!("{ENVIRONMENT}/pyvenv.cfg"), Node { mode: 0o644, owner: RAY, kind })?;
    Ok(tree)
}

pub(super) fn folder_of_ray() -> Node {
    Node { mode: 0o755, owner: RAY, kind: Kind::Folder }
}

/// The empty environment, with the folders that lead to it as the system layer leaves them.
pub(super) fn environment(base: &BaseSystem) -> Result<Tree, Error> {
    let mut tree = Tree::default();
    let (envs, _) = ENVIRONMENT.rsplit_once('/').unwrap_or_default();
    insert_folders(&mut tree, base, envs)?;
    tree.insert(envs, folder_of_ray())?;
    tree.insert(ENVIRONMENT, folder_of_ray())?;
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base_image::system::tests::base;
    use crate::lock::sample;

    #[test]
    fn a_virtual_environment_points_to_the_bases_interpreter() {
        let lock = sample();
        assert!(matches!(skeleton(&base(&[]), &lock), Err(Error::NoPython { .. })));
        let tree = skeleton(&base(&[&[("usr/bin/python3.14", "ELF")]]), &lock).unwrap();
        let settings = &tree.get("opt/conda/envs/py/pyvenv.cfg").unwrap().kind;
        let text = "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.14.2\n";
        assert_eq!(*settings, Kind::File(Content::Bytes(text.into())));
        let paths = tree.iter().filter_map(|(path, _)| path.strip_prefix("opt/conda/envs/py/"));
        let expected = "bin bin/python bin/python3 bin/python3.14 include lib lib/python3.14 \
                        lib/python3.14/site-packages lib64 pyvenv.cfg";
        assert_eq!(paths.collect::<Vec<_>>().join(" "), expected);
    }
}
