//! A fetched page: the candidates of a project on it, and the places of its files.

use std::borrow::Cow;

use pep508_rs::PackageName;
use url::Url;

use super::link::{Beside, Link};
use super::place::absolute;
use super::versions::Versions;
use super::{html, json};
use crate::catalog::{Project, Target, file_of};
use crate::digest::{Sha256, Stated};
use crate::login;
use crate::spec::{DirectWheel, SourceName};

/// A page as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its URL after redirects.
    pub url: Url,
    /// Its format.
    pub format: Format,
    /// Its text.
    pub text: String,
}

/// The place of a file, and what the page states of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its URL.
    pub url: Url,
    /// Its sha256, where the page states one.
    pub sha256: Option<Sha256>,
    /// The other hashes.
    pub stated: Vec<Stated>,
}

/// The format of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// PEP 503, or any page with links.
    Html,
    /// PEP 691.
    Json,
}

/// A page with the JSON content type that does not follow PEP 691.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPage(String);

impl Page {
    /// Calls `each` for every link; returns the URL that links are relative to.
    fn scan<'a>(&'a self, each: impl FnMut(Link<'a>)) -> Result<Cow<'a, Url>, BadPage> {
        match self.format {
            Format::Json => {
                json::scan(&self.text, each).map_err(|e| BadPage(e.to_string()))?;
                Ok(Cow::Borrowed(&self.url))
            }
            Format::Html => {
                let base =
                    html::scan(&self.text, each).and_then(|b| login::join(&self.url, &b).ok());
                Ok(base.map_or(Cow::Borrowed(&self.url), Cow::Owned))
            }
        }
    }

    /// What the page offers of `name` for the target; files of other projects are ignored.
    ///
    /// # Errors
    /// A JSON page that is not of PEP 691.
    pub fn project(
        &self,
        name: &PackageName,
        source: &SourceName,
        target: &Target,
    ) -> Result<Project, BadPage> {
        let mut versions = Versions::new(name, source, target);
        let base = self.scan(|link| versions.add(link))?;
        let mut project = versions.finish(&base);
        if project.candidates.is_empty() && project.skipped.is_empty() {
            project.quarantined = self.quarantined();
        }
        Ok(project)
    }

    /// Why the project is quarantined, in the index's words; `None`: it is not.
    fn quarantined(&self) -> Option<String> {
        let (status, reason) = match self.format {
            Format::Json => json::status(&self.text)?,
            Format::Html => html::status(&self.text)?,
        };
        (status == "quarantined").then(|| reason.unwrap_or_default())
    }

    /// The link to one file; `None`: there is none.
    ///
    /// # Errors
    /// A JSON page that is not of PEP 691.
    pub fn find(&self, file: &str) -> Result<Option<Found>, BadPage> {
        let mut links = Vec::new();
        let base = self.scan(|link| {
            if link.file == file {
                links.push(link);
            }
        })?;
        let address = |link: Link| {
            let (url, stated) = (absolute(&base, &link.href)?, link.stated());
            let sha256 = link.sha256.and_then(|hex| hex.parse().ok());
            Some(Found { url, sha256, stated })
        };
        // A link with an unusable URL does not hide another one to the same file.
        Ok(links.into_iter().find_map(address))
    }
}

/// A project of one wheel, whose URL the spec has; with only the reason where the wheel does not fit the target.
pub fn direct(name: &PackageName, wheel: &DirectWheel, target: &Target) -> Project {
    let source = SourceName::direct();
    let href: Cow<str> = Cow::Borrowed(wheel.url.as_str());
    let mut versions = Versions::new(name, &source, target);
    versions.add(Link {
        file: file_of(&href),
        href,
        sha256: wheel.sha256.map(|hash| Cow::Owned(hash.to_string())),
        others: Vec::new(),
        size: None,
        requires_python: None,
        yanked: false,
        metadata: Beside::None,
        uploaded: None,
    });
    versions.finish(&wheel.url)
}

/// One project from several pages of one source; the first page that has a version wins.
pub fn merged(projects: impl IntoIterator<Item = Project>) -> Option<Project> {
    projects.into_iter().reduce(|mut all, more| {
        all.candidates.extend(more.candidates);
        all.skipped.extend(more.skipped);
        all.withdrawn.extend(more.withdrawn);
        all.candidates.sort_by(|a, b| b.version.cmp(&a.version));
        all.candidates.dedup_by(|later, first| later.version == first.version);
        all.skipped.sort_by(|a, b| b.version.cmp(&a.version));
        all.skipped.dedup_by(|later, first| later.version == first.version);
        let candidates = &all.candidates;
        all.skipped.retain(|s| !candidates.iter().any(|c| c.version == s.version));
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_with_an_unusable_url_does_not_hide_one_that_can_be_used() {
        // Found by fuzzing.
        let text = "<a href='mailto:x'>a-1-py3-none-any.whl</a><a href='https://:a-1-py3-none-any.whl'>1</a>\
            <a href='ftp://f.example/a-1-py3-none-any.whl'>2</a><a href='/f/a-1-py3-none-any.whl'>3</a>";
        let url = "https://index.example/simple/x/".parse().unwrap();
        let page = Page { url, format: Format::Html, text: text.to_owned() };
        let found = page.find("a-1-py3-none-any.whl").unwrap().unwrap();
        assert_eq!(found.url.as_str(), "https://index.example/f/a-1-py3-none-any.whl");
    }
}
