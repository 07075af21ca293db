//! Checks whether each kept release still has its images and tags in its registry, and repairs the tags.

use futures_util::{StreamExt, stream};

use super::names::tag;
use super::put::{parts, put};
use super::{Error, Retention};
use crate::image::Repository;
use crate::reference::PinnedReference;
use crate::registry::Client;
use crate::release::{History, Kind, Record};
use crate::spec::ImageName;

/// Questions at the same time.
const CONCURRENCY: usize = 8;

/// The state of one image of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alive {
    /// It exists, with its tag.
    Kept,
    /// It exists without its tag: a retention job may delete it.
    Untagged,
    /// Its tag is on another image.
    Elsewhere,
    /// It no longer exists.
    Gone,
    /// The registry does not say.
    Unknown(String),
}

/// The states of the images of all kept builds, newest release first.
pub async fn look(
    client: &Client,
    history: &History,
    retention: &Retention,
) -> Vec<(u64, ImageName, PinnedReference, Alive)> {
    let kept = history.records.iter().rev().filter(|r| r.number >= retention.from);
    let builds = kept.filter(|record| record.kind == Kind::Build);
    let images =
        builds.flat_map(|r| r.images.iter().map(move |(name, image)| (r.number, name, image)));
    let asked: Vec<_> = images
        .map(async |(number, name, image)| {
            let alive = match state(client, number, image).await {
                Ok(alive) => alive,
                Err(error) => Alive::Unknown(error.to_string()),
            };
            (number, name.clone(), image.clone(), alive)
        })
        .collect();
    stream::iter(asked).buffered(CONCURRENCY).collect().await
}

async fn state(client: &Client, number: u64, image: &PinnedReference) -> Result<Alive, Error> {
    // Some registries answer for a missing tag that it may not be read.
    let tagged = client.tagged_if_readable(&Repository::of(image), &tag(number)).await?;
    if tagged == Some(image.digest()) {
        return Ok(Alive::Kept);
    }
    Ok(match (client.exists(image).await?, tagged) {
        (false, _) => Alive::Gone,
        (true, None) => Alive::Untagged,
        (true, Some(_)) => Alive::Elsewhere,
    })
}

/// Records and tags kept releases that have no tags, such as those of an older envlock. `lock`
/// returns the lock of a release where it is available. Returns warnings.
pub async fn repair_tags(
    client: &Client,
    history: &History,
    retention: &Retention,
    lock: impl Fn(&Record) -> Option<Vec<u8>>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    for (number, name, image, alive) in look(client, history, retention).await {
        let about = format!("{name} of release {number} ({image})");
        match alive {
            Alive::Kept | Alive::Unknown(_) => {}
            Alive::Gone => warnings.push(format!("{about} is no longer in the registry")),
            Alive::Elsewhere => {
                warnings.push(format!("{about} is not kept: {} is on another image", tag(number)));
            }
            // A registry that refuses it now has refused it for this release too, which was reported.
            Alive::Untagged if client.keeps_nothing(&Repository::of(&image)) => {}
            Alive::Untagged => {
                let Some(record) = history.records.iter().find(|r| r.number == number) else {
                    continue;
                };
                let Some(lines) = history.upto(number) else { continue };
                let parts = parts(record, &lines, lock(record).as_deref());
                let why = match put(client, &image, record, &parts, None).await {
                    Ok(Some(put)) => put.untold().map(ToString::to_string),
                    Ok(None) => Some("its number belongs to another run".to_owned()),
                    Err(error) => Some(error.to_string()),
                };
                warnings.extend(why.map(|why| format!("{about} is not kept: {why}")));
            }
        }
    }
    if let Err(error) = client.list_attached().await {
        warnings.push(format!("what is beside older releases is in no list of referrers: {error}"));
    }
    warnings
}
