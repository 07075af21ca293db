//! `index.json`: which manifests there are, in which repository, under which tags. Pure.
//!
//! The form is the image spec's: a tag is an entry with `org.opencontainers.image.ref.name` = `NAME:TAG`, so that
//! other tools read the layout too. What that form cannot say is in annotations: the repository of a
//! manifest without a tag, and the subject of a referrer. Entries of other tools stay as they are.

use std::collections::{BTreeSet, HashMap};

use oci_spec::image::Descriptor;
use serde_json::{Value, json};

use crate::media_type::INDEX;
use crate::{Repository, Tag};
use oci_digest::Digest;

const NAME: &str = "org.opencontainers.image.ref.name";

/// One manifest of one repository, under one tag or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) repository: Repository,
    pub(crate) tag: Option<Tag>,
    pub(crate) manifest: Pointer,
}

/// A manifest as the index knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pointer {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// What it is about, for a referrer.
    pub(crate) subject: Option<Digest>,
}

impl Pointer {
    /// As the image spec writes it.
    pub(crate) fn descriptor(&self) -> Descriptor {
        let digest = self.digest.to_string();
        let digest = oci_spec::image::Digest::try_from(digest).expect("a digest is one there too");
        Descriptor::new(self.media_type.as_str().into(), self.size, digest)
    }
}

/// All manifests of a layout. A manifest has one entry for each tag, or exactly one without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    /// What our annotations begin with.
    namespace: &'static str,
    entries: Vec<Entry>,
    foreign: Vec<Value>,
}

impl Index {
    /// Without manifests.
    pub(crate) fn new(namespace: &'static str) -> Self {
        Index { namespace, entries: vec![], foreign: vec![] }
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// Why it is no index.
    pub(crate) fn parse(text: &[u8], namespace: &'static str) -> Result<Self, String> {
        let document: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let manifests = document.get("manifests").and_then(Value::as_array);
        let mut index = Index::new(namespace);
        for value in manifests.ok_or("it has no list of manifests")? {
            match entry(value, namespace) {
                Some(entry) => index.entries.push(entry),
                None => index.foreign.push(value.clone()),
            }
        }
        Ok(index)
    }

    /// The file's text, the same for the same content.
    pub(crate) fn to_text(&self) -> String {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by_key(|e| (&e.repository, &e.tag, e.manifest.digest));
        let manifests =
            self.foreign.iter().cloned().chain(entries.into_iter().map(|e| self.value(e)));
        let manifests: Vec<Value> = manifests.collect();
        let document = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
        format!("{document:#}\n")
    }

    /// The manifest under a tag.
    pub(crate) fn tagged(&self, repository: &Repository, tag: &Tag) -> Option<&Pointer> {
        self.of(repository).find(|e| e.tag.as_ref() == Some(tag)).map(|e| &e.manifest)
    }

    /// The manifest with a digest.
    pub(crate) fn get(&self, repository: &Repository, digest: Digest) -> Option<&Pointer> {
        self.of(repository).map(|e| &e.manifest).find(|m| m.digest == digest)
    }

    /// Adds a manifest, and moves these tags to it. Manifests that lose a tag stay.
    pub(crate) fn put(&mut self, repository: &Repository, manifest: &Pointer, tags: &[Tag]) {
        for tag in tags {
            self.untag(repository, tag);
            let (repository, manifest) = (repository.clone(), manifest.clone());
            self.entries.push(Entry { repository, tag: Some(tag.clone()), manifest });
        }
        self.normalize(repository, manifest);
    }

    /// Removes a tag; whether there was one.
    pub(crate) fn untag(&mut self, repository: &Repository, tag: &Tag) -> bool {
        let found = |e: &Entry| e.repository == *repository && e.tag.as_ref() == Some(tag);
        let Some(at) = self.entries.iter().position(found) else { return false };
        let manifest = self.entries.swap_remove(at).manifest;
        self.normalize(repository, &manifest);
        true
    }

    /// Removes a manifest with all its tags; whether there was one.
    pub(crate) fn remove(&mut self, repository: &Repository, digest: Digest) -> bool {
        let before = self.entries.len();
        self.entries.retain(|e| e.repository != *repository || e.manifest.digest != digest);
        self.entries.len() < before
    }

    /// Leaves a manifest one entry for each tag, or exactly one without.
    fn normalize(&mut self, repository: &Repository, manifest: &Pointer) {
        let same = |e: &Entry| e.repository == *repository && e.manifest.digest == manifest.digest;
        let tagged = self.entries.iter().any(|e| same(e) && e.tag.is_some());
        self.entries.retain(|e| !same(e) || e.tag.is_some());
        if !tagged {
            let (repository, manifest) = (repository.clone(), manifest.clone());
            self.entries.push(Entry { repository, tag: None, manifest });
        }
    }

    /// The tags of a repository, in the order of their bytes.
    pub(crate) fn tags(&self, repository: &Repository) -> BTreeSet<String> {
        self.of(repository).filter_map(|e| e.tag.as_ref()).map(Tag::to_string).collect()
    }

    /// The manifests of a repository, each once.
    pub(crate) fn manifests(&self, repository: &Repository) -> Vec<&Pointer> {
        let mut seen = BTreeSet::new();
        self.of(repository).map(|e| &e.manifest).filter(|m| seen.insert(m.digest)).collect()
    }

    /// The repositories with manifests.
    pub(crate) fn repositories(&self) -> BTreeSet<&Repository> {
        self.entries.iter().map(|e| &e.repository).collect()
    }

    /// Every entry, those of other tools left out.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether any entry names these bytes, those of other tools included.
    pub(crate) fn holds(&self, digest: Digest) -> bool {
        let text = digest.to_string();
        self.entries.iter().any(|e| e.manifest.digest == digest)
            || self.foreign.iter().any(|v| v["digest"] == *text)
    }

    /// Whether there are entries of other tools: what their manifests need is not known.
    pub(crate) fn has_foreign(&self) -> bool {
        !self.foreign.is_empty()
    }

    fn value(&self, entry: &Entry) -> Value {
        let Entry { repository, tag, manifest } = entry;
        let mut annotations =
            HashMap::from([(format!("{}.repository", self.namespace), repository.to_string())]);
        if let Some(tag) = tag {
            annotations.insert(NAME.to_owned(), format!("{repository}:{tag}"));
        }
        if let Some(subject) = manifest.subject {
            annotations.insert(format!("{}.subject", self.namespace), subject.to_string());
        }
        let mut descriptor = manifest.descriptor();
        descriptor.set_annotations(Some(annotations));
        in_order(&descriptor)
    }

    fn of(&self, repository: &Repository) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |e| e.repository == *repository)
    }
}

/// The JSON of a descriptor, whose annotations have no order of their own: the same for the same content.
pub(crate) fn in_order(descriptor: &Descriptor) -> Value {
    let mut value = serde_json::to_value(descriptor).expect("a descriptor is JSON");
    if let Some(annotations) = value.get_mut("annotations") {
        annotations.sort_all_objects();
    }
    value
}

/// An entry of ours; `None` for those of other tools.
fn entry(value: &Value, namespace: &str) -> Option<Entry> {
    let descriptor: Descriptor = serde_json::from_value(value.clone()).ok()?;
    let text = |key: &str| descriptor.annotations().as_ref()?.get(key).map(String::as_str);
    let repository: Repository = text(&format!("{namespace}.repository"))?.parse().ok()?;
    let tag = match text(NAME) {
        Some(name) => Some(name.strip_prefix(&format!("{repository}:"))?.parse::<Tag>().ok()?),
        None => None,
    };
    let manifest = Pointer {
        media_type: descriptor.media_type().to_string(),
        digest: descriptor.digest().as_ref().parse().ok()?,
        size: descriptor.size(),
        subject: text(&format!("{namespace}.subject")).and_then(|digest| digest.parse().ok()),
    };
    Some(Entry { repository, tag, manifest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(seed: &str) -> Pointer {
        let media_type = crate::media_type::MANIFEST.to_owned();
        Pointer { media_type, digest: Digest::of(seed), size: 9, subject: None }
    }

    #[test]
    fn a_moved_tag_leaves_its_manifest_behind_and_a_deleted_manifest_takes_its_tags() {
        let (team, tag): (Repository, Tag) = ("team/ray".parse().unwrap(), "v1".parse().unwrap());
        let (old, new) = (pointer("old"), pointer("new"));
        let mut index = Index::new("org.example");
        index.put(&team, &old, &[tag.clone(), "v2".parse().unwrap()]);
        index.put(&team, &new, std::slice::from_ref(&tag));
        index.put(&team, &new, &[]);
        assert_eq!(index.tagged(&team, &tag), Some(&new));
        assert!(index.untag(&team, &"v2".parse().unwrap()));
        assert_eq!(index.get(&team, old.digest), Some(&old));
        assert_eq!(index.manifests(&team).len(), 2);
        assert_eq!(index.entries.len(), 2);
        assert!(index.remove(&team, new.digest) && !index.remove(&team, new.digest));
        assert!(index.tags(&team).is_empty() && !index.untag(&team, &tag));
        assert!(!index.holds(new.digest) && index.holds(old.digest));
    }

    #[test]
    fn the_text_is_read_back_and_entries_of_other_tools_stay() {
        let foreign = json!({"mediaType": "x", "digest": Digest::of("f"), "size": 1,
            "annotations": {NAME: "latest"}});
        let text = json!({"schemaVersion": 2, "manifests": [foreign]}).to_string();
        let mut index = Index::parse(text.as_bytes(), "org.example").unwrap();
        let mut referrer = pointer("sbom");
        referrer.subject = Some(Digest::of("image"));
        let name: Repository = "a".parse().unwrap();
        index.put(&name, &referrer, &[]);
        index.put(&name, &pointer("image"), &["t".parse().unwrap()]);
        let again = Index::parse(index.to_text().as_bytes(), "org.example").unwrap();
        assert_eq!(again.to_text(), index.to_text());
        assert_eq!(again.get(&name, referrer.digest), Some(&referrer));
        assert!(again.has_foreign() && again.holds(Digest::of("f")));
        assert!(again.to_text().contains(r#""org.opencontainers.image.ref.name": "a:t""#));
    }

    #[test]
    fn what_is_no_index_is_an_error() {
        for text in ["", "{", "[]", "{}", r#"{"manifests": 1}"#] {
            assert!(Index::parse(text.as_bytes(), "org.example").is_err(), "{text}");
        }
    }
}
