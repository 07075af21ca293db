//! The facts of this run for its provenance: the clock, git, the variables of GitHub Actions and GitLab CI.

use camino::Utf8Path;
use jiff::Timestamp;

use crate::export::RunFacts;
use crate::release::GitFacts;

/// The run that began at `started` and has its images now. An empty variable counts as not set.
pub fn run_facts(folder: &Utf8Path, started: Timestamp) -> RunFacts {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let whole = |time: Timestamp| Timestamp::from_second(time.as_second()).unwrap_or_default();
    let mut facts = RunFacts {
        started: whole(started),
        finished: whole(Timestamp::now()),
        commit: GitFacts::of(folder).commit,
        source: None,
        invocation: None,
        builder: None,
    };
    if let (Some(server), Some(project)) = (set("GITHUB_SERVER_URL"), set("GITHUB_REPOSITORY")) {
        let place = format!("{server}/{project}");
        facts.invocation = set("GITHUB_RUN_ID").map(|run| {
            let attempt = set("GITHUB_RUN_ATTEMPT").unwrap_or_else(|| "1".to_owned());
            format!("{place}/actions/runs/{run}/attempts/{attempt}")
        });
        facts.builder = set("GITHUB_WORKFLOW_REF").map(|workflow| format!("{server}/{workflow}"));
        facts.source = Some(place);
    } else if let Some(place) = set("CI_PROJECT_URL") {
        facts.invocation = set("CI_JOB_URL");
        facts.builder = set("CI_RUNNER_ID").map(|runner| format!("{place}/-/runners/{runner}"));
        facts.source = Some(place);
    }
    facts
}
