//! The catalog over indexes: blocks the solver until they have responded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::TryStreamExt;
use pep440_rs::Version;
use pep508_rs::PackageName;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::closure::Hint;
use super::index_client::IndexClient;
use super::known_wheels::Locked;
use super::prefetch::{expect, prefetch};
use super::upload_time::UploadTimes;
use super::{Error, Fetcher, Sources, closure};
use crate::blocking::blocking;
use crate::catalog::{Candidate, Catalog, Chosen, Problem, Project, Target, WheelFacts};
use crate::cuda::CudaTag;
use crate::digest::Sha256;
use crate::gpu::Arch;
use crate::python::CoreMetadata;
use crate::spec::{RequirementSpec, Spec};
use crate::ui::Bar;

/// Wheels whose facts are collected at the same time.
const FACTS_AT_ONCE: usize = 50;

/// Versions to request in advance, in multiples of those that the solver rejected.
const FURTHER: usize = 8;

/// A [`Catalog`] over HTTP. It starts to request the likely closure when it is made and stops when it is dropped.
pub struct LiveCatalog {
    client: Arc<IndexClient>,
    runtime: Handle,
    ahead: Mutex<Vec<AbortHandle>>,
    requirements: Vec<RequirementSpec>,
    times: UploadTimes,
    error: Mutex<Option<Error>>,
    /// The versions of each distribution that the solver has tried.
    tried: Mutex<HashMap<PackageName, BTreeSet<Version>>>,
}

impl LiveCatalog {
    /// Starts. Must be called inside a tokio runtime; the [`Catalog`] methods must be called outside
    /// its workers (`spawn_blocking`). `bar` counts wheels tried into. `locked` has the facts of an
    /// earlier lock, by the hash of the wheel.
    pub fn start(
        spec: &Spec,
        target: Target,
        sources: Sources,
        fetcher: Fetcher,
        bar: Bar,
        locked: HashMap<Sha256, Locked>,
    ) -> Self {
        let requirements: Vec<_> =
            spec.requirements().map(|(_, requirement)| requirement.clone()).collect();
        let times = UploadTimes::new(target.cut_offs.clone(), Arc::clone(&target.times));
        let client = Arc::new(IndexClient::new(spec, target, sources, fetcher, bar, locked));
        let runtime = Handle::current();
        let asked = requirements.iter().map(|requirement| requirement.pep508.clone()).collect();
        let prefetch = prefetch(Arc::clone(&client), asked, spec.rules.clone());
        let prefetch = runtime.spawn(prefetch).abort_handle();
        let ahead = Mutex::new(vec![prefetch]);
        let (error, tried) = (Mutex::default(), Mutex::default());
        Self { client, runtime, ahead, requirements, times, error, tried }
    }

    /// Requests in advance, all at once, what the requirements are likely to need.
    pub fn expect_likely(&self) {
        self.expect(closure::likely(self.client.fetcher.cache(), &self.requirements));
    }

    /// The same for what an earlier lock had.
    pub fn expect(&self, hints: BTreeMap<PackageName, Hint>) {
        self.go_ahead(expect(Arc::clone(&self.client), hints));
    }

    fn go_ahead(&self, work: impl Future<Output = ()> + Send + 'static) {
        let task = self.runtime.spawn(work).abort_handle();
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    /// Requests metadata of older versions before the solver gets to them: the more, the more versions of the distribution it
    /// has tried.
    fn ask_further(&self, candidate: &Candidate) {
        let tried = {
            let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
            let versions = tried.entry(candidate.name.clone()).or_default();
            if !versions.insert(candidate.version.clone()) || versions.len() < 2 {
                return;
            }
            versions.len()
        };
        let (client, candidate) = (Arc::clone(&self.client), candidate.clone());
        self.go_ahead(async move {
            let Ok(project) = client.project(&candidate.name).await else { return };
            let older = project.candidates.iter().filter(|c| c.version < candidate.version);
            let next = older.take((tried * FURTHER).min(FACTS_AT_ONCE));
            let all = next.map(|candidate| client.metadata(candidate));
            // The solver gets the failure again if it needs the metadata.
            drop(futures_util::future::join_all(all).await);
        });
    }

    /// Stores what the requirements needed, for [`LiveCatalog::expect_likely`] of another run.
    pub fn learn(&self, chosen: &[Chosen]) {
        if let Some(cache) = self.client.fetcher.cache() {
            closure::learn(cache, &self.requirements, chosen);
        }
    }

    /// Waits until the cache is written.
    pub async fn remember(&self) {
        if let Some(cache) = self.client.fetcher.cache().cloned() {
            blocking(move || cache.flush()).await;
        }
    }

    /// Statements of indexes that were ignored, a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        self.client.about_metadata().into_iter().collect()
    }

    /// The error behind the last [`Problem::Stop`].
    pub fn take_error(&self) -> Option<Error> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Size, unpacked size and sha256 of these wheels, in their order.
    ///
    /// # Errors
    /// A wheel differs from what its index says, or cannot be read.
    pub async fn wheel_facts(&self, chosen: &[Candidate]) -> Result<Vec<WheelFacts>, Error> {
        self.client.bar.inc_length(chosen.len() as u64);
        let facts = chosen.iter().map(|candidate| async {
            let facts = self.facts(candidate).await;
            self.client.bar.inc(1);
            facts
        });
        futures_util::stream::iter(facts).buffered(FACTS_AT_ONCE).try_collect().await
    }

    /// The GPUs that a torch wheel has code for; `None`: it does not say.
    ///
    /// # Errors
    /// The wheel cannot be read.
    pub async fn arch_list(&self, torch: &Candidate) -> Result<Option<Vec<Arch>>, Error> {
        self.client.arch_list(torch).await
    }

    async fn facts(&self, candidate: &Candidate) -> Result<WheelFacts, Error> {
        let uploaded = self.times.of(&self.client.fetcher, candidate).await?;
        // The solver has read it already.
        let stated = &self.client.metadata(candidate).await?.version;
        let bare_metadata = candidate.version.is_local() && !stated.is_local();
        Ok(WheelFacts { uploaded, bare_metadata, ..self.client.facts(candidate).await? })
    }

    fn problem(&self, error: Error) -> Problem {
        let text = error.to_string();
        match error {
            Error::NotFound { .. } | Error::Quarantined { .. } => Problem::NotFound(text),
            Error::Wheel { .. } | Error::TooNew { .. } => Problem::Unusable(text),
            _ => {
                *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Problem::Stop(text)
            }
        }
    }
}

impl Catalog for LiveCatalog {
    fn project(&self, name: &PackageName) -> Result<Arc<Project>, Problem> {
        self.runtime.block_on(self.client.project(name)).map_err(|e| self.problem(e))
    }

    fn metadata(&self, candidate: &Candidate) -> Result<Arc<CoreMetadata>, Problem> {
        self.ask_further(candidate);
        let work = async {
            self.times.check(&self.client.fetcher, candidate).await?;
            self.client.metadata(candidate).await
        };
        self.runtime.block_on(work).map_err(|e| self.problem(e))
    }

    fn cuda_build(&self, candidate: &Candidate) -> Result<Option<CudaTag>, Problem> {
        self.runtime.block_on(self.client.cuda_build(candidate)).map_err(|e| self.problem(e))
    }
}

impl Drop for LiveCatalog {
    fn drop(&mut self) {
        let ahead = self.ahead.get_mut().unwrap_or_else(PoisonError::into_inner);
        ahead.iter().for_each(AbortHandle::abort);
    }
}
