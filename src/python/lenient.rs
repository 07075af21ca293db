//! Requirements in the forms that old packages have. Only what the strict parser refuses is corrected, so that a valid
//! requirement never changes its meaning.

use std::borrow::Cow;
use std::sync::LazyLock;

use pep440_rs::VersionSpecifiers;
use pep508_rs::{Requirement, VerbatimUrl};
use regex::{Captures, Regex};

/// A requirement, corrected where necessary.
///
/// # Errors
/// That of the strict parser for the text as given.
pub fn requirement(text: &str) -> Result<Requirement<VerbatimUrl>, String> {
    let text = plain_markers(text);
    strict(&text).or_else(|error| {
        // Only the part before the marker holds specifiers; quotes in markers must stay.
        let (front, marker) = match text.split_once(';') {
            Some((front, marker)) => (front, format!(";{}", marker.replace("===", "=="))),
            None => (&*text, String::new()),
        };
        strict(&format!("{}{marker}", mended(front))).map_err(|_| error)
    })
}

/// A requirement exactly as in PEP 508.
///
/// # Errors
/// The text is not a requirement, or is one that makes the parser panic.
pub fn strict(text: &str) -> Result<Requirement<VerbatimUrl>, String> {
    // The parser counts characters where it should count bytes.
    if let Some(odd) = text.chars().find(|c| !c.is_ascii()) {
        return Err(format!("`{}` is not allowed in a requirement", odd.escape_default()));
    }
    // The parser panics at this, unless it is at the end.
    if let Some(name) = names(text).find(|name| name.ends_with(['.', '-', '_'])) {
        return Err(format!(
            "`{name}` is not a name: the last character of one is a letter or a digit"
        ));
    }
    text.parse().map_err(|error: pep508_rs::Pep508Error| error.message.to_string())
}

/// The part of a requirement that should be name and extras.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_'));
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    let extras = rest.trim_start().strip_prefix('[').and_then(|rest| rest.split(']').next());
    let extras = extras.unwrap_or_default().split(|c: char| c == ',' || c.is_whitespace());
    std::iter::once(name).chain(extras)
}

/// A requirement whose marker has `python_version in "3.8, 3.9"` or `extra in "a b"` as comparisons with each of them, and
/// `"a" in extra` as one: the parser supports only lists of versions separated by blanks, and ignores the others.
pub fn plain_markers(text: &str) -> Cow<'_, str> {
    static ATOM: LazyLock<Regex> = LazyLock::new(|| {
        let variable = "python_version|python_full_version|implementation_version|extra";
        let list = r#"'[^'"]*'|"[^'"]*""#;
        let list_behind = format!(r"\b({variable})\s+(not\s+)?in\s*({list})");
        let list_before = format!(r"({list})\s*(not\s+)?\bin\s+({variable})\b");
        Regex::new(&format!("{list_behind}|{list_before}")).expect("a fixed pattern")
    });
    let text = starless(text);
    if !text.contains("in") {
        return text;
    }
    let plain = ATOM.replace_all(&text, |atom: &Captures| {
        let part = |at: usize| atom.get(at).map(|part| part.as_str());
        match (part(1), part(3), part(4), part(6)) {
            (Some(variable), Some(list), ..) => {
                one_of(variable, list.trim_matches(['\'', '"']), part(2).is_some())
            }
            (.., Some(list), Some(variable)) => {
                in_variable(list.trim_matches(['\'', '"']), variable, part(5).is_some())
            }
            _ => atom[0].to_owned(),
        }
    });
    Cow::Owned(plain.into_owned())
}

/// `python_version < '3.9.*'` is `< '3.9'`, and `'3.9.*' == python_version` is the same the other way round: the parser
/// ignores both, and a marker that it ignores is true.
fn starless(text: &str) -> Cow<'_, str> {
    static BEFORE: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r#"(['"]\d[\d.]*\.\*['"])\s*(===?|!=|<=|>=|<|>|~=)\s*(\w*version)\b"#;
        Regex::new(pattern).expect("a fixed pattern")
    });
    static ORDERED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(<=|>=|<|>|~=)(\s*['"]\d[\d.]*)\.\*(['"])"#).expect("a fixed pattern")
    });
    if !text.contains(".*") {
        return Cow::Borrowed(text);
    }
    let turned = BEFORE.replace_all(text, |atom: &Captures| {
        let operator = match &atom[2] {
            "<" => ">",
            "<=" => ">=",
            ">" => "<",
            ">=" => "<=",
            same => same,
        };
        format!("{} {operator} {}", &atom[3], &atom[1])
    });
    Cow::Owned(ORDERED.replace_all(&turned, "$1$2$3").into_owned())
}

/// Whether the variable is one of these.
fn one_of(variable: &str, list: &str, negated: bool) -> String {
    let (operator, joined) = if negated { ("!=", " and ") } else { ("==", " or ") };
    let values = list.split([',', ' ', '|']).filter(|value| !value.is_empty());
    let each: Vec<_> = values.map(|value| format!("{variable} {operator} '{value}'")).collect();
    if each.is_empty() { constant(negated) } else { format!("({})", each.join(joined)) }
}

/// Whether this is the extra, or the beginning of the version.
fn in_variable(value: &str, variable: &str, negated: bool) -> String {
    let operator = if negated { "!=" } else { "==" };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match variable {
        "extra" if !value.is_empty() && value.chars().all(is_name) => {
            format!("extra {operator} '{value}'")
        }
        "extra" => constant(negated),
        _ => match value.parse::<pep440_rs::Version>() {
            // `3.14.0rc1.*` is no version.
            Ok(version) if version.any_prerelease() => format!("{variable} {operator} '{value}'"),
            Ok(_) => format!("{variable} {operator} '{value}.*'"),
            Err(_) => constant(negated),
        },
    }
}

fn constant(value: bool) -> String {
    format!("python_version {} '0'", if value { ">=" } else { "<" })
}

/// Version specifiers, corrected where necessary.
///
/// # Errors
/// That of the strict parser for the text as given.
pub fn specifiers(text: &str) -> Result<VersionSpecifiers, String> {
    text.parse().or_else(|error: pep440_rs::VersionSpecifiersParseError| {
        mended(text).parse().map_err(|_| error.to_string())
    })
}

fn mended(text: &str) -> String {
    static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        [
            // `>='3.6'` → `>=3.6`
            (r#"['"]"#, ""),
            // `>=1.0<2.0` → `>=1.0,<2.0`
            (r"(\d[\w.*+!-]*)\s*([<>=~!]=|[<>])", "$1,$2"),
            // `!=~5.0` → `!=5.0.*`
            (r"!=~\s*(\d[\d.]*)", "!=$1.*"),
            // `>=3.6.*` → `>=3.6`; `==` and `!=` may have the star
            (r"(>=|<=|~=|>|<)(\s*[\w.+!-]+?)\.\*", "$1$2"),
            // `>=3.6.,` → `>=3.6,`
            (r"(\d)\.(\s*(?:,|\)|$))", "$1$2"),
            // `>dev` → `>0.0.0dev`
            (r">\s*dev\b", ">0.0.0dev"),
            // `>=2.7,` and `,,`
            (r",(\s*,)+", ","),
            (r",(\s*(?:\)|$))", "$1"),
        ]
        .into_iter()
        .map(|(pattern, to)| (Regex::new(pattern).expect("a fixed pattern"), to))
        .collect()
    });
    RULES.iter().fold(text.to_owned(), |text, (pattern, to)| pattern.replace_all(&text, *to).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_alphabets_are_an_error_and_no_crash() {
        // Found by fuzzing: the parser cut such a marker in the middle of a character.
        let error = requirement("a; (b == \"c\" and\u{91}\u{91}\u{91} d)").unwrap_err();
        assert_eq!(error, "`\\u{91}` is not allowed in a requirement");
    }

    #[test]
    fn a_name_that_ends_in_a_sign_is_an_error_and_no_crash() {
        // Found by fuzzing: the parser unwraps names that it did not check.
        for text in [
            "nvi1. (>=13.1)",
            "3. == 1",
            "a[x.]",
            "a[b,c- ]>=1",
            "a [ x_\t, y]; extra == 'a'",
            "a-",
        ] {
            let error = requirement(text).unwrap_err();
            assert!(error.contains("is not a name"), "{text}: {error}");
        }
        for text in ["a.b-c_d[e.f,g]", "a @ https://x.example/a-.whl", "a ; extra == 'b.'"] {
            requirement(text).unwrap();
        }
    }

    #[test]
    fn legacy_forms_mean_what_their_authors_meant() {
        for (written, meant) in [
            ("torch (==2.9.0)", "torch==2.9.0"),
            ("a (>=3.6.*)", "a>=3.6"),
            ("elastic (>=7.2.0<8.0.0)", "elastic>=7.2.0,<8.0.0"),
            ("b>=1.0,", "b>=1.0"),
            ("c (>=2.7,,<3)", "c>=2.7,<3"),
            ("d (!=~5.0)", "d!=5.0.*"),
            ("e>='2.7'; python_version < '4'", "e>=2.7 ; python_version < '4'"),
            ("f>=3.6.,<4", "f>=3.6,<4"),
            ("cublas==13.1.1.3.*", "cublas==13.1.1.3.*"),
            ("g[x] (>dev)", "g[x]>0.0.0dev"),
        ] {
            assert_eq!(requirement(written), requirement(meant), "{written}");
            assert!(requirement(meant).is_ok(), "{meant}");
        }
    }

    #[test]
    fn lists_in_markers_are_read_with_commas_and_blanks() {
        for (written, meant) in [
            (
                "a; python_version in '3.8, 3.9'",
                "a; python_version == '3.8' or python_version == '3.9'",
            ),
            (
                "a; python_version not in \"2.7 3.0\"",
                "a; python_version != '2.7' and python_version != '3.0'",
            ),
            (
                "a; extra in 'x,y' and os_name == 'nt'",
                "a; (extra == 'x' or extra == 'y') and os_name == 'nt'",
            ),
            ("a; extra not in 'x'", "a; extra != 'x'"),
            ("a; python_version < '3.9.*'", "a; python_version < '3.9'"),
            ("a; '3.9.*' >= python_version", "a; python_version <= '3.9'"),
            ("a; '3.9.*' != python_version", "a; python_version != '3.9.*'"),
            ("a; 'x' in extra or 'y z' in extra", "a; extra == 'x' or python_version < '0'"),
            ("a; '3.14.0rc1' in python_full_version", "a; python_full_version == '3.14.0rc1'"),
            ("a; '3.14' not in python_full_version", "a; python_full_version != '3.14.*'"),
            ("a; python_version === '3.9'", "a; python_version == '3.9'"),
        ] {
            assert_eq!(requirement(written), requirement(meant), "{written}");
            assert!(requirement(meant).is_ok(), "{meant}");
        }
        for same in
            ["a; sys_platform in 'linux darwin'", "linux; 'x' in os_name", "a>=1; extra == 'in'"]
        {
            assert_eq!(plain_markers(same), same);
        }
    }

    #[test]
    fn what_cannot_be_mended_stays_an_error() {
        for text in ["", "a b c", "a (=>1)", "a; nonsense"] {
            assert!(requirement(text).is_err(), "{text}");
        }
        assert!(specifiers("about three").is_err());
        assert_eq!(specifiers(">=3.6.*, !=3.9.*").unwrap(), specifiers(">=3.6, !=3.9.*").unwrap());
    }
}
