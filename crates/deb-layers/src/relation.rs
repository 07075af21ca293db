//! Relations between packages, by deb-control(5): read, and written as dpkg writes them into its status.

use std::fmt;

use crate::error::Flaw;
use crate::stanza::{is_architecture, is_name, is_version};
use crate::version;

/// The relation fields of a control file.
pub(crate) const FIELDS: [&str; 9] = [
    "Replaces",
    "Provides",
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Suggests",
    "Breaks",
    "Conflicts",
    "Enhances",
];

/// `libc6:any (>= 2.36)`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relation<'a> {
    name: &'a str,
    architecture: Option<&'a str>,
    /// One of `=`, `>=`, `<=`, `>>`, `<<`, and a version.
    version: Option<(&'static str, &'a str)>,
}

impl<'a> Relation<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (package, version) = match text.split_once('(') {
            Some((package, rest)) => (package.trim_end(), Some(rest.strip_suffix(')')?.trim())),
            None => (text, None),
        };
        let (name, architecture) = match package.split_once(':') {
            Some((name, architecture)) => (name, Some(architecture)),
            None => (package, None),
        };
        let version = match version {
            None => None,
            Some(text) => {
                let end = text.find(|c| !matches!(c, '<' | '>' | '=')).unwrap_or(text.len());
                let (operator, version) = text.split_at(end);
                let version = version.trim_start();
                // A single sign is the old way to write these (Policy 7.1).
                let operator = match operator {
                    "=" | "" => "=",
                    ">=" | ">" => ">=",
                    "<=" | "<" => "<=",
                    ">>" => ">>",
                    "<<" => "<<",
                    _ => return None,
                };
                if !is_version(version) {
                    return None;
                }
                Some((operator, version))
            }
        };
        if !is_name(name) || !architecture.is_none_or(is_architecture) {
            return None;
        }
        Some(Relation { name, architecture, version })
    }

    /// Whether it names this package in this version.
    pub(crate) fn names(&self, name: &str, version: &str) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        self.name == name
            && self.version.is_none_or(|(operator, than)| {
                let order = version::compare(version, than);
                match operator {
                    "=" => order == Equal,
                    ">=" => order != Less,
                    "<=" => order != Greater,
                    ">>" => order == Greater,
                    _ => order == Less,
                }
            })
    }
}

impl fmt::Display for Relation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Some(architecture) = self.architecture {
            write!(f, ":{architecture}")?;
        }
        if let Some((operator, version)) = self.version {
            write!(f, " ({operator} {})", version::plain(version))?;
        }
        Ok(())
    }
}

/// A relation field: what must be met, each by one of several.
pub(crate) fn parse<'a>(
    field: &'static str,
    value: &'a str,
) -> Result<Vec<Vec<Relation<'a>>>, Flaw> {
    if value.trim().is_empty() {
        return Ok(Vec::new());
    }
    let one = |text: &'a str| {
        let why = || format!("`{}` is no relation", text.trim().escape_debug());
        Relation::parse(text).ok_or_else(|| Flaw::Field { field, why: why() })
    };
    value.split(',').map(|group| group.split('|').map(one).collect()).collect()
}

/// A relation field as dpkg writes it.
pub(crate) fn normal(field: &'static str, value: &str) -> Result<String, Flaw> {
    let groups = parse(field, value)?;
    let group = |group: &Vec<Relation>| {
        let relations: Vec<String> = group.iter().map(Relation::to_string).collect();
        relations.join(" | ")
    };
    Ok(groups.iter().map(group).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_are_written_as_dpkg_writes_them() {
        for (text, expected) in [
            ("a1|b2 ,c3(>=1.0)", "a1 | b2, c3 (>= 1.0)"),
            ("libc6:any (>> 0:2.36)", "libc6:any (>> 2.36)"),
            ("xx (<1), yy (> 2)", "xx (<= 1), yy (>= 2)"),
            ("aa\n , bb (= 1:2-3)", "aa, bb (= 1:2-3)"),
            ("", ""),
        ] {
            assert_eq!(normal("Depends", text).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_relation_is_refused() {
        for text in ["a", "aa (>= )", "aa (=> 1)", "aa (1", "aa,,bb", "aa | ", "../x", "aa:/ (= 1)"]
        {
            let error = normal("Depends", text).unwrap_err().to_string();
            assert!(error.starts_with("the field Depends: "), "{text} {error}");
        }
    }

    #[test]
    fn a_relation_names_versions() {
        let names = |text, version| Relation::parse(text).unwrap().names("aa", version);
        assert!(names("aa", "1") && names("aa (<< 2)", "2~rc1") && names("aa (= 1:0)", "1:0"));
        assert!(!names("aa (<< 2)", "2") && !names("bb", "1") && !names("aa (>> 1)", "1"));
        assert!(names("aa (<= 1)", "1") && names("aa (>= 1)", "1") && !names("aa (>= 1)", "0"));
    }
}
