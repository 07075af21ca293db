//! Removes old releases from their registries.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::names::{Name, record_tag};
use super::{Error, Removal, Retention, removals};
use crate::digest::Digest;
use crate::image::Repository;
use crate::registry::{Client, Deleted};

/// Questions at the same time.
const CONCURRENCY: usize = 8;

/// The result of the removals in one repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// What was removed.
    pub removed: Vec<Removal>,
    /// What the registry refused to remove, each with its answer.
    pub refused: Vec<(Removal, String)>,
}

/// What would be removed, by repository; those with nothing to remove are left out. The second: numbers in the registry
/// that are not in the history.
pub async fn plan(
    client: &Client,
    retention: &Retention,
    known: &[u64],
) -> Result<(BTreeMap<Repository, Vec<Removal>>, Vec<String>), Error> {
    let (mut all, mut foreign) = (BTreeMap::new(), Vec::new());
    for (place, old) in &retention.old {
        let tags = client.tags(place).await?;
        let strange = tags
            .iter()
            .filter(|tag| Name::parse(tag).is_some_and(|name| !known.contains(&name.number())));
        foreign.extend(strange.map(|tag| format!("{place}:{tag}")));
        let ask = tags.into_iter().map(async |tag| {
            let digest = client.tagged(place, &tag).await?;
            Ok::<_, Error>(digest.map(|digest| (tag, digest)))
        });
        let asked: Vec<_> = ask.collect();
        let found: Vec<_> = stream::iter(asked).buffered(CONCURRENCY).try_collect().await?;
        let tags: BTreeMap<String, Digest> = found.into_iter().flatten().collect();
        let mut removals = removals(old, &tags, &retention.protected);
        let mut there = Vec::new();
        for removal in removals.drain(..) {
            let gone = match &removal {
                Removal::Image { digest, .. } => !client.exists(&place.pinned(*digest)).await?,
                Removal::Record { .. } | Removal::Tag(_) => false,
            };
            if !gone {
                there.push(removal);
            }
        }
        if !there.is_empty() {
            all.insert(place.clone(), there);
        }
    }
    Ok((all, foreign))
}

/// Carries out the removals of one repository. A tag that cannot be removed from an image that stays does no harm, and
/// some registries delete no tags: that is not reported.
pub async fn collect(
    client: &Client,
    place: &Repository,
    removals: &[Removal],
) -> Result<Collected, Error> {
    let mut collected = Collected::default();
    for removal in removals {
        let deleted = match removal {
            Removal::Record { number, digest, image } => {
                client.detach(place, *image, *digest, &[record_tag(*number)]).await?
            }
            Removal::Image { digest, tags, .. } => {
                client.delete_image(place, *digest, tags).await?
            }
            Removal::Tag(tag) => match client.delete(place, tag).await? {
                Deleted::Refused(said) => {
                    tracing::info!(%place, tag, said, "the tag stays");
                    continue;
                }
                deleted => deleted,
            },
        };
        match deleted {
            Deleted::Done | Deleted::Absent => collected.removed.push(removal.clone()),
            Deleted::Refused(said) => collected.refused.push((removal.clone(), said)),
        }
    }
    Ok(collected)
}
