//! Registries as their users meet them: recorded answers, over HTTP, before a real docker-registry.
//!
//! A file a registry. A new one is its file, and its answers, each with who saw them, in
//! tests/fixtures/registries/answers.json.

mod artifactory;
mod behind;
mod ecr;
mod gar;
mod ghcr;
mod gitlab;
mod harbor;
mod hub;
mod login;
mod nexus_like;
mod quay;
mod recorded;
mod referrers;
mod request;
mod rules;

pub use artifactory::artifactory;
pub use ecr::{ecr, without_repositories};
pub use gar::gar;
pub use ghcr::ghcr;
pub use gitlab::gitlab;
pub use harbor::{harbor, old_harbor, with_quota};
pub use hub::{deep_name, hub};
pub use login::LOGIN;
pub use nexus_like::nexus_like;
pub use quay::quay;

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use behind::Behind;

use super::{Asked, Faulty, Harm, Registry, Sessions};

/// The line breaks in the first blob that is larger, in bytes.
const BREAKS: u64 = 100_000_000;

/// What a registry does about one request; `None`: what docker-registry does.
pub type Rule = Box<dyn Fn(&Asked, &Behind) -> Option<Harm> + Send + Sync>;

/// A registry and its ways.
pub struct Personality {
    /// As the tables in docs/ have it.
    pub name: &'static str,
    /// Where images go on its host; no two have the same, so that they can have one docker-registry behind them.
    pub prefix: &'static str,
    rules: Vec<Rule>,
}

impl Personality {
    fn new(name: &'static str, prefix: &'static str) -> Self {
        Personality { name, prefix, rules: vec![] }
    }

    /// One more way; of several that say something, the first counts.
    fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Puts it before a docker-registry. The first large blob breaks off on its way: what a registry makes of parts and of
    /// sessions shows only then.
    pub fn before(self, registry: &Registry) -> Faulty {
        let repositories = registry.data().join("repositories");
        let repositories = repositories.try_into().unwrap();
        let behind = Behind { host: registry.host().to_owned(), repositories };
        let door = Faulty::before(registry.host(), Sessions::Kept);
        let broken = AtomicBool::new(false);
        door.harm(move |asked| {
            let is_large = asked.is_part() && asked.length > BREAKS;
            if is_large && !broken.swap(true, SeqCst) {
                return Some(Harm::CutRequest(BREAKS / 2));
            }
            self.rules.iter().find_map(|rule| rule(asked, &behind))
        });
        door
    }
}
