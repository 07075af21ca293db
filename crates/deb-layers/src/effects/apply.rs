//! The effects of a set of packages, in a tree.

use std::collections::BTreeSet;

use super::debconf::answers;
use super::error::{EffectError, Flaw};
use super::files::text;
use super::operation::Operation;
use super::perform::{System, perform};
use super::table::{Condition, Names, Table};
use super::text::{Text, minor, triplet};
use crate::control::Control;
use crate::tree::Tree;

/// A package that is installed for the first time, already unpacked in the tree.
#[derive(Debug, Clone, Copy)]
pub struct Scripts<'a> {
    /// Its name.
    pub package: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Its architecture, or that of the system for `all`.
    pub architecture: &'a str,
    /// The text of its config script, which asks what debconf shall answer, if it has one.
    pub config: Option<&'a str>,
    /// Its templates of questions, if it has some.
    pub templates: Option<&'a str>,
    /// The text of its preinst, if it has one.
    pub preinst: Option<&'a str>,
    /// The text of its postinst, if it has one.
    pub postinst: Option<&'a str>,
}

impl<'a> Scripts<'a> {
    /// The scripts of a package; `native` is the architecture of the system, which scripts of `all` see.
    ///
    /// # Errors
    ///
    /// [`crate::Flaw::Text`] for a script that is not UTF-8.
    pub fn of(control: &'a Control, native: &'a str) -> Result<Self, crate::Flaw> {
        Ok(Scripts {
            package: &control.name,
            version: &control.version,
            architecture: match control.architecture.as_str() {
                "all" => native,
                architecture => architecture,
            },
            config: control.script("config")?,
            templates: control.script("templates")?,
            preinst: control.script("preinst")?,
            postinst: control.script("postinst")?,
        })
    }
}

/// What the effects depend on besides the packages.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Days since 1970-01-01: when passwords were changed last, which shadow(5) wants to know.
    pub day: u32,
    /// Packages whose scripts have no effect, known or not.
    pub skip: BTreeSet<String>,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Scripts that were recognised.
    pub scripts: usize,
    /// What a program would have computed and that is not there: the package, or the folder of the files, and what.
    pub omitted: Vec<(String, String)>,
}

/// Does in the tree what the scripts of these packages would do, in the order in which they are given, which should be that in
/// which dpkg configures them: first all that is known is looked up, then all is done, so that the tree stays as it was where a
/// script is not known.
///
/// # Errors
///
/// [`EffectError`]: a script that nobody has reviewed, one that would do something else in this tree, or an effect that cannot be
/// made. After the latter two the tree is half done.
pub fn apply(
    tree: &mut Tree,
    packages: &[Scripts<'_>],
    settings: &Settings,
) -> Result<Applied, EffectError> {
    let mut known = Vec::new();
    for package in packages.iter().filter(|package| !settings.skip.contains(package.package)) {
        for (script, text) in [("preinst", package.preinst), ("postinst", package.postinst)] {
            if let Some(text) = text {
                known.push((package, script, recognise(Table::built_in(), package, script, text)?));
            }
        }
    }
    let mut applied = Applied { scripts: known.len(), ..Applied::default() };
    // All preinst scripts run before anything is configured.
    known.sort_by_key(|(_, script, _)| *script == "postinst");
    for (package, script, Known { holds, effects }) in known {
        let flawed = |source| EffectError::Effect {
            package: package.package.to_owned(),
            version: package.version.to_owned(),
            script,
            source,
        };
        for condition in &holds {
            if let Some(condition) = broken(tree, condition).map_err(flawed)? {
                return Err(EffectError::Condition {
                    package: package.package.to_owned(),
                    version: package.version.to_owned(),
                    script,
                    condition,
                });
            }
        }
        let system = System { day: settings.day, architecture: package.architecture };
        for effect in &effects {
            if let Operation::Omitted(what) = effect {
                applied.omitted.push((package.package.to_owned(), what.clone()));
            }
            perform(tree, effect, &system).map_err(flawed)?;
        }
    }
    applied.omitted.extend(not_computed(tree));
    triggers(tree).map_err(|source| {
        let last = packages.last();
        EffectError::Effect {
            package: last.map_or("", |package| package.package).to_owned(),
            version: last.map_or("", |package| package.version).to_owned(),
            script: "triggers",
            source,
        }
    })?;
    Ok(applied)
}

/// Folders whose files a program makes a database of: the folder, how the files end, and what is left out.
const DATABASES: [(&str, &str, &str); 3] = [
    (
        "usr/share/glib-2.0/schemas/",
        ".xml",
        "compiled settings, without which programs that ask GSettings stop: `glib-compile-schemas` makes them",
    ),
    ("usr/share/icons/", "/index.theme", "the cache of icons"),
    ("usr/share/mime/packages/", ".xml", "the database of MIME types"),
];

/// What triggers would compute of files that came. Whose files they are is not known here.
fn not_computed(tree: &Tree) -> Vec<(String, String)> {
    let came = |(folder, end, _): &&(&str, &str, &str)| {
        let is_one = |path: &str| path.starts_with(folder) && path.ends_with(end);
        tree.changes().any(|(path, node)| node.is_some() && is_one(path))
    };
    let of = |(folder, _, what): &(&str, &str, &str)| (format!("/{folder}"), (*what).to_owned());
    DATABASES.iter().filter(came).map(of).collect()
}

/// What a package does that is there already when another one brings a file it waits for: debianutils and login shells.
fn triggers(tree: &mut Tree) -> Result<(), Flaw> {
    let brings_shell = |path: &str| path.starts_with("usr/share/debianutils/shells.d/");
    let shells = tree.changes().any(|(path, _)| brings_shell(path));
    if shells && tree.file("usr/share/debianutils/shells")?.is_some() {
        super::shells::update(tree)?;
    }
    Ok(())
}

/// The diversions that the scripts of these packages note before anything of them is unpacked: which path, where it goes, and
/// whose own files stay. They must be known where the packages are unpacked.
///
/// # Errors
///
/// As [`check`], for the first script that is not known.
pub fn diversions(
    packages: &[Scripts<'_>],
    settings: &Settings,
) -> Result<Vec<[String; 3]>, EffectError> {
    let mut all = Vec::new();
    for package in packages.iter().filter(|package| !settings.skip.contains(package.package)) {
        let Some(text) = package.preinst else { continue };
        for effect in recognise(Table::built_in(), package, "preinst", text)?.effects {
            if let Operation::Divert { package, path, to } = effect {
                all.push([path, to, package]);
            }
        }
    }
    Ok(all)
}

/// All scripts that [`apply`] would refuse because nobody has reviewed them.
pub fn check(packages: &[Scripts<'_>], settings: &Settings) -> Vec<EffectError> {
    let asked = packages.iter().filter(|package| !settings.skip.contains(package.package));
    let refused = asked.flat_map(|package| {
        let scripts = [("preinst", package.preinst), ("postinst", package.postinst)];
        let texts = scripts.into_iter().filter_map(|(script, text)| Some((script, text?)));
        texts.filter_map(|(script, text)| recognise(Table::built_in(), package, script, text).err())
    });
    refused.collect()
}

/// What is known of one script.
#[derive(Debug)]
pub(crate) struct Known {
    holds: Vec<Condition>,
    pub(crate) effects: Vec<Operation>,
}

/// Looks a script up, section by section.
pub(crate) fn recognise(
    table: &Table,
    package: &Scripts<'_>,
    script: &'static str,
    text: &str,
) -> Result<Known, EffectError> {
    let text = Text::of(text, package.architecture, package.package);
    let unknown = |own: &str, sha256: String| EffectError::UnknownScript {
        package: package.package.to_owned(),
        version: package.version.to_owned(),
        script,
        sha256,
        excerpt: excerpt(own),
    };
    let mut names = Names::from([
        ("arch".to_owned(), package.architecture.to_owned()),
        ("package".to_owned(), package.package.to_owned()),
    ]);
    names.extend(minor(package.package).map(|minor| ("n".to_owned(), minor.to_owned())));
    names.extend(
        triplet(package.architecture).map(|triplet| ("triplet".to_owned(), triplet.to_owned())),
    );
    let mut known = Known { holds: Vec::new(), effects: Vec::new() };
    let answers = answers(package.config, package.templates, package.architecture, package.package);
    let sha256 = text.sha256_with(&answers);
    match table.script(package.package, script, &sha256) {
        Some(entry) => {
            known.holds.extend(entry.conditions(&names));
            let effects = entry.effects(&names).map_err(|_| unknown(&text.own, sha256))?;
            known.effects.extend(effects);
        }
        None if text.is_generated() => {}
        None => return Err(unknown(&text.own, sha256)),
    }
    for section in &text.sections {
        let whole = || Text { own: section.text.clone(), sections: Vec::new() }.sha256();
        let effects =
            table.section(section, &names).ok_or_else(|| unknown(&section.text, whole()))?;
        known.effects.extend(effects);
    }
    Ok(known)
}

/// The first lines that say something.
fn excerpt(own: &str) -> String {
    let telling = own.lines().filter(|line| !line.starts_with("#!") && *line != "set -e");
    let mut excerpt: String = telling.collect::<Vec<_>>().join(" ").chars().take(200).collect();
    if excerpt.is_empty() {
        excerpt.push_str("nothing");
    }
    excerpt
}

fn broken(tree: &Tree, condition: &Condition) -> Result<Option<String>, Flaw> {
    let there = |path: &str| Ok::<_, Flaw>(tree.get(&tree.resolve(path)?).is_some());
    Ok(match condition {
        Condition::Absent(path) => there(path)?.then(|| format!("{path} is there")),
        Condition::Present(path) => (!there(path)?).then(|| format!("{path} is missing")),
        Condition::Line(path, line) => {
            let text = text(tree, path)?.unwrap_or_default();
            let has = text.lines().any(|known| known == line);
            (!has).then(|| format!("{path} does not say {line}"))
        }
    })
}

#[cfg(test)]
mod tests;
