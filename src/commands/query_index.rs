//! A query of the indexes outside of a resolve: a catalog for one target, used on a thread of its own.

use std::collections::HashMap;
use std::sync::Arc;

use pep440_rs::Version;
use pep508_rs::{MarkerEnvironment, PackageName};

use super::Context;
use crate::blocking::blocking;
use crate::catalog::{Catalog, Target};
use crate::exit::Failure;
use crate::index::{self, Cache, CachePolicy, Fetcher, Hint, LiveCatalog, Sources, Surroundings};
use crate::net;
use crate::python::{GlibcVersion, marker_environment};
use crate::spec::Spec;
use crate::store::Store;
use crate::ui::{Bar, Unit};

/// Runs `question` on a catalog for `spec`'s sources and this Python, after requesting the `expected`. Beside the result, the
/// error of an index that could not be reached, if there was one.
///
/// # Errors
/// The store, the user's settings or the HTTP client cannot be used.
pub async fn query<T: Send + 'static>(
    spec: &Spec,
    python: &Version,
    glibc: GlibcVersion,
    expected: &[PackageName],
    policy: CachePolicy,
    context: &Context,
    question: impl FnOnce(&dyn Catalog, &MarkerEnvironment) -> T + Send + 'static,
) -> Result<(T, Option<index::Error>), Failure> {
    let bar = context.ui.bar("asking", None, Unit::Items);
    let environment = marker_environment(spec.target.platform, python);
    let store = Store::open()?;
    let cache = Cache::at(store.index(), policy);
    let surroundings = Surroundings::of_process(&context.folder);
    let sources = Sources::find(spec, &surroundings).await?;
    let client = watched(context.client(&spec.network)?, &bar);
    let client = client.with_logins(sources.logins(spec, &surroundings)?);
    let target = Target::new(spec.target.platform, python.clone(), glibc, spec.target.cuda)
        .before(spec)
        .allowing(&spec.cuda_allow);
    let fetcher = Fetcher::new(client).with_cache(cache).remembering(store);
    let catalog = LiveCatalog::start(spec, target, sources, fetcher, bar.clone(), HashMap::new());
    let catalog = Arc::new(catalog);
    catalog.expect(expected.iter().map(|name| (name.clone(), Hint::Newest)).collect());
    let asked = Arc::clone(&catalog);
    let answer = blocking(move || question(&*asked, &environment)).await;
    catalog.remember().await;
    bar.finish();
    Ok((answer, catalog.take_error()))
}

/// The client, which shows in `bar` what it waits for.
pub fn watched(client: net::Client, bar: &Bar) -> net::Client {
    let bar = bar.clone();
    client.watched(move |url| {
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let mut segments = url.path_segments().into_iter().flatten();
        let what = segments.rfind(|part| !part.is_empty()).unwrap_or("/");
        Box::new(bar.waits_for(host, what))
    })
}
