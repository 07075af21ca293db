//! envlock.toml → [`Spec`]. Unknown keys and wrong values are errors that show their line.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8Path;
use toml::Spanned;
use url::Url;
use yaml_scalar_edit::InvalidPath;

use super::builtin::BUILTIN_TEXT;
use super::files::{Alone, Files, Folder};
use super::groups::{groups, images};
use super::import_table;
use super::imports::Found;
use super::origin::FILE_NAME;
use super::packages::packages;
use super::place::Place;
use super::requirement::RequirementReader;
use super::rule_tables::rules;
use super::source_tables::{mirrors, sources};
use super::system_tables::archives;
use super::tables::{BuildTable, File, RegistryTable, ReleaseTable, SignTable, TargetPlaceTable};
use super::time::length;
use super::{
    BaseSpec, BuildSpec, ConfigSpec, CutOff, Error, GroupSpec, ImageName, ImageSpec, NetworkSpec,
    ProfileName, PythonSpec, RegistrySpec, ReleaseSpec, SignSpec, SignWith, Spec, SystemSpec,
    TargetPlace, TargetSpec, cut_off,
};
use crate::login::{self, Login};
use crate::platform::Platform;

/// `folder/envlock.toml`, or the built-in stack when there is none; with the changes of a profile when one is named.
pub fn load(folder: &Utf8Path, profile: Option<&ProfileName>) -> Result<Spec, Error> {
    let path = folder.join(FILE_NAME);
    match fs_err::read_to_string(&path) {
        Ok(text) => parse_with(FILE_NAME, &text, profile, &Folder(folder)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => match profile {
            None => builtin(),
            Some(profile) => Err(unknown_profile(profile, &[])),
        },
        Err(source) => Err(Error::Unreadable { path, source }),
    }
}

/// The built-in stack.
///
/// # Errors
/// Never in a build whose tests pass: they read it.
pub fn builtin() -> Result<Spec, Error> {
    parse("the built-in stack", BUILTIN_TEXT)
}

/// Reads a spec; `name` is shown in errors.
pub fn parse(name: &str, text: &str) -> Result<Spec, Error> {
    parse_profile(name, text, None)
}

/// The same, with the changes of `[profiles.PROFILE]`.
///
/// # Errors
/// Also a profile that does not exist.
pub fn parse_profile(name: &str, text: &str, profile: Option<&ProfileName>) -> Result<Spec, Error> {
    parse_with(name, text, profile, &Alone)
}

pub(super) fn parse_with(
    name: &str,
    text: &str,
    profile: Option<&ProfileName>,
    files: &dyn Files,
) -> Result<Spec, Error> {
    let place = Place { name, text, folder: files.folder() };
    let defaults: File = toml::from_str(BUILTIN_TEXT).map_err(|e| place.toml(&e))?;
    let mut file: File = toml::from_str(text).map_err(|e| place.toml(&e))?;
    let mut profiles = std::mem::take(&mut file.profiles);
    if let Some((outer, _)) = profiles.iter().find(|(_, inner)| !inner.profiles.is_empty()) {
        let span = place.key(&["profiles", outer.as_str(), "profiles"]);
        let message = format!("the profile `{outer}` has profiles of its own");
        return Err(place.at(span, message, "write them as [profiles.NAME]"));
    }
    let mut file = file.over(defaults);
    if let Some(name) = profile {
        let Some(changes) = profiles.remove(name) else {
            return Err(unknown_profile(name, &profiles.into_keys().collect::<Vec<_>>()));
        };
        file = changes.in_place_of(file);
    }
    Ok(Spec { profile: profile.cloned(), ..build(file, &place, files)? })
}

fn unknown_profile(name: &ProfileName, known: &[ProfileName]) -> Error {
    let known: Vec<_> = known.iter().map(ProfileName::as_str).collect();
    let known = match known.as_slice() {
        [] => format!("{FILE_NAME} has none; write [profiles.{name}]"),
        known => format!("{FILE_NAME} has {}", known.join(", ")),
    };
    Error::Override(format!("--profile {name}: there is no such profile; {known}"))
}

fn build(mut file: File, place: &Place, files: &dyn Files) -> Result<Spec, Error> {
    let missing = |key: &str| Error::Override(format!("{key} has no value"));
    let mut rules = rules(&mut file, place)?;
    let cuda = file.target.cuda.ok_or_else(|| missing("target.cuda"))?;
    let platform = file.target.platform.ok_or_else(|| missing("target.platform"))?;
    let platform = platform.get_ref().parse::<Platform>().map_err(|unknown| {
        let offered: Vec<_> = Platform::OFFERED.iter().map(|p| format!("\"{p}\"")).collect();
        place.at(platform.span(), unknown.to_string(), format!("use {}", offered.join(" or ")))
    })?;
    let mut logins = Vec::new();
    let archives = archives(&mut file.sources, &mut logins, place)?;
    let sources = sources(file.sources, cuda, &mut logins, place)?;
    let mirror = python_mirror(file.python.mirror, &mut logins, place)?;
    mirrors(&file.registry.mirrors, place)?;
    let packages = packages(&file.packages, &sources, place)?;
    let group_tables = file.groups.ok_or_else(|| missing("groups"))?;
    let import = import_table::pyproject(&file.import, files, place, &mut rules)?;
    let python = file.python.version.clone();
    let reader = RequirementReader {
        packages: &file.packages,
        known: &sources,
        rules: &rules,
        place,
        python,
    };
    let mut found = Found::default();
    let mut groups = groups(group_tables, &reader, files, &mut found)?;
    if let Some(import) = import {
        import.join(&mut groups, &reader, &mut found)?;
    }
    found.imports.preferred = import_table::preferred(&file.import, files, place)?;
    rules.constraints.extend(found.constraints);
    rules.hashes.extend(found.hashes);
    let images = images(file.images.ok_or_else(|| missing("images"))?, &groups, place)?;
    all_used(&groups, &images, &file.config.roles, place)?;
    let base_image =
        |image: Option<_>, key| image_reference(image.ok_or_else(|| missing(key))?, place);
    let base = BaseSpec {
        runtime: base_image(file.base.runtime, "base.runtime")?,
        devel: base_image(file.base.devel, "base.devel")?,
    };
    let targets = targets(file.config.targets, &images, place)?;
    let (exclude_newer, patience) = times(file.exclude_newer, file.network.patience, place)?;
    Ok(Spec {
        profile: None,
        exclude_newer,
        logins,
        keyring: file.keyring_provider,
        python: PythonSpec {
            version: file.python.version.ok_or_else(|| missing("python.version"))?,
            source: file.python.source.ok_or_else(|| missing("python.source"))?,
            mirror,
        },
        target: TargetSpec {
            platform,
            glibc: file.target.glibc,
            cuda,
            gpus: file.target.gpus.unwrap_or_default(),
        },
        cuda_allow: file.cuda.allow.unwrap_or_default(),
        base,
        groups,
        packages,
        rules,
        imports: found.imports,
        sources,
        archives,
        images,
        system: SystemSpec::read(file.system, place)?,
        build: build_spec(&file.build),
        registry: registry_spec(file.registry),
        network: NetworkSpec { patience },
        config: ConfigSpec {
            path: file.config.path.ok_or_else(|| missing("config.path"))?,
            roles: file.config.roles,
            targets,
        },
        release: release_spec(file.release),
        sign: file.sign.map(|table| sign(table, place)).transpose()?,
    })
}

/// The address of Python's archives, its login apart.
fn python_mirror(
    mirror: Option<Url>,
    logins: &mut Vec<(Url, Login)>,
    place: &Place,
) -> Result<Option<Url>, Error> {
    let Some(mut url) = mirror else { return Ok(None) };
    if !matches!(url.scheme(), "http" | "https") {
        let message = format!("no archive is fetched from a `{}:` address", url.scheme());
        return Err(place.at(
            place.key(&["python", "mirror"]),
            message,
            "write https://HOST/PATH/",
        ));
    }
    if let Some(login) = login::take(&mut url) {
        logins.push((url.clone(), login));
    }
    Ok(Some(url))
}

/// Checks that every group is in an image, and that every role names one.
fn all_used(
    groups: &[GroupSpec],
    images: &[ImageSpec],
    roles: &BTreeMap<String, ImageName>,
    place: &Place,
) -> Result<(), Error> {
    if let Some(group) = groups.iter().find(|g| !images.iter().any(|i| i.groups.contains(&g.name)))
    {
        let message = format!("the group `{}` is in no image", group.name);
        let help = format!("add it to the groups of one of the [images.*] ({})", FILE_NAME);
        return Err(place.at(place.key(&["groups", group.name.as_str()]), message, help));
    }
    let is_defined = |image: &ImageName| images.iter().any(|known| known.name == *image);
    let Some((role, image)) = roles.iter().find(|(_, image)| !is_defined(image)) else {
        return Ok(());
    };
    let message = format!("the role `{role}` names the image `{image}`, which is not defined");
    Err(place.at(place.key(&["config", "roles", role]), message, "name one of the [images.*]"))
}

fn times(
    exclude_newer: Option<Spanned<String>>,
    patience: Option<Spanned<String>>,
    place: &Place,
) -> Result<(Option<CutOff>, Option<Duration>), Error> {
    let exclude_newer = exclude_newer.map(|text| {
        let help = "a day counts to its end, in UTC";
        cut_off(text.get_ref()).map_err(|why| place.at(text.span(), why, help))
    });
    let patience = patience.map(|text| {
        length(text.get_ref()).map_err(|why| place.at(text.span(), why, "write 15m, 1h 30m or 90s"))
    });
    Ok((exclude_newer.transpose()?, patience.transpose()?))
}

fn build_spec(table: &BuildTable) -> BuildSpec {
    BuildSpec {
        engine: table.engine.unwrap_or_default(),
        compression: table.compression.unwrap_or_default(),
        bytecode: table.bytecode.unwrap_or_default(),
        compiler: table.compiler.unwrap_or_default(),
        verify: table.verify.unwrap_or(false),
    }
}

fn release_spec(table: ReleaseTable) -> ReleaseSpec {
    ReleaseSpec {
        after: table.after,
        keep: table.keep.unwrap_or_else(|| ReleaseSpec::default().keep),
        records: table.records.unwrap_or_default(),
    }
}

fn registry_spec(table: RegistryTable) -> RegistrySpec {
    RegistrySpec {
        destination: table.destination,
        insecure: table.insecure.unwrap_or(false),
        port: table.port,
        parallel: table.parallel,
        mirrors: table.mirrors,
    }
}

fn targets(
    tables: Vec<TargetPlaceTable>,
    images: &[ImageSpec],
    place: &Place,
) -> Result<Vec<TargetPlace>, Error> {
    let target = |table: TargetPlaceTable| {
        let path = table.path.get_ref().parse();
        let path = path.map_err(|e: InvalidPath| {
            let help = "write the keys down to the value with dots between them; [0] or [name=…] for an item of a list";
            place.at(table.path.span(), e, help)
        })?;
        let image = table.image.get_ref().clone();
        match images.iter().any(|known| known.name == image) {
            true => Ok(TargetPlace { file: table.file, path, image }),
            false => {
                let message = format!("the image `{image}` is not defined");
                Err(place.at(table.image.span(), message, "name one of the [images.*]"))
            }
        }
    };
    tables.into_iter().map(target).collect()
}

fn sign(table: SignTable, place: &Place) -> Result<SignSpec, Error> {
    let wrong = |message: &str, help: &str| Err(place.at(place.key(&["sign"]), message, help));
    let SignTable { key, public_key, keyless, identity, issuer, transparency_log } = table;
    let with = match (key, keyless) {
        (Some(key), false) if identity.is_none() && issuer.is_none() => {
            SignWith::Key { key, public_key }
        }
        (None, true) if public_key.is_none() => SignWith::Keyless { identity, issuer },
        (None, false) => {
            return wrong("[sign] names no key", "set key = \"cosign.key\", or keyless = true");
        }
        _ => {
            let help = "public-key belongs to key; identity and issuer to keyless = true";
            return wrong("[sign] mixes a key with keyless signing", help);
        }
    };
    Ok(SignSpec { with, log: transparency_log.unwrap_or(true) })
}

fn image_reference(text: Spanned<String>, place: &Place) -> Result<String, Error> {
    crate::reference::parse(text.get_ref())
        .map(|_| text.get_ref().clone())
        .map_err(|e| place.at(text.span(), e, "write HOST/NAME:TAG or HOST/NAME@sha256:…"))
}

#[cfg(test)]
mod tests;
