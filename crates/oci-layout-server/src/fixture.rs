//! Layouts for tests.

use std::fs::File;

use camino::Utf8Path;
use oci_digest::Digest;

use crate::index::{Index, Pointer};
use crate::{Layout, Repository, Tag};

/// A layout in which `team/app` has an image of one blob for each name, without a tag.
pub(crate) fn layout(names: &[&str]) -> (tempfile::TempDir, Layout, Repository) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::open(Utf8Path::from_path(folder.path()).unwrap()).unwrap();
    let repository: Repository = "team/app".parse().unwrap();
    for name in names {
        put(&layout, &repository, name, None);
    }
    (folder, layout, repository)
}

pub(crate) fn image(name: &str, subject: Option<Digest>) -> String {
    let to = |digest: Digest| serde_json::json!({"mediaType": "x/y", "digest": digest, "size": 1});
    let (config, subject) = (to(Digest::of(name)), subject.map(to));
    serde_json::json!({"schemaVersion": 2, "config": config, "layers": [], "subject": subject})
        .to_string()
}

pub(crate) fn put(layout: &Layout, repository: &Repository, name: &str, subject: Option<Digest>) {
    let path = layout.root().join("incoming");
    fs_err::write(&path, name).unwrap();
    layout.take(&File::open(&path).unwrap(), &path, repository, Digest::of(name)).unwrap();
    let text = image(name, subject);
    let pointer = Pointer {
        media_type: crate::media_type::MANIFEST.to_owned(),
        digest: Digest::of(&text),
        size: text.len() as u64,
        subject,
    };
    layout.store(text.as_bytes(), pointer.digest).unwrap();
    let add = |index: &mut Index| {
        index.put(repository, &pointer, &[]);
        Ok(())
    };
    layout.change(add).unwrap();
}

pub(crate) fn tag(layout: &Layout, repository: &Repository, name: &str) {
    let tag: Tag = "v1".parse().unwrap();
    let put = |index: &mut Index| {
        let found = index.get(repository, Digest::of(image(name, None))).unwrap().clone();
        index.put(repository, &found, &[tag]);
        Ok(())
    };
    layout.change(put).unwrap();
}
