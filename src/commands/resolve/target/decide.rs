//! Decides the pins from what was found. Pure.

use pep440_rs::Version;

use super::gather::Gathered;
use super::likely::matches;
use crate::base_image::BaseFacts;
use crate::commands::resolve::assemble::Pins;
use crate::exit::{Exit, Failure};
use crate::lock::{Lock, PythonPin};
use crate::python::GlibcVersion;
use crate::reference;
use crate::solve::base as driver;
use crate::spec::{PythonSource, Spec};

/// The earliest time a zip entry can have, 1980-01-01 UTC: the time stamp when no other is known.
const ZIP_EPOCH: i64 = 315_532_800;

/// The pins; adds a sentence to `warnings` for each that is only assumed.
///
/// # Errors
/// A base image that the spec cannot be built on, a Python or C library that is not known.
pub(super) fn decide(
    found: Gathered,
    spec: &Spec,
    old: Option<&Lock>,
    warnings: &mut Vec<String>,
) -> Result<Pins, Failure> {
    let Gathered { base, runtime, devel, standalone, source_date } = found;
    for (pin, facts) in [(&base.runtime, &runtime), (&base.devel, &devel)] {
        let Some(facts) = facts else { continue };
        let checked = driver::check(&pin.reference, &facts.env, spec.target.cuda);
        let warning = checked.map_err(|why| Failure::message(Exit::Unsatisfiable, why))?;
        warnings.extend(warning);
    }
    let python = match standalone {
        Some(pin) => pin,
        None => base_python(spec, runtime.as_ref(), old, warnings)?,
    };
    let glibc = glibc(spec, runtime.as_ref(), old, warnings)?;
    let created = runtime.and_then(|facts| facts.created).map(|time| time.as_second());
    let created = created.or(old.map(|o| o.target.source_date_epoch));
    let source_date_epoch = source_date.or(created).unwrap_or(ZIP_EPOCH);
    Ok(Pins { python, base, glibc, source_date_epoch })
}

fn base_python(
    spec: &Spec,
    facts: Option<&BaseFacts>,
    old: Option<&Lock>,
    warnings: &mut Vec<String>,
) -> Result<PythonPin, Failure> {
    let pin = |version, verified| PythonPin {
        version,
        source: PythonSource::Base,
        archive: None,
        verified,
    };
    let requested = &spec.python.version;
    let base = &spec.base.runtime;
    match facts {
        Some(BaseFacts { python: Ok(found), .. }) if matches(spec, found) => {
            Ok(pin(found.clone(), true))
        }
        Some(BaseFacts { python: Ok(found), .. }) => {
            let message = format!(
                "the base image {base} has Python {found}, and the spec asks for {requested}"
            );
            Err(Failure::message(Exit::Unsatisfiable, message))
        }
        Some(BaseFacts { python: Err(unknown), .. }) => match requested.patch {
            // The build asserts the interpreter's version, so a stated one can be trusted here.
            Some(patch) => Ok(pin(Version::new([requested.major, requested.minor, patch]), true)),
            None => Err(Failure::message(
                Exit::Unsatisfiable,
                format!(
                    "no Python {requested} was found in the base image {base} ({unknown}); state it in full (python.version = \"{requested}.Z\"), \
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
            let version =
                Version::new([requested.major, requested.minor, requested.patch.unwrap_or(0)]);
            warnings
                .push(format!("the base image's Python could not be read; {version} is assumed"));
            Ok(pin(version, requested.patch.is_some()))
        }
    }
}

fn glibc(
    spec: &Spec,
    facts: Option<&BaseFacts>,
    old: Option<&Lock>,
    warnings: &mut Vec<String>,
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
            warnings
                .push(format!("glibc {version} is assumed from the tag of {}", spec.base.runtime));
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
