//! The files of a plan, verified: from the store, or downloaded from where the sources have them today.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::digest::Sha256;
use crate::exit::Failure;
use crate::image::{ContextFile, Plan};
use crate::index::{Fetcher, Locator, Sources, Surroundings, standalone};
use crate::lock::Lock;
use crate::net;
use crate::spec::Spec;
use crate::store::{Store, Wanted};
use crate::ui::{Ui, Unit};

/// Pages asked for at the same time.
const LOOKUPS: usize = 16;
/// Files downloaded at the same time.
const DOWNLOADS: usize = 6;

/// Every file that the plan's context names, hashed in this run, by hash. Files that are in the store cost no
/// request. Errors: a file that is nowhere (5), bytes that are not the locked ones (6).
pub async fn gather(
    plan: &Plan,
    lock: &Lock,
    spec: &Spec,
    client: &net::Client,
    project: &Utf8Path,
    ui: &Ui,
) -> Result<BTreeMap<Sha256, Utf8PathBuf>, Failure> {
    let store = Store::open()?;
    let files: Vec<&ContextFile> = plan.context.iter().flat_map(|group| &group.files).collect();
    let mut client = client.clone();
    let locator = match files.iter().all(|file| store.get(&file.sha256).is_some()) {
        true => None,
        false => {
            let surroundings = Surroundings::of_process(project);
            let sources = Sources::find(spec, &surroundings).await?;
            client = client.with_logins(sources.logins(spec, &surroundings)?);
            Some(Arc::new(Locator::new(sources, Fetcher::new(client.clone()))))
        }
    };
    let lookups = files.into_iter().map(|file| {
        let (store, locator) = (&store, locator.clone());
        async move {
            let package = file.package.as_ref().and_then(|name| lock.package(name));
            let mut wanted = Wanted {
                name: file.file.clone(),
                sha256: file.sha256,
                size: package.map(|p| p.size),
                urls: Vec::new(),
            };
            if let (Some(locator), None) = (locator, store.get(&file.sha256)) {
                wanted.urls.extend(match (package, &lock.python.archive) {
                    (Some(package), _) => locator.addresses(package).await?,
                    (None, Some(archive)) => {
                        vec![standalone::url(archive, spec.python.mirror.as_ref())]
                    }
                    (None, None) => vec![],
                });
            }
            Ok::<_, Failure>(wanted)
        }
    });
    let wanted: Vec<Wanted> = stream::iter(lookups).buffered(LOOKUPS).try_collect().await?;
    let total = wanted.iter().filter_map(|w| w.size).sum();
    let bar = ui.bar("wheels", Some(total), Unit::Bytes);
    let verified = store.fetch_all(&client, wanted, DOWNLOADS, &bar).await?;
    bar.finish();
    Ok(verified.into_iter().map(|file| (file.sha256(), file.path().to_owned())).collect())
}
