//! Requests what the solver is going to need before it asks: the newest matching wheel of every requirement, what that
//! wheel requires, and so on. A wrong guess costs a request and never changes the choice.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{
    ExtraName, MarkerEnvironment, PackageName, Requirement, VerbatimUrl, VersionOrUrl,
};
use tokio::task::JoinSet;

use super::Error;
use super::closure::Hint;
use super::index_client::IndexClient;
use crate::catalog::{Candidate, Project};
use crate::cuda::CudaTag;
use crate::python::{CoreMetadata, marker_environment};
use crate::spec::Rules;
use crate::torch::is_torch_family;

/// Wheels of a project that are tried before the guess is given up.
const GUESSES: usize = 6;

/// The metadata of a wheel, with the extras that it was read for.
type Visit = (Vec<ExtraName>, Arc<CoreMetadata>);

/// Requests everything in `hints` at once.
pub(super) async fn expect(client: Arc<IndexClient>, hints: BTreeMap<PackageName, Hint>) {
    let mut visits = JoinSet::new();
    // The torch family first: its chain of requirements is the longest.
    let (first, then): (Vec<_>, Vec<_>) =
        hints.into_iter().partition(|(name, _)| is_torch_family(name));
    for (name, hint) in first.into_iter().chain(then) {
        let client = Arc::clone(&client);
        visits.spawn(async move {
            let project = client.project(&name).await?;
            if let Hint::Version(version) = &hint
                && let Some(kept) = project.candidates.iter().find(|c| c.version == *version)
            {
                return look_into(&client, kept).await.map(drop);
            }
            // The requirements of a guess are followed; its size is requested when it is chosen.
            match likely(&project, &[]).next().filter(|_| hint != Hint::Page) {
                Some(guess) => client.metadata(guess).await.map(drop),
                None => Ok(()),
            }
        });
    }
    while let Some(visit) = visits.join_next().await {
        if let Ok(Err(error)) = visit {
            tracing::debug!(%error, "a hint could not be followed");
        }
    }
}

/// Requests everything that solver and lock need of one wheel, at the same time.
pub(super) async fn look_into(
    client: &Arc<IndexClient>,
    candidate: &Candidate,
) -> Result<Arc<CoreMetadata>, Error> {
    if candidate.sha256.is_some() {
        // Not awaited: the size is not needed to go on.
        let (client, candidate) = (Arc::clone(client), candidate.clone());
        tokio::spawn(async move { client.facts(&candidate).await.map(drop) });
    }
    client.metadata(candidate).await
}

/// Runs until the closure of the requirements is known. A failure ends its branch; the solver meets it again if it matters.
pub(super) async fn prefetch(
    client: Arc<IndexClient>,
    requirements: Vec<Requirement<VerbatimUrl>>,
    rules: Rules,
) {
    let environment = marker_environment(client.target.platform, &client.target.python);
    let (asked, done) = (constrained(&rules, &environment), HashSet::new());
    let mut run = Prefetch { client, environment, rules, asked, done };
    let mut visits = JoinSet::new();
    for requirement in requirements {
        run.follow(&requirement, &[], &mut visits);
    }
    while let Some(visit) = visits.join_next().await {
        let Ok(Ok(Some((extras, metadata)))) = visit else { continue };
        let key = (metadata.name.clone(), metadata.version.clone(), extras.clone());
        if run.done.insert(key) {
            for requirement in
                metadata.requires.iter().flat_map(|r| run.rules.in_force(r)).collect::<Vec<_>>()
            {
                run.follow(&requirement, &extras, &mut visits);
            }
        }
    }
}

struct Prefetch {
    client: Arc<IndexClient>,
    environment: MarkerEnvironment,
    rules: Rules,
    /// Every specifier so far: the newest wheel that matches all is the best guess.
    asked: HashMap<PackageName, Asked>,
    done: HashSet<(PackageName, Version, Vec<ExtraName>)>,
}

#[derive(Default)]
struct Asked {
    specifiers: Vec<VersionSpecifiers>,
    extras: BTreeSet<ExtraName>,
    visited: bool,
}

/// The specifiers of the constraints whose markers hold.
fn constrained(rules: &Rules, environment: &MarkerEnvironment) -> HashMap<PackageName, Asked> {
    let mut asked: HashMap<PackageName, Asked> = HashMap::new();
    let holding = rules.constraints.iter().map(|rule| &rule.requirement);
    for requirement in holding.filter(|r| r.evaluate_markers(environment, &[])) {
        if let Some(VersionOrUrl::VersionSpecifier(specifiers)) = &requirement.version_or_url {
            let known = asked.entry(requirement.name.clone()).or_default();
            known.specifiers.push(specifiers.clone());
        }
    }
    asked
}

impl Prefetch {
    fn follow(
        &mut self,
        requirement: &Requirement<VerbatimUrl>,
        extras: &[ExtraName],
        visits: &mut JoinSet<Result<Option<Visit>, Error>>,
    ) {
        if !requirement.evaluate_markers(&self.environment, extras) {
            return;
        }
        let asked = self.asked.entry(requirement.name.clone()).or_default();
        let mut news = !asked.visited;
        match &requirement.version_or_url {
            Some(VersionOrUrl::VersionSpecifier(specifiers))
                if !specifiers.is_empty() && !asked.specifiers.contains(specifiers) =>
            {
                asked.specifiers.push(specifiers.clone());
                news = true;
            }
            _ => {}
        }
        for extra in &requirement.extras {
            news |= asked.extras.insert(extra.clone());
        }
        if news {
            asked.visited = true;
            let extras: Vec<_> = asked.extras.iter().cloned().collect();
            let (name, specifiers) = (requirement.name.clone(), asked.specifiers.clone());
            let client = Arc::clone(&self.client);
            visits.spawn(visit(client, name, specifiers, extras));
        }
    }
}

async fn visit(
    client: Arc<IndexClient>,
    name: PackageName,
    specifiers: Vec<VersionSpecifiers>,
    extras: Vec<ExtraName>,
) -> Result<Option<Visit>, Error> {
    let project = client.project(&name).await?;
    let candidates: Vec<_> = likely(&project, &specifiers).take(GUESSES).collect();
    for candidate in &candidates {
        if is_torch_family(&name) {
            let build = build_of(&client, candidate);
            if candidates.len() > 1 {
                // Both read the same wheel and need not wait for each other.
                let (build, metadata) = tokio::join!(build, client.metadata(candidate));
                let (build, _) = (build?, metadata?);
                if build.is_some_and(|build| build != client.target.cuda) {
                    continue;
                }
            } else {
                // There is no alternative: its requirements are followed before its build is known.
                tokio::spawn(build);
            }
        }
        return Ok(Some((extras, look_into(&client, candidate).await?)));
    }
    Ok(None)
}

/// Which CUDA a wheel was built for, as a future that owns its input.
fn build_of(
    client: &Arc<IndexClient>,
    candidate: &Candidate,
) -> impl Future<Output = Result<Option<CudaTag>, Error>> + Send + 'static {
    let (client, candidate) = (Arc::clone(client), candidate.clone());
    async move { client.cuda_build(&candidate).await }
}

/// Candidates that match, newest first, by the rules of PEP 440: none that is yanked; pre-releases only where asked for or
/// where there is nothing else.
fn likely<'a>(
    project: &'a Project,
    specifiers: &'a [VersionSpecifiers],
) -> impl Iterator<Item = &'a Candidate> {
    let fits = |c: &&Candidate| !c.yanked && specifiers.iter().all(|s| s.contains(&c.version));
    let by_name = specifiers.iter().any(|s| s.iter().any(|one| one.version().any_prerelease()));
    let any_stable = project.candidates.iter().filter(fits).any(|c| !c.version.any_prerelease());
    let stable = by_name || !any_stable;
    project.candidates.iter().filter(fits).filter(move |c| stable || !c.version.any_prerelease())
}
