//! Whether each kept release is still alive in its registry, and making it so again.

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

/// How one image of a release is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alive {
    /// It is there under its tag.
    Kept,
    /// It is there without: a retention job may take it.
    Untagged,
    /// Its tag is on another image.
    Elsewhere,
    /// It is gone.
    Gone,
    /// The registry does not say.
    Unknown(String),
}

/// How the images of all kept builds are, newest release first.
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
    // Some registries say of a tag that is not there that it may not be read.
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

/// Records and tags kept releases that are there untagged, such as those of an envlock that did not tag yet. `lock`
/// gives the lock of a release where it is at hand. Returns warnings.
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
            Alive::Gone => warnings.push(format!("{about} is not in the registry any more")),
            Alive::Elsewhere => {
                warnings.push(format!("{about} is not kept: {} is on another image", tag(number)));
            }
            // What the registry does not take now was told of this release.
            Alive::Untagged if client.keeps_nothing(&Repository::of(&image)) => {}
            Alive::Untagged => {
                let Some(record) = history.records.iter().find(|r| r.number == number) else {
                    continue;
                };
                let Some(lines) = history.upto(number) else { continue };
                let parts = parts(record, &lines, lock(record).as_deref());
                let why = match put(client, &image, record, &parts, None).await {
                    Ok(Some(put)) => put.untold().map(ToString::to_string),
                    Ok(None) => Some("its number is somebody else's".to_owned()),
                    Err(error) => Some(error.to_string()),
                };
                warnings.extend(why.map(|why| format!("{about} is not kept: {why}")));
            }
        }
    }
    if let Err(error) = client.list_attached().await {
        warnings.push(format!("what lies beside older releases is in no list: {error}"));
    }
    warnings
}
