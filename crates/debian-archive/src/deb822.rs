//! Paragraphs of fields (deb822(5)), as Release files and `.sources` files have them.

/// A paragraph: fields in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paragraph {
    /// The number of its first line, from 1.
    pub line: usize,
    /// Names as they are written, and values: the lines of a value without blanks around them, `\n` between them.
    pub fields: Vec<(String, String)>,
}

/// A line that has no place in such a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct BadParagraph {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
}

impl Paragraph {
    /// The value of a field; its name in any case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The paragraphs of a text. Lines that begin with `#` are comments.
///
/// # Errors
/// A line is neither a field nor goes on with one; a field is there twice, which programs read differently.
pub fn paragraphs(text: &str) -> Result<Vec<Paragraph>, BadParagraph> {
    let mut all = Vec::new();
    let mut current = Paragraph::default();
    for (number, line) in (1..).zip(text.lines()) {
        let bad = |what| BadParagraph { line: number, what };
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            if !current.fields.is_empty() {
                all.push(std::mem::take(&mut current));
            }
            continue;
        }
        if line.starts_with([' ', '\t']) {
            let (_, value) = current.fields.last_mut().ok_or(bad("it goes on with no field"))?;
            value.push('\n');
            value.push_str(line.trim());
            continue;
        }
        let (name, value) = line.split_once(':').ok_or(bad("it is no `Name: value`"))?;
        let is_name = |c: char| c.is_ascii_graphic();
        if name.is_empty() || name.starts_with('-') || !name.chars().all(is_name) {
            return Err(bad("a field has no proper name"));
        }
        if current.get(name).is_some() {
            return Err(bad("a field is there twice"));
        }
        if current.fields.is_empty() {
            current.line = number;
        }
        current.fields.push((name.to_owned(), value.trim().to_owned()));
    }
    if !current.fields.is_empty() {
        all.push(current);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_values_over_lines_and_comments_are_read() {
        let text = "# a\n\nA: b \nlist:\n x\n#no\n\ty z \n\n\nA:c\n";
        let all = paragraphs(text).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(
            (all[0].line, all[0].get("a"), all[0].get("List")),
            (3, Some("b"), Some("\nx\ny z"))
        );
        assert_eq!((all[1].line, all[1].get("A"), all[1].get("list")), (10, Some("c"), None));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused_with_its_line() {
        let cases = [
            ("A: b\na: c\n", 2),
            (" x\n", 1),
            ("A: b\nhello\n", 2),
            (": x\n", 1),
            ("-A: x\n", 1),
            ("A B: x\n", 1),
        ];
        for (text, line) in cases {
            assert_eq!(paragraphs(text).unwrap_err().line, line, "{text:?}");
        }
    }
}
