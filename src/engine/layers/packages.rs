//! A layer of system packages: the locked .deb files, laid over the base's files as dpkg would, with the effects of their
//! maintainer scripts. Nothing is run.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use deb_layers::effects::{Scripts, Settings, apply, configure_order};
use deb_layers::{Content, Control, Deb, Kind, Node, Package, Tree, unpack, write_layer};
use wheel_layers::Measured;
use wheel_layers::tree;

use super::error::Error;
use super::lazy_blob::LayerBytes;
use super::system::{self, PAM_FILES, with_pam};
use super::timings::{Phase, Timings};
use crate::base_image::{self, BaseSystem};
use crate::blocking::blocking;
use crate::exit::{Exit, Failure};
use crate::image::{PackageLayer, deb_settings};
use crate::index::{Cache, CachePolicy};
use crate::lock::{BaseDigests, Lock, SystemPackage, SystemPin};
use crate::spec::{ArchiveSpec, Compression};
use crate::store::Store;
use crate::system::Distribution;
use crate::system::archive::{AptSettings, Archive, Deb as ArchivedDeb, Own, Places};
use crate::ui::{Bar, Stage};
use crate::{net, registry};

/// Seconds of a day.
const DAY: i64 = 86400;
/// Packages downloaded at the same time.
const DOWNLOADS: usize = 6;
/// A package says what it takes installed in whole KiB, by rules of its own: it may unpack to more, within reason.
const SLACK: u64 = 64 << 20;

/// What layers of system packages are made from.
pub(super) struct PackageLayers {
    pub(super) net: net::Client,
    pub(super) registry: registry::Client,
    pub(super) store: Store,
    pub(super) lock: Arc<Lock>,
    /// How the layers are compressed.
    pub(super) compression: Compression,
    /// As the lock names the base.
    pub(super) base: String,
    pub(super) digests: BaseDigests,
    pub(super) system: Arc<BaseSystem>,
    /// What the spec says of the distribution's archive.
    pub(super) archive: ArchiveSpec,
}

impl PackageLayers {
    /// Makes a layer; packages that are missing are fetched.
    ///
    /// # Errors
    /// A package that no archive has, or other bytes than locked; packages that do not go together; a script whose effects are
    /// not known.
    pub(super) async fn make(
        self: &Arc<Self>,
        layer: &PackageLayer,
        timings: &Timings,
        bar: &Bar,
    ) -> Result<(Measured, LayerBytes), Failure> {
        let pin = self.lock.system.as_ref().ok_or_else(|| {
            Failure::message(Exit::LockStale, "the lock has system packages and no archives")
        })?;
        let sets = layer.below.iter().chain([&layer.image]);
        let sets = sets.map(|set| self.lock.system_packages(set.as_ref()).collect());
        let sets: Vec<Vec<&SystemPackage>> = sets.collect();
        bar.begin(Stage::Download, Some(sets.iter().flatten().map(|package| package.size).sum()));
        let sets = timings.time(Phase::Fetch, self.fetch(&sets, pin, bar)).await?;
        let (registry, store) = (&self.registry, &self.store);
        let files = base_image::file_tree(registry, store, &self.base, self.digests, bar).await?;
        bar.begin(Stage::Hash, None);
        let upgraded =
            self.lock.system_packages.iter().filter(|package| package.replaces.is_some());
        let epoch = self.lock.target.source_date_epoch;
        let rules = Rules {
            settings: Settings {
                day: u32::try_from(epoch / DAY).unwrap_or(0),
                skip: pin.skipped_scripts.iter().cloned().collect(),
            },
            architecture: pin.architecture.clone(),
            upgraded: upgraded.map(|package| package.name.clone()).collect(),
        };
        let this = Arc::clone(self);
        let made = blocking(move || this.lay_and_write(files, &sets, &rules));
        timings.time(Phase::Splice, made).await
    }

    /// The sets laid over the base, one over the other; the last becomes the layer.
    fn lay_and_write(
        &self,
        files: Tree,
        sets: &[Vec<Package>],
        rules: &Rules,
    ) -> Result<(Measured, LayerBytes), Failure> {
        let folder = self.store.scratch("packages")?;
        fs_err::create_dir_all(&folder).map_err(Error::file("making the folder", &folder))?;
        let epoch = self.lock.target.source_date_epoch;
        let mut tree = with_system_layer(files, &system::system(&self.system, epoch)?)?;
        for set in sets {
            // What lies below a set is not in its layer.
            tree = lay(Tree::on(tree), set, rules, folder.as_std_path())?;
        }
        let part = tempfile::NamedTempFile::new_in(&folder);
        let mut part = part.map_err(Error::file("writing a layer to", &folder))?;
        let settings = deb_settings(&self.lock, self.compression);
        let written = write_layer(&tree, settings, part.as_file_mut());
        let written = written.map_err(|error| Error::packages(&error))?;
        let path = folder.join(written.digest.hex());
        part.persist(&path).map_err(|e| Error::file("keeping the layer", &path)(e.error))?;
        let deb_layers::Measured { digest, size, diff_id, unpacked } = written;
        Ok((Measured { digest, size, diff_id, unpacked }, LayerBytes::File(path)))
    }

    /// The packages as files of the store.
    async fn fetch(
        &self,
        sets: &[Vec<&SystemPackage>],
        pin: &SystemPin,
        bar: &Bar,
    ) -> Result<Vec<Vec<Package>>, Failure> {
        let distribution: Distribution = pin.source.as_str().parse().map_err(|unknown| {
            Failure::message(Exit::LockStale, format!("the lock's system packages: {unknown}"))
        })?;
        let ArchiveSpec { url, keyring, snapshots, .. } = self.archive.clone();
        let own = Own { url, keyring, snapshots };
        let apt = AptSettings::read("/");
        let places = Places::find(distribution, self.lock.target.platform, &own, &apt)?;
        let cache = Cache::at(self.store.index(), CachePolicy::Fresh);
        let archive = Archive::new(self.net.clone(), self.store.clone(), cache, places);
        let mut fetched = Vec::new();
        for set in sets {
            let debs: Vec<ArchivedDeb> = set.iter().map(|package| archived(package, pin)).collect();
            let files = archive.fetch_all(&debs, DOWNLOADS, bar).await?;
            let packages = set.iter().zip(files).map(|(package, file)| Package {
                name: package.file.clone(),
                path: file.path().as_std_path().to_owned(),
                unpacked: package.installed_size * 2 + SLACK,
            });
            fetched.push(packages.collect());
        }
        Ok(fetched)
    }
}

/// A package as its archive has it.
fn archived(package: &SystemPackage, pin: &SystemPin) -> ArchivedDeb {
    let archive = pin.archives.iter().find(|archive| archive.suite == package.archive);
    ArchivedDeb {
        name: package.file.clone(),
        suite: package.archive.clone(),
        path: package.location.path.trim_start_matches('/').to_owned(),
        sha256: package.sha256,
        size: package.size,
        day: archive.map(|archive| archive.date),
    }
}

/// What decides over the effects of scripts.
struct Rules {
    settings: Settings,
    /// dpkg's name of the system's.
    architecture: String,
    /// Packages that take the place of another version in the base, whose effects are there already.
    upgraded: BTreeSet<String>,
}

/// A set of packages over what is there, installed.
fn lay(base: Tree, set: &[Package], rules: &Rules, folder: &Path) -> Result<Tree, Failure> {
    let refused = |error: &dyn std::error::Error| Error::packages(error);
    let debs = Deb::read_all(set, folder).map_err(|error| refused(&error))?;
    let mut tree = unpack(base, &debs).map_err(|error| refused(&error))?;
    let new: Vec<&Control> = debs
        .iter()
        .filter(|deb| !rules.upgraded.contains(&deb.control.name))
        .map(|deb| &deb.control)
        .collect();
    let order = configure_order(&new).map_err(|flaw| refused(&flaw))?;
    let scripts = order.into_iter().map(|at| Scripts::of(new[at], &rules.architecture));
    let scripts: Result<Vec<_>, _> = scripts.collect();
    let scripts = scripts.map_err(|flaw| refused(&flaw))?;
    apply(&mut tree, &scripts, &rules.settings).map_err(|error| Error::script(&error))?;
    for path in PAM_FILES {
        let Some(bytes) = tree.read(path).map_err(|error| refused(&error))? else { continue };
        let (Some(text), Some(node)) = (with_pam(&String::from_utf8_lossy(&bytes)), tree.get(path))
        else {
            continue;
        };
        let node = Node { kind: Kind::File(Content::Bytes(text.into())), ..node.clone() };
        tree.put(path, node).map_err(|error| refused(&error))?;
    }
    Ok(tree)
}

/// The base's files with the user's layer over them.
fn with_system_layer(mut files: Tree, layer: &tree::Tree) -> Result<Tree, Failure> {
    for (path, node) in layer.iter() {
        let own = match &node.kind {
            tree::Kind::Folder => Node::directory(node.mode),
            tree::Kind::Symlink { target } => Node::symlink(target.clone()),
            tree::Kind::File(tree::Content::Bytes(bytes)) => Node::file(node.mode, bytes.clone()),
            tree::Kind::File(content) => {
                Node::file(node.mode, Content::Elsewhere { size: content.size() })
            }
            // A home of a user who is gone: no package has files there.
            tree::Kind::Whiteout => continue,
        };
        let put = files.put(path, own.owned_by(node.owner.uid, node.owner.gid));
        put.map_err(|error| Error::packages(&error))?;
    }
    Ok(files)
}
