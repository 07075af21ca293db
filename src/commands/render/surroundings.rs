//! What a compose file needs of the project: its lock, its path, and the files that services mount.

use camino::{Utf8Component, Utf8Path};

use crate::commands::{Context, init};
use crate::engine::dockerfile::Recipe;
use crate::spec::Spec;
use crate::{image, render};

/// The path of the project folder, relative to a folder in it; from elsewhere, its absolute path.
pub(super) fn way_up(folder: &Utf8Path, context: &Context) -> String {
    let mut up = Vec::new();
    for component in folder.components() {
        match component {
            Utf8Component::CurDir => {}
            Utf8Component::Normal(_) => up.push(".."),
            _ => {
                let project = context.folder.canonicalize_utf8();
                return project.unwrap_or_else(|_| context.folder.clone()).into_string();
            }
        }
    }
    if up.is_empty() { ".".to_owned() } else { up.join("/") }
}

/// A path below a folder.
pub(super) fn joined(folder: &str, below: &str) -> String {
    if below == "." { folder.to_owned() } else { format!("{folder}/{below}") }
}

/// The values of env.lock for builds.
///
/// # Errors
/// A sentence that says what to do to get them.
pub(super) fn lock(context: &Context, spec: &Spec, project: &str) -> Result<render::Lock, String> {
    let name = context.lock_name(None);
    let (lock, text) = context.read_lock(&name).map_err(|error| match error {
        crate::lock::Error::Missing { .. } => {
            format!("there is no {name}: run `envlock resolve` and `envlock build --prepare`")
        }
        other => format!("{name} cannot be used: {other}"),
    })?;
    let sha256 = crate::lock::choice_sha256(&lock, &text);
    let args = image::arguments(&lock, sha256, spec)
        .map_err(|error| format!("{name} cannot be used: {error}"))?;
    let packages =
        lock.packages.iter().map(|p| (p.name.to_string(), p.version.to_string())).collect();
    let contexts = [("envlock".to_owned(), joined(project, Recipe::PACKAGES))].into();
    Ok(render::Lock { sha256: sha256.to_string(), args, contexts, packages })
}

/// The files that the compose file mounts and that are missing.
pub(super) fn missing(context: &Context, folder: &Utf8Path, text: &str) -> Vec<String> {
    let own = init::platform_files();
    let missing = |path: &String| {
        let file = folder.join(path.trim_start_matches("./"));
        let is_ours = own.clone().any(|name| Utf8Path::new(name).starts_with(&file));
        let what = if is_ours { ": `envlock init --platform` writes it" } else { "" };
        (!context.path(&file).exists())
            .then(|| format!("{file} is missing, and a service mounts it{what}"))
    };
    render::mounted(text).iter().filter_map(missing).collect()
}
