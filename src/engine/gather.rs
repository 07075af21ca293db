//! The files of a plan, verified: from the store, or downloaded from where the sources have them today.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use futures_util::{StreamExt, TryStreamExt, stream};
use percent_encoding::percent_decode_str;
use tokio::sync::OnceCell;

use crate::digest::Sha256;
use crate::exit::{Exit, Failure};
use crate::image::{ContextFile, Plan};
use crate::index::{Fetcher, Locator, Sources, Surroundings, standalone};
use crate::lock::{Lock, Package};
use crate::net;
use crate::spec::Spec;
use crate::store::{self, FileRequest, Store};
use crate::ui::{Bar, Stage, Ui, Unit};

/// Pages asked for at the same time.
const LOOKUPS: usize = 16;
/// Files downloaded at the same time.
const DOWNLOADS: usize = 6;

/// Every file that the plan's context names, hashed in this run, by hash. Files that are in the store cost no request.
///
/// # Errors
/// A file that no source has (exit 5), bytes that are not the locked ones (exit 6).
pub async fn gather(
    plan: &Plan,
    lock: &Lock,
    spec: &Spec,
    client: &net::Client,
    project: &Utf8Path,
    ui: &Ui,
) -> Result<BTreeMap<Sha256, Utf8PathBuf>, Failure> {
    let gatherer = Gatherer::new(Store::open()?, Arc::new(lock.clone()), spec, client, project);
    let files: Vec<&ContextFile> = plan.context.iter().flat_map(|group| &group.files).collect();
    let requested = gatherer.requested(&files).await?;
    let all = ui.bar("files", None, Unit::Bytes);
    let parts: Vec<_> = requested.iter().map(|w| all.part(&w.name, size(w), FETCHING)).collect();
    let each = requested.into_iter().zip(&parts).map(async |(requested, part)| {
        let how = begin(part, &[&requested]);
        let verified = gatherer.fetch(vec![requested], part).await?;
        part.done(how);
        Ok::<_, Failure>(verified)
    });
    // A list: with a lazy iterator the future would not be `Send`.
    let each: Vec<_> = each.collect();
    let verified: Vec<_> = stream::iter(each).buffered(DOWNLOADS).try_collect().await?;
    Ok(verified.into_iter().flatten().collect())
}

/// What a bar says is done to a file, whether it must be downloaded or not.
const FETCHING: &[Stage] = &[Stage::Download];

/// Starts a bar for these files: downloaded, or hashed again where all are in the store. Returns the word for its end.
fn begin(bar: &Bar, requested: &[&FileRequest]) -> &'static str {
    let total = Some(requested.iter().map(|requested| size(requested)).sum());
    match requested.iter().all(|requested| requested.urls.is_empty()) {
        true => bar.begin(Stage::Check, total),
        false => bar.begin(Stage::Download, total),
    }
    if requested.iter().all(|requested| requested.urls.is_empty()) {
        "checked"
    } else {
        "downloaded"
    }
}

fn size(requested: &FileRequest) -> u64 {
    requested.size.unwrap_or(0)
}

/// Gets files of a lock, a few at a time; the sources are set up when the first file is missing.
pub struct Gatherer {
    store: Store,
    lock: Arc<Lock>,
    spec: Spec,
    client: net::Client,
    project: Utf8PathBuf,
    sources: OnceCell<(Locator, net::Client)>,
}

impl Gatherer {
    /// No request is sent yet.
    pub fn new(
        store: Store,
        lock: Arc<Lock>,
        spec: &Spec,
        client: &net::Client,
        project: &Utf8Path,
    ) -> Self {
        let (spec, client, project) = (spec.clone(), client.clone(), project.to_owned());
        Gatherer { store, lock, spec, client, project, sources: OnceCell::new() }
    }

    /// Where the files are kept.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// These files, hashed in this run, by hash. `bar` is of what they are for and counts their bytes, as far as they
    /// are known.
    ///
    /// # Errors
    /// Those of [`gather`].
    pub async fn get(
        &self,
        files: &[&ContextFile],
        bar: &Bar,
    ) -> Result<BTreeMap<Sha256, Utf8PathBuf>, Failure> {
        let requested = self.requested(files).await?;
        begin(bar, &requested.iter().collect::<Vec<_>>());
        self.fetch(requested, bar).await
    }

    async fn requested(&self, files: &[&ContextFile]) -> Result<Vec<FileRequest>, Failure> {
        let lookups = files.iter().map(|file| self.look_up(file));
        stream::iter(lookups).buffered(LOOKUPS).try_collect().await
    }

    async fn fetch(
        &self,
        requested: Vec<FileRequest>,
        bar: &Bar,
    ) -> Result<BTreeMap<Sha256, Utf8PathBuf>, Failure> {
        let client = self.sources.get().map_or(&self.client, |(_, client)| client);
        let verified = self.store.fetch_all(client, requested, DOWNLOADS, bar).await;
        let verified = verified.map_err(|error| self.explained(error))?;
        Ok(verified.into_iter().map(|file| (file.sha256(), file.path().to_owned())).collect())
    }

    async fn look_up(&self, file: &ContextFile) -> Result<FileRequest, Failure> {
        let package = file.package.as_ref().and_then(|name| self.lock.package(name));
        let mut requested = FileRequest {
            name: file.file.clone(),
            sha256: file.sha256,
            size: package.map(|p| p.size),
            urls: Vec::new(),
        };
        if self.store.get(&file.sha256).is_none() {
            let (locator, _) = self.sources.get_or_try_init(|| self.find_sources()).await?;
            requested.urls = match (package, &self.lock.python.archive) {
                (Some(package), _) => locator.addresses(package).await?,
                (None, Some(archive)) => {
                    vec![standalone::url(archive, self.spec.python.mirror.as_ref()).into()]
                }
                (None, None) => vec![],
            };
        }
        Ok(requested)
    }

    /// The error of a locked file, with advice.
    fn explained(&self, error: store::Error) -> Failure {
        let (url, what) = match error {
            store::Error::Hash { url, expected, got } => {
                (url, format!("it has sha256 {got}, and {expected} is locked"))
            }
            store::Error::Size { url, expected, got } => {
                (url, format!("it has {got} bytes, and {expected} are locked"))
            }
            store::Error::Net(source) => return self.vanished(source),
            error => return error.into(),
        };
        let file = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        let file = percent_decode_str(file).decode_utf8_lossy().into_owned();
        match self.lock.packages.iter().find(|package| package.file == file) {
            Some(package) => {
                let package = package.name.clone();
                super::Error::Changed { package, address: url, what }.into()
            }
            None => {
                Failure::message(Exit::Integrity, format!("{url} is not what is locked: {what}"))
            }
        }
    }

    /// A requirement with an address has no other source.
    fn vanished(&self, source: net::Error) -> Failure {
        let is_there = |package: &&Package| {
            let requirement = self
                .spec
                .requirements()
                .find(|(_, requirement)| requirement.pep508.name == package.name);
            let direct = requirement.and_then(|(_, requirement)| requirement.direct());
            direct.is_some_and(|wheel| source.is_of(&wheel.url))
        };
        match self.lock.packages.iter().find(is_there) {
            Some(package) => {
                let package = package.name.clone();
                super::Error::Vanished { package, source }.into()
            }
            None => store::Error::Net(source).into(),
        }
    }

    async fn find_sources(&self) -> Result<(Locator, net::Client), Failure> {
        let surroundings = Surroundings::of_process(&self.project);
        let sources = Sources::find(&self.spec, &surroundings).await?;
        let client = self.client.clone().with_logins(sources.logins(&self.spec, &surroundings)?);
        Ok((Locator::new(sources, Fetcher::new(client.clone())), client))
    }
}
