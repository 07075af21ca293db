//! Requirements as old packages wrote them. Strict parsing comes first; only what it refuses is
//! mended, so that a valid requirement never changes its meaning.

use std::sync::LazyLock;

use pep440_rs::VersionSpecifiers;
use pep508_rs::{Requirement, VerbatimUrl};
use regex::Regex;

/// A requirement, mended if need be. Errors: what the strict parser says about the text as given.
pub fn requirement(text: &str) -> Result<Requirement<VerbatimUrl>, String> {
    // PEP 508 is ASCII, and the parser counts characters where it should count bytes.
    if let Some(odd) = text.chars().find(|c| !c.is_ascii()) {
        return Err(format!("`{}` does not belong into a requirement", odd.escape_default()));
    }
    text.parse().or_else(|error: pep508_rs::Pep508Error| {
        // Only the part before the marker holds specifiers; quotes in markers must stay.
        let (front, marker) = match text.split_once(';') {
            Some((front, marker)) => (front, format!(";{marker}")),
            None => (text, String::new()),
        };
        format!("{}{marker}", mended(front)).parse().map_err(|_| error.message.to_string())
    })
}

/// Version specifiers, mended if need be. Errors: what the strict parser says.
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
        assert_eq!(error, "`\\u{91}` does not belong into a requirement");
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
    fn what_cannot_be_mended_stays_an_error() {
        for text in ["", "a b c", "a (=>1)", "a; nonsense"] {
            assert!(requirement(text).is_err(), "{text}");
        }
        assert!(specifiers("about three").is_err());
        assert_eq!(specifiers(">=3.6.*, !=3.9.*").unwrap(), specifiers(">=3.6, !=3.9.*").unwrap());
    }
}
