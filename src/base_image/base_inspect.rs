//! Facts of a base image: read from its config, else from its layers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pep440_rs::Version;
use serde::{Deserialize, Serialize};

use super::Error;
use super::layer_scan::{self, Contents};
use super::system::BaseSystem;
use crate::lock::BaseDigests;
use crate::platform::Platform;
use crate::python::GlibcVersion;
use crate::reference;
use crate::registry::{Client, Endpoint, Manifest};
use crate::spec::PythonRequest;
use crate::store::Store;
use crate::ui::{Bar, Stage};

/// The cache kind of these facts; a new number when the question or the form of its answer changes.
const KIND: &str = "base-2";

/// The facts to find out about a base beside those in its config. Each may need layers to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// What the image is for.
    pub platform: Platform,
    /// The C library's version.
    pub glibc: bool,
    /// The full version of the image's own interpreter of this minor.
    pub python: Option<PythonRequest>,
    /// The files that images on it change or rely on: reads every layer.
    pub system: bool,
}

impl Ask {
    /// No facts yet, for an image of this platform.
    pub fn on(platform: Platform) -> Self {
        Ask { platform, glibc: false, python: None, system: false }
    }
}

/// Why a fact could not be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unknown(String);

/// What a base image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseFacts {
    /// Its `ENV`.
    pub env: BTreeMap<String, String>,
    /// When it was made, as its config says.
    pub created: Option<Timestamp>,
    /// The C library.
    pub glibc: Result<GlibcVersion, Unknown>,
    /// The interpreter that was asked for.
    pub python: Result<Version, Unknown>,
    /// Its files; `None`: they were not requested.
    pub system: Option<BaseSystem>,
}

/// What the store keeps of an image: the config's facts and each layer that was read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Remembered {
    env: BTreeMap<String, String>,
    created: Option<String>,
    // Absent: the manifest was not read yet. Oldest first, as in the manifest.
    layers: Vec<Option<Contents>>,
}

/// The facts of a pinned base. They never change for a digest, so the store keeps
/// them, and each layer is read at most once. Each layer that is read is a part of `bar`.
pub async fn inspect(
    client: &Client,
    store: &Store,
    text: &str,
    digests: BaseDigests,
    ask: &Ask,
    bar: &Bar,
) -> Result<BaseFacts, Error> {
    let key = digests.platform_digest.key();
    let mut image = Opened { client, bar, text, digests, platform: ask.platform, manifest: None };
    let mut known: Remembered = match store.recall(KIND, &key) {
        Some(known) => known,
        None => {
            let (endpoint, manifest) = image.manifest().await?;
            let config = client.config_of(&endpoint, &manifest).await?;
            Remembered {
                env: config.environment(),
                created: config.created,
                layers: vec![None; manifest.layers.len()],
            }
        }
    };
    let glibc = match ask.glibc {
        true => image.glibc(&mut known.layers).await?,
        false => Err(Unknown("it was not requested".to_owned())),
    };
    let python = match &ask.python {
        Some(requested) => image.python(requested, &mut known).await?,
        None => Err(Unknown("it was not requested".to_owned())),
    };
    let mut system = None;
    if ask.system {
        for index in 0..known.layers.len() {
            image.layer(index, &mut known.layers).await?;
        }
        let layers = known.layers.iter().flatten().map(|contents| &contents.files);
        let path = known.env.get("PATH").map(String::as_str);
        system = Some(BaseSystem::merge(layers, path));
    }
    store.remember(KIND, &key, &known);
    let created = known.created.as_deref().and_then(|text| text.parse().ok());
    Ok(BaseFacts { env: known.env, created, glibc, python, system })
}

/// An image that is opened only when something must be read from it.
struct Opened<'a> {
    client: &'a Client,
    bar: &'a Bar,
    text: &'a str,
    digests: BaseDigests,
    platform: Platform,
    manifest: Option<(Endpoint, Manifest)>,
}

impl Opened<'_> {
    async fn manifest(&mut self) -> Result<(Endpoint, Manifest), Error> {
        if let Some(known) = &self.manifest {
            return Ok(known.clone());
        }
        let endpoint = Endpoint::of(&reference::parse(self.text)?, self.text);
        let digest = self.digests.platform_digest;
        let proven = self.client.proven(endpoint, &digest.to_string(), Some(digest)).await?;
        let found = (proven.endpoint.clone(), proven.manifest()?.clone());
        Ok(self.manifest.insert(found).clone())
    }

    async fn layer<'l>(
        &mut self,
        index: usize,
        layers: &'l mut [Option<Contents>],
    ) -> Result<&'l Contents, Error> {
        if layers[index].is_none() {
            let (endpoint, manifest) = self.manifest().await?;
            let layer = manifest.layers.get(index).ok_or_else(|| {
                endpoint.malformed("the manifest", format!("it has no layer {index}"))
            })?;
            let part = self.bar.part(layer.digest.to_string(), layer.size, &[Stage::Read]);
            part.begin(Stage::Read, Some(layer.size));
            part.message(self.text);
            let platform = self.platform;
            let read = move |bytes: &mut dyn std::io::Read| layer_scan::read(bytes, platform);
            layers[index] = Some(self.client.read_layer(&endpoint, layer, &part, read).await?);
            part.done("read");
        }
        Ok(layers[index].as_ref().expect("filled above"))
    }

    /// Oldest layer first: the C library comes with the distribution, whose layer is small, and a
    /// later layer may patch it but does not go back behind it.
    async fn glibc(
        &mut self,
        layers: &mut [Option<Contents>],
    ) -> Result<Result<GlibcVersion, Unknown>, Error> {
        let mut system = None;
        for index in 0..layers.len() {
            let contents = self.layer(index, layers).await?;
            if let Some(version) = contents.glibc {
                return Ok(Ok(version));
            }
            system = contents.system.clone().or(system);
            if contents.musl {
                let system = system.unwrap_or_else(|| "the image".to_owned());
                return Ok(Err(Unknown(format!(
                    "{system} has musl, not glibc; wheels for manylinux do not run there"
                ))));
            }
        }
        Ok(Err(Unknown(match system {
            Some(system) => format!("no glibc was found in {system}"),
            None => "no glibc was found in its layers".to_owned(),
        })))
    }

    /// Newest layer first: the last package database is the one that counts.
    async fn python(
        &mut self,
        requested: &PythonRequest,
        known: &mut Remembered,
    ) -> Result<Result<Version, Unknown>, Error> {
        let minor = format!("{}.{}", requested.major, requested.minor);
        // Docker's python images build their own interpreter and state its version in ENV.
        let own = known.env.get("PYTHON_VERSION").and_then(|v| v.parse::<Version>().ok());
        if let Some(version) = own.filter(|v| is_of(v, requested)) {
            return Ok(Ok(version));
        }
        let mut others = BTreeMap::new();
        for index in (0..known.layers.len()).rev() {
            let contents = self.layer(index, &mut known.layers).await?;
            if let Some(version) = contents.pythons.get(&minor) {
                return Ok(Ok(version.clone()));
            }
            others.extend(contents.pythons.clone());
            if contents.complete {
                break;
            }
        }
        let mut why = format!("no package python{minor}-minimal and no ENV PYTHON_VERSION");
        if !others.is_empty() {
            let list: Vec<_> = others.values().map(Version::to_string).collect();
            why.push_str(&format!("; it has Python {}", list.join(", ")));
        }
        Ok(Err(Unknown(why)))
    }
}

fn is_of(version: &Version, requested: &PythonRequest) -> bool {
    matches!(version.release(), [major, minor, ..]
        if (*major, *minor) == (requested.major, requested.minor))
}
