//! Tells the registry of a release before any file is written: a number that is free there, a record beside each
//! image, a tag on both. What is taken is never overwritten, so a number that came to nothing only leaves a gap.
//!
//! Two runs on one branch: the one that finds its own release recorded (the same images, edits, lock, commit, after the
//! same history) takes that record over byte for byte, and both write the same files. Otherwise it takes the next
//! free number. Afterwards every tag is read back: who lost a race begins again.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::future::{join_all, try_join, try_join_all};

use super::names::{HISTORY, LOCK, Name, RECORD, RELEASE, record_tag, tag};
use super::{Error, recall};
use crate::digest::Digest;
use crate::image::Repository;
use crate::reference::PinnedReference;
use crate::registry::{Artifact, Client, Part, Subject};
use crate::release::{Draft, Record};
use crate::spec::ImageName;

/// Numbers that are tried before it is given up.
const TRIES: u32 = 8;

/// What was found out, and sent, of a release before it was certain that it will be.
#[derive(Debug)]
pub struct Ahead {
    number: u64,
    /// As the images that are ours.
    found: Vec<Standing>,
}

/// What can be done for [`announce`] beside the checks that decide whether there is anything to announce: looks who has
/// the number, and sends the bytes of the record. They have no name yet: where nothing comes of it, the registry's own
/// cleaning takes them. Errors: as those of [`announce`].
pub async fn ahead(
    client: &Client,
    draft: &Draft,
    lock: Option<&[u8]>,
    fresh: &BTreeSet<ImageName>,
) -> Result<Option<Ahead>, Error> {
    let Some(record) = draft.record() else { return Ok(None) };
    let parts = parts(record, &draft.lines()?, lock);
    let images = record.images.iter().filter(|(name, _)| fresh.contains(name));
    let places: Vec<_> = images.map(|(_, image)| image.clone()).collect();
    let sent = places.iter().map(async |image| {
        Ok::<_, Error>(client.bring_parts(&Repository::of(image), &parts).await?)
    });
    let found = standings(client, draft, &places, record.number);
    let (found, _) = try_join(found, try_join_all(sent)).await?;
    Ok(Some(Ahead { number: record.number, found }))
}

/// Gives the draft a number that is free in the repositories of `fresh` (the images that this run pushed), and
/// records and tags the release there and beside its other images. `ahead`: what was found out before. Returns warnings
/// about those others.
///
/// Errors: [`Error::Registry`] and [`Error::Crowded`] (exit 8); then nothing may be written.
pub async fn announce(
    client: &Client,
    draft: &mut Draft,
    lock: Option<&[u8]>,
    fresh: &BTreeSet<ImageName>,
    mut ahead: Option<Ahead>,
) -> Result<Vec<String>, Error> {
    let Some(images) = draft.record().map(|record| record.images.clone()) else {
        return Ok(vec![]);
    };
    let (ours, others): (Vec<_>, Vec<_>) =
        images.into_iter().partition(|(name, _)| fresh.contains(name));
    let places: Vec<_> = ours.into_iter().map(|(_, image)| image).collect();
    let mut warnings = Vec::new();
    for _ in 0..TRIES {
        choose_number(client, draft, &places, ahead.take()).await?;
        let Some(record) = draft.record().cloned() else { return Ok(vec![]) };
        let parts = parts(&record, &draft.lines()?, lock);
        let puts = places.iter().map(|image| put(client, image, &record, &parts));
        // All of them come to their end: a place that fails must not leave another half recorded.
        let records = join_all(puts).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        let checks = places.iter().zip(&records).map(async |(image, put)| match put {
            Some(put) => {
                let held = holds(client, image, &record, put.digest);
                Ok(try_join(held, put.listed(client, image)).await?.0)
            }
            None => Ok::<_, Error>(false),
        });
        let held = join_all(checks).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        if held.into_iter().all(|held| held) {
            let next = draft.history().next_number();
            if record.number != next {
                let taken =
                    format!("release {next} is taken in the registry by another run or project");
                warnings.push(format!("{taken}: this is release {}", record.number));
            }
            let taken = || Some("somebody else has this number there".to_owned());
            let beside = others.iter().map(async |(_, image)| {
                if let Standing::Taken = standing(client, draft, image, record.number).await? {
                    return Ok(taken());
                }
                match put(client, image, &record, &parts).await? {
                    Some(put) => put.listed(client, image).await.map(|()| None),
                    None => Ok(taken()),
                }
            });
            for ((name, image), result) in others.iter().zip(join_all(beside).await) {
                let Some(why) = result.unwrap_or_else(|error: Error| Some(error.to_string()))
                else {
                    continue;
                };
                let about = format!("{name} of release {} is not kept", record.number);
                warnings.push(format!("{about}: {image}: {why}"));
            }
            return Ok(warnings);
        }
        let number = record.number + 1;
        draft.renumber(number);
    }
    let number = draft.record().map_or(0, |record| record.number);
    Err(Error::Crowded { number, times: TRIES })
}

async fn standings(
    client: &Client,
    draft: &Draft,
    places: &[PinnedReference],
    number: u64,
) -> Result<Vec<Standing>, Error> {
    try_join_all(places.iter().map(|image| standing(client, draft, image, number))).await
}

/// The draft's own number where that is free or its own record is there already, else the first free one.
async fn choose_number(
    client: &Client,
    draft: &mut Draft,
    places: &[PinnedReference],
    ahead: Option<Ahead>,
) -> Result<(), Error> {
    let number = draft.record().map_or(0, |record| record.number);
    let found = match ahead {
        Some(ahead) if ahead.number == number && ahead.found.len() == places.len() => ahead.found,
        _ => standings(client, draft, places, number).await?,
    };
    let mut records: Vec<Record> = Vec::new();
    let mut taken = false;
    for standing in found {
        match standing {
            Standing::Free => {}
            Standing::Ours(record) if records.first().is_none_or(|first| *first == *record) => {
                records.push(*record);
            }
            Standing::Ours(_) | Standing::Taken => taken = true,
        }
    }
    if !taken {
        if let Some(record) = records.into_iter().next() {
            draft.adopt(record);
        }
        return Ok(());
    }
    let lists = places.iter().map(async |image| client.tags(&Repository::of(image)).await);
    let tags: Vec<_> = try_join_all(lists).await?.concat();
    let numbers = tags.iter().filter_map(|tag| Name::parse(tag)).map(Name::number);
    draft.renumber(numbers.max().unwrap_or(number).max(number) + 1);
    Ok(())
}

/// Who has a number in a repository.
#[derive(Debug)]
enum Standing {
    Free,
    /// A record of this very release.
    Ours(Box<Record>),
    Taken,
}

async fn standing(
    client: &Client,
    draft: &Draft,
    image: &PinnedReference,
    number: u64,
) -> Result<Standing, Error> {
    let (place, tags) = (Repository::of(image), (record_tag(number), tag(number)));
    let asked = try_join(client.artifact(&place, &tags.0), client.tagged(&place, &tags.1));
    let (found, tagged) = asked.await?;
    let Some(found) = found else {
        // A tag without a record is what an interrupted run leaves, if it is on this image.
        let free = tagged.is_none_or(|digest| digest == image.digest());
        return Ok(if free { Standing::Free } else { Standing::Taken });
    };
    let history = match recall::history_of(client, &found, number).await {
        Ok(history) => history,
        Err(Error::BadRecord { .. }) => return Ok(Standing::Taken),
        Err(error) => return Err(error),
    };
    let Some(record) = history.records.last().filter(|record| draft.is_same(record)) else {
        return Ok(Standing::Taken);
    };
    let same = draft.history().with(record)? == history.bytes();
    Ok(if same { Standing::Ours(Box::new(record.clone())) } else { Standing::Taken })
}

/// What a record artifact holds.
pub(super) fn parts(record: &Record, history: &[u8], lock: Option<&[u8]>) -> Vec<Part> {
    let part = |media_type: &str, name: &str, bytes: &[u8]| Part {
        media_type: media_type.to_owned(),
        name: name.to_owned(),
        bytes: Bytes::copy_from_slice(bytes),
    };
    let line = serde_json::to_vec(record).expect("a record always serializes");
    let mut parts = vec![
        part(RECORD, "release.json", &line),
        part(HISTORY, crate::release::FILE_NAME, history),
    ];
    parts.extend(lock.map(|lock| part(LOCK, crate::lock::FILE_NAME, lock)));
    parts
}

pub(super) fn artifact(subject: Subject, record: &Record, parts: &[Part]) -> Artifact {
    let mut annotations = BTreeMap::from([
        ("org.opencontainers.image.created".to_owned(), record.time.to_string()),
        ("dev.envlock.release".to_owned(), record.number.to_string()),
    ]);
    annotations
        .extend(record.lock.map(|sha| ("dev.envlock.lock.sha256".to_owned(), sha.to_string())));
    Artifact { artifact_type: RELEASE.to_owned(), subject, annotations, parts: parts.to_vec() }
}

/// A record that is in the registry.
pub(super) struct Put {
    digest: Digest,
    /// What a registry without the referrers API has yet to be told.
    unlisted: Option<Artifact>,
}

impl Put {
    /// Sees to it that lists of referrers show the record.
    pub(super) async fn listed(
        &self,
        client: &Client,
        image: &PinnedReference,
    ) -> Result<(), Error> {
        match &self.unlisted {
            Some(artifact) => Ok(client.list(&Repository::of(image), artifact).await?),
            None => Ok(()),
        }
    }
}

/// The record beside one image and both tags, unless one of them is on something else.
pub(super) async fn put(
    client: &Client,
    image: &PinnedReference,
    record: &Record,
    parts: &[Part],
) -> Result<Option<Put>, Error> {
    let place = Repository::of(image);
    let artifact = artifact(client.subject(image).await?, record, parts);
    let (digest, tags) = (artifact.digest(), (record_tag(record.number), tag(record.number)));
    let now = try_join(client.tagged(&place, &tags.0), client.tagged(&place, &tags.1)).await?;
    let taken = |now: Option<Digest>, wanted: Digest| now.is_some_and(|now| now != wanted);
    if taken(now.0, digest) || taken(now.1, image.digest()) {
        return Ok(None);
    }
    let recorded = async {
        match now.0 {
            Some(_) => client.attach(&place, &artifact).await.map(|_| true),
            // Under the tag it is there under its digest, too.
            None => client.put_artifact(&place, &artifact, &tags.0).await,
        }
    };
    let named = async {
        match now.1 {
            Some(_) => Ok(()),
            None => client.name(&place, image.digest(), &tags.1).await,
        }
    };
    let (listed, ()) = try_join(recorded, named).await?;
    let unlisted = if listed { None } else { Some(artifact) };
    Ok(Some(Put { digest, unlisted }))
}

/// Whether both tags are still ours.
async fn holds(
    client: &Client,
    image: &PinnedReference,
    record: &Record,
    artifact: Digest,
) -> Result<bool, Error> {
    let place = Repository::of(image);
    let tags = (record_tag(record.number), tag(record.number));
    let asked = try_join(client.tagged(&place, &tags.0), client.tagged(&place, &tags.1)).await?;
    Ok(asked == (Some(artifact), Some(image.digest())))
}
