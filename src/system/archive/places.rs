//! Where a distribution's archives are, and whose signatures count there.

use std::sync::OnceLock;

use camino::Utf8PathBuf;
use debian_archive::Keyring;
use jiff::Timestamp;
use url::Url;

use super::super::Distribution;
use super::super::apt_sources::Entry;
use super::address::{beside, folder, read};
use super::snapshots::Snapshots;
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
            for uri in self.uris(entry, is_here) {
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

    /// The addresses of an entry that may be this distribution's, for this platform.
    fn uris<'a>(&self, entry: &'a Entry, is_here: bool) -> Vec<&'a String> {
        // Archives of others are named after the distribution too; most of them have other components.
        let has_main = entry.components.iter().any(|component| component == "main");
        let architecture = self.platform.debian_architecture();
        let has = |list: &Vec<String>| list.iter().any(|name| name == architecture);
        if !has_main || !entry.architectures.as_ref().is_none_or(has) {
            return Vec::new();
        }
        let is_its_own = |uri: &&String| is_here || uri.contains(self.distribution.id());
        let of_platform = |uri: &&String| self.is_for_platform(uri);
        entry.uris.iter().filter(is_its_own).filter(of_platform).collect()
    }

    /// Ubuntu has the packages of most platforms in an archive of their own, whose Release files are the same.
    fn is_for_platform(&self, uri: &str) -> bool {
        let is_of_ports = uri.contains("ubuntu-ports");
        self.distribution != Distribution::Ubuntu
            || is_of_ports == (self.platform != Platform::LINUX_AMD64)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::apt_sources::read_list;

    #[test]
    fn the_addresses_of_another_platform_are_left_out() {
        let list = "deb http://a.example/ubuntu noble main\ndeb http://p.example/ubuntu-ports noble main\n\
            deb [arch=armhf] http://b.example/ubuntu noble main\ndeb http://s.example/ubuntu ./\n";
        let entries = read_list(list).unwrap().into_iter().map(|entry| ("x.list".into(), entry));
        let mut apt = AptSettings::default();
        apt.entries.extend(entries);
        let found = |platform| -> Vec<String> {
            let places = Places::find(Distribution::Ubuntu, platform, &Own::default(), &apt);
            let places = places.unwrap().of("noble").into_iter();
            places.map(|place| place.url.to_string()).collect()
        };
        let known = "http://archive.ubuntu.com/ubuntu/";
        assert_eq!(found(Platform::LINUX_AMD64), ["http://a.example/ubuntu/", known]);
        let known = "http://ports.ubuntu.com/ubuntu-ports/";
        assert_eq!(found(Platform::LINUX_ARM64), ["http://p.example/ubuntu-ports/", known]);
    }
}
