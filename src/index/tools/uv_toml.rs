//! uv's settings for indexes: `uv.toml` and `[tool.uv]` of pyproject.toml, merged as by uv.

use serde::Deserialize;

/// One file, or several merged.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    indexes: Vec<Index>,
    index_url: Option<Said>,
    extra: Vec<Said>,
    links: Vec<Said>,
    no_index: Option<Said>,
    /// The table `[pip]`, which applies where nothing else is set.
    pip: Option<Box<Settings>>,
}

/// A value and its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// As it is written.
    pub value: String,
    /// The file.
    pub place: String,
}

#[derive(Debug, Clone)]
struct Index {
    name: Option<String>,
    url: Said,
    default: bool,
    explicit: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Table {
    #[serde(default)]
    index: Vec<IndexTable>,
    default_index: Option<String>,
    index_url: Option<String>,
    #[serde(default)]
    extra_index_url: Vec<String>,
    #[serde(default)]
    find_links: Vec<String>,
    no_index: Option<bool>,
    pip: Option<Box<Table>>,
}

#[derive(Deserialize)]
struct IndexTable {
    name: Option<String>,
    url: String,
    #[serde(default)]
    default: bool,
    #[serde(default)]
    explicit: bool,
}

/// Reads the text of a `uv.toml`.
///
/// # Errors
/// Why it is not a uv.toml.
pub fn read(text: &str, place: &str) -> Result<Settings, String> {
    let table: Table = toml::from_str(text).map_err(|e| e.message().to_owned())?;
    Ok(Settings::new(table, place))
}

/// The same for a pyproject.toml; `None`: uv has no settings there.
pub fn read_pyproject(text: &str, place: &str) -> Result<Option<Settings>, String> {
    #[derive(Deserialize)]
    struct Project {
        tool: Option<Tools>,
    }
    #[derive(Deserialize)]
    struct Tools {
        uv: Option<Table>,
    }
    let project: Project = toml::from_str(text).map_err(|e| e.message().to_owned())?;
    let table = project.tool.and_then(|tool| tool.uv);
    Ok(table.map(|table| Settings::new(table, place)))
}

impl Settings {
    fn new(table: Table, place: &str) -> Self {
        let said = |value: String| Said { value, place: place.to_owned() };
        let index = |index: IndexTable| Index {
            name: index.name,
            url: said(index.url),
            default: index.default,
            explicit: index.explicit,
        };
        Settings {
            indexes: table.index.into_iter().map(index).collect(),
            index_url: table.default_index.or(table.index_url).map(said),
            extra: table.extra_index_url.into_iter().map(said).collect(),
            links: table.find_links.into_iter().map(said).collect(),
            no_index: table.no_index.map(|no| said(no.to_string())),
            pip: table.pip.map(|table| Box::new(Settings::new(*table, place))),
        }
    }

    /// This file merged over another: single values are of this one, lists begin with those of this one.
    pub fn over(mut self, other: Settings) -> Settings {
        self.indexes.extend(other.indexes);
        self.extra.extend(other.extra);
        self.links.extend(other.links);
        Settings {
            index_url: self.index_url.or(other.index_url),
            no_index: self.no_index.or(other.no_index),
            pip: match (self.pip, other.pip) {
                (Some(this), Some(other)) => Some(Box::new(this.over(*other))),
                (this, other) => this.or(other),
            },
            ..self
        }
    }

    /// The index that replaces PyPI. Of several with the same name the first applies, and one with `default` takes precedence
    /// over `index-url`.
    pub fn default_index(&self) -> Option<&Said> {
        let default = self.named().find(|index| index.default).map(|index| &index.url);
        let of_pip = || self.pip.as_ref()?.default_index();
        default.or(self.index_url.as_ref()).or_else(of_pip)
    }

    fn named(&self) -> impl Iterator<Item = &Index> {
        let mut seen = std::collections::BTreeSet::new();
        let is_first =
            move |index: &&Index| index.name.as_ref().is_none_or(|name| seen.insert(name.clone()));
        self.indexes.iter().filter(is_first)
    }

    /// Further indexes and lists of files that uv would use, each with its key; without those that are only for packages
    /// that name them (`explicit`).
    pub fn others(&self) -> Vec<(&'static str, &Said)> {
        let indexes = self.named().filter(|index| !index.default && !index.explicit);
        let mut others: Vec<_> = indexes.map(|index| ("index", &index.url)).collect();
        others.extend(self.extra.iter().map(|said| ("extra-index-url", said)));
        others.extend(self.links.iter().map(|said| ("find-links", said)));
        others.extend(
            self.no_index.iter().filter(|said| said.value == "true").map(|said| ("no-index", said)),
        );
        others.extend(self.pip.iter().flat_map(|pip| pip.others()));
        others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_counts_over_its_user_and_a_default_over_an_index_url() {
        let project = read("index-url = 'https://p.example'\n[pip]\nfind-links = ['l']\n", "p");
        let user = "[[index]]\nname = 'x'\nurl = 'https://x.example'\n\
            [[index]]\nname = 'd'\nurl = 'https://d.example'\ndefault = true\n\
            [[index]]\nname = 'e'\nurl = 'https://e.example'\nexplicit = true\n";
        let both = project.unwrap().over(read(user, "u").unwrap());
        let default = both.default_index().unwrap();
        assert_eq!((default.value.as_str(), default.place.as_str()), ("https://d.example", "u"));
        let others: Vec<_> =
            both.others().iter().map(|(k, s)| format!("{k} {}", s.value)).collect();
        assert_eq!(others, ["index https://x.example", "find-links l"]);
        // The project uses the name of the user's default for another index.
        let hides = read("[[index]]\nname = 'd'\nurl = 'https://other.example'\n", "p").unwrap();
        let hidden = hides.over(read(user, "u").unwrap());
        assert_eq!(hidden.default_index(), None);
    }

    #[test]
    fn other_text_is_refused_and_a_project_without_uv_is_none() {
        assert!(read("index-url = 5", "p").is_err());
        assert!(read("[[index]]\nname = 'x'\n", "p").is_err());
        assert!(read_pyproject("[project]\nname = 'x'\n", "p").unwrap().is_none());
        let some = read_pyproject("[tool.uv.pip]\nindex-url = 'https://q.example'\n", "p").unwrap();
        assert_eq!(some.unwrap().default_index().unwrap().value, "https://q.example");
    }
}
