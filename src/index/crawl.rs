//! Asks for what the solver is going to ask for, ahead of it: the newest fitting wheel of every wish,
//! what that requires, and so on. Only a hint; wrong guesses cost a request, never a choice.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{
    ExtraName, MarkerEnvironment, PackageName, Requirement, VerbatimUrl, VersionOrUrl,
};
use tokio::task::JoinSet;

use super::Error;
use super::answers::Answers;
use super::closure::Hint;
use crate::catalog::{Candidate, Project};
use crate::cuda::CudaTag;
use crate::python::{CoreMetadata, marker_environment};
use crate::spec::Rules;
use crate::torch::is_torch_family;

/// Wheels to look into before a guess is given up.
const GUESSES: usize = 6;

/// A wheel that was looked into, with the extras it was looked into for.
type Visit = (Vec<ExtraName>, Arc<CoreMetadata>);

/// What is likely to be in the set is asked for at once.
pub(super) async fn expect(answers: Arc<Answers>, hints: BTreeMap<PackageName, Hint>) {
    let mut visits = JoinSet::new();
    // The torch family first: what follows from it is the longest way.
    let (first, then): (Vec<_>, Vec<_>) =
        hints.into_iter().partition(|(name, _)| is_torch_family(name));
    for (name, hint) in first.into_iter().chain(then) {
        let answers = Arc::clone(&answers);
        visits.spawn(async move {
            let project = answers.project(&name).await?;
            if let Hint::Version(version) = &hint
                && let Some(kept) = project.candidates.iter().find(|c| c.version == *version)
            {
                return look_into(&answers, kept).await.map(drop);
            }
            // What a guess requires leads on; its size is asked for when it is more than that.
            match likely(&project, &[]).next().filter(|_| hint != Hint::Page) {
                Some(guess) => answers.metadata(guess).await.map(drop),
                None => Ok(()),
            }
        });
    }
    while let Some(visit) = visits.join_next().await {
        if let Ok(Err(error)) = visit {
            tracing::debug!(%error, "a hint came to nothing");
        }
    }
}

/// Everything the solver and the lock want of one wheel, at the same time.
pub(super) async fn look_into(
    answers: &Arc<Answers>,
    candidate: &Candidate,
) -> Result<Arc<CoreMetadata>, Error> {
    if candidate.sha256.is_some() {
        // Not waited for: what the wheel requires leads on, its size does not.
        let (answers, candidate) = (Arc::clone(answers), candidate.clone());
        tokio::spawn(async move { answers.facts(&candidate).await.map(drop) });
    }
    answers.metadata(candidate).await
}

/// Goes on until the closure of the wishes is known. Failures end a branch; the solver meets them
/// again if they matter.
pub(super) async fn crawl(
    answers: Arc<Answers>,
    wishes: Vec<Requirement<VerbatimUrl>>,
    rules: Rules,
) {
    let environment = marker_environment(answers.target.platform, &answers.target.python);
    let (asked, done) = (constrained(&rules, &environment), HashSet::new());
    let mut crawl = Crawl { answers, environment, rules, asked, done };
    let mut visits = JoinSet::new();
    for wish in wishes {
        crawl.follow(&wish, &[], &mut visits);
    }
    while let Some(visit) = visits.join_next().await {
        let Ok(Ok(Some((extras, metadata)))) = visit else { continue };
        let key = (metadata.name.clone(), metadata.version.clone(), extras.clone());
        if crawl.done.insert(key) {
            for requirement in
                metadata.requires.iter().flat_map(|r| crawl.rules.in_force(r)).collect::<Vec<_>>()
            {
                crawl.follow(&requirement, &extras, &mut visits);
            }
        }
    }
}

struct Crawl {
    answers: Arc<Answers>,
    environment: MarkerEnvironment,
    rules: Rules,
    /// Every specifier met so far: the newest wheel that fits all is the best guess.
    asked: HashMap<PackageName, Asked>,
    done: HashSet<(PackageName, Version, Vec<ExtraName>)>,
}

#[derive(Default)]
struct Asked {
    specifiers: Vec<VersionSpecifiers>,
    extras: BTreeSet<ExtraName>,
    visited: bool,
}

/// What the constraints that hold here say, before anything asks.
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

impl Crawl {
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
            let answers = Arc::clone(&self.answers);
            visits.spawn(visit(answers, name, specifiers, extras));
        }
    }
}

async fn visit(
    answers: Arc<Answers>,
    name: PackageName,
    specifiers: Vec<VersionSpecifiers>,
    extras: Vec<ExtraName>,
) -> Result<Option<Visit>, Error> {
    let project = answers.project(&name).await?;
    let candidates: Vec<_> = likely(&project, &specifiers).take(GUESSES).collect();
    for candidate in &candidates {
        if is_torch_family(&name) {
            let build = build_of(&answers, candidate);
            if candidates.len() > 1 {
                // Both read the same wheel: neither need wait for the other.
                let (build, metadata) = tokio::join!(build, answers.metadata(candidate));
                let (build, _) = (build?, metadata?);
                if build.is_some_and(|build| build != answers.target.cuda) {
                    continue;
                }
            } else {
                // There is no other: what it requires leads on, before three questions have told its build.
                tokio::spawn(build);
            }
        }
        return Ok(Some((extras, look_into(&answers, candidate).await?)));
    }
    Ok(None)
}

/// Which CUDA a wheel was built for, by itself: the question may outlive who asks.
fn build_of(
    answers: &Arc<Answers>,
    candidate: &Candidate,
) -> impl Future<Output = Result<Option<CudaTag>, Error>> + Send + 'static {
    let (answers, candidate) = (Arc::clone(answers), candidate.clone());
    async move { answers.cuda_build(&candidate).await }
}

/// Candidates that fit, newest first, as PEP 440 users expect: no yanked ones, pre-releases only
/// when asked for or when there is nothing else.
fn likely<'a>(
    project: &'a Project,
    specifiers: &'a [VersionSpecifiers],
) -> impl Iterator<Item = &'a Candidate> {
    let fits = |c: &&Candidate| !c.yanked && specifiers.iter().all(|s| s.contains(&c.version));
    let wanted = specifiers.iter().any(|s| s.iter().any(|one| one.version().any_prerelease()));
    let any_stable = project.candidates.iter().filter(fits).any(|c| !c.version.any_prerelease());
    let stable = wanted || !any_stable;
    project.candidates.iter().filter(fits).filter(move |c| stable || !c.version.any_prerelease())
}
