//! Where a distribution's archives are, and whose signatures count there.

use std::sync::OnceLock;

use camino::Utf8PathBuf;
use debian_archive::Keyring;
use jiff::Timestamp;
use url::Url;

use super::super::Distribution;
use super::{AptSettings, Error};
use crate::login::{self, Login};
use crate::platform::Platform;

/// What the spec says of a distribution's archive.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// The only address that is asked: the folder that has `dists`.
    pub url: Option<Url>,
    /// The file with the only keys that count.
    pub keyring: Option<Utf8PathBuf>,
    /// Where older states are, with `@SNAPSHOTID@` for the time.
    pub snapshots: Option<String>,
}

/// The places of a distribution's archives.
#[derive(Debug, Clone)]
pub struct Places {
    /// Of which distribution.
    pub distribution: Distribution,
    /// Preferred first.
    places: Vec<Place>,
    snapshots: Option<Snapshots>,
    platform: Platform,
    keys: Keyring,
    /// The logins in apt's addresses, each with the address that it is for.
    pub logins: Vec<(Url, Login)>,
    /// Settings that are not used, a sentence each.
    pub notes: Vec<String>,
}

/// An address of an archive.
#[derive(Debug, Clone)]
pub struct Place {
    /// The folder that has `dists`; ends with `/`.
    pub url: Url,
    /// Whose signatures count.
    pub keys: Keyring,
    /// What says so.
    pub from: String,
    pub(super) certainty: Certainty,
}

/// How certain it is that an address is this distribution's archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Certainty {
    /// The spec says so: its `Origin` may be another.
    Named,
    /// It is called so.
    Likely,
    /// apt on a machine with this distribution uses it.
    Possible,
}

/// The address of Debian's archive that the program was built with.
static BUILT_WITH: OnceLock<&str> = OnceLock::new();

/// Sets the address of Debian's archive that this program was built with. The program sets it, not the library. Only the first
/// call counts.
pub fn built_with(address: Option<&'static str>) {
    if let Some(address) = address.filter(|address| !address.is_empty()) {
        BUILT_WITH.get_or_init(|| address);
    }
}

impl Places {
    /// The addresses for a distribution: the spec's, or those of this machine's apt, that of the build, and those that everybody
    /// knows.
    ///
    /// # Errors
    /// None has one; the spec's keyring or an address cannot be read.
    pub fn find(
        distribution: Distribution,
        platform: Platform,
        own: &Own,
        apt: &AptSettings,
    ) -> Result<Self, Error> {
        let keys = match &own.keyring {
            Some(path) => {
                let place = path.to_string();
                let setting = |why: std::io::Error| Error::Setting {
                    place: place.clone(),
                    why: why.to_string(),
                };
                let bytes = fs_err::read(path).map_err(setting)?;
                Keyring::parse(&bytes).map_err(|why| Error::Keyring { place, why })?
            }
            None => distribution.keys(),
        };
        let snapshots = own.snapshots.as_deref().or(distribution.default_snapshots());
        let snapshots = snapshots.map(Snapshots::read).transpose()?;
        let mut found = Places {
            distribution,
            places: Vec::new(),
            snapshots,
            platform,
            keys,
            logins: Vec::new(),
            notes: Vec::new(),
        };
        if let Some(url) = &own.url {
            let keys = found.keys.clone();
            found.add(url.clone(), format!("sources.{distribution}.url"), keys, Certainty::Named);
            return Ok(found);
        }
        found.notes.clone_from(&apt.notes);
        found.of_apt(apt, own.keyring.is_none())?;
        let built_in = BUILT_WITH.get().filter(|_| distribution == Distribution::Debian);
        if let Some(address) = built_in {
            let from = "ENVLOCK_DEFAULT_DEBIAN at build time";
            let ((url, _login), keys) = (read(address, from)?, found.keys.clone());
            found.add(url, from.to_owned(), keys, Certainty::Likely);
        }
        found.places.sort_by_key(|place| place.certainty);
        if found.places.is_empty() && distribution == Distribution::Debian {
            let looked_at = format!("sources.{distribution}.url and apt's sources on this machine");
            return Err(Error::NoAddress { distribution: distribution.id(), looked_at });
        }
        Ok(found)
    }

    /// The addresses in apt's sources that are this distribution's.
    fn of_apt(&mut self, apt: &AptSettings, with_keys: bool) -> Result<(), Error> {
        let id = self.distribution.id();
        let is_here = apt.distribution.as_deref() == Some(id);
        for (file, entry) in &apt.entries {
            let from = format!("{file}:{}", entry.line);
            // Archives of others are named after the distribution too; none of them has its components.
            if !entry.components.iter().any(|component| component == "main") {
                continue;
            }
            for uri in entry.uris.iter().filter(|uri| is_here || uri.contains(id)) {
                if !uri.starts_with("http://") && !uri.starts_with("https://") {
                    let uri = login::masked(uri);
                    self.notes.push(format!("{from}: {uri} is not used: only http and https are"));
                    continue;
                }
                if entry.trusted == Some(true) {
                    self.notes.push(format!(
                        "{from}: Trusted is not followed: nothing is taken without a signature"
                    ));
                }
                let keys =
                    if with_keys { apt.keys(entry, &self.keys) } else { Ok(self.keys.clone()) };
                match keys {
                    Ok(keys) => {
                        let (url, login) = read(uri, &from)?;
                        self.logins.extend(login.map(|login| (url.clone(), login)));
                        let is_called_so = uri.contains(id);
                        let certainty =
                            if is_called_so { Certainty::Likely } else { Certainty::Possible };
                        self.add(url, from.clone(), keys, certainty);
                    }
                    Err(why) => self.notes.push(format!("{from}: {why}")),
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, url: Url, from: String, keys: Keyring, certainty: Certainty) {
        let url = folder(url);
        if !self.places.iter().any(|place| place.url == url) {
            self.places.push(Place { url, keys, from, certainty });
        }
    }

    /// The addresses that may have a suite, preferred first.
    pub fn of(&self, suite: &str) -> Vec<Place> {
        let is_security = suite.ends_with("-security");
        let mut all: Vec<Place> = Vec::new();
        let mut add = |place: Place| {
            if !all.iter().any(|known| known.url == place.url) {
                all.push(place);
            }
        };
        // Debian's mirrors have security updates in an archive beside the other.
        for place in &self.places {
            let beside = beside(&place.url).filter(|_| is_security);
            beside.into_iter().for_each(|url| add(Place { url, ..place.clone() }));
        }
        self.places.iter().cloned().for_each(&mut add);
        if !self.places.iter().any(|place| place.certainty == Certainty::Named) {
            for address in self.distribution.default_addresses(self.platform, suite) {
                let (keys, from) = (self.keys.clone(), self.distribution.to_string());
                let url = login::parse(address).ok().map(|(url, _login)| url);
                url.into_iter().for_each(|url| {
                    add(Place {
                        url,
                        keys: keys.clone(),
                        from: from.clone(),
                        certainty: Certainty::Likely,
                    });
                });
            }
        }
        all
    }

    /// Where a suite's archive lies as it was at `day`.
    pub fn snapshot(&self, suite: &str, day: Timestamp) -> Option<Url> {
        self.snapshots.as_ref()?.at(day, suite.ends_with("-security"))
    }
}

/// An address with a place for the time.
#[derive(Debug, Clone)]
struct Snapshots(String);

const TIME: &str = "@SNAPSHOTID@";

impl Snapshots {
    fn read(text: &str) -> Result<Self, Error> {
        if !text.contains(TIME) {
            let why = format!("it has no {TIME}, where the time goes");
            return Err(Error::Setting {
                place: format!("snapshots = `{}`", login::masked(text)),
                why,
            });
        }
        read(text, "snapshots")?;
        Ok(Snapshots(text.to_owned()))
    }

    fn at(&self, day: Timestamp, is_security: bool) -> Option<Url> {
        let time = day.strftime("%Y%m%dT%H%M%SZ").to_string();
        let (url, _login) = login::parse(&self.0).ok()?;
        let of_security = beside(&url).filter(|_| is_security).unwrap_or(url);
        let text = of_security.as_str().replace(TIME, &time).replace("%40SNAPSHOTID%40", &time);
        login::parse(&text).ok().map(|(url, _login)| folder(url))
    }
}

/// `…/debian/` → `…/debian-security/`, wherever in the path that stands.
fn beside(url: &Url) -> Option<Url> {
    let path = url.path();
    let at = path.rfind("/debian/")?;
    let mut url = url.clone();
    let other = format!("{}/debian-security/{}", &path[..at], &path[at + "/debian/".len()..]);
    url.set_path(&other);
    Some(url)
}

fn read(address: &str, from: &str) -> Result<(Url, Option<Login>), Error> {
    let bad = |why: String| Error::Setting { place: from.to_owned(), why };
    let read = login::parse(address);
    let (url, login) = read.map_err(|why| bad(format!("{}: {why}", login::masked(address))))?;
    match url.scheme() {
        "http" | "https" => Ok((url, login)),
        other => Err(bad(format!("addresses begin with http or https, not {other}"))),
    }
}

fn folder(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    url
}

/// The address of a file below an archive's.
pub(super) fn below(url: &Url, path: &str) -> Url {
    let mut file = url.clone();
    file.set_path(&format!("{}{path}", url.path()));
    file
}
