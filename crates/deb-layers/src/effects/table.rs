//! The reviewed scripts and debhelper's sections, as data: `scripts.toml` and `sections.toml` beside this file.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use toml::Value;

use super::operation::Operation;
use super::text::Section;

/// What is known of scripts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Scripts by the text their maintainers wrote.
    #[serde(rename = "script", default)]
    scripts: Vec<Script>,
    /// Sections that debhelper writes.
    #[serde(rename = "section", default)]
    sections: Vec<Shape>,
}

/// A reviewed script: its effects on a fresh install.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Name of the package; `{n}` stands for a number: `python3.{n}-minimal`.
    pub package: String,
    /// `preinst` or `postinst`.
    pub name: String,
    /// [`Text::sha256`](super::text::Text::sha256) of each text that this is true of.
    pub sha256: Vec<String>,
    /// What the script does, and why the effects are all there is of it on a fresh install.
    pub does: String,
    /// What must be so in the tree for this to be true.
    #[serde(default)]
    holds: Vec<Condition>,
    #[serde(default)]
    effects: Vec<Value>,
}

/// A section of debhelper's: its text with names for what differs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    /// The text in normal form. `{name}` is a run of characters on one line, `{name...}` one that may span lines.
    text: String,
    /// Each line has this shape.
    #[serde(default)]
    repeated: bool,
    /// What it does on a fresh install.
    #[serde(rename = "does")]
    _does: String,
    #[serde(default)]
    effects: Vec<Value>,
}

/// Something that must be so for an entry to be true.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Nothing is at this path.
    Absent(String),
    /// Something is at this path.
    Present(String),
    /// The file at this path has this line.
    Line(String, String),
}

static BUILT_IN: LazyLock<Table> = LazyLock::new(|| {
    let parts = [include_str!("sections.toml"), include_str!("scripts.toml")];
    #[allow(
        clippy::expect_used,
        reason = "the files are part of the program, and a test reads them"
    )]
    let tables = parts.map(|part| toml::from_str::<Table>(part).expect("a table that is built in"));
    let [sections, scripts] = tables;
    Table { scripts: scripts.scripts, sections: sections.sections }
});

impl Table {
    /// What this version of the crate knows.
    pub fn built_in() -> &'static Table {
        &BUILT_IN
    }

    /// Number of reviewed scripts, and of texts that they are true of.
    pub fn size(&self) -> (usize, usize) {
        (self.scripts.len(), self.scripts.iter().map(|script| script.sha256.len()).sum())
    }

    /// The entry of a package's script whose text has this hash.
    pub fn script(&self, package: &str, name: &str, sha256: &str) -> Option<&Script> {
        let minor = super::text::minor(package).unwrap_or_default();
        self.scripts.iter().find(|script| {
            script.name == name
                && script.package.replace("{n}", minor) == package
                && script.sha256.iter().any(|known| known == sha256)
        })
    }

    /// The effects of a section; `None` where its form is not known.
    pub fn section(&self, section: &Section, names: &Names) -> Option<Vec<Operation>> {
        self.sections.iter().find_map(|shape| {
            let mut names = names.clone();
            if shape.repeated {
                section.text.lines().all(|line| shape.matches(line).is_some()).then_some(())?;
            }
            for (name, value) in shape.matches(
                section.text.lines().next().filter(|_| shape.repeated).unwrap_or(&section.text),
            )? {
                names.insert(name, value);
            }
            let effects = operations(&shape.effects, &names).ok()?;
            effects.iter().all(Operation::is_understood).then_some(effects)
        })
    }
}

/// What stands for `{name}` in an entry.
pub type Names = BTreeMap<String, String>;

impl Script {
    /// What must be so, with `names` put in.
    pub fn conditions(&self, names: &Names) -> Vec<Condition> {
        let filled = self.holds.iter().map(|condition| match condition {
            Condition::Absent(path) => Condition::Absent(fill(path, names)),
            Condition::Present(path) => Condition::Present(fill(path, names)),
            Condition::Line(path, line) => Condition::Line(fill(path, names), fill(line, names)),
        });
        filled.collect()
    }

    /// The effects, with `names` put in.
    ///
    /// # Errors
    ///
    /// An effect that is written wrongly.
    pub fn effects(&self, names: &Names) -> Result<Vec<Operation>, toml::de::Error> {
        operations(&self.effects, names)
    }
}

fn operations(effects: &[Value], names: &Names) -> Result<Vec<Operation>, toml::de::Error> {
    effects.iter().map(|effect| filled(effect, names).try_into()).collect()
}

fn filled(value: &Value, names: &Names) -> Value {
    match value {
        Value::String(text) => Value::String(fill(text, names)),
        Value::Array(values) => {
            Value::Array(values.iter().map(|value| filled(value, names)).collect())
        }
        Value::Table(table) => Value::Table(
            table.iter().map(|(key, value)| (key.clone(), filled(value, names))).collect(),
        ),
        other => other.clone(),
    }
}

/// The text with each `{name}` replaced.
pub(crate) fn fill(text: &str, names: &Names) -> String {
    let mut filled = text.to_owned();
    for (name, value) in names {
        filled = filled.replace(&format!("{{{name}}}"), value);
    }
    filled
}

impl Shape {
    /// What the names stand for in `text`, if it has this shape.
    fn matches(&self, text: &str) -> Option<Vec<(String, String)>> {
        let mut found: Vec<(String, String)> = Vec::new();
        let mut pieces = Vec::new();
        let mut rest = self.text.trim();
        while let Some((literal, name, after)) = next_name(rest) {
            pieces.push((literal, name));
            rest = after;
        }
        let mut text = text.trim();
        for (index, (literal, name)) in pieces.iter().enumerate() {
            text = text.strip_prefix(literal)?;
            let next = pieces.get(index + 1).map_or(rest, |(literal, _)| literal);
            let length = match (next, index + 1 == pieces.len()) {
                ("", _) => text.len(),
                (next, true) => text.strip_suffix(next)?.len(),
                (next, false) => text.find(next)?,
            };
            let (value, after) = text.split_at(length);
            let (name, over_lines) =
                name.strip_suffix("...").map_or((*name, false), |name| (name, true));
            let known = found.iter().find(|(known, _)| known == name);
            // What spans lines is parsed strictly by its operation; the rest must be plain words.
            let is_plain =
                |value: &str| !value.contains(['\n', ';', '|', '&', '<', '>', '`', '(', ')']);
            if known.is_some_and(|(_, known)| known != value) || !(over_lines || is_plain(value)) {
                return None;
            }
            found.push((name.to_owned(), value.to_owned()));
            text = after;
        }
        (text == rest).then_some(found)
    }
}

/// What stands before the first `{name}`, the name, and what stands behind it. Shell has braces of its own, `${x}`, which are no
/// names.
fn next_name(shape: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let at = from + shape[from..].find('{')?;
        let end = at + shape[at..].find('}')?;
        let name = &shape[at + 1..end];
        let is_name = !name.is_empty()
            && name.trim_end_matches("...").chars().all(|c| c.is_ascii_lowercase());
        if is_name && !shape[..at].ends_with('$') {
            return Some((&shape[..at], name, &shape[end + 1..]));
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Shape {
        Shape { text: text.into(), repeated: false, _does: String::new(), effects: Vec::new() }
    }

    #[test]
    fn a_shape_says_what_its_names_stand_for() {
        let form = shape("if [ ${x} ]; then\nenable {units} || true\nupdate {units} || true\nfi");
        let text = "if [ ${x} ]; then\nenable 'a.service' 'b.socket' || true\nupdate 'a.service' 'b.socket' || true\nfi\n";
        let units = "'a.service' 'b.socket'".to_owned();
        assert_eq!(form.matches(text).unwrap()[0], ("units".to_owned(), units));
        assert!(form.matches(&text.replacen("b.socket", "c.socket", 1)).is_none());
        assert!(form.matches(&text.replacen("|| true", "; evil\n|| true", 1)).is_none());
        assert!(form.matches(&format!("{text}evil\n")).is_none());
        assert!(form.matches(&text.replace("'b.socket'", "; evil")).is_none());
        let lines = shape("begin\n{lines...}\nend");
        assert_eq!(lines.matches("begin\na\nb\nend").unwrap()[0].1, "a\nb");
    }

    #[test]
    fn every_entry_is_whole() {
        let table = Table::built_in();
        let names =
            Names::from([("n".into(), "14".into()), ("triplet".into(), "x86_64-linux-gnu".into())]);
        for script in &table.scripts {
            let effects = script
                .effects(&names)
                .unwrap_or_else(|error| panic!("{}: {error}", script.package));
            assert!(script.does.len() > 10, "{}", script.package);
            assert!(effects.iter().all(Operation::is_understood), "{}", script.package);
            assert!(matches!(script.name.as_str(), "preinst" | "postinst"), "{}", script.package);
            for sha256 in &script.sha256 {
                assert_eq!(sha256.len(), 64);
                let found =
                    table.script(&script.package.replace("{n}", "14"), &script.name, sha256);
                assert!(std::ptr::eq(found.unwrap(), script), "{} is there twice", script.package);
            }
        }
        for shape in &table.sections {
            let names =
                ["units", "commands", "service", "path", "package", "conf", "data", "lines"];
            let names = names.map(|name| (name.to_owned(), "x".to_owned())).into();
            operations(&shape.effects, &names)
                .unwrap_or_else(|error| panic!("{}: {error}", shape.text));
        }
    }
}
