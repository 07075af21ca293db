//! `envlock export`: the lock in another tool's format.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use pep508_rs::PackageName;

use super::{Context, source_date::source_date};
use crate::cli::{Export, ExportFormat};
use crate::digest::Sha256;
use crate::exit::{CommandResult, Exit, Failure};
use crate::export::{self, Found, Page};
use crate::index::{Fetcher, Locator, Place, Sources, Surroundings, pages};
use crate::lock::Lock;
use crate::reports;
use crate::spec::{Overrides, SourceKind, Spec};

/// Pages asked for at the same time.
const LOOKUPS: usize = 16;

pub async fn run(args: Export, context: &Context) -> CommandResult {
    if let (ExportFormat::Pylock, Some(output)) = (args.format, &args.output)
        && !output.file_name().is_some_and(export::is_pylock_name)
    {
        let message = format!("{output}: installers only take pylock.toml or pylock.NAME.toml");
        return Err(Failure::message(Exit::Usage, message));
    }
    let (lock, text) = context.read_lock(&context.lock_name(args.lock.as_deref()))?;
    let sha256 = Sha256::of(&text);
    let overrides = Overrides { index: args.index.clone(), ..Overrides::default() };
    let text = match args.format {
        ExportFormat::Pylock => {
            let spec = overrides.apply(context.spec()?)?;
            export::pylock(&lock, sha256, &find(&lock, &spec, context).await?)
        }
        ExportFormat::Requirements => {
            let spec = overrides.apply(context.spec()?)?;
            // pip needs the addresses of these; otherwise this export sends no request.
            let mut bare = lock.clone();
            bare.packages.retain(|package| package.bare_metadata);
            let found = match bare.packages.is_empty() {
                true => BTreeMap::new(),
                false => find(&bare, &spec, context).await?,
            };
            let found = found.into_iter().map(|(name, found)| (name, found.url));
            let requested = spec.requirements().filter_map(|(_, requirement)| {
                Some((requirement.pep508.name.clone(), requirement.direct()?.url))
            });
            let direct = found.chain(requested).collect();
            export::requirements(&lock, &beside_pypi(&lock, &spec), &direct)
        }
        ExportFormat::Cyclonedx => export::cyclonedx(&lock, sha256, source_date()?),
    };
    if let Some(output) = &args.output {
        context.write(&context.path(output), &text)?;
        context.ui.note(format!("wrote {output}: {} packages", lock.packages.len()));
    }
    let text = args.output.is_none().then_some(text);
    let report = reports::Export {
        version: reports::Version,
        file: args.output.as_ref().map(|output| output.as_str()),
        packages: lock.packages.len(),
        text: text.as_deref(),
    };
    context.result(&report, || text.clone().unwrap_or_default());
    Ok(Exit::Ok)
}

/// Where every wheel of the lock is now.
async fn find(
    lock: &Lock,
    spec: &Spec,
    context: &Context,
) -> Result<BTreeMap<PackageName, Found>, Failure> {
    let surroundings = Surroundings::of_process(&context.folder);
    let sources = Sources::find(spec, &surroundings).await?;
    let client = context.client(&spec.network)?.with_logins(sources.logins(spec, &surroundings)?);
    let locator = Locator::new(sources.clone(), Fetcher::new(client));
    let lookups = lock.packages.iter().map(async |package| {
        let best = locator.addresses(package).await?.into_iter().next().map(|best| best.url);
        let source = package.locations.first().and_then(|l| sources.place(&l.source));
        let index = source.filter(|p| p.kind == SourceKind::Simple).map(|p| p.url.clone());
        Ok::<_, Failure>(best.map(|url| (package.name.clone(), Found { url, index })))
    });
    let found: Vec<_> = stream::iter(lookups).buffered(LOOKUPS).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// The pages that have wheels of the lock, as the spec gives their addresses. pypi's own is left to
/// the installer when the spec leaves it open.
fn beside_pypi(lock: &Lock, spec: &Spec) -> BTreeSet<Page> {
    let mut found = BTreeSet::new();
    for package in &lock.packages {
        for location in &package.locations {
            let Some(source) = spec.sources.get(&location.source) else { continue };
            let Some(url) = source.url.clone() else { continue };
            let place = Place { kind: source.kind, url, ignored: Vec::new() };
            match source.kind {
                SourceKind::Simple => found.extend([Page::Index(place.url)]),
                SourceKind::FindLinks | SourceKind::Pyg => {
                    found.extend(
                        pages(&place, package, Some(location)).into_iter().map(Page::Links),
                    );
                }
            }
        }
    }
    found
}
