//! The real registry behind a personality, asked past it.

use camino::Utf8PathBuf;
use serde_json::Value;

use crate::support::faulty::Answer;

pub struct Behind {
    /// `127.0.0.1:PORT`
    pub host: String,
    /// Its folder of repositories.
    pub repositories: Utf8PathBuf,
}

impl Behind {
    /// The digest of what a tag or digest names; `None`: it is not there.
    pub fn digest(&self, repository: &str, name: &str) -> Option<String> {
        let path = format!("/v2/{repository}/manifests/{name}");
        let answer = Answer::to(&self.host, "HEAD", &path).unwrap();
        Some(answer.get("docker-content-digest").filter(|_| answer.is_ok())?.to_owned())
    }

    pub fn tags(&self, repository: &str) -> Vec<String> {
        let path = format!("/v2/{repository}/tags/list");
        let answer = Answer::to(&self.host, "GET", &path).unwrap();
        let list: Value = serde_json::from_slice(&answer.body).unwrap();
        let tags = list["tags"].as_array().into_iter().flatten();
        tags.map(|tag| tag.as_str().unwrap().to_owned()).collect()
    }

    /// Takes a tag away, which this registry has no request for. Whether it was there.
    pub fn untag(&self, repository: &str, tag: &str) -> bool {
        let folder = self.repositories.join(repository).join("_manifests/tags").join(tag);
        fs_err::remove_dir_all(folder).is_ok()
    }
}
