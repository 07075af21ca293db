//! The tables of envlock.toml as they are written, and how one file's keys go over another's.

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU16, NonZeroUsize};

use camino::Utf8PathBuf;
use pep508_rs::{ExtraName, PackageName};
use serde::Deserialize;
use toml::Spanned;
use url::Url;

use super::{
    ByteSize, Bytecode, CompilerNeed, Compression, EngineChoice, GroupName, ImageName,
    KeyringProvider, Prereleases, ProfileName, PythonRequest, PythonSource, Records, SourceKind,
    SourceName, Strength,
};
use crate::cuda::CudaTag;
use crate::gpu::ComputeCapability;
use crate::python::GlibcVersion;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    pub(super) exclude_newer: Option<Spanned<String>>,
    pub(super) keyring_provider: Option<KeyringProvider>,
    #[serde(default)]
    pub(super) python: PythonTable,
    #[serde(default)]
    pub(super) target: TargetTable,
    #[serde(default)]
    pub(super) cuda: CudaTable,
    #[serde(default)]
    pub(super) base: BaseTable,
    pub(super) groups: Option<Ordered<GroupTable>>,
    #[serde(default)]
    pub(super) packages: BTreeMap<PackageName, PackageTable>,
    #[serde(default)]
    pub(super) constraints: Bounds,
    #[serde(default)]
    pub(super) overrides: Bounds,
    #[serde(default)]
    pub(super) deny: Bounds,
    #[serde(default)]
    pub(super) import: ImportTable,
    #[serde(default)]
    pub(super) metadata: BTreeMap<Spanned<String>, MetadataTable>,
    #[serde(default)]
    pub(super) sources: BTreeMap<SourceName, SourceTable>,
    pub(super) images: Option<Ordered<ImageTable>>,
    #[serde(default)]
    pub(super) build: BuildTable,
    #[serde(default)]
    pub(super) registry: RegistryTable,
    #[serde(default)]
    pub(super) network: NetworkTable,
    #[serde(default)]
    pub(super) config: ConfigTable,
    #[serde(default)]
    pub(super) release: ReleaseTable,
    #[serde(default)]
    pub(super) sign: Option<SignTable>,
    #[serde(default)]
    pub(super) profiles: BTreeMap<ProfileName, File>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct PythonTable {
    pub(super) version: Option<PythonRequest>,
    pub(super) source: Option<PythonSource>,
    pub(super) mirror: Option<Url>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetTable {
    pub(super) platform: Option<Spanned<String>>,
    pub(super) cuda: Option<CudaTag>,
    pub(super) glibc: Option<GlibcVersion>,
    pub(super) gpus: Option<Vec<ComputeCapability>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct CudaTable {
    pub(super) allow: Option<BTreeSet<PackageName>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct BaseTable {
    pub(super) runtime: Option<Spanned<String>>,
    pub(super) devel: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupTable {
    pub(super) packages: Vec<Spanned<String>>,
    pub(super) index: Option<Vec<Spanned<SourceName>>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PackageTable {
    pub(super) index: Option<Vec<Spanned<SourceName>>>,
    pub(super) wish: Option<Strength>,
    pub(super) prereleases: Option<Prereleases>,
    pub(super) exclude_newer: Option<Spanned<toml::Value>>,
    /// Whether something in it is not the built-in stack's.
    #[serde(skip)]
    pub(super) is_own: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportTable {
    pub(super) pyproject: Option<Spanned<String>>,
    pub(super) dependencies: Option<bool>,
    pub(super) groups: Option<Vec<Spanned<String>>>,
    pub(super) extras: Option<Vec<Spanned<String>>>,
    pub(super) into: Option<Spanned<String>>,
    pub(super) preferences: Option<Vec<Spanned<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct MetadataTable {
    pub(super) requires_dist: Option<Vec<Spanned<String>>>,
    pub(super) requires_python: Option<Spanned<String>>,
    pub(super) provides_extra: Option<Vec<ExtraName>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SourceTable {
    pub(super) kind: Option<SourceKind>,
    pub(super) url: Option<Spanned<String>>,
    pub(super) ignore_error_codes: Option<Vec<Spanned<u16>>>,
    pub(super) exclude_newer: Option<Spanned<toml::Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ImageTable {
    pub(super) from: Option<Spanned<ImageName>>,
    pub(super) groups: Vec<Spanned<GroupName>>,
    pub(super) max_size: Option<ByteSize>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct BuildTable {
    pub(super) engine: Option<EngineChoice>,
    pub(super) compression: Option<Compression>,
    pub(super) bytecode: Option<Bytecode>,
    pub(super) compiler: Option<CompilerNeed>,
    pub(super) verify: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RegistryTable {
    pub(super) destination: Option<String>,
    pub(super) insecure: Option<bool>,
    pub(super) port: Option<NonZeroU16>,
    pub(super) parallel: Option<NonZeroUsize>,
    #[serde(default)]
    pub(super) mirrors: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkTable {
    pub(super) patience: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigTable {
    pub(super) path: Option<Utf8PathBuf>,
    #[serde(default)]
    pub(super) roles: BTreeMap<String, ImageName>,
    #[serde(default)]
    pub(super) targets: Vec<TargetPlaceTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetPlaceTable {
    pub(super) file: Utf8PathBuf,
    pub(super) path: Spanned<String>,
    pub(super) image: Spanned<ImageName>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseTable {
    pub(super) after: Option<String>,
    pub(super) keep: Option<NonZeroUsize>,
    pub(super) records: Option<Records>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SignTable {
    pub(super) key: Option<String>,
    pub(super) public_key: Option<String>,
    #[serde(default)]
    pub(super) keyless: bool,
    pub(super) identity: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) transparency_log: Option<bool>,
}

/// A table of distributions, each with one text or several.
pub(super) type Bounds = BTreeMap<PackageName, Spanned<toml::Value>>;

/// A table whose key order matters: groups and images are layered in the order they are written.
pub(super) struct Ordered<T>(pub(super) Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Visitor<T> {
            type Value = Ordered<T>;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a table")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Visitor(std::marker::PhantomData))
    }
}

/// Of two tables, key by key, what the first says, else what the second says.
macro_rules! first {
    ($own:expr, $other:expr, $table:ident { $($key:ident),* }) => {
        $table { $($key: $own.$key.or($other.$key)),* }
    };
}

impl File {
    /// This file's keys where it has them, else `defaults`'. Groups and images are replaced as a whole.
    pub(super) fn over(self, defaults: File) -> File {
        // The built-in images, as far as the file's own groups make them up.
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
            table.wish = own.wish.or(table.wish);
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
            network: NetworkTable { patience: self.network.patience.or(defaults.network.patience) },
            config: ConfigTable {
                path: self.config.path.or(defaults.config.path),
                // Which value gets which image is one answer, not a sum.
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
            // Key or keyless is one answer, not a sum.
            sign: self.sign.or(defaults.sign),
            profiles,
        }
    }
}

impl PackageTable {
    /// Whether it says nothing that the other one does not say: `envlock init` writes the built-in stack into the file.
    fn is_same(&self, other: &Self) -> bool {
        let names = |index: &Option<Vec<Spanned<SourceName>>>| -> Option<Vec<SourceName>> {
            Some(index.as_ref()?.iter().map(|name| name.get_ref().clone()).collect())
        };
        self.exclude_newer.is_none()
            && (self.index.is_none() || names(&self.index) == names(&other.index))
            && (self.wish.is_none() || self.wish == other.wish)
            && (self.prereleases.is_none() || self.prereleases == other.prereleases)
            && (other.index.is_some() || other.wish.is_some())
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
