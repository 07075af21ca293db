//! What ships together, as envlock.toml says: `[groups]` and `[images]`.

use std::collections::BTreeMap;
use std::str::FromStr;

use pep508_rs::{PackageName, Requirement, VerbatimUrl};
use toml::Spanned;

use super::place::Place;
use super::source_tables::{PYPI, known_sources};
use super::tables::{GroupTable, ImageTable, Ordered, PackageTable};
use super::{Error, GroupSpec, ImageSpec, SourceName, SourceSpec, Wish};

pub(super) fn groups(
    tables: Ordered<GroupTable>,
    packages: &BTreeMap<PackageName, PackageTable>,
    known: &BTreeMap<SourceName, SourceSpec>,
    place: &Place,
) -> Result<Vec<GroupSpec>, Error> {
    let check = |list: &[Spanned<SourceName>]| known_sources(list, known, place);
    let pypi: SourceName = place.name(PYPI, "source")?;
    let mut groups = Vec::new();
    for (name, table) in tables.0 {
        let default = table.index.as_deref().map_or_else(|| Ok(vec![pypi.clone()]), check)?;
        let mut requirements = Vec::new();
        for text in table.packages {
            // PEP 508 is ASCII, and its parser may cut other characters in the middle.
            if !text.get_ref().is_ascii() {
                let message = format!("`{}` is not a requirement", text.get_ref());
                return Err(place.at(text.span(), message, "use ASCII letters, digits and signs"));
            }
            let requirement =
                Requirement::<VerbatimUrl>::from_str(text.get_ref()).map_err(|e| {
                    place.at(
                        text.span(),
                        format!("`{}` is not a requirement: {}", text.get_ref(), e.message),
                        "write it as in requirements.txt, for example \"ray[default]>=2.60\"",
                    )
                })?;
            let direct = super::direct::direct(&requirement).transpose();
            let direct = direct.map_err(|(message, help)| place.at(text.span(), message, help))?;
            let package = packages.get(&requirement.name);
            let sources = match package.and_then(|p| p.index.as_deref()) {
                _ if direct.is_some() => vec![SourceName::wish()],
                Some(index) => check(index)?,
                None => default.clone(),
            };
            let strength = package.and_then(|p| p.wish).unwrap_or_default();
            requirements.push(Wish { requirement, sources, strength });
        }
        groups.push(GroupSpec { name: place.name(&name, "group")?, requirements });
    }
    Ok(groups)
}

pub(super) fn images(
    tables: Ordered<ImageTable>,
    groups: &[GroupSpec],
    place: &Place,
) -> Result<Vec<ImageSpec>, Error> {
    let mut images: Vec<ImageSpec> = Vec::new();
    for (name, table) in tables.0 {
        if let Some(from) = &table.from
            && !images.iter().any(|i| i.name == *from.get_ref())
        {
            let message = format!("the image `{}` is not defined before `{name}`", from.get_ref());
            return Err(place.at(from.span(), message, "define it above, with its own groups"));
        }
        for group in &table.groups {
            if !groups.iter().any(|g| g.name == *group.get_ref()) {
                let message = format!("the group `{}` is not defined", group.get_ref());
                return Err(place.at(
                    group.span(),
                    message,
                    format!("add [groups.{}] with its packages", group.get_ref()),
                ));
            }
        }
        images.push(ImageSpec {
            name: place.name(&name, "image")?,
            from: table.from.map(Spanned::into_inner),
            groups: table.groups.into_iter().map(Spanned::into_inner).collect(),
            max_size: table.max_size,
        });
    }
    Ok(images)
}
