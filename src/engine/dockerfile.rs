//! The `dockerfile` engine: a plan becomes images by BuildKit, through `docker buildx`.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use super::buildx::Buildx;
use super::{Error, context};
use crate::digest::{Digest, Sha256};
use crate::image::{self, Places, Plan, Stages, Use};
use crate::spec::ImageName;
use crate::ui::Ui;

/// What a project without a Dockerfile of its own is built with, by path below `.envlock/build`.
const BUILT_IN: [(&str, &str); 9] = [
    ("Dockerfile", include_str!("../../Dockerfile")),
    ("docker/build/base.sh", include_str!("../../docker/build/base.sh")),
    ("docker/build/compiler.sh", include_str!("../../docker/build/compiler.sh")),
    ("docker/build/group.sh", include_str!("../../docker/build/group.sh")),
    ("docker/build/python.sh", include_str!("../../docker/build/python.sh")),
    ("docker/build/settle.sh", include_str!("../../docker/build/settle.sh")),
    ("docker/files/conda", include_str!("../../docker/files/conda")),
    ("docker/files/marimo-serve", include_str!("../../docker/files/marimo-serve")),
    ("docker/files/profile.sh", include_str!("../../docker/files/profile.sh")),
];

const CONTEXT: &str = ".envlock/context";
const BUILD: &str = ".envlock/build";
const BAKE: &str = ".envlock/docker-bake.json";
const ARGS: &str = ".envlock/build.args";

/// The Dockerfile that a project is built with.
#[derive(Debug, Clone)]
pub struct Recipe {
    stages: Stages,
    own: bool,
}

impl Recipe {
    /// Where the packages of a build are laid out, below the project folder.
    pub const PACKAGES: &str = CONTEXT;

    /// The project's own Dockerfile where that installs from a lock, else the built-in one.
    pub fn of(project: &Utf8Path) -> Result<Self, Error> {
        let path = project.join("Dockerfile");
        match fs_err::read_to_string(&path) {
            Ok(text) => {
                let stages = Stages::read("Dockerfile", &text);
                if stages.install_from_lock() {
                    return Ok(Self { stages, own: true });
                }
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::file("reading", path)(e)),
        }
        Ok(Self { stages: Stages::built_in(), own: false })
    }

    /// What its stages install.
    pub fn stages(&self) -> &Stages {
        &self.stages
    }

    /// The files of `docker/build` and `docker/files` that the project's Dockerfile uses and that are not envlock's:
    /// only BuildKit can carry them out.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn changed_files(&self, project: &Utf8Path) -> Result<Vec<String>, Error> {
        let mut changed = Vec::new();
        for (path, text) in BUILT_IN[1..].iter().filter(|_| self.own) {
            match fs_err::read(project.join(path)) {
                Ok(bytes) if bytes == text.as_bytes() => {}
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::file("reading", project.join(path))(e));
                }
                _ => changed.push((*path).to_owned()),
            }
        }
        Ok(changed)
    }

    /// The folder with the Dockerfile, below the project folder.
    pub fn context(&self) -> &'static str {
        if self.own { "." } else { BUILD }
    }

    fn places(&self) -> Places {
        Places { context: self.context().to_owned(), envlock: CONTEXT.to_owned() }
    }

    /// Puts everything that a build reads into the project's `.envlock`. `files` are the plan's files,
    /// verified, by hash.
    pub fn lay_out(
        &self,
        project: &Utf8Path,
        plan: &Plan,
        files: &BTreeMap<Sha256, Utf8PathBuf>,
    ) -> Result<(), Error> {
        context::fill(&project.join(CONTEXT), &plan.context, files)?;
        let mut texts = vec![(".envlock/.gitignore".to_owned(), "*\n".to_owned())];
        if !self.own {
            texts.extend(BUILT_IN.map(|(path, text)| (format!("{BUILD}/{path}"), text.to_owned())));
        }
        write(project, texts)
    }

    /// As [`Recipe::lay_out`], with the files for a build by hand. Returns the line to type for each image.
    pub fn prepare(
        &self,
        project: &Utf8Path,
        plan: &Plan,
        files: &BTreeMap<Sha256, Utf8PathBuf>,
    ) -> Result<Vec<String>, Error> {
        self.lay_out(project, plan, files)?;
        let places = self.places();
        let bake = format!("{:#}\n", image::bake(plan, &places, Use::Load));
        let texts = [(BAKE.to_owned(), bake), (ARGS.to_owned(), image::build_args(plan))];
        write(project, texts)?;
        Ok(plan.images.iter().map(|i| image::command_line(plan, &places, i, ARGS)).collect())
    }
}

/// A builder that can do what is needed.
#[derive(Debug, Clone)]
pub struct Engine {
    buildx: Buildx,
    recipe: Recipe,
    r#use: Use,
}

impl Engine {
    /// Finds docker, buildx and the builder (`None`: docker's current one) before anything is fetched.
    pub async fn find(builder: Option<&str>, recipe: Recipe, r#use: Use) -> Result<Self, Error> {
        let buildx = Buildx::find(builder).await?;
        if matches!(r#use, Use::Push { .. }) {
            buildx.can_push_by_digest()?;
        }
        Ok(Self { buildx, recipe, r#use })
    }

    /// Builds all images of the plan in one graph. Returns each one's manifest digest.
    pub async fn build(
        &self,
        project: &Utf8Path,
        plan: &Plan,
        files: &BTreeMap<Sha256, Utf8PathBuf>,
        ui: &Ui,
    ) -> Result<BTreeMap<ImageName, Digest>, Error> {
        self.recipe.lay_out(project, plan, files)?;
        let file: Value = image::bake(plan, &self.recipe.places(), self.r#use);
        let digests = self.buildx.bake(project, &file, ui).await?;
        let named = |image: &image::ImagePlan| {
            let name = image.name.clone();
            digests.get(name.as_str()).map(|digest| (name, *digest))
        };
        Ok(plan.images.iter().filter_map(named).collect())
    }
}

fn write(
    project: &Utf8Path,
    texts: impl IntoIterator<Item = (String, String)>,
) -> Result<(), Error> {
    for (path, text) in texts {
        let path = project.join(path);
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder).map_err(Error::file("making the folder", folder))?;
        }
        fs_err::write(&path, text).map_err(Error::file("writing", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_recipe_has_every_file_that_its_dockerfile_uses() {
        let mut folder = Vec::new();
        for part in ["docker/build", "docker/files"] {
            let entries =
                fs_err::read_dir(format!("{}/{part}", env!("CARGO_MANIFEST_DIR"))).unwrap();
            folder.extend(entries.map(|e| format!("{part}/{}", e.unwrap().file_name().display())));
        }
        folder.sort();
        let built_in: Vec<_> = BUILT_IN[1..].iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(built_in, folder);
    }

    #[test]
    fn a_dockerfile_that_installs_from_no_lock_is_left_alone() {
        let temporary = tempfile::tempdir().unwrap();
        let project = Utf8Path::from_path(temporary.path()).unwrap();
        assert!(!Recipe::of(project).unwrap().own);
        fs_err::write(project.join("Dockerfile"), "FROM ubuntu AS ray-runtime\n").unwrap();
        assert!(!Recipe::of(project).unwrap().own);
        fs_err::write(project.join("Dockerfile"), BUILT_IN[0].1).unwrap();
        assert!(Recipe::of(project).unwrap().own);
    }

    #[test]
    fn changed_and_missing_scripts_of_a_project_are_named() {
        let temporary = tempfile::tempdir().unwrap();
        let project = Utf8Path::from_path(temporary.path()).unwrap();
        assert!(Recipe::of(project).unwrap().changed_files(project).unwrap().is_empty());
        for (path, text) in BUILT_IN {
            fs_err::create_dir_all(project.join(path).parent().unwrap()).unwrap();
            fs_err::write(project.join(path), text).unwrap();
        }
        let recipe = Recipe::of(project).unwrap();
        assert!(recipe.own && recipe.changed_files(project).unwrap().is_empty());
        fs_err::write(project.join("docker/build/base.sh"), "true").unwrap();
        fs_err::remove_file(project.join("docker/files/conda")).unwrap();
        let changed = recipe.changed_files(project).unwrap();
        assert_eq!(changed, ["docker/build/base.sh", "docker/files/conda"]);
    }
}
