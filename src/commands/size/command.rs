//! `envlock size`: the sizes of images by layer and package, what they share, and what changed.

use std::collections::BTreeMap;

use super::against::Against;
use super::scales::Scales;
use crate::base_image;
use crate::cli::Size;
use crate::commands::{Context, embedded, kept};
use crate::digest::Digest;
use crate::exit::{CommandResult, Exit, Failure};
use crate::lock::{BasePin, Lock};
use crate::reference::PinnedReference;
use crate::registry::Manifest;
use crate::release;
use crate::reports;
use crate::size::{self, Grounds, ImageSize, Report};
use crate::store::Store;

pub async fn run(args: Size, context: &Context) -> CommandResult {
    let spec = context.spec()?;
    let client = context.registry(&spec, args.insecure)?;
    let (_, history) = release::read_history(&context.folder)?;
    let store = Store::open()?;
    let scales = Scales { context, spec: &spec, client: &client, history: &history, store: &store };
    let nothing_released = history.current()?.images.is_empty();
    let by_name = !args.images.iter().any(|word| is_place(word));
    let images = match args.planned || nothing_released && by_name {
        true => planned(&args, &scales).await?,
        false => weighed(&args, &scales).await?,
    };
    let mut files = Vec::new();
    for size in images.iter().filter(|_| args.files) {
        let Some(image) = &size.image else { return Err(not_built()) };
        files.push(scales.files(size, image).await?);
    }
    let mut changes = Vec::new();
    if let Some(since) = &args.since {
        let against = Against::find(since, &scales).await?;
        for image in &images {
            match against.image(&image.name) {
                Some(earlier) => {
                    let before = scales.weigh(earlier, args.read).await?;
                    changes.push(size::changes(&before, image, against.words()));
                }
                None => {
                    let (name, words) = (&image.name, against.words());
                    context.ui.warn(format!("{words} has no image {name}"));
                }
            }
        }
    }
    let shared = size::shared(&images);
    let report = Report { images, shared, changes, files };
    let pictures =
        [(&args.svg, size::svg as fn(&Report, size::Measure) -> String), (&args.html, size::html)];
    for (path, picture) in pictures {
        if let Some(path) = path {
            let path = context.path(path);
            context.write(&path, &picture(&report, args.by))?;
            context.ui.note(format!("wrote {path}"));
        }
    }
    let text = || size::text(&report, args.by, args.top);
    context.result(&reports::Size::from(&report), text);
    Ok(Exit::Ok)
}

/// Whether an argument is an image's reference, and not its name in the spec.
fn is_place(word: &str) -> bool {
    word.contains(['/', ':'])
}

fn not_built() -> Failure {
    let message =
        "what is planned only has no files: build it, or name an image, HOST/NAME@sha256:…";
    Failure::message(Exit::Usage, message)
}

/// The named images, else those of the last release; an image that continues another comes after it.
async fn weighed(args: &Size, scales: &Scales<'_>) -> Result<Vec<ImageSize>, Failure> {
    let Scales { context, spec, client, history, .. } = *scales;
    let mut places = Vec::new();
    for word in &args.images {
        places.push(kept::find_image(context, spec, client, history, word).await?);
    }
    if places.is_empty() {
        places.extend(history.current()?.images.into_values());
    }
    let mut images = Vec::new();
    for place in places {
        images.push(scales.weigh(&place, args.read).await?);
    }
    if args.images.is_empty() {
        images.sort_by_key(|image| image.layers.len());
    }
    Ok(images)
}

/// The images that env.lock will make.
async fn planned(args: &Size, scales: &Scales<'_>) -> Result<Vec<ImageSize>, Failure> {
    let Scales { context, spec, .. } = *scales;
    let file = context.lock_name(args.lock.as_deref());
    let (lock, _) = context.read_lock(&file)?;
    let (mut bases, mut unpacked) = (BTreeMap::new(), BTreeMap::new());
    for pin in [&lock.base.runtime, &lock.base.devel] {
        if bases.contains_key(&*pin.reference) {
            continue;
        }
        match base(pin, args.read, scales).await {
            Ok((manifest, read)) => {
                bases.insert(pin.reference.as_str(), manifest);
                unpacked.extend(read);
            }
            Err(why) => context.ui.warn(format!(
                "the base image {} is not known and is not counted: {why}",
                pin.reference
            )),
        }
    }
    let of = |pin: &BasePin| bases.get(&*pin.reference);
    let (runtime, devel) = (of(&lock.base.runtime), of(&lock.base.devel));
    let grounds = Grounds { runtime, devel, unpacked: Some(&unpacked) };
    let mut images = size::planned(&lock, spec, grounds)?;
    choose(&mut images, &args.images, &lock)?;
    Ok(images)
}

/// A base's manifest and the unpacked sizes of its layers; else why they are not known.
async fn base(
    pin: &BasePin,
    read: bool,
    scales: &Scales<'_>,
) -> Result<(Manifest, BTreeMap<Digest, u64>), String> {
    let sentence = |failure: Failure| failure.report.to_string();
    let digests = pin.digests.ok_or("the lock has no digest of it")?;
    let registry = pin.reference.split('/').next().unwrap_or_default();
    let _serving = embedded::hold_for(scales.context, [registry]).await.map_err(sentence)?;
    let found = base_image::read(scales.client, &pin.reference, digests).await;
    let found = found.map_err(|error| error.to_string())?;
    let place = PinnedReference::new(&found.registry, &found.repository, digests.platform_digest);
    let unpacked = scales.unpacked(&place, &found.manifest.layers, None, read).await;
    Ok((found.manifest, unpacked.map_err(sentence)?))
}

fn choose(images: &mut Vec<ImageSize>, requested: &[String], lock: &Lock) -> Result<(), Failure> {
    let known: Vec<_> = images.iter().map(|image| image.name.clone()).collect();
    if let Some(unknown) = requested.iter().find(|word| !known.contains(word)) {
        let lock = crate::lock::file_name(lock.profile.as_ref());
        let message = format!("{lock} makes no image `{unknown}`: there is {}", known.join(", "));
        return Err(Failure::message(Exit::Usage, message));
    }
    images.retain(|image| requested.is_empty() || requested.contains(&image.name));
    Ok(())
}
