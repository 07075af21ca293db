//! A release as a line of env.releases.jsonl.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::config::{ConfigPath, Scalar, TextChange};
use crate::digest::Sha256;
use crate::reference::PinnedReference;
use crate::spec::ImageName;

/// The history's file name in the project folder.
pub const FILE_NAME: &str = "env.releases.jsonl";

/// The format this envlock writes, and the newest it reads. 2: edits with their text.
pub const FORMAT: u32 = 2;

/// One successful `build --push` or `rollback`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
pub struct Record {
    /// The format of the line. 2: edits have their text.
    #[schemars(range(min = 1, max = 2))]
    pub v: u32,
    /// 1, 2, 3, …
    #[schemars(range(min = 1))]
    pub number: u64,
    /// When, in UTC.
    pub time: Timestamp,
    /// What made it.
    #[serde(flatten)]
    pub kind: Kind,
    /// The hash of env.lock's bytes; absent for the state before the first release.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lock: Option<Sha256>,
    /// The engine that built the images.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub engine: Option<String>,
    /// Every image that runs since then.
    pub images: BTreeMap<ImageName, PinnedReference>,
    /// What changed in which file.
    pub edits: Vec<FileEdit>,
    /// Images of which the registry did not keep record, tag or documents: these were never there, so they are not reported as removed.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub not_kept: BTreeSet<ImageName>,
    /// The commit that was checked out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub commit: Option<String>,
    /// The user who ran envlock.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<String>,
    /// The version of envlock.
    pub envlock: String,
}

/// What made a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind {
    /// `build --push`
    Build,
    /// `rollback`
    Rollback {
        /// The release whose state was restored; 0: the state before the first.
        to: u64,
    },
}

/// A value that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
pub struct FileEdit {
    /// The file, relative to the project folder.
    #[schemars(with = "String")]
    pub file: Utf8PathBuf,
    /// Where in it.
    #[schemars(with = "String")]
    pub path: ConfigPath,
    /// The old value; absent: there was no key.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ScalarText>")]
    pub before: Option<Scalar>,
    /// The new value; absent: the key was removed.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ScalarText>")]
    pub after: Option<Scalar>,
    /// The same as text, exactly as written; not in lines of format 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Letters>")]
    pub text: Option<TextChange>,
}

/// A [`Scalar`] as JSON has it.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "its schema is what counts")]
enum ScalarText {
    Null,
    Bool(bool),
    String(String),
}

/// A [`TextChange`]: the old and the new text, exactly as written.
#[derive(JsonSchema)]
#[schemars(rename = "TextChange")]
#[expect(dead_code, reason = "its schema is what counts")]
struct Letters {
    /// The old text.
    before: String,
    /// The new text.
    after: String,
}

/// `null` is a value here; only a missing key is `None`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Scalar>, D::Error> {
    Scalar::deserialize(deserializer).map(Some)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::digest::Digest;

    /// A build that set `path` of config.yaml, for other modules' tests.
    pub fn record(number: u64, kind: Kind, edits: &[(&str, Option<&str>, Option<&str>)]) -> Record {
        let scalar = |text: &Option<&str>| text.map(|t| Scalar::String(t.to_owned()));
        let pin = PinnedReference::new("r.example", "ray-runtime", Digest::of(number.to_string()));
        Record {
            v: FORMAT,
            number,
            time: "2026-11-23T10:00:00Z".parse().unwrap(),
            kind,
            lock: Some(Sha256::of(number.to_string())),
            engine: Some("dockerfile".to_owned()),
            images: BTreeMap::from([("ray-runtime".parse().unwrap(), pin)]),
            edits: edits
                .iter()
                .map(|(path, before, after)| FileEdit {
                    file: "config.yaml".into(),
                    path: path.parse().unwrap(),
                    before: scalar(before),
                    after: scalar(after),
                    text: None,
                })
                .collect(),
            not_kept: BTreeSet::new(),
            commit: None,
            by: Some("花子".to_owned()),
            envlock: "0.1.0".to_owned(),
        }
    }

    #[test]
    fn absent_null_and_text_stay_apart_on_disk() {
        let mut before = record(1, Kind::Rollback { to: 0 }, &[("a", None, Some("x"))]);
        before.edits[0].after = Some(Scalar::Null);
        let text = serde_json::to_string(&before).unwrap();
        assert!(text.contains(r#""kind":"rollback","to":0"#), "{text}");
        assert!(text.contains(r#"{"file":"config.yaml","path":"a","after":null}"#), "{text}");
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), before);
    }
}
