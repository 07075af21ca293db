//! Requests for lists: tags, repositories, referrers.

use std::collections::BTreeSet;

use hyper::header::LINK;
use oci_spec::image::Descriptor;
use serde_json::{Value, json};

use crate::answer::{Answer, FILTERS, add, document};
use crate::blocking::blocking;
use crate::index::in_order;
use crate::media_type::INDEX;
use crate::refusal::Refusal;
use crate::service::{Query, Service, digest};
use crate::{Layout, Repository};
use oci_digest::Digest;

impl Service {
    /// The tags of a repository, all or `n` after `last`.
    pub(crate) async fn tags(
        &self,
        repository: Repository,
        query: &Query,
    ) -> Result<Answer, Refusal> {
        let (layout, name) = (self.layout.clone(), repository.clone());
        let tags = blocking(move || {
            let (mut known, mut tags) = (false, BTreeSet::new());
            for layout in layout.all()? {
                let index = layout.index()?;
                known |= !index.manifests(&name).is_empty() || layout.marks(&name).is_dir();
                tags.extend(index.tags(&name));
            }
            if known { Ok(tags) } else { Err(Refusal::NoRepository(name)) }
        })
        .await?;
        let name = repository.to_string();
        page(
            tags,
            query,
            &format!("/v2/{name}/tags/list"),
            |tags| json!({ "name": name, "tags": tags }),
        )
    }

    /// The repositories that have manifests.
    pub(crate) async fn catalog(&self, query: &Query) -> Result<Answer, Refusal> {
        let layout = self.layout.clone();
        let names = blocking(move || {
            let mut names = BTreeSet::new();
            for layout in layout.all()? {
                let index = layout.index()?;
                names.extend(index.repositories().into_iter().map(Repository::to_string));
            }
            Ok(names)
        })
        .await?;
        page(names, query, "/v2/_catalog", |names| json!({ "repositories": names }))
    }

    /// The referrers of a manifest, which itself may be missing.
    pub(crate) async fn referrers(
        &self,
        repository: Repository,
        subject: &str,
        query: &Query,
    ) -> Result<Answer, Refusal> {
        let subject = digest(subject)?;
        let artifact_type = query.get("artifactType").map(str::to_owned);
        let filtered = artifact_type.is_some();
        let layout = self.layout.clone();
        let found = blocking(move || {
            let mut found: Vec<Descriptor> = Vec::new();
            for layout in layout.all()? {
                let about = layout.about(&repository, subject, artifact_type.as_deref())?;
                found.extend(about);
            }
            let mut seen = BTreeSet::new();
            found.retain(|referrer| seen.insert(referrer.digest().to_string()));
            Ok(found)
        })
        .await?;
        let manifests: Vec<Value> = found.iter().map(in_order).collect();
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
        let mut answer = document(INDEX, &index);
        if filtered {
            add(&mut answer, &[(FILTERS, "artifactType".to_owned())]);
        }
        Ok(answer)
    }
}

impl Layout {
    /// The descriptors of the manifests with this subject, of one artifact type or of all.
    fn about(
        &self,
        repository: &Repository,
        subject: Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, Refusal> {
        let index = self.index()?;
        let mut found = Vec::new();
        for manifest in index.manifests(repository) {
            if manifest.subject != Some(subject) {
                continue;
            }
            let described = self.described(manifest)?;
            if artifact_type.is_some()
                && described.artifact_type.as_ref().map(AsRef::as_ref) != artifact_type
            {
                continue;
            }
            let mut descriptor = manifest.descriptor();
            descriptor.set_artifact_type(described.artifact_type);
            descriptor.set_annotations(described.annotations);
            found.push(descriptor);
        }
        Ok(found)
    }
}

/// The part of a list that `n` and `last` ask for, with a `Link` to the rest.
fn page(
    names: BTreeSet<String>,
    query: &Query,
    path: &str,
    body: impl FnOnce(&[String]) -> Value,
) -> Result<Answer, Refusal> {
    let count = match query.get("n") {
        None => usize::MAX,
        Some(text) => text
            .parse()
            .map_err(|_| Refusal::Parameter(format!("n={text} is not a number of names")))?,
    };
    let last = query.get("last");
    let mut rest = names.into_iter().filter(|name| last.is_none_or(|last| name.as_str() > last));
    let names: Vec<String> = rest.by_ref().take(count).collect();
    let mut answer = document("application/json", &body(&names));
    if let (Some(_), Some(last)) = (rest.next(), names.last()) {
        let link = format!("<{path}?n={count}&last={last}>; rel=\"next\"");
        add(&mut answer, &[(LINK, link)]);
    }
    Ok(answer)
}
