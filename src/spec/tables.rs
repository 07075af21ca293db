//! The tables of envlock.toml as they are written.

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU16, NonZeroUsize};

use camino::Utf8PathBuf;
use pep508_rs::{ExtraName, PackageName};
use serde::{Deserialize, Deserializer};
use toml::Spanned;
use url::Url;

use super::{
    ByteSize, Bytecode, CompilerNeed, Compression, EngineChoice, GroupName, ImageName,
    KeyringProvider, Prereleases, ProfileName, PythonRequest, PythonSource, Records, SourceName,
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
    pub(super) system: SystemTable,
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
    pub(super) system: Option<Vec<Spanned<String>>>,
}

/// What is done about a package's maintainer scripts; the only word so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ScriptRule {
    /// They are left out.
    Skip,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct SystemTable {
    pub(super) packages: Option<Vec<Spanned<String>>>,
    pub(super) recommends: Option<bool>,
    #[serde(default)]
    pub(super) scripts: BTreeMap<String, ScriptRule>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PackageTable {
    pub(super) index: Option<Vec<Spanned<SourceName>>>,
    /// Also read under its earlier name, `wish`.
    #[serde(default, alias = "wish", deserialize_with = "optional")]
    pub(super) optional: Option<bool>,
    pub(super) prereleases: Option<Prereleases>,
    pub(super) exclude_newer: Option<Spanned<toml::Value>>,
    /// Whether something in it is not from the built-in stack.
    #[serde(skip)]
    pub(super) is_own: bool,
}

/// `optional = true`, or, as it was written before, `wish = "preferred"`.
fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "write true or false")]
    enum Written {
        Optional(bool),
        Wish(Wish),
    }
    #[derive(Deserialize, PartialEq)]
    #[serde(rename_all = "kebab-case")]
    enum Wish {
        Required,
        Preferred,
    }
    Ok(Some(match Written::deserialize(deserializer)? {
        Written::Optional(optional) => optional,
        Written::Wish(wish) => wish == Wish::Preferred,
    }))
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
    pub(super) kind: Option<Spanned<KindWord>>,
    pub(super) url: Option<Spanned<String>>,
    pub(super) ignore_error_codes: Option<Vec<Spanned<u16>>>,
    pub(super) exclude_newer: Option<Spanned<toml::Value>>,
    /// Of archives of system packages.
    pub(super) keyring: Option<Spanned<String>>,
    pub(super) snapshots: Option<Spanned<String>>,
    pub(super) components: Option<Spanned<Vec<String>>>,
}

/// How a source is laid out, as it is written.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum KindWord {
    Simple,
    FindLinks,
    Pyg,
    Deb,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ImageTable {
    pub(super) from: Option<Spanned<ImageName>>,
    pub(super) groups: Vec<Spanned<GroupName>>,
    pub(super) system: Option<Vec<Spanned<String>>>,
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
