//! Requests become clauses: each means a package of one architecture, or the only one that provides the name.

use std::collections::BTreeSet;

use crate::candidate::{Candidate, Malformed, Origin, PackageId};
use crate::clauses::{Cause, Clause};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::world::World;

/// How many similar names an error lists.
const SIMILAR: usize = 3;

/// Finds out what each request means, tells the world, and makes the clauses, by name.
pub(crate) fn resolve_requests<'a>(world: &mut World<'a>) -> Result<Vec<Clause<'a>>, Refusal> {
    let requests = world.question.requests;
    let mut places: Vec<usize> = (0..requests.len()).collect();
    places.sort_by_key(|place| &requests[*place]);
    places.dedup_by_key(|place| &requests[*place]);
    let mut meant = Vec::new();
    for place in places {
        let request = &requests[place];
        let (name, architecture) = meaning(world, request)?;
        world.want(name, architecture, Some(request).filter(|request| request.name() == name));
        meant.push((place, name, architecture));
    }
    let mut clauses = Vec::new();
    for (place, name, architecture) in meant {
        let Some(package) = world.find(name, architecture)? else { continue };
        let options = world.package(package).options.clone();
        if options.is_empty() {
            return Err(no_version(world, &requests[place], package));
        }
        clauses.push(Clause { why: Cause::Request(place), options, is_optional: false });
    }
    Ok(clauses)
}

/// Name and architecture of the package that is meant.
fn meaning<'a>(world: &World<'a>, request: &'a Request) -> Result<(&'a str, &'a str), Refusal> {
    let architectures: Vec<&'a str> = match request.architecture() {
        Some(architecture) => vec![architecture],
        None => world.architectures().collect(),
    };
    if let Some(architecture) = architectures.iter().find(|one| world.has(request.name(), one)) {
        return Ok((request.name(), architecture));
    }
    let mut providers = BTreeSet::new();
    for architecture in architectures.into_iter().filter(|_| request.bound().is_none()) {
        providers.extend(provider_names(world, request.name(), architecture)?);
        if let (1, Some(only)) = (providers.len(), providers.first()) {
            return Ok((only, architecture));
        }
        if !providers.is_empty() {
            let providers = providers.into_iter().map(str::to_owned).collect();
            return Err(Refusal::Ambiguous { name: request.name().to_owned(), providers });
        }
    }
    let indexes = world.question.indexes;
    let labels: Vec<&str> = indexes.iter().map(|index| index.label()).collect();
    let similar = indexes.iter().flat_map(|index| index.similar(request.name()));
    let similar: BTreeSet<String> = similar.map(str::to_owned).collect();
    Err(Refusal::Unknown {
        name: request.to_string(),
        indexes: labels.join(", "),
        similar: similar.into_iter().take(SIMILAR).collect(),
    })
}

/// Read from the stanzas: the world is not asked before it knows all requests.
fn provider_names<'a>(
    world: &World<'a>,
    name: &str,
    architecture: &str,
) -> Result<Vec<&'a str>, Malformed> {
    let mut found = Vec::new();
    for index in world.question.indexes {
        for provider in index.providers(name) {
            for stanza in index.named(provider).filter(|stanza| world.is_for(*stanza, architecture))
            {
                let one = Candidate::read(PackageId(0), provider, stanza, Origin::Index(0))?;
                if one.provided(name).next().is_some() {
                    found.push(provider);
                }
            }
        }
    }
    Ok(found)
}

fn no_version(world: &World<'_>, request: &Request, package: PackageId) -> Refusal {
    let its = world.package(package);
    let installed = its.installed.map(|id| world.candidate(id).version);
    let held = match installed {
        Some(version) if its.is_held => {
            format!(" (the base holds {version}; `apt-mark unhold {}` there)", its.name)
        }
        Some(version) => format!(" (the base has {version}, and nothing becomes older)"),
        None => String::new(),
    };
    let there = world.versions(package).join(", ");
    Refusal::NoVersion { request: request.to_string(), there: format!("there is {there}"), held }
}
