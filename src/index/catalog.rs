//! The catalog of the real world: blocks the solver until the indexes have answered.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::TryStreamExt;
use pep508_rs::PackageName;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::answers::Answers;
use super::crawl::crawl;
use super::times::Times;
use super::{Candidate, Error, Fetcher, Project, Sources, Target};
use crate::cuda::CudaTag;
use crate::lock::WheelFacts;
use crate::python::CoreMetadata;
use crate::solve::{Catalog, Problem};
use crate::spec::Spec;
use crate::ui::Bar;

/// Wheels whose facts are collected at the same time.
const FACTS_AT_ONCE: usize = 50;

/// A [`Catalog`] over HTTP. It starts to fetch the likely closure when it is made and stops when it
/// is dropped.
pub struct LiveCatalog {
    answers: Arc<Answers>,
    runtime: Handle,
    crawl: JoinHandle<()>,
    times: Times,
    error: Mutex<Option<Error>>,
}

impl LiveCatalog {
    /// Starts. Must be called inside a tokio runtime; the [`Catalog`] methods must be called outside
    /// its workers (`spawn_blocking`). `bar` counts wheels looked into.
    pub fn start(
        spec: &Spec,
        target: Target,
        sources: Sources,
        fetcher: Fetcher,
        bar: Bar,
    ) -> Self {
        let wishes = spec.wishes().map(|(_, wish)| wish.requirement.clone()).collect();
        let cut_off = target.cut_off;
        let answers = Arc::new(Answers::new(spec, target, sources, fetcher, bar));
        let runtime = Handle::current();
        let crawl = runtime.spawn(crawl(Arc::clone(&answers), wishes));
        Self { answers, runtime, crawl, times: Times::new(cut_off), error: Mutex::default() }
    }

    /// The error behind the last [`Problem::Stop`].
    pub fn take_error(&self) -> Option<Error> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Size, unpacked size and sha256 of these wheels, in their order. Errors: what the server has
    /// differs from what the index says, or cannot be read.
    pub async fn wheel_facts(&self, chosen: &[Candidate]) -> Result<Vec<WheelFacts>, Error> {
        self.crawl.abort();
        self.answers.bar.inc_length(chosen.len() as u64);
        futures_util::stream::iter(chosen.iter().map(|c| self.facts(c)))
            .buffered(FACTS_AT_ONCE)
            .try_collect()
            .await
    }

    async fn facts(&self, candidate: &Candidate) -> Result<WheelFacts, Error> {
        let uploaded = self.times.of(&self.answers.fetcher, candidate).await?;
        Ok(WheelFacts { uploaded, ..self.answers.facts(candidate).await? })
    }

    fn problem(&self, error: Error) -> Problem {
        let text = error.to_string();
        match error {
            Error::NotFound { .. } => Problem::NotFound(text),
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
        self.runtime.block_on(self.answers.project(name)).map_err(|e| self.problem(e))
    }

    fn metadata(&self, candidate: &Candidate) -> Result<Arc<CoreMetadata>, Problem> {
        let work = async {
            self.times.check(&self.answers.fetcher, candidate).await?;
            self.answers.metadata(candidate).await
        };
        self.runtime.block_on(work).map_err(|e| self.problem(e))
    }

    fn cuda_build(&self, candidate: &Candidate) -> Result<Option<CudaTag>, Problem> {
        self.runtime.block_on(self.answers.cuda_build(candidate)).map_err(|e| self.problem(e))
    }
}

impl Drop for LiveCatalog {
    fn drop(&mut self) {
        self.crawl.abort();
    }
}
