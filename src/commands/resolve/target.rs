//! What the set is chosen for: the interpreter's full version, the base images' digests, the C
//! library. Where a server cannot be reached the old lock's pins stay, or the lock says that there
//! is no pin; both are said aloud, and a build refuses what is not pinned.

use pep440_rs::Version;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::assemble::Pins;
use crate::catalog::Target;
use crate::commands::source_date::source_date;
use crate::digest::Sha256;
use crate::exit::{Exit, Failure};
use crate::index::cache::{Kept, Validity};
use crate::index::{Cache, standalone};
use crate::lock::{BasePin, Bases, Lock, PythonPin};
use crate::python::GlibcVersion;
use crate::registry::{self, Ask, BaseFacts};
use crate::solve::base as base_image;
use crate::spec::{PythonSource, Spec};
use crate::store::Store;
use crate::ui::{Ui, Unit};
use crate::{net, reference};

/// The earliest time a zip entry can have, 1980-01-01 UTC: the stamp when nothing better is known.
const ZIP_EPOCH: i64 = 315_532_800;

/// Asks the registries and python-build-standalone, all at once. A locked interpreter that fits stays, unless it
/// `may_move`.
pub async fn pins(
    spec: &Spec,
    old: Option<&Lock>,
    may_move: bool,
    client: &net::Client,
    store: &Store,
    cache: &Cache,
    ui: &Ui,
) -> Result<Pins, Failure> {
    let registry = registry::Client::new(client.clone(), &spec.registry, spec.registry.insecure);
    let devel = async {
        // One base for both is asked for, and complained of, once.
        if spec.base.devel == spec.base.runtime {
            return Ok(None);
        }
        let old = old.map(|o| &o.base.devel);
        base(&registry, &spec.base.devel, old, cache, ui).await.map(Some)
    };
    let (runtime, devel, archive) = tokio::join!(
        base(&registry, &spec.base.runtime, old.map(|o| &o.base.runtime), cache, ui),
        devel,
        standalone_python(spec, old, may_move, client, cache, ui),
    );
    let runtime = runtime?;
    let devel = devel?.unwrap_or_else(|| runtime.clone());
    let ask = Ask {
        glibc: true,
        python: (spec.python.source == PythonSource::Base).then(|| spec.python.version.clone()),
        system: false,
    };
    let facts =
        facts_of(&registry, &runtime, &ask, old.map(|o| &o.base.runtime), store, ui).await?;
    let devel_facts = match devel == runtime {
        true => None,
        // Its environment only: the C library that counts is the one things run on.
        false => {
            facts_of(&registry, &devel, &Ask::default(), old.map(|o| &o.base.devel), store, ui)
                .await?
        }
    };
    for (pin, facts) in [(&runtime, &facts), (&devel, &devel_facts)] {
        let Some(facts) = facts else { continue };
        match base_image::check(&pin.reference, &facts.env, spec.target.cuda) {
            Ok(None) => {}
            Ok(Some(warning)) => ui.warn(warning),
            Err(why) => return Err(Failure::message(Exit::Unsatisfiable, why)),
        }
    }
    let python = match archive? {
        Some(pin) => pin,
        None => base_python(spec, facts.as_ref(), old, ui)?,
    };
    let glibc = glibc(spec, facts.as_ref(), old, ui)?;
    let created = facts
        .as_ref()
        .and_then(|f| f.created)
        .map(|t| t.as_second())
        .or(old.map(|o| o.target.source_date_epoch));
    let epoch = source_date()?.map(|time| time.as_second());
    Ok(Pins {
        python,
        base: Bases { runtime, devel },
        glibc,
        source_date_epoch: epoch.or(created).unwrap_or(ZIP_EPOCH),
    })
}

/// What the pins are going to be, where that can be told without asking: the crawl need not wait.
pub fn likely(spec: &Spec, old: Option<&Lock>) -> Option<Target> {
    let old = old.filter(|o| o.base.runtime.reference == spec.base.runtime);
    let wanted = &spec.python.version;
    let stated = wanted.patch.map(|patch| Version::new([wanted.major, wanted.minor, patch]));
    let locked = old.map(|o| &o.python).filter(|p| p.source == spec.python.source);
    let locked = locked.map(|p| p.version.clone()).filter(|version| matches(spec, version));
    let glibc = spec.target.glibc.or(old.map(|o| o.target.glibc))?;
    let target = Target::new(stated.or(locked)?, glibc, spec.target.cuda);
    Some(target.allowing(&spec.cuda_allow))
}

/// What a tag or a "latest" means is believed for as long as an index page is.
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
        && cache.believes(&known.validity)
    {
        return Ok(known.answer);
    }
    let answer = ask().await?;
    let validity = Validity::new(None, None, None);
    cache.put(kind, &key, Kept { answer: answer.clone(), validity });
    Ok(answer)
}

async fn base(
    registry: &registry::Client,
    name: &str,
    old: Option<&BasePin>,
    cache: &Cache,
    ui: &Ui,
) -> Result<BasePin, Failure> {
    let old = old.filter(|pin| pin.reference == name).and_then(|pin| pin.digests);
    let digests = match kept(cache, "bases", name, || registry.pin(name)).await {
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

/// A base image's own account of itself; `None` when it has no pin, or its registry fell silent
/// after the pin.
async fn facts_of(
    registry: &registry::Client,
    pin: &BasePin,
    ask: &Ask,
    old: Option<&BasePin>,
    store: &Store,
    ui: &Ui,
) -> Result<Option<BaseFacts>, Failure> {
    let Some(digests) = pin.digests else { return Ok(None) };
    let bar = ui.bar("base image", None, Unit::Bytes);
    match registry.base_facts(store, &pin.reference, digests, ask, &bar).await {
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
    spec: &Spec,
    old: Option<&Lock>,
    may_move: bool,
    client: &net::Client,
    cache: &Cache,
    ui: &Ui,
) -> Result<Option<PythonPin>, Failure> {
    let wanted = &spec.python;
    if wanted.source != PythonSource::Standalone {
        return Ok(None);
    }
    let fits = |p: &&PythonPin| p.archive.is_some() && matches(spec, &p.version);
    let locked = old.map(|o| &o.python).filter(fits);
    if let Some(locked) = locked.filter(|p| !may_move && !p.version.any_prerelease()) {
        return Ok(Some(locked.clone()));
    }
    let question = format!("{} {:?}", wanted.version, wanted.mirror);
    let ask = || standalone::pin(client, &wanted.version, wanted.mirror.as_ref());
    match kept(cache, "pythons", &question, ask).await {
        Ok((version, archive)) => {
            if version.any_prerelease() {
                ui.warn(format!(
                    "Python {version} is a pre-release: there is no final {} yet",
                    wanted.version
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
            // The patch release only matters to markers; 0 is the one every X.Y has.
            let patch = wanted.version.patch.unwrap_or(0);
            let version = Version::new([wanted.version.major, wanted.version.minor, patch]);
            ui.warn(format!(
                "{error}; Python is NOT pinned (markers are evaluated for {version}) and builds will refuse the lock. \
                 Set python.mirror, or python.source = \"base\" for a base image that has Python"
            ));
            Ok(Some(PythonPin {
                version,
                source: PythonSource::Standalone,
                archive: None,
                verified: wanted.version.patch.is_some(),
            }))
        }
        Err(error) => Err(error.into()),
    }
}

fn base_python(
    spec: &Spec,
    facts: Option<&BaseFacts>,
    old: Option<&Lock>,
    ui: &Ui,
) -> Result<PythonPin, Failure> {
    let pin = |version, verified| PythonPin {
        version,
        source: PythonSource::Base,
        archive: None,
        verified,
    };
    let wanted = &spec.python.version;
    let base = &spec.base.runtime;
    match facts {
        Some(BaseFacts { python: Ok(found), .. }) if matches(spec, found) => {
            Ok(pin(found.clone(), true))
        }
        Some(BaseFacts { python: Ok(found), .. }) => {
            let message =
                format!("the base image {base} has Python {found}, and the spec asks for {wanted}");
            Err(Failure::message(Exit::Unsatisfiable, message))
        }
        Some(BaseFacts { python: Err(unknown), .. }) => match wanted.patch {
            // The build asserts the interpreter's version, so a stated one is safe to believe here.
            Some(patch) => Ok(pin(Version::new([wanted.major, wanted.minor, patch]), true)),
            None => Err(Failure::message(
                Exit::Unsatisfiable,
                format!(
                    "no Python {wanted} was found in the base image {base} ({unknown}); state it in full (python.version = \"{wanted}.Z\"), \
                     or use python.source = \"standalone\""
                ),
            )),
        },
        None => {
            if let Some(pin) = old
                .map(|o| &o.python)
                .filter(|p| p.source == PythonSource::Base && matches(spec, &p.version))
            {
                return Ok(pin.clone());
            }
            let version = Version::new([wanted.major, wanted.minor, wanted.patch.unwrap_or(0)]);
            ui.warn(format!("the base image's Python could not be read; {version} is assumed"));
            Ok(pin(version, wanted.patch.is_some()))
        }
    }
}

fn matches(spec: &Spec, version: &Version) -> bool {
    let wanted = &spec.python.version;
    let &[major, minor, patch] = version.release() else { return false };
    (major, minor) == (wanted.major, wanted.minor) && wanted.patch.is_none_or(|p| p == patch)
}

fn glibc(
    spec: &Spec,
    facts: Option<&BaseFacts>,
    old: Option<&Lock>,
    ui: &Ui,
) -> Result<GlibcVersion, Failure> {
    if let (Some(stated), Some(BaseFacts { glibc: Ok(found), .. })) = (spec.target.glibc, facts)
        && stated > *found
    {
        let message = format!(
            "target.glibc is {stated}, and the base image {} has only {found}",
            spec.base.runtime
        );
        return Err(Failure::message(Exit::Unsatisfiable, message));
    }
    if let Some(version) = spec.target.glibc.or(facts.and_then(|f| f.glibc.as_ref().ok().copied()))
    {
        return Ok(version);
    }
    if let Some(old) =
        old.filter(|o| facts.is_none() && o.base.runtime.reference == spec.base.runtime)
    {
        return Ok(old.target.glibc);
    }
    match release_glibc(&spec.base.runtime) {
        Some(version) => {
            ui.warn(format!("glibc {version} is assumed from the tag of {}", spec.base.runtime));
            Ok(version)
        }
        None => Err(Failure::message(
            Exit::Usage,
            format!(
                "the C library of {} is not known; set target.glibc, for example \"2.39\"",
                spec.base.runtime
            ),
        )),
    }
}

/// The C library of the distribution release that an image's tag names.
pub fn release_glibc(image: &str) -> Option<GlibcVersion> {
    const RELEASES: [(&str, u16); 8] = [
        ("ubuntu20.04", 31),
        ("ubuntu22.04", 35),
        ("ubuntu24.04", 39),
        ("bullseye", 31),
        ("bookworm", 36),
        ("trixie", 41),
        ("ubi8", 28),
        ("ubi9", 34),
    ];
    let reference = reference::parse(image).ok()?;
    let name = format!("{}{}", reference.repository().rsplit('/').next()?, reference.tag()?);
    let (_, minor) = RELEASES.iter().find(|(release, _)| name.contains(release))?;
    Some(GlibcVersion { major: 2, minor: *minor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_its_distribution() {
        let glibc = |image| release_glibc(image).map(|v| v.to_string());
        assert_eq!(glibc("docker.io/nvidia/cuda:13.1.1-base-ubuntu24.04").as_deref(), Some("2.39"));
        assert_eq!(glibc("ubuntu:24.04").as_deref(), Some("2.39"));
        assert_eq!(glibc("debian:trixie-slim").as_deref(), Some("2.41"));
        assert_eq!(glibc("alpine:3.22"), None);
    }
}
