//! What a request of the distribution API is about.

use crate::support::Asked;

/// A repository, and what of it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    pub repository: &'a str,
    pub part: Part<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// By tag or digest.
    Manifest(&'a str),
    Blob,
    /// A session that is to be opened.
    Uploads,
    /// One that is open: its path.
    Session(&'a str),
    Referrers(&'a str),
    Tags,
}

impl<'a> Wanted<'a> {
    /// `None`: a path of another kind, such as a token server's.
    pub fn of(asked: &'a Asked) -> Option<Self> {
        let path = asked.path.split('?').next()?.strip_prefix("/v2/")?;
        let split = |word: &str| path.rsplit_once(word);
        let (repository, part) = if let Some((repository, session)) = split("/blobs/uploads/") {
            (repository, if session.is_empty() { Part::Uploads } else { Part::Session(session) })
        } else if let Some((repository, name)) = split("/manifests/") {
            (repository, Part::Manifest(name))
        } else if let Some((repository, _)) = split("/blobs/") {
            (repository, Part::Blob)
        } else if let Some((repository, subject)) = split("/referrers/") {
            (repository, Part::Referrers(subject))
        } else {
            (path.strip_suffix("/tags/list")?, Part::Tags)
        };
        Some(Wanted { repository, part })
    }

    /// A manifest's name that is no digest.
    pub fn tag(&self) -> Option<&'a str> {
        match self.part {
            Part::Manifest(name) if !name.contains(':') => Some(name),
            _ => None,
        }
    }
}

/// Whether nothing is changed by it.
pub fn reads(asked: &Asked) -> bool {
    matches!(&*asked.method, "GET" | "HEAD")
}
