//! The values that are read and written, and how they look in YAML.

use serde::{Deserialize, Serialize};
use yaml_serde::Value;

/// A value of one place in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// The key is there and nothing follows it, or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Text.
    String(String),
}

impl Scalar {
    /// The text, when it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Scalar::String(text) => Some(text),
            Scalar::Null | Scalar::Bool(_) => None,
        }
    }

    /// Whether a reader of the file takes it for true; YAML 1.1 readers know `yes` and `on` too.
    pub fn is_true(&self) -> bool {
        match self {
            Scalar::Null => false,
            Scalar::Bool(value) => *value,
            Scalar::String(text) => {
                matches!(text.to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "y")
            }
        }
    }

    /// What a value is, when it is one of these three.
    pub fn from_value(value: &Value) -> Option<Scalar> {
        match value {
            Value::Null => Some(Scalar::Null),
            Value::Bool(value) => Some(Scalar::Bool(*value)),
            Value::String(text) => Some(Scalar::String(text.clone())),
            Value::Number(_) | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => None,
        }
    }

    pub(crate) fn to_value(&self) -> Value {
        match self {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => Value::Bool(*value),
            Scalar::String(text) => Value::String(text.clone()),
        }
    }
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scalar::Null => f.write_str("null"),
            Scalar::Bool(value) => write!(f, "{value}"),
            Scalar::String(text) => f.write_str(text),
        }
    }
}

/// How a scalar is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quotes {
    None,
    Single,
    Double,
}

/// The scalar as YAML, in these quotes where it can be, else in double quotes.
pub(crate) fn render(value: &Scalar, quotes: Quotes) -> String {
    let text = match value {
        Scalar::Null => return "null".to_owned(),
        Scalar::Bool(value) => return value.to_string(),
        Scalar::String(text) => text,
    };
    let printable = !text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
    match quotes {
        Quotes::None if is_plain(text) => text.clone(),
        Quotes::Single if printable => format!("'{}'", text.replace('\'', "''")),
        _ => double_quoted(text),
    }
}

/// Whether every YAML reader, 1.1 or 1.2, takes this unquoted text for the same string, in a block
/// and in a flow map. Narrower than YAML on purpose: image references pass, puzzles do not.
pub(crate) fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./:@+".contains(c);
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic())
        || (text.starts_with(|c: char| c.is_ascii_digit()) && text.contains(['/', '@']));
    starts_well
        && text.chars().all(allowed)
        && !text.ends_with(':')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

fn double_quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_reads_back_as_itself_in_every_quoting() {
        for text in [
            "ray:latest",
            "127.0.0.1:5000/team/ray@sha256:ab",
            "it's",
            "say \"hi\"",
            "日本",
            "",
            " x ",
            "true",
            "No",
            "1.5",
            "1:30",
            "a: b",
            "a #b",
            "#a",
            "a\nb",
            "a\\b",
            "\u{85}",
            "-",
            "@x",
            "[x]",
            "a,b",
            "2026-01-01",
            "0x1f",
            "~",
            "<<",
            "x:",
            "\u{2028}",
            "\t",
        ] {
            for quotes in [Quotes::None, Quotes::Single, Quotes::Double] {
                for (before, after) in [("k: ", " # c\n"), ("{k: ", ", l: 1}"), ("{k: ", "}")] {
                    let yaml =
                        format!("{before}{}{after}", render(&Scalar::String(text.into()), quotes));
                    let read: Value = yaml_serde::from_str(&yaml).unwrap();
                    assert_eq!(read["k"].as_str(), Some(text), "{yaml}");
                }
            }
        }
    }

    #[test]
    fn references_need_no_quotes_and_look_alikes_of_other_types_do() {
        for text in ["ray:latest", "127.0.0.1:5000/a/b@sha256:0f", "ghcr.io/t/ray-runtime:1"] {
            assert!(is_plain(text), "{text}");
        }
        for text in ["yes", "1:30", "1e3", "a b", "a,b", "a:", "", "ＡＢ"] {
            assert!(!is_plain(text), "{text}");
        }
    }
}
