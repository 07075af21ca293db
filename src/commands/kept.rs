//! Releases as registries keep them: their repositories, and the history that can be restored from them.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::commands::{Context, embedded};
use crate::config;
use crate::digest::Digest;
use crate::exit::{Exit, Failure};
use crate::image::{Destination, Repository};
use crate::reference::PinnedReference;
use crate::registry::Client;
use crate::release::{self, FileChange, History, ProjectLock};
use crate::retention::{self, Restored};
use crate::spec::{ImageName, Spec};

/// The repositories that may have records: those of the images that config.yaml names, and where the spec's images go.
fn places(
    context: &Context,
    spec: &Spec,
    registry: Option<&str>,
) -> Result<BTreeSet<Repository>, Failure> {
    let mut places = BTreeSet::new();
    let named = registry.or(spec.registry.destination.as_deref());
    let mut own = Vec::new();
    if embedded::has_images(context) {
        own.push(embedded::destination(context));
    }
    if embedded::old_layout(context).is_some() {
        own.extend(embedded::addresses(context).iter().map(ToString::to_string));
    }
    for destination in named.map(str::to_owned).into_iter().chain(own) {
        let destination: Destination = destination.parse()?;
        places.extend(spec.images.iter().map(|image| destination.repository(&image.name)));
    }
    if registry.is_none() {
        let values = role_values(context, spec)?;
        let pinned = values.iter().filter_map(|value| value.parse::<PinnedReference>().ok());
        places.extend(pinned.map(|image| Repository::of(&image)));
    }
    Ok(places)
}

/// The present values of the roles; none where one of their files is missing.
fn role_values(context: &Context, spec: &Spec) -> Result<Vec<String>, Failure> {
    let files = match release::config_files(&context.folder, &spec.config) {
        Err(error) if error.is_absence() => return Ok(vec![]),
        files => files?,
    };
    let roles = config::current(&files, &spec.config)?;
    Ok(roles.into_iter().filter_map(|role| role.value).collect())
}

/// Every digest that a file with roles names, wherever in it.
///
/// # Errors
/// A file that exists and cannot be read; the images it names must not count as unused.
pub fn mentioned(
    context: &Context,
    spec: &Spec,
    history: &History,
) -> Result<BTreeSet<Digest>, release::Error> {
    let named = spec.config.files().into_iter().map(Utf8Path::to_owned);
    let mut files: BTreeSet<Utf8PathBuf> = named.collect();
    let edited = history.records.iter().flat_map(|record| &record.edits);
    files.extend(edited.map(|edit| edit.file.clone()));
    let mut digests = BTreeSet::new();
    for file in files.iter().filter(|file| context.path(file).symlink_metadata().is_ok()) {
        digests.extend(retention::mentioned(&release::read_config(&context.folder, file)?));
    }
    Ok(digests)
}

/// The registry's history; of several, the newest that matches the state of the files here.
pub async fn recall(
    context: &Context,
    spec: &Spec,
    client: &Client,
    registry: Option<&str>,
) -> Result<Restored, Failure> {
    let places = places(context, spec, registry)?;
    let hosts = places.iter().map(|place| place.registry.as_str());
    let _serving = embedded::hold_for(context, hosts).await?;
    let fits = |history: &History| {
        let Ok(state) = history.current() else { return false };
        state.values.iter().all(|((file, path), value)| {
            let bytes = release::read_config(&context.folder, file).ok();
            bytes.is_some_and(|bytes| config::read(&bytes, path).ok().as_ref() == Some(value))
        })
    };
    Ok(retention::restore(client, &places, fits).await?)
}

/// Writes a restored history where there is none, with the locks of its releases.
///
/// # Errors
/// There is a history already.
pub fn restore(
    context: &Context,
    project: &ProjectLock,
    recalled: &Restored,
) -> Result<(), Failure> {
    for lock in recalled.locks.values() {
        // The hash was checked when it came; only text is kept as a lock.
        if let Ok(text) = std::str::from_utf8(lock) {
            release::keep_lock(project.folder(), text)?;
        }
    }
    let (file, after) = (release::FILE_NAME.into(), recalled.history.bytes().to_vec());
    project.commit(&[FileChange { file, before: None, after }])?;
    for note in &recalled.notes {
        context.ui.warn(note);
    }
    let count = recalled.history.records.len();
    let (file, from) = (release::FILE_NAME, &recalled.from);
    context.ui.note(format!("restored {file} from {from}: {count} releases"));
    Ok(())
}

/// Checks that there is no history before one is restored.
pub fn refuse_present(context: &Context) -> Result<(), Failure> {
    let file = release::FILE_NAME;
    match context.path(file).exists() {
        false => Ok(()),
        true => Err(Failure::message(
            Exit::Usage,
            format!(
                "{file} exists: --from-registry is for a folder that lost it; leave the option out"
            ),
        )),
    }
}

/// The image that an argument means: a reference, an image name of the last release, or a digest in any repository
/// known here.
///
/// # Errors
/// It means no image.
pub async fn find_image(
    context: &Context,
    spec: &Spec,
    client: &Client,
    history: &History,
    word: &str,
) -> Result<PinnedReference, Failure> {
    if let Ok(pinned) = word.parse::<PinnedReference>() {
        return Ok(pinned);
    }
    let released = history.current()?.images;
    if let Some((_, image)) = released.iter().find(|(name, _)| name.as_str() == word) {
        return Ok(image.clone());
    }
    if let Ok(digest) = word.parse::<Digest>() {
        let mut places = places(context, spec, None)?;
        let recorded = history.records.iter().flat_map(|record| record.images.values());
        places.extend(recorded.map(Repository::of));
        let hosts = places.iter().map(|place| place.registry.as_str());
        let _serving = embedded::hold_for(context, hosts).await?;
        for place in &places {
            let pinned = place.pinned(digest);
            if client.exists(&pinned).await? {
                return Ok(pinned);
            }
        }
        let names: Vec<_> = places.iter().map(Repository::to_string).collect();
        let message = format!("{digest} is in none of {}", names.join(", "));
        return Err(Failure::message(Exit::Registry, message));
    }
    if !word.contains('/') {
        let known: Vec<_> = released.keys().map(ImageName::as_str).collect();
        let known = match known.as_slice() {
            [] => "nothing was released here".to_owned(),
            known => format!("that has {}", known.join(", ")),
        };
        let message = format!(
            "`{word}` is not an image of the last release ({known}); write HOST/NAME@sha256:… or HOST/NAME:TAG"
        );
        return Err(Failure::message(Exit::Usage, message));
    }
    let tagged = crate::reference::parse(word).map_err(crate::reference::Unreadable)?;
    let place =
        Repository { registry: tagged.registry().to_owned(), name: tagged.repository().to_owned() };
    let _serving = embedded::hold_for(context, [tagged.registry()]).await?;
    match client.tagged(&place, tagged.tag().unwrap_or("latest")).await? {
        Some(digest) => Ok(place.pinned(digest)),
        None => Err(Failure::message(Exit::Registry, format!("{word} is not in its registry"))),
    }
}
