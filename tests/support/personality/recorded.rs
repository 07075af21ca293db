//! Recorded answers, by registry and request: tests/fixtures/registries/answers.json, each with its source.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::support::Recorded;

const ANSWERS: &str = include_str!("../../fixtures/registries/answers.json");

#[derive(Deserialize)]
struct Entry {
    registry: String,
    request: String,
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Value,
    source: String,
}

/// What `registry` answered to `request`. Words in braces are for [`fill`].
pub fn recorded(registry: &str, request: &str) -> Recorded {
    let all: Vec<Entry> = serde_json::from_str(ANSWERS).unwrap();
    let found = all.into_iter().find(|e| e.registry == registry && e.request == request);
    let entry = found.unwrap_or_else(|| panic!("no answer of {registry} to {request}"));
    assert!(!entry.source.is_empty(), "{registry}, {request}: by whom?");
    let (body, kind) = match entry.body {
        Value::String(text) => (text, "text/plain"),
        body => (body.to_string(), "application/json"),
    };
    let mut headers: Vec<_> = entry.headers.into_iter().collect();
    if !headers.iter().any(|(name, _)| name == "Content-Type") {
        headers.push(("Content-Type".to_owned(), kind.to_owned()));
    }
    Recorded { status: entry.status, headers, body }
}

/// The answer about this very thing: `{name}` is replaced.
pub fn fill(answer: &Recorded, values: &[(&str, &str)]) -> Recorded {
    let mut answer = answer.clone();
    for (name, value) in values {
        answer.body = answer.body.replace(&format!("{{{name}}}"), value);
    }
    answer
}
