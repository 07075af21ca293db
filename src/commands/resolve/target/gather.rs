//! Asks servers for the interpreter and the base images. Where one cannot be reached the old lock's pins stay, or
//! the lock says that there is no pin; both are reported, and a build refuses what is not pinned.

use pep440_rs::Version;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::likely::matches;
use crate::base_image::{self, Ask, BaseFacts};
use crate::commands::source_date::source_date;
use crate::digest::Sha256;
use crate::exit::Failure;
use crate::index::cache::{Kept, Validity};
use crate::index::{Cache, standalone};
use crate::lock::{BasePin, Bases, Lock, PythonPin};
use crate::net;
use crate::platform::Platform;
use crate::registry;
use crate::spec::{PythonSource, Spec};
use crate::store::Store;
use crate::ui::{Ui, Unit};

/// What was found.
#[derive(Debug)]
pub(super) struct Gathered {
    pub base: Bases,
    /// What is known of the runtime base; `None`: it is not pinned, or its registry does not answer.
    pub runtime: Option<BaseFacts>,
    /// The same of the devel base, where that is another image.
    pub devel: Option<BaseFacts>,
    /// The interpreter of python-build-standalone, where that is asked for.
    pub standalone: Option<PythonPin>,
    /// `SOURCE_DATE_EPOCH`, in seconds.
    pub source_date: Option<i64>,
}

/// The clients of the servers.
pub(in crate::commands::resolve) struct Servers<'a> {
    pub client: &'a net::Client,
    pub store: &'a Store,
    pub cache: &'a Cache,
    pub ui: &'a Ui,
}

impl Gathered {
    /// Asks the registries and python-build-standalone, all at once. A locked interpreter that fits stays, unless it
    /// `may_move`.
    ///
    /// # Errors
    /// A base image or a Python that does not exist, a registry that refuses.
    pub async fn from(
        servers: &Servers<'_>,
        spec: &Spec,
        old: Option<&Lock>,
        may_move: bool,
    ) -> Result<Self, Failure> {
        let registry =
            &registry::client(servers.client.clone(), &spec.registry, spec.registry.insecure);
        let platform = spec.target.platform;
        let (old_runtime, old_devel) = (old.map(|o| &o.base.runtime), old.map(|o| &o.base.devel));
        let devel = async {
            // One base for both is queried once, with one warning.
            if spec.base.devel == spec.base.runtime {
                return Ok(None);
            }
            base(servers, registry, &spec.base.devel, platform, old_devel).await.map(Some)
        };
        let (runtime, devel, standalone) = tokio::join!(
            base(servers, registry, &spec.base.runtime, platform, old_runtime),
            devel,
            standalone_python(servers, spec, old, may_move),
        );
        let runtime = runtime?;
        let devel = devel?.unwrap_or_else(|| runtime.clone());
        let ask = Ask {
            glibc: true,
            python: (spec.python.source == PythonSource::Base).then(|| spec.python.version.clone()),
            ..Ask::on(platform)
        };
        let runtime_facts = facts_of(servers, registry, &runtime, &ask, old_runtime).await?;
        let devel_facts = match devel == runtime {
            true => None,
            // Its environment only: the C library that counts is the one things run on.
            false => facts_of(servers, registry, &devel, &Ask::on(platform), old_devel).await?,
        };
        Ok(Gathered {
            base: Bases { runtime, devel },
            runtime: runtime_facts,
            devel: devel_facts,
            standalone: standalone?,
            source_date: source_date()?.map(|time| time.as_second()),
        })
    }
}

/// What a tag or a "latest" refers to is cached for as long as an index page.
async fn kept<T, E, F>(
    cache: &Cache,
    kind: &'static str,
    question: &str,
    ask: impl FnOnce() -> F,
) -> Result<T, E>
where
    T: Clone + Serialize + DeserializeOwned + Send + 'static,
    F: Future<Output = Result<T, E>>,
{
    let key = Sha256::of(question);
    if let Some(known) = cache.get::<Kept<T>>(kind, &key)
        && cache.may_reuse(&known.validity)
    {
        return Ok(known.answer);
    }
    let answer = ask().await?;
    let validity = Validity::new(None, None, None);
    cache.put(kind, &key, Kept { answer: answer.clone(), validity });
    Ok(answer)
}

async fn base(
    servers: &Servers<'_>,
    registry: &registry::Client,
    name: &str,
    platform: Platform,
    old: Option<&BasePin>,
) -> Result<BasePin, Failure> {
    let Servers { cache, ui, .. } = servers;
    let old = old.filter(|pin| pin.reference == name).and_then(|pin| pin.digests);
    let question = format!("{name} {platform}");
    let pin = || base_image::pin(registry, name, platform);
    let digests = match kept(cache, "bases", &question, pin).await {
        Ok(digests) => Some(digests),
        Err(error) if error.is_unreachable() => {
            match old {
                Some(_) => {
                    ui.warn(format!("{error}; the base image keeps the digest of the present lock"))
                }
                None => ui.warn(format!(
                    "{error}; the base image {name} is NOT pinned and builds will refuse the lock"
                )),
            }
            old
        }
        Err(error) => return Err(error.into()),
    };
    Ok(BasePin { reference: name.to_owned(), digests })
}

/// The facts of a base image; `None` when it has no pin, or its registry stopped answering
/// after the pin.
async fn facts_of(
    servers: &Servers<'_>,
    registry: &registry::Client,
    pin: &BasePin,
    ask: &Ask,
    old: Option<&BasePin>,
) -> Result<Option<BaseFacts>, Failure> {
    let Some(digests) = pin.digests else { return Ok(None) };
    let Servers { store, ui, .. } = servers;
    let bar = ui.bar("base image", None, Unit::Bytes);
    match base_image::inspect(registry, store, &pin.reference, digests, ask, &bar).await {
        Ok(facts) => Ok(Some(facts)),
        Err(error) if error.is_unreachable() && old.is_some_and(|o| o.digests == Some(digests)) => {
            ui.warn(format!(
                "{error}; what is known of the base image is taken from the present lock"
            ));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

async fn standalone_python(
    servers: &Servers<'_>,
    spec: &Spec,
    old: Option<&Lock>,
    may_move: bool,
) -> Result<Option<PythonPin>, Failure> {
    let Servers { client, cache, ui, .. } = servers;
    let requested = &spec.python;
    if requested.source != PythonSource::Standalone {
        return Ok(None);
    }
    let fits = |p: &&PythonPin| p.archive.is_some() && matches(spec, &p.version);
    let locked = old.map(|o| &o.python).filter(fits);
    if let Some(locked) = locked.filter(|p| !may_move && !p.version.any_prerelease()) {
        return Ok(Some(locked.clone()));
    }
    let platform = spec.target.platform;
    let question = format!("{} {platform} {:?}", requested.version, requested.mirror);
    let ask = || standalone::pin(client, &requested.version, platform, requested.mirror.as_ref());
    match kept(cache, "pythons", &question, ask).await {
        Ok((version, archive)) => {
            if version.any_prerelease() {
                ui.warn(format!(
                    "Python {version} is a pre-release: there is no final {} yet",
                    requested.version
                ));
            }
            Ok(Some(PythonPin {
                version,
                source: PythonSource::Standalone,
                archive: Some(archive),
                verified: true,
            }))
        }
        Err(error) if error.is_unreachable() => {
            if let Some(pin) = locked {
                ui.warn(format!(
                    "{error}; Python {} stays as the present lock has it",
                    pin.version
                ));
                return Ok(Some(pin.clone()));
            }
            // The patch release only matters to markers; every X.Y has a .0.
            let patch = requested.version.patch.unwrap_or(0);
            let version = Version::new([requested.version.major, requested.version.minor, patch]);
            ui.warn(format!(
                "{error}; Python is NOT pinned (markers are evaluated for {version}) and builds will refuse the lock. \
                 Set python.mirror, or python.source = \"base\" for a base image that has Python"
            ));
            Ok(Some(PythonPin {
                version,
                source: PythonSource::Standalone,
                archive: None,
                verified: requested.version.patch.is_some(),
            }))
        }
        Err(error) => Err(error.into()),
    }
}
