//! Links of a JSON page (PEP 691, with the fields of PEP 700, 658 and 714), streamed: a file that is skipped costs no
//! allocation.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};

use super::link::{Beside, Link};
use crate::digest::HashAlgorithm;

/// Calls `each` for every file.
///
/// # Errors
/// Text that is not such a page, with line and column.
pub fn scan<'a>(page: &'a str, each: impl FnMut(Link<'a>)) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(page);
    Page(each).deserialize(&mut json)?;
    json.end()
}

/// The status of the project and its reason (PEP 792).
pub fn status(page: &str) -> Option<(String, Option<String>)> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Project {
        project_status: Option<Status>,
    }
    #[derive(Deserialize)]
    struct Status {
        status: String,
        reason: Option<String>,
    }
    let project: Project = serde_json::from_str(page).ok()?;
    project.project_status.map(|said| (said.status, said.reason))
}

struct Page<F>(F);
struct Files<F>(F);

impl<'a, F: FnMut(Link<'a>)> DeserializeSeed<'a> for Page<F> {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a, F: FnMut(Link<'a>)> Visitor<'a> for Page<F> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a PEP 691 project page")
    }
    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut has_files = false;
        while let Some(key) = map.next_key::<Text>()? {
            if key.0 == "files" {
                has_files = true;
                map.next_value_seed(Files(&mut self.0))?;
            } else if key.0 == "meta" {
                map.next_value::<Meta>()?.readable()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if has_files { Ok(()) } else { Err(A::Error::missing_field("files")) }
    }
}

impl<'a, F: FnMut(Link<'a>)> DeserializeSeed<'a> for Files<F> {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'a, F: FnMut(Link<'a>)> Visitor<'a> for Files<F> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of files")
    }
    fn visit_seq<A: SeqAccess<'a>>(mut self, mut files: A) -> Result<(), A::Error> {
        while let Some(file) = files.next_element::<File>()? {
            (self.0)(file.into());
        }
        Ok(())
    }
}

/// Text that stays in the page unless an escape makes a copy necessary.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File<'a> {
    #[serde(borrow)]
    filename: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow, default)]
    hashes: Hashes<'a>,
    #[serde(borrow)]
    requires_python: Option<Text<'a>>,
    #[serde(borrow)]
    yanked: Option<Flag<Text<'a>>>,
    #[serde(borrow)]
    core_metadata: Option<Flag<Hashes<'a>>>,
    #[serde(borrow)]
    dist_info_metadata: Option<Flag<Hashes<'a>>>,
    size: Option<u64>,
    #[serde(borrow)]
    upload_time: Option<Text<'a>>,
}

/// PEP 629: a page of another major version cannot be read.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Meta<'a> {
    #[serde(borrow)]
    api_version: Option<Text<'a>>,
}

impl Meta<'_> {
    fn readable<E: Error>(&self) -> Result<(), E> {
        match self.api_version.as_ref().map(|version| version.0.as_ref()) {
            Some(version) if version.split('.').next() != Some("1") => {
                Err(E::custom(format!("its api-version is {version}, and only 1.x is known")))
            }
            _ => Ok(()),
        }
    }
}

#[derive(Default)]
struct Hashes<'a> {
    sha256: Option<Text<'a>>,
    others: Vec<(HashAlgorithm, Cow<'a, str>)>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Hashes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Hashes<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("hashes by algorithm")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Hashes<'de>, A::Error> {
                let mut hashes = Hashes::default();
                while let Some(name) = map.next_key::<Text>()? {
                    if name.0 == "sha256" {
                        hashes.sha256 = map.next_value()?;
                    } else if let Some(algorithm) = HashAlgorithm::named(&name.0) {
                        hashes.others.push((algorithm, map.next_value::<Text>()?.0));
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(hashes)
            }
        }
        deserializer.deserialize_map(Form)
    }
}

/// `false`, `true`, or a detail, which means `true`: the reason of a yank (PEP 592, also an empty one), the hashes of a
/// metadata file (PEP 714).
struct Flag<T> {
    is_set: bool,
    detail: Option<T>,
}

// Not derived: an untagged enum copies every value before it tries the variants, and pages have 100,000s of them.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Flag<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Form<T> {
            type Value = Flag<T>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("true, false or a detail")
            }
            fn visit_bool<E>(self, is_set: bool) -> Result<Self::Value, E> {
                Ok(Flag { is_set, detail: None })
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                let detail = T::deserialize(text.into_deserializer())?;
                Ok(Flag { is_set: true, detail: Some(detail) })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let detail = T::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Flag { is_set: true, detail: Some(detail) })
            }
        }
        deserializer.deserialize_any(Form(PhantomData))
    }
}

impl<'a> From<File<'a>> for Link<'a> {
    fn from(file: File<'a>) -> Self {
        let metadata = match file.core_metadata.or(file.dist_info_metadata) {
            Some(Flag { is_set: true, detail }) => detail
                .and_then(|hashes| hashes.sha256)
                .map_or(Beside::Unhashed, |hash| Beside::Hashed(hash.0)),
            _ => Beside::None,
        };
        let href = match file.url.find('#') {
            Some(at) => Cow::Owned(file.url[..at].to_owned()),
            None => file.url,
        };
        Link {
            file: file.filename,
            href,
            sha256: file.hashes.sha256.map(|h| h.0),
            others: file.hashes.others,
            size: file.size,
            requires_python: file.requires_python.map(|r| r.0).filter(|r| !r.trim().is_empty()),
            yanked: file.yanked.is_some_and(|yanked| yanked.is_set),
            metadata,
            uploaded: file.upload_time.map(|t| t.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fields_are_read_and_unknown_ones_pass() {
        let page = r#"{"meta": {"api-version": "1.1"}, "name": "a", "versions": ["1"], "files": [
            {"filename": "a-1+cu130-py3-none-any.whl", "url": "../a-1%2Bcu130.whl#x", "hashes": {"md5": "1", "sha256": "ab"},
             "requires-python": ">=3.9", "yanked": "it was \"bad\"", "core-metadata": {"sha256": "cd"},
             "size": 12, "upload-time": "2026-01-02T03:04:05.678Z", "provenance": null, "gpg-sig": false},
            {"filename": "a-2.tar.gz", "url": "https://f.example/a-2.tar.gz", "hashes": {}, "yanked": false,
             "requires-python": null, "core-metadata": false, "data-x": [1, {"y": 2}]},
            {"filename": "a-3-py3-none-any.whl", "url": "a-3.whl", "hashes": {}, "dist-info-metadata": true}]}"#;
        let mut links = Vec::new();
        scan(page, |link| links.push(link)).unwrap();
        assert_eq!(links[0].href, "../a-1%2Bcu130.whl");
        assert_eq!(links[0].sha256.as_deref(), Some("ab"));
        assert_eq!(links[0].metadata, Beside::Hashed("cd".into()));
        assert_eq!((links[0].size, links[0].yanked), (Some(12), true));
        assert_eq!(links[0].requires_python.as_deref(), Some(">=3.9"));
        assert_eq!((&links[1].metadata, links[1].yanked), (&Beside::None, false));
        assert_eq!(links[2].metadata, Beside::Unhashed);
        assert!(matches!(links[1].file, Cow::Borrowed(_)));
    }

    #[test]
    fn other_json_is_an_error() {
        for page in [
            "",
            "[]",
            "{}",
            "{\"files\": 1}",
            "{\"files\": [{}]}",
            "{\"files\": []} x",
            r#"{"meta": {"api-version": "2.0"}, "files": []}"#,
            r#"{"files": [{"filename": "a", "url": "a", "yanked": {}}]}"#,
            r#"{"files": [{"filename": "a", "url": "a", "core-metadata": "x"}]}"#,
        ] {
            assert!(scan(page, |_| ()).is_err(), "{page}");
        }
    }
}
