//! Amazon ECR, private, with immutable tags. Logins are passwords; a repository must be made before it is pushed to
//! (actions/starter-workflows#2647, 2024-12-02); a part is stored and the Range of the answer stays where the first one
//! ended (aws/containers-roadmap#2831, 2026-06-24; apple/containerization#790, 2026-07-05);
//! a session cannot be asked for (dotnet/sdk#33019, 2023-06-16); a tag is never written twice, not even with the same
//! digest (aws/containers-roadmap#2179, 2023-10-17). It has the referrers API (awslabs/soci-snapshotter#1327,
//! 2024-07-29) and deletes manifests (aws/containers-roadmap#1229).

use std::collections::HashMap;
use std::sync::Mutex;

use super::login::password;
use super::recorded::recorded;
use super::referrers::referrers_api;
use super::request::{Part, Wanted};
use super::rules::{answers, immutable_tags, no_mounts};
use super::{Personality, Rule};
use crate::support::{Change, Harm, Recorded};

const PREFIX: &str = "ecr-team";

fn of(request: &str) -> Recorded {
    recorded("ECR", request)
}

pub fn ecr() -> Personality {
    Personality::new("Amazon ECR, immutable tags", PREFIX)
        .rule(password(of("any path without a login")))
        .rule(no_mounts())
        .rule(answers(of("GET blobs/uploads"), |asked, wanted| {
            asked.method == "GET" && matches!(wanted.part, Part::Session(_))
        }))
        .rule(stuck_range())
        .rule(immutable_tags(of("PUT manifests/TAG that is there")))
        .rule(referrers_api())
}

/// The same, and nobody has made a repository yet.
pub fn without_repositories() -> Personality {
    Personality::new("Amazon ECR", PREFIX)
        .rule(password(of("any path without a login")))
        .rule(answers(of("any path of a repository that does not exist"), |_, _| true))
}

/// 201 to each part, and the Range of the first.
fn stuck_range() -> Rule {
    let first: Mutex<HashMap<String, u64>> = Mutex::default();
    Box::new(move |asked, _| {
        let wanted = Wanted::of(asked).filter(|_| asked.method == "PATCH")?;
        let Part::Session(session) = wanted.part else { return None };
        let mut first = first.lock().unwrap();
        let length = *first.entry(session.to_owned()).or_insert(asked.length);
        let set = vec![("Range", format!("0-{}", length.saturating_sub(1)))];
        Some(Harm::Changed(Change { status: Some(201), set, ..Change::default() }))
    })
}
