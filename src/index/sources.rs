//! The sources of each project, and the URLs of the sources.

use std::collections::BTreeMap;

use pep508_rs::PackageName;
use reqwest::StatusCode;
use url::Url;

use super::surroundings::Surroundings;
use super::{Address, Error};
use crate::login::Login;
use crate::net::Logins;
use crate::spec::{DirectWheel, KeyringProvider, SourceKind, SourceName, Spec};

/// The sources of a spec with their addresses.
#[derive(Debug, Clone)]
pub struct Sources {
    places: BTreeMap<SourceName, Place>,
    routes: BTreeMap<PackageName, Vec<SourceName>>,
    default: Vec<SourceName>,
    direct: BTreeMap<PackageName, DirectWheel>,
    /// Logins, each with the URL that it is for.
    logins: Vec<(Url, Login)>,
    /// The user's settings that are not used, a sentence each.
    pub notes: Vec<String>,
}

/// A source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// How it is laid out.
    pub kind: SourceKind,
    /// Its URL; that of a folder ends with `/`.
    pub url: Url,
    /// The statuses beside 404 that mean that it does not have a project.
    pub ignored: Vec<StatusCode>,
}

impl Sources {
    /// With URLs from the spec, and that of `pypi` from the surroundings where the spec has none.
    ///
    /// # Errors
    /// Those of [`Surroundings::pypi`].
    pub async fn find(spec: &Spec, surroundings: &Surroundings) -> Result<Self, Error> {
        let (mut places, mut logins) = (BTreeMap::new(), spec.logins.clone());
        let mut notes = Vec::new();
        for (name, source) in &spec.sources {
            let url = match &source.url {
                Some(url) => url.clone(),
                None => {
                    let Address { url, login, from, unused } = surroundings.pypi().await?;
                    notes.extend(unused);
                    tracing::debug!(%from, "the address of the source {name}");
                    logins.extend(login.map(|login| (url.clone(), login)));
                    url
                }
            };
            let has_own = logins.iter().any(|(at, _)| *at == url);
            let given = surroundings.login(name).filter(|_| !has_own);
            logins.extend(given.map(|login| (url.clone(), login)));
            let url = if source.kind == SourceKind::FindLinks { url } else { folder(url) };
            let ignored = source.ignored(name, &url);
            let ignored = ignored.into_iter().filter_map(|code| StatusCode::from_u16(code).ok());
            let ignored = ignored.collect();
            places.insert(name.clone(), Place { kind: source.kind, url, ignored });
        }
        let mut routes = BTreeMap::new();
        let mut direct = BTreeMap::new();
        for (name, package) in &spec.packages {
            routes.extend(package.sources.clone().map(|sources| (name.clone(), sources)));
        }
        let mut requested = BTreeMap::new();
        for (_, requirement) in spec.requirements() {
            let name = requirement.pep508.name.clone();
            direct.extend(requirement.direct().map(|wheel| (name.clone(), wheel)));
            requested.entry(name).or_insert_with(|| requirement.sources.clone());
        }
        routes.extend(requested);
        let default = "pypi".parse().into_iter().collect();
        Ok(Self { places, routes, default, direct, logins, notes })
    }

    /// The sources of a project, in order: those of its requirement, else of `[packages]`, else `pypi`.
    pub fn of(&self, name: &PackageName) -> &[SourceName] {
        self.routes.get(name).unwrap_or(&self.default)
    }

    /// The wheel that the spec names by its URL.
    pub fn direct(&self, name: &PackageName) -> Option<&DirectWheel> {
        self.direct.get(name)
    }

    /// The logins for these sources: from their URLs, netrc and the keyring.
    ///
    /// # Errors
    /// Those of [`Surroundings::netrc`].
    pub fn logins(&self, spec: &Spec, surroundings: &Surroundings) -> Result<Logins, Error> {
        let logins = surroundings.netrc()?.with_own(self.logins.iter().cloned());
        let asked = spec.keyring.unwrap_or_else(|| surroundings.keyring());
        Ok(match asked {
            KeyringProvider::Disabled => logins,
            KeyringProvider::Subprocess => {
                logins.with_keyring(self.places.values().map(|place| place.url.clone()))
            }
        })
    }

    /// A source by name.
    pub fn place(&self, name: &SourceName) -> Option<&Place> {
        self.places.get(name)
    }
}

impl Place {
    /// The page of a project, for [`SourceKind::Simple`]; the page itself for find-links.
    pub fn page(&self, name: &PackageName) -> Url {
        match self.kind {
            SourceKind::FindLinks => self.url.clone(),
            SourceKind::Simple | SourceKind::Pyg => below(&self.url, &format!("{name}/")),
        }
    }

    /// The statuses that mean that a page does not exist. A list of files must exist: a missing one says nothing
    /// about a project.
    pub fn absent(&self) -> Vec<StatusCode> {
        let gone = match self.kind {
            SourceKind::FindLinks => &[][..],
            SourceKind::Simple | SourceKind::Pyg => &[StatusCode::NOT_FOUND, StatusCode::GONE],
        };
        [gone, &self.ignored].concat()
    }

    /// The pages that may have the wheels for a torch release, in the order to try: PyG has
    /// aliases of X.Y.0 for some patch releases, not for all.
    pub fn pyg_pages(&self, torch: &[u64], cuda: impl std::fmt::Display) -> Vec<Url> {
        let part = |at: usize| torch.get(at).copied().unwrap_or_default();
        let page = |patch: u64| {
            below(&self.url, &format!("torch-{}.{}.{patch}+{cuda}.html", part(0), part(1)))
        };
        match part(2) {
            0 => vec![page(0)],
            patch => vec![page(patch), page(0)],
        }
    }
}

fn folder(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    url
}

fn below(url: &Url, name: &str) -> Url {
    let mut page = url.clone();
    page.set_path(&format!("{}{name}", url.path()));
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_below_their_source() {
        let place =
            |kind, url: &str| Place { kind, url: url.parse().unwrap(), ignored: Vec::new() };
        let simple = place(SourceKind::Simple, "https://i.example/simple/?key=1");
        assert_eq!(
            simple.page(&"a-b".parse().unwrap()).as_str(),
            "https://i.example/simple/a-b/?key=1"
        );
        let pyg = place(SourceKind::Pyg, "https://pyg.example/whl/");
        let pages = |torch: &[u64]| -> Vec<String> {
            pyg.pyg_pages(torch, "cu130").iter().map(|u| u.path().to_owned()).collect()
        };
        assert_eq!(
            pages(&[2, 14, 1]),
            ["/whl/torch-2.14.1+cu130.html", "/whl/torch-2.14.0+cu130.html"]
        );
        assert_eq!(pages(&[2, 12]), ["/whl/torch-2.12.0+cu130.html"]);
    }
}
