//! Stanzas of control files (deb822(5), Debian policy 5.1), read where they stand: nothing is copied.

use memchr::{memchr, memmem};

/// One paragraph of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stanza<'t> {
    text: &'t str,
}

impl<'t> Stanza<'t> {
    /// The first stanza of a text.
    pub fn new(text: &'t str) -> Self {
        stanzas(text).next().unwrap_or(Self { text: "" })
    }

    /// The whole text, as an archive has it.
    pub fn as_str(&self) -> &'t str {
        self.text
    }

    /// A field's value without the space around it; further lines are in it as they stand. Names are compared without
    /// regard to case. The first of several counts.
    pub fn field(&self, name: &str) -> Option<&'t str> {
        self.fields().find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
    }

    /// Names and values in the order of the text. Comments, and lines that are no field, are left out.
    pub fn fields(&self) -> impl Iterator<Item = (&'t str, &'t str)> + use<'t> {
        let mut rest = self.text;
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let mut end = line_end(rest, 0);
                while matches!(rest.as_bytes().get(end), Some(b' ' | b'\t')) {
                    end = line_end(rest, end);
                }
                let (field, behind) = rest.split_at(end);
                rest = behind;
                match field.split_once(':') {
                    Some((name, value)) if is_field_name(name) => {
                        return Some((name, value.trim()));
                    }
                    _ => {}
                }
            }
            None
        })
    }
}

fn is_field_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(['#', '-']) && name.bytes().all(|c| c.is_ascii_graphic())
}

/// Where the line that begins at `from` ends, its line feed included.
fn line_end(text: &str, from: usize) -> usize {
    memchr(b'\n', &text.as_bytes()[from..]).map_or(text.len(), |at| from + at + 1)
}

/// The stanzas of a text, one after another: between them are empty lines.
pub fn stanzas(text: &str) -> impl Iterator<Item = Stanza<'_>> {
    let empty_line = memmem::Finder::new("\n\n");
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches('\n');
        let end = empty_line.find(rest.as_bytes()).map_or(rest.len(), |at| at + 1);
        let (text, behind) = rest.split_at(end);
        rest = behind;
        (!text.is_empty()).then_some(Stanza { text })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\nPackage: a\nDepends: b,\n c (>= 1)\n# no\nDescription: short\n long: text\n .\n\n\n\nPackage: b\n";

    #[test]
    fn values_keep_their_further_lines() {
        let fields: Vec<_> = Stanza::new(TEXT).fields().collect();
        assert_eq!(
            fields,
            [
                ("Package", "a"),
                ("Depends", "b,\n c (>= 1)"),
                ("Description", "short\n long: text\n .")
            ]
        );
        assert_eq!(Stanza::new(TEXT).field("depends"), Some("b,\n c (>= 1)"));
        assert_eq!(Stanza::new(TEXT).field("long"), None);
    }

    #[test]
    fn empty_lines_part_stanzas_however_many() {
        let texts: Vec<_> = stanzas(TEXT).map(|stanza| stanza.as_str().len()).collect();
        assert_eq!(texts, [TEXT.find("\n\n\n").unwrap(), "Package: b\n".len()]);
        assert_eq!(stanzas("\n\n").count(), 0);
        assert_eq!(Stanza::new("").field("Package"), None);
    }
}
