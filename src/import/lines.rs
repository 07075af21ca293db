//! A requirements file → its logical lines, as pip joins, strips and expands them.
//! <https://pip.pypa.io/en/stable/reference/requirements-file-format/>

use std::ops::Range;

/// One logical line, without comment, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Of its first physical line, from 1.
    pub number: usize,
    /// Its physical lines in the file, bytes.
    pub span: Range<usize>,
    /// What it says.
    pub text: String,
    /// Variables that it names and that have no value; they stand in `text` as they are written.
    pub unset: Vec<String>,
}

/// Bytes that are no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    /// Neither UTF-8 nor marked as another Unicode encoding.
    #[error("line {0} is not UTF-8")]
    NotUtf8(usize),
    /// A PEP 263 comment names something else.
    #[error("it says that it is written in `{0}`")]
    Encoding(String),
}

/// The text of a file: UTF-8, or UTF-16 with a byte order mark, as PowerShell writes `pip freeze > requirements.txt`.
pub fn decode(bytes: &[u8]) -> Result<String, BadText> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16(&units).map_err(|_| BadText::NotUtf8(1))
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        _ => {}
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|e| {
        BadText::NotUtf8(bytes[..e.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1)
    })?;
    match text.lines().take(2).find_map(coding) {
        Some(other) if !text.is_ascii() => Err(BadText::Encoding(other)),
        _ => Ok(text.to_owned()),
    }
}

/// The encoding of a PEP 263 comment, if it is not UTF-8.
fn coding(line: &str) -> Option<String> {
    let rest = line.strip_prefix('#')?.split_once("coding")?.1.strip_prefix([':', '='])?;
    let is_name = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = rest.trim_start().chars().take_while(is_name).collect();
    let utf8 =
        ["utf-8", "utf8", "utf-8-sig"].contains(&name.to_lowercase().replace('_', "-").as_str());
    (!name.is_empty() && !utf8).then_some(name)
}

/// The logical lines of a file's text. `variable` has the values of environment variables.
pub fn lines(text: &str, variable: impl Fn(&str) -> Option<String>) -> Vec<Line> {
    let (mut all, mut open): (Vec<Line>, Option<(usize, usize, String)>) = (Vec::new(), None);
    for (number, (span, line)) in physical(text).into_iter().enumerate() {
        let is_comment = line.trim_start().starts_with('#');
        // A comment ends a continued line, and is not continued itself.
        let line = if is_comment { format!(" {line}") } else { line.to_owned() };
        let (first, start, before) = open.take().unwrap_or((number + 1, span.start, String::new()));
        if line.ends_with('\\') && !is_comment {
            open = Some((first, start, before + line.trim_matches('\\')));
        } else {
            all.extend(finished(first, start..span.end, &(before + &line), &variable));
        }
    }
    if let Some((first, start, line)) = open {
        all.extend(finished(first, start..text.len(), &line, &variable));
    }
    all
}

/// Where Python's `str.splitlines` splits.
fn physical(text: &str) -> Vec<(Range<usize>, &str)> {
    const ENDS: [char; 10] =
        ['\n', '\r', '\x0b', '\x0c', '\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}', '\u{2029}'];
    let (mut all, mut start) = (Vec::new(), 0);
    while start < text.len() {
        let rest = &text[start..];
        let end = rest.find(ENDS).unwrap_or(rest.len());
        all.push((start..start + end, &rest[..end]));
        let after = &rest[end..];
        let width = after.chars().next().map_or(0, char::len_utf8);
        start += end + if after.starts_with("\r\n") { 2 } else { width };
    }
    all
}

fn finished(
    number: usize,
    span: Range<usize>,
    line: &str,
    variable: &impl Fn(&str) -> Option<String>,
) -> Option<Line> {
    let line = without_comment(line).trim();
    if line.is_empty() {
        return None;
    }
    let (text, unset) = expanded(line, variable);
    Some(Line { number, span, text, unset })
}

/// The line up to a `#` at its start or after white space.
fn without_comment(line: &str) -> &str {
    let mut before = None;
    for (at, c) in line.char_indices() {
        if c == '#' && before.is_none_or(char::is_whitespace) {
            return line[..at].trim_end();
        }
        before = Some(c);
    }
    line
}

/// `${NAME}` of capitals, digits and `_` is the value of a variable that has one.
fn expanded(line: &str, variable: &impl Fn(&str) -> Option<String>) -> (String, Vec<String>) {
    let (mut text, mut unset, mut rest) = (String::new(), Vec::new(), line);
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        text += before;
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let name = from[2..].split_once('}').map(|(name, _)| name);
        let Some(name) = name.filter(|name| !name.is_empty() && name.chars().all(is_name)) else {
            text += "${";
            rest = &from[2..];
            continue;
        };
        let whole = name.len() + 3;
        match variable(name).filter(|value| !value.is_empty()) {
            Some(value) => text += &value,
            None => {
                unset.push(name.to_owned());
                text += &from[..whole];
            }
        }
        rest = &from[whole..];
    }
    (text + rest, unset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(usize, String)> {
        let variable = |name: &str| (name == "WORD").then(|| "w0rd".to_owned());
        lines(text, variable).into_iter().map(|line| (line.number, line.text)).collect()
    }

    fn one(text: &str) -> String {
        let [(_, line)] = &read(text)[..] else { panic!("{text}: {:?}", read(text)) };
        line.clone()
    }

    #[test]
    fn lines_are_joined_stripped_and_expanded_as_pip_does() {
        let text = "# first\n\na==1 \\\n    --hash=sha256:x \\\n    --hash=sha256:y  # why\n  b # c\nd#e\n";
        assert_eq!(
            read(text),
            [
                (3, "a==1     --hash=sha256:x     --hash=sha256:y".to_owned()),
                (6, "b".to_owned()),
                (7, "d#e".to_owned()),
            ]
        );
        assert_eq!(one("a \\\n# comment \\\n"), "a");
        assert_eq!(read("a \\\n# comment \\\nb").len(), 2, "a comment is not continued");
        assert_eq!(one("a \\"), "a");
        assert_eq!(read("a\r\nb\rc\u{2028}d").len(), 4);
        assert_eq!(one("a ; x == '\\\\'"), "a ; x == '\\\\'");
    }

    #[test]
    fn variables_are_expanded_where_they_have_a_value_and_told_where_not() {
        assert_eq!(one("a @ https://${WORD}@h/${WORD}"), "a @ https://w0rd@h/w0rd");
        for same in ["a ${word}", "a $WORD", "a ${WORD", "a ${}", "a ${OTHER}"] {
            assert_eq!(one(same), same);
        }
        let line = lines("a ${OTHER} ${${OTHER}", |_| Some(String::new())).remove(0);
        assert_eq!(line.unset, ["OTHER", "OTHER"]);
    }

    #[test]
    fn a_file_is_unicode_whatever_windows_made_of_it() {
        assert_eq!(decode(b"\xef\xbb\xbfa\n").as_deref(), Ok("a\n"));
        assert_eq!(decode(b"\xff\xfea\0=\0").as_deref(), Ok("a="));
        assert_eq!(decode(b"\xfe\xff\0a").as_deref(), Ok("a"));
        assert_eq!(decode(b"a\nb\xe9\n"), Err(BadText::NotUtf8(2)));
        let latin = "# -*- coding: latin-1 -*-\n# é\n";
        assert_eq!(decode(latin.as_bytes()), Err(BadText::Encoding("latin-1".to_owned())));
        assert!(decode("# -*- coding: UTF-8 -*-\n# é\n".as_bytes()).is_ok());
    }
}
