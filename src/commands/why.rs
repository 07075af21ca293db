//! `envlock why PKG`: how the requirements of the spec lead to a locked distribution; from env.lock alone.

use super::Context;
use crate::cli::Why;
use crate::exit::{CommandResult, Exit, Failure};
use crate::lock::{self, Package};
use crate::reports;
use crate::reports::{Locked, Step, Version};

pub fn run(args: &Why, context: &Context) -> CommandResult {
    let file = context.lock_name(args.lock.as_deref());
    let (lock, _) = context.read_lock(&file)?;
    let name = &args.package;
    let Some(package) = lock.package(name) else {
        let near = lock::near(&lock, name);
        let near: Vec<String> = near.iter().map(ToString::to_string).collect();
        let hint = match near.is_empty() {
            true => String::new(),
            false => format!("; did you mean {}?", near.join(" or ")),
        };
        return Err(Failure::message(Exit::Failed, format!("{name} is not in {file}{hint}")));
    };
    let paths = lock::why(&lock, name);
    context.result(&report(package, &paths), || text(package, &paths));
    Ok(Exit::Ok)
}

fn report<'a>(package: &'a Package, paths: &[lock::Path<'a>]) -> reports::Why<'a> {
    let Package { name, version, group, rules, .. } = package;
    let steps = |path: &lock::Path<'a>| path.iter().map(|package| Step::from(*package)).collect();
    reports::Why {
        version: Version,
        package: Locked { name, version, group, rules },
        paths: paths.iter().map(steps).collect(),
    }
}

fn text(package: &Package, paths: &[lock::Path<'_>]) -> String {
    let mut text =
        format!("{} {}, in the group {}\n", package.name, package.version, package.group);
    for rule in &package.rules {
        text += &format!("{rule}\n");
    }
    let paths: Vec<&[&Package]> = paths.iter().map(Vec::as_slice).collect();
    for requirement in starts(&paths) {
        text += &format!(
            "\n{} {}: you ask for {}\n",
            requirement.name,
            requirement.version,
            requirement.requested.join(", ")
        );
        branches(&below(&paths, requirement), "", &mut text);
    }
    text
}

/// The first steps of these paths, each once.
fn starts<'a>(paths: &[&[&'a Package]]) -> Vec<&'a Package> {
    let mut starts: Vec<&Package> = Vec::new();
    for first in paths.iter().filter_map(|path| path.first()) {
        if !starts.iter().any(|known| known.name == first.name) {
            starts.push(first);
        }
    }
    starts
}

/// What follows `first` in the paths that begin with it.
fn below<'p, 'a>(paths: &[&'p [&'a Package]], first: &Package) -> Vec<&'p [&'a Package]> {
    let starts = paths.iter().filter(|path| path.first().is_some_and(|p| p.name == first.name));
    starts.map(|path| &path[1..]).collect()
}

fn branches(paths: &[&[&Package]], indent: &str, text: &mut String) {
    let starts = starts(paths);
    for (i, package) in starts.iter().enumerate() {
        let (corner, line) =
            if i + 1 == starts.len() { ("└── ", "    ") } else { ("├── ", "│   ") };
        *text += &format!("{indent}{corner}{} {}\n", package.name, package.version);
        branches(&below(paths, package), &format!("{indent}{line}"), text);
    }
}
