//! `[groups]` and `[images]` of envlock.toml: what ships together.

use toml::Spanned;

use super::files::Files;
use super::imports::{Found, Importer};
use super::place::Place;
use super::requirement::{RequirementReader, Text};
use super::source_tables::PYPI;
use super::system_tables::requests;
use super::tables::{GroupTable, ImageTable, Ordered};
use super::{Error, GroupSpec, ImageSpec};

pub(super) fn groups(
    tables: Ordered<GroupTable>,
    reader: &RequirementReader,
    files: &dyn Files,
    found: &mut Found,
) -> Result<Vec<GroupSpec>, Error> {
    let place = reader.place;
    let group = |(name, table): (String, GroupTable)| {
        let default = match &table.index {
            Some(index) => reader.sources(index)?,
            None => vec![place.name(["sources", PYPI], "source")?],
        };
        let each = table.packages.iter().map(|text| {
            if Importer::is_option(text.get_ref()) {
                return Importer::new(files, reader, &default, found).follow(text);
            }
            let text = Text { text: text.get_ref(), span: text.span(), place, origin: None };
            reader.read(&text, &default)
        });
        let requirements = each.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        Ok(GroupSpec {
            name: place.name(["groups", &name], "group")?,
            requirements,
            sources: default,
            system: requests(table.system.as_deref().unwrap_or_default(), place)?,
        })
    };
    tables.0.into_iter().map(group).collect()
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
            name: place.name(["images", &name], "image")?,
            from: table.from.map(Spanned::into_inner),
            groups: table.groups.into_iter().map(Spanned::into_inner).collect(),
            system: requests(table.system.as_deref().unwrap_or_default(), place)?,
            max_size: table.max_size,
        });
    }
    Ok(images)
}
