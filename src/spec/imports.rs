//! Requirements and constraints of other files: `-r FILE` and `-c FILE` in a group's `packages`, and the files they name.

use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};
use toml::Spanned;

use super::files::Files;
use super::place::Place;
use super::requirement::{RequirementReader, Text};
use super::rule_tables::requirement;
use super::{Error, Hashes, Imports, Origin, RequirementSpec, Rule, SourceName, StatedIndex};
use crate::import::{self, BadLine, Entry, Line};
use crate::login;

/// Everything that imported files of one spec contain, except requirements.
#[derive(Default)]
pub(super) struct Found {
    pub(super) constraints: Vec<Rule>,
    pub(super) hashes: Vec<Hashes>,
    pub(super) imports: Imports,
}

/// Follows the options of one group's `packages`.
pub(super) struct Importer<'a> {
    files: &'a dyn Files,
    reader: &'a RequirementReader<'a>,
    /// The group's sources.
    sources: &'a [SourceName],
    found: &'a mut Found,
    /// The stack of files that are being read, each named by the one before.
    open: Vec<Utf8PathBuf>,
    require_hashes: bool,
    /// The first requirement without a hash.
    bare: Option<Error>,
}

/// Where a file is named.
pub(super) type Named<'a> = (&'a Place<'a>, Range<usize>);

impl<'a> Importer<'a> {
    pub(super) fn new(
        files: &'a dyn Files,
        reader: &'a RequirementReader<'a>,
        sources: &'a [SourceName],
        found: &'a mut Found,
    ) -> Self {
        let open = Vec::new();
        Importer { files, reader, sources, found, open, require_hashes: false, bare: None }
    }

    /// Whether a text of `packages` is an option rather than a requirement.
    pub(super) fn is_option(text: &str) -> bool {
        text.trim_start().starts_with('-')
    }

    /// `-r FILE` or `-c FILE` of envlock.toml.
    pub(super) fn follow(mut self, text: &Spanned<String>) -> Result<Vec<RequirementSpec>, Error> {
        let place = self.reader.place;
        let line = Line {
            number: 0,
            span: text.span(),
            text: text.get_ref().trim().to_owned(),
            unset: vec![],
        };
        let help = "write \"-r requirements.txt\" or \"-c constraints.txt\"";
        let entry = import::entry(&line).map_err(|bad| place.at(text.span(), bad.message, help))?;
        let only_files =
            Entry { requirements_files: vec![], constraints_files: vec![], ..entry.clone() }
                == Entry::default();
        if !only_files {
            let message = format!("`{}` is an option for a requirements file", text.get_ref());
            return Err(place.at(text.span(), message, help));
        }
        let mut requirements = Vec::new();
        self.nested(&entry, Utf8Path::new(""), &(place, text.span()), &mut requirements)?;
        match self.bare.take().filter(|_| self.require_hashes) {
            Some(error) => Err(error),
            None => Ok(requirements),
        }
    }

    fn nested(
        &mut self,
        entry: &Entry,
        folder: &Utf8Path,
        named: &Named,
        requirements: &mut Vec<RequirementSpec>,
    ) -> Result<(), Error> {
        for file in &entry.requirements_files {
            self.file(&folder.join(file), named, false, requirements)?;
        }
        for file in &entry.constraints_files {
            self.file(&folder.join(file), named, true, requirements)?;
        }
        Ok(())
    }

    /// `bounds`: its requirements are constraints.
    fn file(
        &mut self,
        path: &Utf8Path,
        (place, span): &Named,
        bounds: bool,
        requirements: &mut Vec<RequirementSpec>,
    ) -> Result<(), Error> {
        let path = normal(path);
        if self.open.contains(&path) {
            let way: Vec<_> = self.open.iter().chain([&path]).map(|p| p.as_str()).collect();
            let message = format!("{path} names itself: {}", way.join(" → "));
            return Err(place.at(span.clone(), message, "remove this"));
        }
        let (_, text) = read_text(self.files, &path, &(place, span.clone()))?;
        let own = Place { name: path.as_str(), text: &text, folder: place.folder.clone() };
        self.open.push(path.clone());
        for line in import::lines(&text, |name| self.files.variable(name)) {
            self.line(&line, &own, bounds, requirements)?;
        }
        self.open.pop();
        Ok(())
    }

    fn line(
        &mut self,
        line: &Line,
        place: &Place,
        bounds: bool,
        requirements: &mut Vec<RequirementSpec>,
    ) -> Result<(), Error> {
        let wrong = |BadLine { message, help }: BadLine| place.at(line.span.clone(), message, help);
        let origin = Origin { file: place.name.to_owned(), line: line.number };
        let entry = import::entry(line).map_err(wrong)?;
        self.require_hashes |= entry.require_hashes;
        let not_followed = entry.not_followed.iter().map(|option| {
            let name = login::masked(&option.option);
            format!("{origin}: `{name}` is not followed: {}", option.why)
        });
        self.found.imports.not_followed.extend(not_followed);
        self.found.imports.indexes.extend(entry.indexes.iter().map(|(option, address)| {
            StatedIndex::new(option, address, origin.clone(), self.sources.to_vec())
        }));
        let folder = Utf8Path::new(place.name).parent().unwrap_or(Utf8Path::new(""));
        self.nested(&entry, folder, &(place, line.span.clone()), requirements)?;
        let Some(text) = &entry.requirement else { return Ok(()) };
        if entry.hashes.is_empty() && !bounds && self.bare.is_none() {
            let message = format!("`{text}` has no --hash, and --require-hashes asks for one");
            let help =
                "add the --hash, or take --require-hashes out: env.lock has a hash of every file";
            self.bare = Some(place.at(line.span.clone(), message, help));
        }
        let of = if bounds {
            let rule = Rule { requirement: constraint(text).map_err(wrong)?, origin };
            self.found.constraints.push(rule.clone());
            vec![rule]
        } else {
            let text = Text { text, span: line.span.clone(), place, origin: Some(&origin) };
            let own = self.reader.read(&text, self.sources)?;
            let rule = |r: &RequirementSpec| Rule {
                requirement: r.pep508.clone(),
                origin: origin.clone(),
            };
            let rules = own.iter().map(rule).collect();
            requirements.extend(own);
            rules
        };
        if !entry.hashes.is_empty() {
            let hashes = |of| Hashes { of, any: entry.hashes.clone() };
            self.found.hashes.extend(of.into_iter().map(hashes));
        }
        Ok(())
    }
}

/// The shown name and the text of a file that is named there.
pub(super) fn read_text(
    files: &dyn Files,
    path: &Utf8Path,
    (place, span): &Named,
) -> Result<(String, String), Error> {
    let wrong = |message: String, help: &str| place.at(span.clone(), message, help);
    if path.as_str().contains(":/") {
        let message = format!("{} is not a file of this project", login::masked(path.as_str()));
        return Err(wrong(message, "download it, and name the file"));
    }
    let path = normal(path);
    let bytes = files.read(&path).map_err(|e| {
        let help = "paths are relative to the file that names them";
        wrong(format!("{path} cannot be read: {e}"), help)
    })?;
    let text = import::decode(&bytes)
        .map_err(|e| wrong(format!("{path} cannot be read: {e}"), "save it as UTF-8"))?;
    Ok((path.into_string(), text))
}

/// pip has no extras and no names without versions as constraints either.
pub(super) fn constraint(
    text: &str,
) -> Result<pep508_rs::Requirement<pep508_rs::VerbatimUrl>, BadLine> {
    let help = "write a name and versions: numpy<2.3".to_owned();
    let read = requirement(text).map_err(|message| BadLine { message, help: help.clone() })?;
    match read.extras.is_empty() {
        true => Ok(read),
        false => Err(BadLine { message: format!("the constraint `{text}` names an extra"), help }),
    }
}

/// Without `.` and, as far as that goes, `..`.
fn normal(path: &Utf8Path) -> Utf8PathBuf {
    use camino::Utf8Component::{CurDir, Normal, ParentDir};
    let mut whole = Utf8PathBuf::new();
    for part in path.components() {
        match (part, whole.components().next_back()) {
            (CurDir, _) => {}
            (ParentDir, Some(Normal(_))) => drop(whole.pop()),
            (part, _) => whole.push(part),
        }
    }
    whole
}
