//! Records a release in the registry before any file is written: a number that is free there, a record beside each
//! image, a tag on both. A number that is in use is never overwritten, so one that is not used in the end only leaves a gap.
//!
//! Two runs on one branch: the one that finds its own release recorded (the same images, edits, lock, commit, after the
//! same history) takes that record over byte for byte, and both write the same files. Otherwise it takes the next
//! free number. Afterwards every tag is read back: the run that lost a race starts again.
//!
//! The release does not depend on this: what a registry does not keep is reported, and stops it only where `[release]` says
//! `records = "required"`.

use std::collections::BTreeSet;

use futures_util::future::{OptionFuture, join, join_all, try_join, try_join_all};

use super::names::{Name, record_tag, tag};
use super::put::{Seen, is_untold, parts, put};
use super::{Error, restore};
use crate::image::Repository;
use crate::reference::PinnedReference;
use crate::registry::{self, Client, Part};
use crate::release::{Draft, Record};
use crate::spec::ImageName;

/// How many numbers are tried.
const TRIES: u32 = 8;

/// Sends the bytes of the record for [`publish_record`]; can run beside the checks that decide whether a release is made
/// at all. The bytes have no tag yet: if no release follows, the registry's garbage collection removes them.
///
/// # Errors
/// Those of [`publish_record`].
pub async fn prepare(
    client: &Client,
    draft: &Draft,
    lock: Option<&[u8]>,
    fresh: &BTreeSet<ImageName>,
) -> Result<(), Error> {
    let Some(record) = draft.record() else { return Ok(()) };
    let parts = parts(record, &draft.lines()?, lock);
    let images = record.images.iter().filter(|(name, _)| fresh.contains(name));
    let places: Vec<_> = images.map(|(_, image)| image).collect();
    let sent = places.iter().map(async |image| {
        Ok::<_, Error>(client.upload_parts(&Repository::of(image), &parts).await?)
    });
    let asked = places.first().map(|image| client.ask_for_lists(image));
    join(try_join_all(sent), OptionFuture::from(asked)).await.0.map(|_| ())
}

/// Gives the draft a number that is free in the repositories of `fresh` (the images that this run pushed), and
/// records and tags the release there and beside its other images. Returns warnings about what is not kept; the draft
/// then names the images concerned.
///
/// # Errors
/// [`Error::Crowded`], and with `records = "required"` [`Error::Registry`] (exit 8); then nothing may be written.
pub async fn publish_record(
    client: &Client,
    draft: &mut Draft,
    lock: Option<&[u8]>,
    fresh: &BTreeSet<ImageName>,
    required: bool,
) -> Result<Vec<String>, Error> {
    let Some(images) = draft.record().map(|record| record.images.clone()) else {
        let mut lost = Lost::default();
        lost.add_list(client.list_attached().await, required)?;
        return Ok(lost.warnings.into_iter().collect());
    };
    let (ours, others): (Vec<_>, Vec<_>) =
        images.into_iter().partition(|(name, _)| fresh.contains(name));
    let places: Vec<_> = ours.iter().map(|(_, image)| image.clone()).collect();
    for _ in 0..TRIES {
        let seen = choose_number(client, draft, &places).await?;
        let Some(record) = draft.record().cloned() else { return Ok(vec![]) };
        let parts = parts(&record, &draft.lines()?, lock);
        let puts = places.iter().zip(seen);
        let puts = puts.map(|(image, seen)| put(client, image, &record, &parts, seen));
        // All of them are awaited: one that fails must not leave another incomplete.
        let puts = join_all(puts).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        let listed = client.list_attached().await;
        if puts.iter().all(|put| put.as_ref().is_some_and(|put| put.holds)) {
            let mut lost = Lost::default();
            lost.add_list(listed, required)?;
            for ((name, image), put) in ours.iter().zip(puts.into_iter().flatten()) {
                lost.add_list(put.listed, required)?;
                lost.add(name, image, put.lost, required)?;
            }
            lost.warnings.extend(renumbered(draft, &record));
            beside(client, draft, &others, &parts, &mut lost).await;
            draft.not_kept(lost.images);
            return Ok(lost.warnings.into_iter().collect());
        }
        draft.renumber(record.number + 1);
    }
    let number = draft.record().map_or(0, |record| record.number);
    Err(Error::Crowded { number, times: TRIES })
}

/// What a registry does not keep of a release.
#[derive(Default)]
struct Lost {
    images: BTreeSet<ImageName>,
    warnings: BTreeSet<String>,
}

impl Lost {
    ///
    /// # Errors
    /// The records are required.
    fn add(
        &mut self,
        name: &ImageName,
        image: &PinnedReference,
        lost: Vec<registry::Error>,
        required: bool,
    ) -> Result<(), Error> {
        for error in lost {
            if required {
                return Err(error.into());
            }
            self.images.insert(name.clone());
            if is_untold(&error) {
                let host = image.registry();
                self.warnings.insert(format!("{host} has no record of this release: {error}"));
            }
        }
        Ok(())
    }

    /// The result of adding what this run attached to the lists of referrers.
    ///
    /// # Errors
    /// The records are required.
    fn add_list(
        &mut self,
        listed: Result<(), registry::Error>,
        required: bool,
    ) -> Result<(), Error> {
        match listed {
            Err(error) if required => return Err(error.into()),
            Err(error) if is_untold(&error) => self.warn_of_list(&error),
            _ => {}
        }
        Ok(())
    }

    fn warn_of_list(&mut self, error: &registry::Error) {
        self.warnings
            .insert(format!("what is beside the images is in no list of referrers: {error}"));
    }
}

fn renumbered(draft: &Draft, record: &Record) -> Option<String> {
    let next = draft.history().next_number();
    let taken = format!("release {next} is in use in the registry by another run or project");
    (record.number != next).then(|| format!("{taken}: this is release {}", record.number))
}

/// The record beside images that this run did not push, and that other projects may use too.
async fn beside(
    client: &Client,
    draft: &Draft,
    others: &[(ImageName, PinnedReference)],
    parts: &[Part],
    lost: &mut Lost,
) {
    let Some(record) = draft.record() else { return };
    let puts = others.iter().map(async |(_, image)| {
        let seen = match standing(client, draft, image, record.number).await? {
            Standing::Taken => return Ok(None),
            Standing::Free(seen) => seen,
            Standing::Ours(_, seen) => Some(seen),
        };
        put(client, image, record, parts, seen).await
    });
    let puts: Vec<Result<_, Error>> = join_all(puts).await;
    for ((name, image), put) in others.iter().zip(puts) {
        let why = match put {
            Ok(Some(put)) => {
                put.listed
                    .as_ref()
                    .err()
                    .filter(|e| is_untold(e))
                    .inspect(|e| lost.warn_of_list(e));
                put.untold().map(ToString::to_string)
            }
            Ok(None) => Some("another run has this number there".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = why {
            let about = format!("{name} of release {} is not kept", record.number);
            lost.warnings.insert(format!("{about}: {image}: {why}"));
        }
    }
}

/// The draft's own number where that is free or its own record is there already, else the first free one. Also returns
/// what was found at that number in each repository that was checked.
async fn choose_number(
    client: &Client,
    draft: &mut Draft,
    places: &[PinnedReference],
) -> Result<Vec<Option<Seen>>, Error> {
    let number = draft.record().map_or(0, |record| record.number);
    let asked = places.iter().map(|image| standing(client, draft, image, number));
    let mut records: Vec<Record> = Vec::new();
    let (mut taken, mut all_seen) = (false, Vec::new());
    for standing in try_join_all(asked).await? {
        match standing {
            Standing::Free(seen) => all_seen.push(seen),
            Standing::Ours(record, seen) if records.first().is_none_or(|r| *r == *record) => {
                records.push(*record);
                all_seen.push(Some(seen));
            }
            Standing::Ours(..) | Standing::Taken => taken = true,
        }
    }
    if !taken {
        if let Some(record) = records.into_iter().next() {
            draft.adopt(record);
        }
        return Ok(all_seen);
    }
    let lists = places.iter().map(async |image| client.tags(&Repository::of(image)).await);
    // Where tags cannot be listed, the next number is tried.
    let tags: Vec<_> = join_all(lists).await.into_iter().flatten().flatten().collect();
    let numbers = tags.iter().filter_map(|tag| Name::parse(tag)).map(Name::number);
    draft.renumber(numbers.max().unwrap_or(number).max(number) + 1);
    Ok(vec![None; places.len()])
}

/// The state of a number in a repository.
#[derive(Debug)]
enum Standing {
    /// `None`: that could not be read.
    Free(Option<Seen>),
    /// A record of this very release.
    Ours(Box<Record>, Seen),
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
    // A repository that cannot be read may still be writable: the write decides.
    let Ok((found, tagged)) = asked.await else { return Ok(Standing::Free(None)) };
    let record = found.as_ref().map(|found| found.reference.digest());
    let seen = Seen { record, image: tagged };
    let Some(found) = found else {
        // A tag on this image without a record is left by an interrupted run.
        let free = tagged.is_none_or(|digest| digest == image.digest());
        return Ok(if free { Standing::Free(Some(seen)) } else { Standing::Taken });
    };
    let history = match restore::history_of(client, &found, number).await {
        Ok(history) => history,
        Err(Error::BadRecord { .. } | Error::Registry(_)) => return Ok(Standing::Taken),
        Err(error) => return Err(error),
    };
    let Some(record) = history.records.last().filter(|record| draft.is_same(record)) else {
        return Ok(Standing::Taken);
    };
    let same = draft.history().with(record)? == history.bytes();
    Ok(if same { Standing::Ours(Box::new(record.clone()), seen) } else { Standing::Taken })
}
