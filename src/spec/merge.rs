//! Merges the keys of one file over those of another: a file over the built-in stack, a profile over its file.

use toml::Spanned;

use super::SourceName;
use super::tables::{
    BaseTable, BuildTable, ConfigTable, CudaTable, File, ImportTable, NetworkTable, Ordered,
    PackageTable, PythonTable, RegistryTable, ReleaseTable, SystemTable, TargetTable,
};

/// Of two tables, key by key, the first one's value, else the second one's.
macro_rules! first {
    ($own:expr, $other:expr, $table:ident { $($key:ident),* }) => {
        $table { $($key: $own.$key.or($other.$key)),* }
    };
}

impl File {
    /// This file's keys where it has them, else `defaults`'. Groups and images are replaced as a whole.
    pub(super) fn over(self, defaults: File) -> File {
        // The built-in images, as far as the file's own groups are in them.
        let mut images = defaults.images;
        if let (Some(images), Some(groups)) = (&mut images, &self.groups) {
            for (_, image) in &mut images.0 {
                image.groups.retain(|g| groups.has(g.get_ref().as_str()));
            }
            images.0.retain(|(_, image)| !image.groups.is_empty());
        }
        let defaults = File { images: None, ..defaults };
        let (groups, own_images) = (self.groups, self.images);
        let rest = File { groups: None, images: None, ..self }.keys_over(defaults);
        File { groups: groups.or(rest.groups), images: own_images.or(images), ..rest }
    }

    /// This profile's keys where it has them, else those of the file it stands in. A group or image of the same name
    /// is replaced in its place, another one comes last.
    pub(super) fn in_place_of(self, file: File) -> File {
        let (groups, images) = (self.groups, self.images);
        let rest = File { groups: None, images: None, ..self }.keys_over(file);
        File {
            groups: Ordered::merged(groups, rest.groups),
            images: Ordered::merged(images, rest.images),
            ..rest
        }
    }

    /// All but groups and images, which are `defaults`'.
    fn keys_over(self, defaults: File) -> File {
        let mut packages = defaults.packages;
        for (name, own) in self.packages {
            let table = packages.entry(name).or_default();
            table.is_own |= own.is_own || !own.is_same(table);
            table.index = own.index.or(table.index.take());
            table.optional = own.optional.or(table.optional);
            table.exclude_newer = own.exclude_newer.or(table.exclude_newer.take());
            table.prereleases = own.prereleases.or(table.prereleases);
        }
        let (mut constraints, mut overrides) = (defaults.constraints, defaults.overrides);
        constraints.extend(self.constraints);
        overrides.extend(self.overrides);
        let (mut deny, mut metadata) = (defaults.deny, defaults.metadata);
        deny.extend(self.deny);
        metadata.extend(self.metadata);
        let mut sources = defaults.sources;
        sources.extend(self.sources);
        let mut mirrors = defaults.registry.mirrors;
        mirrors.extend(self.registry.mirrors);
        let mut profiles = defaults.profiles;
        profiles.extend(self.profiles);
        File {
            exclude_newer: self.exclude_newer.or(defaults.exclude_newer),
            keyring_provider: self.keyring_provider.or(defaults.keyring_provider),
            python: first!(self.python, defaults.python, PythonTable { version, source, mirror }),
            target: first!(
                self.target,
                defaults.target,
                TargetTable { platform, cuda, glibc, gpus }
            ),
            cuda: CudaTable { allow: self.cuda.allow.or(defaults.cuda.allow) },
            base: first!(self.base, defaults.base, BaseTable { runtime, devel }),
            groups: defaults.groups,
            packages,
            constraints,
            overrides,
            deny,
            import: first!(
                self.import,
                defaults.import,
                ImportTable { pyproject, dependencies, groups, extras, into, preferences }
            ),
            metadata,
            sources,
            images: defaults.images,
            build: first!(
                self.build,
                defaults.build,
                BuildTable { engine, compression, bytecode, compiler, verify }
            ),
            registry: RegistryTable {
                destination: self.registry.destination.or(defaults.registry.destination),
                insecure: self.registry.insecure.or(defaults.registry.insecure),
                port: self.registry.port.or(defaults.registry.port),
                parallel: self.registry.parallel.or(defaults.registry.parallel),
                mirrors,
            },
            system: self.system.over(defaults.system),
            network: NetworkTable { patience: self.network.patience.or(defaults.network.patience) },
            config: ConfigTable {
                path: self.config.path.or(defaults.config.path),
                // The roles of two files are not merged.
                roles: if self.config.roles.is_empty() {
                    defaults.config.roles
                } else {
                    self.config.roles
                },
                targets: if self.config.targets.is_empty() {
                    defaults.config.targets
                } else {
                    self.config.targets
                },
            },
            release: first!(self.release, defaults.release, ReleaseTable { after, keep, records }),
            // The signing settings of two files are not merged.
            sign: self.sign.or(defaults.sign),
            profiles,
        }
    }
}

impl SystemTable {
    fn over(self, other: Self) -> Self {
        let mut scripts = other.scripts;
        scripts.extend(self.scripts);
        SystemTable {
            packages: self.packages.or(other.packages),
            recommends: self.recommends.or(other.recommends),
            scripts,
        }
    }
}

impl PackageTable {
    /// Whether it sets nothing else than the other one does: `envlock init` writes the built-in stack into the file.
    fn is_same(&self, other: &Self) -> bool {
        let names = |index: &Option<Vec<Spanned<SourceName>>>| -> Option<Vec<SourceName>> {
            Some(index.as_ref()?.iter().map(|name| name.get_ref().clone()).collect())
        };
        self.exclude_newer.is_none()
            && (self.index.is_none() || names(&self.index) == names(&other.index))
            && (self.optional.is_none() || self.optional == other.optional)
            && (self.prereleases.is_none() || self.prereleases == other.prereleases)
            && (other.index.is_some() || other.optional.is_some())
    }
}

impl<T> Ordered<T> {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    fn merged(over: Option<Self>, under: Option<Self>) -> Option<Self> {
        let Some(over) = over else { return under };
        let mut entries = under.map(|under| under.0).unwrap_or_default();
        for (name, table) in over.0 {
            match entries.iter_mut().find(|(known, _)| *known == name) {
                Some(place) => place.1 = table,
                None => entries.push((name, table)),
            }
        }
        Some(Ordered(entries))
    }
}
