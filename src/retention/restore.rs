//! Restores the history from the records of a registry.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::future::try_join_all;

use super::Error;
use super::names::{HISTORY, LOCK, Name, RELEASE, record_tag};
use crate::digest::Sha256;
use crate::image::Repository;
use crate::registry::{Client, Found};
use crate::release::History;

/// A history from a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// All of it, byte for byte as it was written.
    pub history: History,
    /// Where its newest record was.
    pub from: Repository,
    /// The locks of its releases that are still kept, by hash.
    pub locks: BTreeMap<Sha256, Bytes>,
    /// Newer records that were ignored, a sentence each.
    pub notes: Vec<String>,
}

/// The newest history in these repositories that `fits` the local files; when none does, the newest of all.
///
/// # Errors
/// [`Error::NothingKept`], [`Error::BadRecord`].
pub async fn restore(
    client: &Client,
    places: &BTreeSet<Repository>,
    fits: impl Fn(&History) -> bool,
) -> Result<Restored, Error> {
    let mut kept: BTreeMap<u64, Vec<&Repository>> = BTreeMap::new();
    let lists = places.iter().map(async |place| client.tags(place).await);
    for (place, tags) in places.iter().zip(try_join_all(lists).await?) {
        for name in tags.iter().filter_map(|tag| Name::parse(tag)) {
            if let Name::Record(number) = name {
                kept.entry(number).or_default().push(place);
            }
        }
    }
    let (mut newest, mut passed, mut notes) = (None, Vec::new(), Vec::new());
    for (number, places) in kept.iter().rev() {
        let Some((place, found)) = found(client, places, *number).await? else { continue };
        let history = history_of(client, &found, *number).await?;
        if fits(&history) {
            notes = passed.iter().map(|number| skipped(*number)).collect();
            newest = Some((history, place));
            break;
        }
        passed.push(*number);
        newest.get_or_insert((history, place));
    }
    let Some((history, from)) = newest else {
        let names: Vec<_> = places.iter().map(Repository::to_string).collect();
        let places = if names.is_empty() { "any registry".to_owned() } else { names.join(", ") };
        return Err(Error::NothingKept { places });
    };
    let locks = locks(client, &history, &kept).await?;
    Ok(Restored { history, from, locks, notes })
}

fn skipped(number: u64) -> String {
    format!(
        "release {number} is in the registry, and the files here do not match it: it is left out"
    )
}

async fn found(
    client: &Client,
    places: &[&Repository],
    number: u64,
) -> Result<Option<(Repository, Found)>, Error> {
    for place in places {
        if let Some(found) = client.artifact(place, &record_tag(number)).await? {
            return Ok(Some(((*place).clone(), found)));
        }
    }
    Ok(None)
}

/// The history in a record, whose last line is this release, about the very image that the record is beside.
pub(super) async fn history_of(
    client: &Client,
    found: &Found,
    number: u64,
) -> Result<History, Error> {
    let bad = |reason: String| {
        let record = found.reference.to_string();
        Error::BadRecord { record, number, reason }
    };
    if found.artifact_type != RELEASE {
        return Err(bad(format!("it is of the type `{}`", found.artifact_type)));
    }
    let bytes = client.content(found, HISTORY).await?;
    let bytes = bytes.ok_or_else(|| bad("it has no history".to_owned()))?;
    let history = History::parse(&bytes)?;
    let last = history.records.last().filter(|record| record.number == number);
    let last = last.ok_or_else(|| bad("its history ends with another release".to_owned()))?;
    let about = |digest| last.images.values().any(|image| image.digest() == digest);
    if !found.subject.is_some_and(about) {
        return Err(bad("it is beside an image that the release does not name".to_owned()));
    }
    Ok(history)
}

async fn locks(
    client: &Client,
    history: &History,
    kept: &BTreeMap<u64, Vec<&Repository>>,
) -> Result<BTreeMap<Sha256, Bytes>, Error> {
    let mut locks = BTreeMap::new();
    for record in &history.records {
        let (Some(sha256), Some(places)) = (record.lock, kept.get(&record.number)) else {
            continue;
        };
        if locks.contains_key(&sha256) {
            continue;
        }
        let Some((_, found)) = found(client, places, record.number).await? else { continue };
        let lock = client.content(&found, LOCK).await?;
        locks.extend(lock.filter(|lock| Sha256::of(lock) == sha256).map(|lock| (sha256, lock)));
    }
    Ok(locks)
}
