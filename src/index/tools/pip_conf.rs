//! pip's settings files, read as pip reads them: the text as by Python's `configparser` (`RawConfigParser` with
//! its defaults), and several files merged as by `pip._internal.configuration`.

use std::collections::HashSet;

/// One file: section → options, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conf {
    defaults: Options,
    sections: Vec<(String, Options)>,
}

/// Option → value; lines of a value are joined with line feeds, as in `configparser`.
pub type Options = Vec<(String, String)>;

/// The section whose options apply to every other one.
const DEFAULT: &str = "DEFAULT";

/// Text that is no settings file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct BadConf {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

/// Reads a file's text.
///
/// # Errors
/// What `configparser` refuses.
pub fn parse(text: &str) -> Result<Conf, BadConf> {
    let mut reader = Reader::default();
    for (number, line) in lines(text).enumerate() {
        reader.line(line).map_err(|what| BadConf { line: number + 1, what })?;
    }
    Ok(reader.finish())
}

impl Conf {
    /// The options of each section, those of `[DEFAULT]` among them.
    pub fn sections(&self) -> impl Iterator<Item = (&str, Options)> {
        self.sections.iter().map(|(name, own)| {
            let mut options = self.defaults.clone();
            own.iter().for_each(|(key, value)| set(&mut options, key, value.clone()));
            (name.as_str(), options)
        })
    }
}

/// Option → its value, line for line.
type Lines = Vec<(String, Vec<String>)>;

/// The state of `configparser` between two lines.
#[derive(Default)]
struct Reader {
    sections: Vec<(String, Lines)>,
    defaults: Lines,
    /// The section that is being read; `None`: none has begun.
    section: Option<Place>,
    /// Whether the last option may continue in an indented line.
    option: bool,
    indent: usize,
    /// The names of the sections read so far.
    seen: HashSet<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Default,
    At(usize),
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let value = line.trim_matches(is_space);
        if value.starts_with(['#', ';']) {
            return Ok(());
        }
        if value.is_empty() {
            if let Some((_, lines)) = self.open_option() {
                lines.push(String::new());
            }
            return Ok(());
        }
        let indent = line.chars().take_while(|c| is_space(*c)).count();
        if indent > self.indent
            && let Some((_, lines)) = self.open_option()
        {
            lines.push(value.to_owned());
            return Ok(());
        }
        self.indent = indent;
        match (header(value), self.section) {
            (Some(name), _) => self.begin(name),
            (None, None) => Err(format!("`{value}` comes before any [section]")),
            (None, Some(_)) => self.option(value),
        }
    }

    /// The option that the next line may belong to.
    fn open_option(&mut self) -> Option<&mut (String, Vec<String>)> {
        if !self.option {
            return None;
        }
        self.options()?.last_mut()
    }

    fn options(&mut self) -> Option<&mut Lines> {
        match self.section? {
            Place::Default => Some(&mut self.defaults),
            Place::At(at) => self.sections.get_mut(at).map(|(_, options)| options),
        }
    }

    fn begin(&mut self, name: &str) -> Result<(), String> {
        self.option = false;
        if name == DEFAULT {
            self.section = Some(Place::Default);
            return Ok(());
        }
        if !self.seen.insert(name.to_owned()) {
            return Err(format!("the section [{name}] is there twice"));
        }
        self.section = Some(Place::At(self.sections.len()));
        self.sections.push((name.to_owned(), Vec::new()));
        Ok(())
    }

    fn option(&mut self, text: &str) -> Result<(), String> {
        let Some((name, value)) = text.split_once(['=', ':']) else {
            return Err(format!("`{text}` is neither `name = value` nor [section]"));
        };
        let name = name.trim_end_matches(is_space).to_lowercase();
        if name.is_empty() {
            return Err(format!("`{text}` has no name before its value"));
        }
        let Some(options) = self.options() else { return Ok(()) };
        if options.iter().any(|(known, _)| *known == name) {
            return Err(format!("`{name}` is there twice"));
        }
        options.push((name, vec![value.trim_matches(is_space).to_owned()]));
        self.option = true;
        Ok(())
    }

    fn finish(self) -> Conf {
        let joined = |options: Lines| -> Options {
            let join = |lines: Vec<String>| lines.join("\n").trim_end_matches(is_space).to_owned();
            options.into_iter().map(|(name, lines)| (name, join(lines))).collect()
        };
        let sections = self.sections.into_iter().map(|(name, options)| (name, joined(options)));
        Conf { defaults: joined(self.defaults), sections: sections.collect() }
    }
}

/// `[name]`, with anything after it.
fn header(value: &str) -> Option<&str> {
    let inside = value.strip_prefix('[')?;
    let end = inside.rfind(']').filter(|end| *end > 0)?;
    Some(&inside[..end])
}

/// Lines with any of the usual endings.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let unix = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    unix.flat_map(|line| line.split('\r'))
}

/// Python's `str.isspace`, which includes the separators of files, groups, records and units.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

fn set<T>(options: &mut Vec<(String, T)>, key: &str, value: T) {
    match options.iter_mut().find(|(known, _)| known == key) {
        Some(place) => place.1 = value,
        None => options.push((key.to_owned(), value)),
    }
}

/// The settings of `pip install`: the files in pip's order, later over earlier ones; `[install]` over
/// `[global]`, and the PIP_ variables over both.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Of the sections, and of the variables: option → value and its place.
    groups: [Vec<(String, Said)>; 3],
}

/// A value, and its file or variable.
type Said = (String, String);

const SECTIONS: [&str; 2] = ["global", "install"];

impl Settings {
    /// Adds a file, which takes precedence over those before.
    pub fn add(&mut self, file: &str, conf: &Conf) {
        for (section, options) in conf.sections() {
            let Some(at) = SECTIONS.iter().position(|known| *known == section) else { continue };
            for (name, value) in options {
                set(&mut self.groups[at], &normalized(&name), (value, file.to_owned()));
            }
        }
    }

    /// Adds a variable, `PIP_INDEX_URL`.
    pub fn variable(&mut self, name: &str, value: &str) {
        if let Some(option) = name.strip_prefix("PIP_") {
            set(&mut self.groups[2], &normalized(option), (value.to_owned(), name.to_owned()));
        }
    }

    /// The value of an option and its place. An empty value counts as not set.
    pub fn get(&self, option: &str) -> Option<(&str, &str)> {
        self.groups.iter().rev().find_map(|group| {
            let found = group.iter().find(|(name, _)| name == option);
            let (value, place) = found.map(|(_, found)| found)?;
            (!value.is_empty()).then_some((value.as_str(), place.as_str()))
        })
    }
}

fn normalized(name: &str) -> String {
    let name = name.to_lowercase().replace('_', "-");
    name.strip_prefix("--").map(str::to_owned).unwrap_or(name)
}
