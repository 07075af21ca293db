//! The control file of a package: one stanza, by deb-control(5) and deb822(5).

use crate::error::Flaw;

/// The longest control file, bytes.
pub(crate) const LONGEST: u64 = 1 << 20;

/// A control file: fields in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stanza {
    fields: Vec<(String, String)>,
}

impl Stanza {
    /// Reads one stanza: no comments, no field twice, nothing behind it.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, with the number of its line.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut lines = text.lines().enumerate();
        for (at, line) in lines.by_ref() {
            let bad = |why: &str| Flaw::Text(format!("line {} {why}", at + 1));
            if line.contains(['\0', '\r']) {
                return Err(bad("has a control character"));
            }
            if line.trim().is_empty() {
                if line.is_empty() {
                    break;
                }
                return Err(bad("has only blanks"));
            }
            if line.starts_with([' ', '\t']) {
                let Some((_, value)) = fields.last_mut() else {
                    return Err(bad("continues nothing"));
                };
                value.push('\n');
                value.push_str(line);
                continue;
            }
            let Some((name, value)) = line.split_once(':') else {
                return Err(bad("is no field"));
            };
            let graphic = |byte: u8| byte.is_ascii_graphic();
            if name.is_empty() || name.starts_with(['-', '#']) || !name.bytes().all(graphic) {
                return Err(bad("has no name of a field before its colon"));
            }
            if fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                return Err(bad("has a field that was there before"));
            }
            fields.push((name.to_owned(), value.trim_start().to_owned()));
        }
        if lines.any(|(_, line)| !line.trim().is_empty()) {
            return Err(Flaw::Text("a second stanza follows".to_owned()));
        }
        for (_, value) in &mut fields {
            value.truncate(value.trim_end().len());
        }
        Ok(Stanza { fields })
    }

    /// The value of a field, its name in any case: lines after the first as they are, with their leading blank.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All fields in order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A value that must be there, and of these characters only.
    pub(crate) fn required(
        &self,
        field: &'static str,
        allowed: fn(&str) -> bool,
    ) -> Result<String, Flaw> {
        let bad = |why: String| Flaw::Field { field, why };
        let value = self.get(field).ok_or_else(|| bad("it is missing".to_owned()))?;
        if !allowed(value) {
            return Err(bad(format!("`{}` is none", value.escape_debug())));
        }
        Ok(value.to_owned())
    }
}

/// A package's name, by Debian Policy 5.6.7.
pub(crate) fn is_name(text: &str) -> bool {
    let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() >= 2
        && text.bytes().next().is_some_and(small)
        && text.bytes().all(|byte| small(byte) || b"+-.".contains(&byte))
}

/// An architecture, by Debian Policy 11.1.
pub(crate) fn is_architecture(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// What a version consists of, by Debian Policy 5.6.12.
pub(crate) fn is_version(text: &str) -> bool {
    let upstream = text.split_once(':').map_or(text, |(_, upstream)| upstream);
    upstream.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-~:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_their_lines() {
        let text = "Package: a\nDescription: short \n long\n .\n  more\t\nHomepage:https://x\n\n";
        let stanza = Stanza::parse(text).unwrap();
        let fields: Vec<_> = stanza.fields().collect();
        let description = "short \n long\n .\n  more";
        let expected = [("Package", "a"), ("Description", description), ("Homepage", "https://x")];
        assert_eq!(fields, expected);
        assert_eq!(stanza.get("DESCRIPTION"), Some(description));
    }

    #[test]
    fn what_readers_would_read_differently_is_refused() {
        for (text, told) in [
            (" a\n", "line 1 continues nothing"),
            ("Package: a\npackage: b\n", "line 2 has a field that was there before"),
            ("Package: a\n# note\n", "line 2 is no field"),
            ("#x: a\n", "line 1 has no name"),
            ("A: b\n \nC: d\n", "line 2 has only blanks"),
            ("A: b\n\nC: d\n", "a second stanza follows"),
            ("A: b\rC: d\n", "line 1 has a control character"),
            (": b\n", "line 1 has no name"),
            ("A b: c\n", "line 1 has no name"),
        ] {
            let error = Stanza::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(told), "{text:?} {error}");
        }
    }

    #[test]
    fn names_versions_and_architectures_are_those_of_policy() {
        assert!(is_name("libstdc++6") && is_name("7zip") && !is_name("a") && !is_name("../x"));
        assert!(!is_name("A0") && !is_name("-a") && !is_name("a b") && !is_name(""));
        assert!(is_version("1:1.3.dfsg+really1.3.1-1+b1") && is_version("2~rc1"));
        assert!(!is_version("") && !is_version("1 2") && !is_version("1/2") && !is_version("1:"));
        assert!(
            is_architecture("amd64") && is_architecture("hurd-i386") && !is_architecture("a/b")
        );
    }
}
