//! ghcr.io. Parts of an upload may not be larger than 4 MiB (ocx-sh/ocx#237, 2026-07-26); a token that is good for less
//! is refused with a sentence of its own (daltoniam/switchboard#139, 2026-04-22); no referrers API (NVIDIA/aicr#1957,
//! sbomify/sbomify#1624, 2026-09-21); for some seconds a tag still means what it meant before
//! (p2pool-starter-stack/pithead#429, 2026-07-10), here for some reads; nothing is deleted (skopeo#1880), not even an
//! upload (radius-project/radius#12623, 2026-08-05).

use super::Personality;
use super::login::{Tokens, plain, tokens};
use super::recorded::recorded;
use super::rules::{answers, no_referrers, stale_tags};

/// Bytes that a part may have.
const LARGEST_PART: u64 = 4 * 1024 * 1024;

pub fn ghcr() -> Personality {
    let of = |request| recorded("ghcr.io", request);
    let lacking = Some(of("a token that may not do this"));
    Personality::new("ghcr.io", "octo-team/project")
        .rule(tokens(Tokens { service: Some("ghcr.io"), scope: plain, lacking }))
        .rule(answers(of("PATCH of more than 4 MiB"), |asked, _| {
            asked.method == "PATCH" && asked.length > LARGEST_PART
        }))
        .rule(no_referrers(of("GET referrers")))
        .rule(answers(of("DELETE"), |asked, _| asked.method == "DELETE"))
        .rule(stale_tags(2))
}
