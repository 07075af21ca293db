//! `[constraints]`, `[overrides]`, `[deny]`, `[metadata]` and `prereleases` of envlock.toml.

use std::collections::BTreeMap;
use std::str::FromStr;

use pep440_rs::{Operator, VersionSpecifiers};
use pep508_rs::{PackageName, Requirement, VerbatimUrl, VersionOrUrl};
use toml::{Spanned, Value};

use super::place::Place;
use super::tables::{Bounds, File, MetadataTable};
use super::{Error, Mended, Override, Rule, Rules};
use crate::python::strict;

/// The rules of a file; takes their tables out of it.
pub(super) fn rules(file: &mut File, place: &Place) -> Result<Rules, Error> {
    let overrides = std::mem::take(&mut file.overrides).into_iter().map(|(name, value)| {
        let left_out = *value.get_ref() == Value::Boolean(false);
        let instead = match left_out {
            true => Override::LeftOut(place.origin(&value.span())),
            false => Override::By(bounds(&name, &value, OVERRIDE, place)?),
        };
        Ok((name, instead))
    });
    let prereleases = file.packages.iter();
    let prereleases = prereleases.filter_map(|(n, p)| Some((n.clone(), p.prereleases?))).collect();
    Ok(Rules {
        overrides: overrides.collect::<Result<_, _>>()?,
        constraints: all(std::mem::take(&mut file.constraints), CONSTRAINT, place)?,
        denied: all(std::mem::take(&mut file.deny), DENIED, place)?,
        metadata: metadata(std::mem::take(&mut file.metadata), place)?,
        prereleases,
        hashes: vec![],
    })
}

const CONSTRAINT: &str =
    "write versions: numpy = \"<2.3\", or several: [\"<2.3; python_version < '3.14'\", \"<3\"]";
const OVERRIDE: &str = "write versions and extras: numpy = \"==2.2.*\", ray = \"[default]>=2.50\", or \"*\" for any; false: it is left out";
const DENIED: &str = "write versions: litellm = \"==1.82.7\", or \"*\" for all";

fn all(table: Bounds, help: &str, place: &Place) -> Result<Vec<Rule>, Error> {
    let each = table.iter().map(|(name, value)| bounds(name, value, help, place));
    Ok(each.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

fn bounds(
    name: &PackageName,
    value: &Spanned<Value>,
    help: &str,
    place: &Place,
) -> Result<Vec<Rule>, Error> {
    let texts = match value.get_ref() {
        Value::Array(texts) if !texts.is_empty() => texts.as_slice(),
        one => std::slice::from_ref(one),
    };
    let rule = |text: &Value| {
        let text = text.as_str().ok_or_else(|| format!("{name} has no text as its value"))?;
        let requirement = bound(name, text)?;
        match requirement.extras.is_empty() || help == OVERRIDE {
            true => Ok(Rule { requirement, origin: place.origin(&value.span()) }),
            false => Err(format!("`{name}{text}` names an extra, which has no effect here")),
        }
    };
    let rules: Result<Vec<_>, String> = texts.iter().map(rule).collect();
    rules.map_err(|message| place.at(value.span(), message, help))
}

/// `<2.3; python_version < '3.14'` of `name` as a requirement; `*` is any version.
fn bound(name: &PackageName, text: &str) -> Result<Requirement<VerbatimUrl>, String> {
    let text = text.trim();
    let rest = text.strip_prefix('*').unwrap_or(text).trim_start();
    // Any other character after a name would be read as part of it.
    let begins = rest.is_empty() || rest.starts_with(['<', '>', '=', '!', '~', '[', ';']);
    if !begins || text.is_empty() {
        return Err(format!("`{text}` names no versions of {name}"));
    }
    requirement(&format!("{name}{rest}"))
}

/// A requirement on versions.
///
/// # Errors
/// What is wrong, a sentence.
pub(super) fn requirement(text: &str) -> Result<Requirement<VerbatimUrl>, String> {
    let wrong = |why: &str| format!("`{text}` is not a requirement: {why}");
    // PEP 508 is ASCII, and its parser may cut other characters in the middle.
    if !text.is_ascii() {
        return Err(wrong("use ASCII letters, digits and signs"));
    }
    let requirement = strict(text).map_err(|why| wrong(&why))?;
    match requirement.version_or_url {
        Some(VersionOrUrl::Url(_)) => {
            Err(format!("`{text}` names an address, which only a package of a group can"))
        }
        _ => Ok(requirement),
    }
}

fn metadata(
    table: BTreeMap<Spanned<String>, MetadataTable>,
    place: &Place,
) -> Result<Vec<Mended>, Error> {
    let entry = |(key, table): (Spanned<String>, MetadataTable)| mended(&key, table, place);
    let mut all = table.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    all.sort_by_key(|m| exactness(&m.of));
    Ok(all)
}

/// One version is more exact than several, and those than all.
fn exactness(rule: &Rule) -> u8 {
    match &rule.requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => {
            u8::from(!specifiers.iter().any(|s| *s.operator() == Operator::Equal))
        }
        _ => 2,
    }
}

fn mended(key: &Spanned<String>, table: MetadataTable, place: &Place) -> Result<Mended, Error> {
    const KEY: &str =
        "write [metadata.\"NAME==VERSION\"], or [metadata.NAME] for all of its versions";
    let of = requirement(key.get_ref()).map_err(|message| place.at(key.span(), message, KEY))?;
    if !of.extras.is_empty() || !of.marker.is_true() {
        let message = format!("`{}` is more than a name and versions", key.get_ref());
        return Err(place.at(key.span(), message, KEY));
    }
    if table.requires_dist.is_none()
        && table.requires_python.is_none()
        && table.provides_extra.is_none()
    {
        let message = format!("nothing is set for {}", key.get_ref());
        return Err(place.at(key.span(), message, "add requires-dist = [\"…\"]"));
    }
    let requires = table.requires_dist.map(|texts| {
        let read = |text: &Spanned<String>| {
            let help = "write it as in requirements.txt, for example \"numpy>=2; extra == 'fast'\"";
            requirement(text.get_ref()).map_err(|message| place.at(text.span(), message, help))
        };
        texts.iter().map(read).collect::<Result<Vec<_>, _>>()
    });
    let python = table.requires_python.map(|text| {
        let read = VersionSpecifiers::from_str(text.get_ref());
        read.map_err(|e| place.at(text.span(), e, "write requires-python = \">=3.10\""))
    });
    let origin = place.origin(&key.span());
    Ok(Mended {
        of: Rule { requirement: of, origin },
        requires: requires.transpose()?,
        requires_python: python.transpose()?,
        extras: table.provides_extra,
    })
}
