//! System packages: from the base's own account of itself and the archives of its distribution, chosen and pinned.

use jiff::Timestamp;

use super::target::Servers;
use crate::base_image;
use crate::cli::Resolve;
use crate::exit::Failure;
use crate::lock::{BasePin, Lock, SystemPackage, SystemPin};
use crate::registry;
use crate::spec::{SourceName, Spec};
use crate::system::archive::{AptSettings, Archive, Error, Known, Own, Places, VerifiedSuite};
use crate::system::{BasePackages, List, Offer, archive_pins, choose_system};
use crate::ui::Unit;

/// What becomes of the system packages that are locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upgrade<'a> {
    /// They stay where they fit.
    None,
    /// These move.
    Named(&'a [String]),
    /// All move.
    All,
}

impl<'a> Upgrade<'a> {
    /// What the arguments say.
    pub(super) fn of(args: &'a Resolve) -> Self {
        match &args.upgrade {
            _ if args.upgrade_system => Upgrade::All,
            Some(names) if !names.is_empty() => Upgrade::Named(names),
            _ => Upgrade::None,
        }
    }
}

/// The archives and packages that the spec asks for; nothing where it asks for none.
///
/// # Errors
/// A base that is no Debian or Ubuntu; an archive that cannot be reached or trusted; packages that do not go together.
pub(super) async fn system(
    servers: &Servers<'_>,
    spec: &Spec,
    base: &BasePin,
    old: Option<&Lock>,
    upgrade: Upgrade<'_>,
) -> Result<(Option<SystemPin>, Vec<SystemPackage>), Failure> {
    if spec.system_requests().is_empty() {
        return Ok((None, Vec::new()));
    }
    // Without a digest the base cannot be read; a build refuses such a lock for that reason already.
    let Some(digests) = base.digests else { return Ok((None, Vec::new())) };
    let question = spec.system_sha256(Some(digests.platform_digest));
    let before = old.and_then(|old| Some((old.system.as_ref()?, &old.system_packages)));
    if let (Some((pin, packages)), Upgrade::None) = (before, upgrade)
        && pin.question_sha256 == question
    {
        return Ok((Some(pin.clone()), packages.clone()));
    }
    let registry = registry::client(servers.client.clone(), &spec.registry, spec.registry.insecure);
    let bar = servers.ui.bar("base image", None, Unit::Bytes);
    let tree =
        base_image::file_tree(&registry, servers.store, &base.reference, digests, &bar).await?;
    bar.finish();
    let base = BasePackages::of(&tree, &base.reference)?;
    let source: SourceName =
        base.distribution.id().parse().expect("a distribution's name is a source's");
    let own = spec.archives.get(&source).cloned().unwrap_or_default();
    let components = own.components.clone().unwrap_or_else(|| base.components());
    let architecture = spec.target.platform.debian_architecture();
    let own = Own { url: own.url, keyring: own.keyring, snapshots: own.snapshots };
    let places =
        Places::find(base.distribution, spec.target.platform, &own, &AptSettings::read("/"))?;
    let archive =
        Archive::new(servers.client.clone(), servers.store.clone(), servers.cache.clone(), places);
    archive.notes().iter().for_each(|note| servers.ui.warn(note));
    let before = before.filter(|(pin, _)| pin.source == source && pin.suite == base.codename);
    let suites = suites(&archive, &base, before.map(|(pin, _)| pin), servers).await?;
    let lists = lists(&archive, &suites, &components, architecture, servers).await?;
    let locked: Vec<SystemPackage> = before
        .into_iter()
        .flat_map(|(_, packages)| packages)
        .filter(|package| match upgrade {
            Upgrade::None => true,
            Upgrade::Named(names) => !names.contains(&package.name),
            Upgrade::All => false,
        })
        .cloned()
        .collect();
    let offer = Offer {
        source: &source,
        architecture,
        lists: &lists,
        status: &base.status,
        locked: &locked,
    };
    let packages = choose_system(spec, &offer)?;
    for package in &packages {
        if let Some(before) = &package.replaces {
            let SystemPackage { name, version, .. } = package;
            servers.ui.warn(format!(
                "{name} {before} of the base image becomes {version}; what its scripts do on an upgrade is left out"
            ));
        }
    }
    let pin = SystemPin {
        source: source.clone(),
        question_sha256: question,
        suite: base.codename.clone(),
        architecture: architecture.to_owned(),
        components,
        skipped_scripts: spec.system.skipped_scripts.iter().cloned().collect(),
        archives: archive_pins(&suites),
    };
    Ok((Some(pin), packages))
}

/// The suite of the base and those that update it, as far as they are there; none older than what is locked.
async fn suites(
    archive: &Archive,
    base: &BasePackages,
    before: Option<&SystemPin>,
    servers: &Servers<'_>,
) -> Result<Vec<VerifiedSuite>, Failure> {
    let mut suites = Vec::new();
    for (at, name) in base.suites().iter().enumerate() {
        let known = before.and_then(|pin| pin.archives.iter().find(|known| known.suite == *name));
        let known = known.map(|known| Known { date: known.date });
        match archive.open(name, known, Timestamp::now()).await {
            Ok(suite) => {
                suite.warnings.iter().for_each(|warning| servers.ui.warn(warning.to_string()));
                suites.push(suite);
            }
            Err(Error::NoSuite { .. }) if at > 0 && known.is_none() => {
                servers.ui.note(format!("{name}: the archive has no such suite"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(suites)
}

async fn lists(
    archive: &Archive,
    suites: &[VerifiedSuite],
    components: &[String],
    architecture: &str,
    servers: &Servers<'_>,
) -> Result<Vec<List>, Failure> {
    let bar = servers.ui.bar("lists of packages", None, Unit::Bytes);
    let mut lists = Vec::new();
    for suite in suites {
        for component in components {
            let text = archive.packages(suite, component, architecture, &bar).await?;
            let text = fs_err::read_to_string(text.path())
                .map_err(|error| Failure::message(crate::exit::Exit::Failed, error.to_string()))?;
            lists.push(List { suite: suite.suite.clone(), text });
        }
    }
    bar.finish();
    Ok(lists)
}
