//! Lists of packages and the base's dpkg status → the system packages of a lock. Pure.

use std::collections::BTreeMap;

use apt_solver::{Chosen, Locked, Packages, Question, Request, Status, Why, choose};

use super::ChoiceError;
use crate::lock::{ArchivePin, Location, SystemPackage};
use crate::spec::{ImageName, SourceName, Spec};

/// The list of packages of one component of an archive.
#[derive(Debug)]
pub struct List {
    /// The suite: `trixie-security`.
    pub suite: String,
    /// The Packages file.
    pub text: String,
}

/// What is chosen from.
#[derive(Debug)]
pub struct Offer<'a> {
    /// The source that a location names: `debian`.
    pub source: &'a SourceName,
    /// dpkg's name of the architecture.
    pub architecture: &'a str,
    /// The lists; where two have the same version of a package, the first counts.
    pub lists: &'a [List],
    /// dpkg's status in the base, one text or a text for each package.
    pub status: &'a [String],
    /// What the lock has and that stays where it fits.
    pub locked: &'a [SystemPackage],
}

/// The system packages that the spec asks for, by image: those for every image first, then what each image adds to those
/// below it. What a package needs comes before it.
///
/// # Errors
/// A request that cannot be met; an image that needs another version of something than an image below it.
pub fn choose_system(spec: &Spec, offer: &Offer<'_>) -> Result<Vec<SystemPackage>, ChoiceError> {
    let indexes: Result<Vec<_>, _> =
        offer.lists.iter().map(|list| Packages::index(list.suite.clone(), &list.text)).collect();
    let indexes = indexes?;
    let base = Status::read(offer.status.iter().map(String::as_str))?;
    let locked: Vec<Locked> = offer.locked.iter().map(as_locked).collect();
    let mut requests = spec.system_requests();
    let common = requests.remove(&None).unwrap_or_default();
    let question = Question {
        indexes: &indexes,
        base: &base,
        architecture: offer.architecture,
        foreign: &[],
        requests: &[],
        from_nothing: None,
        recommends: spec.system.recommends,
        locked: &locked,
    };
    let common: Vec<Request> = common.into_iter().cloned().collect();
    let mut all = added(
        &choose(&Question { requests: &common, ..question })?.packages,
        &BTreeMap::new(),
        None,
        &common,
        offer,
    )?;
    for image in &spec.images {
        let Some(own) = requests.get(&Some(&image.name)) else { continue };
        // An image is asked for with all that lies below it, so that its choice goes with theirs.
        let below: Vec<&ImageName> = spec.chain(&image.name).map(|image| &image.name).collect();
        let lower = below.iter().skip(1).filter_map(|name| requests.get(&Some(*name))).flatten();
        let together: Vec<Request> =
            common.iter().chain(own.iter().copied()).chain(lower.copied()).cloned().collect();
        let there: BTreeMap<(String, String), String> = all
            .iter()
            .filter(|package| package.image.as_ref().is_none_or(|name| below.contains(&name)))
            .map(|p| ((p.name.clone(), p.architecture.clone()), p.version.clone()))
            .collect();
        let own: Vec<Request> = own.iter().map(|request| (*request).clone()).collect();
        let chosen = choose(&Question { requests: &together, ..question })?;
        all.extend(added(&chosen.packages, &there, Some(&image.name), &own, offer)?);
    }
    Ok(all)
}

/// Of what was chosen for an image, what is not `there` in those below it.
fn added(
    chosen: &[Chosen<'_>],
    there: &BTreeMap<(String, String), String>,
    image: Option<&ImageName>,
    requests: &[Request],
    offer: &Offer<'_>,
) -> Result<Vec<SystemPackage>, ChoiceError> {
    let mut packages = Vec::new();
    for package in chosen {
        let key = (package.name.to_owned(), package.architecture.to_owned());
        match there.get(&key) {
            Some(version) if version == package.version => {}
            Some(version) => {
                return Err(ChoiceError::Differs {
                    package: package.name.to_owned(),
                    image: image.map(ToString::to_string).unwrap_or_default(),
                    version: package.version.to_owned(),
                    below: version.clone(),
                });
            }
            None => packages.push(locked_package(package, image, requests, offer)?),
        }
    }
    Ok(packages)
}

fn locked_package(
    package: &Chosen<'_>,
    image: Option<&ImageName>,
    requests: &[Request],
    offer: &Offer<'_>,
) -> Result<SystemPackage, ChoiceError> {
    let stanza = &package.stanza;
    let field = |name: &'static str| {
        let missing = || ChoiceError::Field { package: package.name.to_owned(), field: name };
        stanza.field(name).ok_or_else(missing)
    };
    let number = |name: &'static str| {
        let wrong = |_| ChoiceError::Field { package: package.name.to_owned(), field: name };
        field(name)?.parse::<u64>().map_err(wrong)
    };
    let path = field("Filename")?;
    let sha256 = field("SHA256")?.parse();
    let sha256 = sha256
        .map_err(|_| ChoiceError::Field { package: package.name.to_owned(), field: "SHA256" })?;
    Ok(SystemPackage {
        name: package.name.to_owned(),
        version: package.version.to_owned(),
        architecture: package.architecture.to_owned(),
        image: image.cloned(),
        requested: requested(package, requests),
        required_by: match &package.why {
            Why::Needed { by, .. } | Why::Replaced { by } | Why::SameSource { of: by } => {
                vec![(*by).to_owned()]
            }
            Why::Requested(_) | Why::BaseSet => vec![],
        },
        replaces: package.upgrades.map(str::to_owned),
        file: path.rsplit('/').next().unwrap_or(path).to_owned(),
        size: number("Size")?,
        // In KiB; a package that takes nothing need not say so.
        installed_size: stanza
            .field("Installed-Size")
            .map_or(Ok(0), |_| number("Installed-Size"))?
            * 1024,
        sha256,
        archive: offer.lists[package.index].suite.clone(),
        location: Location { source: offer.source.clone(), path: format!("/{path}") },
    })
}

/// The requests that name this package, or what led to it.
fn requested(package: &Chosen<'_>, requests: &[Request]) -> Vec<String> {
    let by_name = requests.iter().filter(|request| request.name() == package.name);
    let mut all: Vec<String> = by_name.map(ToString::to_string).collect();
    if let Why::Requested(request) = &package.why
        && all.is_empty()
    {
        all.push(request.to_string());
    }
    all
}

fn as_locked(package: &SystemPackage) -> Locked {
    Locked {
        name: package.name.clone(),
        architecture: package.architecture.clone(),
        version: package.version.clone(),
    }
}

/// The archives, for the lock.
pub fn archive_pins(suites: &[super::archive::VerifiedSuite]) -> Vec<ArchivePin> {
    let pin = |suite: &super::archive::VerifiedSuite| ArchivePin {
        suite: suite.suite.clone(),
        in_release_sha256: suite.in_release,
        date: suite.release.date,
        signed_by: suite.signer.primary.to_string(),
    };
    suites.iter().map(pin).collect()
}
