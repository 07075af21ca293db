//! Relations between packages: Depends, Breaks, Provides and their like (Debian policy, chapter 7).

use std::fmt;

use thiserror::Error;

use crate::version::{BadVersion, Version};

/// How a relation compares versions. The obsolete `<` and `>` are read as `<=` and `>=`, which is what they mean (policy 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`
    LaterOrEqual,
    /// `>>`
    Later,
}

impl Operator {
    /// Takes an operator and the space behind it from the beginning of a text.
    pub(crate) fn split(text: &str) -> Option<(Self, &str)> {
        let table = [
            ("<<", Self::Earlier),
            ("<=", Self::EarlierOrEqual),
            (">>", Self::Later),
            (">=", Self::LaterOrEqual),
            ("<", Self::EarlierOrEqual),
            (">", Self::LaterOrEqual),
            ("=", Self::Equal),
        ];
        table
            .iter()
            .find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?.trim_start())))
    }

    /// Whether `found` is in this relation to `bound`.
    pub fn holds(self, found: &Version<'_>, bound: &Version<'_>) -> bool {
        match self {
            Self::Earlier => found < bound,
            Self::EarlierOrEqual => found <= bound,
            Self::Equal => found == bound,
            Self::LaterOrEqual => found >= bound,
            Self::Later => found > bound,
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        })
    }
}

/// One name in a relation field, borrowed from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relation<'t> {
    /// A package, or something that packages provide.
    pub name: &'t str,
    /// What stands behind a colon: `any`, `native`, or an architecture.
    pub qualifier: Option<&'t str>,
    /// Which versions, where not all.
    pub bound: Option<(Operator, Version<'t>)>,
    /// Between brackets: for which architectures the relation is meant. Only source packages have them.
    architectures: &'t str,
}

/// A relation field that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadRelation {
    /// A version in it.
    #[error("`{relation}`: {bad}")]
    Version {
        /// The relation.
        relation: String,
        /// What is wrong.
        bad: BadVersion,
    },
    /// Anything else.
    #[error("`{relation}` is not a relation between packages: {why}")]
    Syntax {
        /// The relation.
        relation: String,
        /// What is wrong.
        why: &'static str,
    },
}

impl<'t> Relation<'t> {
    /// Reads one name with its qualifier, version and architectures.
    ///
    /// # Errors
    ///
    /// [`BadRelation`]; also for build profiles (`<!nocheck>`), which mean nothing in a binary package.
    pub fn parse(text: &'t str) -> Result<Self, BadRelation> {
        let text = text.trim();
        let syntax = |why| BadRelation::Syntax { relation: text.to_owned(), why };
        let name_ends =
            text.find(|c: char| c.is_ascii_whitespace() || "([<".contains(c)).unwrap_or(text.len());
        let (name, rest) = text.split_at(name_ends);
        let (name, qualifier) = match name.split_once(':') {
            None => (name, None),
            Some((name, qualifier)) => (name, Some(qualifier)),
        };
        if !is_name(name) {
            return Err(syntax("the name of a package is letters, digits and .+-"));
        }
        if qualifier.is_some_and(|arch| !is_architecture(arch)) {
            return Err(syntax("behind the colon there is no architecture"));
        }
        let mut rest = rest.trim_start();
        let mut bound = None;
        if let Some(inside) = rest.strip_prefix('(') {
            let (inside, behind) =
                inside.split_once(')').ok_or_else(|| syntax("`(` is not closed"))?;
            let (operator, version) = Operator::split(inside.trim())
                .ok_or_else(|| syntax("there is no <<, <=, =, >= or >>"))?;
            let version = Version::parse(version)
                .map_err(|bad| BadRelation::Version { relation: text.to_owned(), bad })?;
            (bound, rest) = (Some((operator, version)), behind.trim_start());
        }
        let mut architectures = "";
        if let Some(inside) = rest.strip_prefix('[') {
            let (inside, behind) =
                inside.split_once(']').ok_or_else(|| syntax("`[` is not closed"))?;
            (architectures, rest) = (inside, behind.trim_start());
        }
        match rest.as_bytes().first() {
            None => Ok(Self { name, qualifier, bound, architectures }),
            Some(b'<') => Err(syntax("build profiles are for source packages")),
            Some(_) => Err(syntax("something stands behind it")),
        }
    }

    /// Whether the relation is meant on this architecture: it is named between the brackets, or none of them is
    /// and they are negated (`[!hurd-i386]`), or there are no brackets.
    pub fn is_for(&self, architecture: &str) -> bool {
        let mut names = self.architectures.split_ascii_whitespace().peekable();
        let Some(first) = names.peek() else { return true };
        let is_negated = first.starts_with('!');
        names.any(|name| matches_wildcard(name.trim_start_matches('!'), architecture)) != is_negated
    }

    /// Whether this version is one of those meant.
    pub fn takes(&self, found: &Version<'_>) -> bool {
        self.bound.is_none_or(|(operator, bound)| operator.holds(found, &bound))
    }
}

impl fmt::Display for Relation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.qualifier.map_or(Ok(()), |qualifier| write!(f, ":{qualifier}"))?;
        self.bound.map_or(Ok(()), |(operator, version)| write!(f, " ({operator} {version})"))
    }
}

/// Reads a relation field: between the commas what must hold, between the bars what will do, in the field's order.
/// Empty parts are none.
///
/// # Errors
///
/// [`BadRelation`] for the first that cannot be read.
pub fn parse_relations(field: &str) -> Result<Vec<Vec<Relation<'_>>>, BadRelation> {
    let groups = field.split(',').filter(|group| !group.trim().is_empty());
    groups.map(|group| group.split('|').map(Relation::parse).collect()).collect()
}

/// Whether a text can be the name of a package: ASCII letters and digits, `.`, `+`, `-`, the first a letter or digit.
/// Upper case and names of one letter are against policy 5.6.1, and exist.
pub(crate) fn is_name(text: &str) -> bool {
    let is_allowed = |c: u8| c.is_ascii_alphanumeric() || b".+-_".contains(&c);
    text.bytes().all(is_allowed) && text.bytes().next().is_some_and(|c| c.is_ascii_alphanumeric())
}

pub(crate) fn is_architecture(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
}

/// `any`, `linux-any`, `any-amd64` (policy 11.1); Debian's Linux architectures are named by their processor alone.
fn matches_wildcard(pattern: &str, architecture: &str) -> bool {
    let full =
        |name: &str| if name.contains('-') { name.to_owned() } else { format!("linux-{name}") };
    if pattern == "any" || pattern == architecture {
        return true;
    }
    let (pattern, architecture) = (full(pattern), full(architecture));
    let (Some((os, cpu)), Some((its_os, its_cpu))) =
        (pattern.split_once('-'), architecture.split_once('-'))
    else {
        return false;
    };
    (os == "any" || os == its_os) && (cpu == "any" || cpu == its_cpu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_in_its_order() {
        let field =
            "libc6 (>= 2.38), debconf (>= 0.5) | debconf-2.0,\n python3:any,, perl:native(<<6)";
        let groups = parse_relations(field).unwrap();
        let written: Vec<Vec<String>> =
            groups.iter().map(|group| group.iter().map(ToString::to_string).collect()).collect();
        let expected: [&[&str]; 4] = [
            &["libc6 (>= 2.38)"],
            &["debconf (>= 0.5)", "debconf-2.0"],
            &["python3:any"],
            &["perl:native (<< 6)"],
        ];
        assert_eq!(written, expected);
    }

    #[test]
    fn obsolete_operators_mean_or_equal() {
        for (text, found, holds) in
            [("a (< 2)", "2", true), ("a (> 2)", "2", true), ("a (<< 2)", "2", false)]
        {
            assert_eq!(
                Relation::parse(text).unwrap().takes(&Version::parse(found).unwrap()),
                holds,
                "{text}"
            );
        }
    }

    #[test]
    fn architectures_in_brackets_restrict() {
        for (text, holds) in [
            ("a", true),
            ("a [amd64 arm64]", true),
            ("a [arm64]", false),
            ("a [!arm64 !i386]", true),
            ("a [!amd64]", false),
            ("a [linux-any]", true),
            ("a [any-amd64]", true),
            ("a [hurd-any]", false),
        ] {
            assert_eq!(Relation::parse(text).unwrap().is_for("amd64"), holds, "{text}");
        }
    }

    #[test]
    fn what_is_no_relation_is_refused_with_the_reason() {
        for (text, why) in [
            ("a <!nocheck>", "build profiles"),
            ("a (2)", "<<"),
            ("a (>= 2", "not closed"),
            ("a [amd64", "not closed"),
            ("a b", "behind it"),
            ("a:", "no architecture"),
            ("(>= 2)", "the name"),
            ("a | | b", "the name"),
            ("a (>= 1_2)", "not a version"),
            ("é", "the name"),
        ] {
            let said = parse_relations(text).unwrap_err().to_string();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
