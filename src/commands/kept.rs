//! Kept releases, as several commands need them: where they are, and the history they give back.

use std::collections::BTreeSet;

use crate::commands::{Context, embedded};
use crate::config;
use crate::digest::Digest;
use crate::exit::{Exit, Failure};
use crate::image::{Destination, Repository};
use crate::keep::{self, Recalled};
use crate::reference::PinnedReference;
use crate::registry::Client;
use crate::release::{self, FileChange, History, ProjectLock};
use crate::spec::Spec;

/// The repositories that may have records: those of the images that config.yaml names, and where the spec's images go.
fn places(
    context: &Context,
    spec: &Spec,
    registry: Option<&str>,
) -> Result<BTreeSet<Repository>, Failure> {
    let mut places = BTreeSet::new();
    let named = registry.or(spec.registry.destination.as_deref());
    let own = context.path(crate::registry::embedded::FOLDER).exists().then(embedded::address);
    for destination in named.map(str::to_owned).into_iter().chain(own) {
        let destination: Destination = destination.parse()?;
        places.extend(spec.images.iter().map(|image| destination.repository(&image.name)));
    }
    if registry.is_none() {
        let values = role_values(context, spec);
        let pinned = values.iter().filter_map(|value| value.parse::<PinnedReference>().ok());
        places.extend(pinned.map(|image| Repository::of(&image)));
    }
    Ok(places)
}

fn role_values(context: &Context, spec: &Spec) -> Vec<String> {
    let text = release::read_config(&context.folder, &spec.config.path).unwrap_or_default();
    let roles = config::current(&text, &spec.config).unwrap_or_default();
    roles.into_iter().filter_map(|role| role.value).collect()
}

/// Every digest that a file with roles names, wherever in it.
pub fn mentioned(context: &Context, spec: &Spec, history: &History) -> BTreeSet<Digest> {
    let mut files = BTreeSet::from([spec.config.path.clone()]);
    let edited = history.records.iter().flat_map(|record| &record.edits);
    files.extend(edited.map(|edit| edit.file.clone()));
    let texts = files.iter().filter_map(|file| fs_err::read(context.path(file)).ok());
    texts.flat_map(|text| keep::mentioned(&text)).collect()
}

/// The history that the registry has, the newest that the files here are in the state of.
pub async fn recall(
    context: &Context,
    spec: &Spec,
    client: &Client,
    registry: Option<&str>,
) -> Result<Recalled, Failure> {
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
    Ok(keep::recall(client, &places, fits).await?)
}

/// Writes a recalled history where there is none, with the locks of its releases. Errors: there is a history.
pub fn restore(
    context: &Context,
    project: &ProjectLock,
    recalled: &Recalled,
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

/// That a history is not there, before it is restored.
pub fn refuse_present(context: &Context) -> Result<(), Failure> {
    let file = release::FILE_NAME;
    match context.path(file).exists() {
        false => Ok(()),
        true => Err(Failure::message(
            Exit::Usage,
            format!(
                "{file} is there: --from-registry is for a folder that lost it; leave the option out"
            ),
        )),
    }
}
