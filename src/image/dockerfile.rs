//! The text of a Dockerfile as instructions, words and values. What is not understood is reported, never guessed.

/// An instruction with its continuation lines joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instruction {
    /// In capitals, `RUN`.
    pub(super) keyword: String,
    /// Everything after it.
    pub(super) rest: String,
}

impl Instruction {
    /// As one line, without the `--flags` and with single spaces.
    pub(super) fn plain(&self) -> String {
        self.rest
            .split_whitespace()
            .skip_while(|w| w.starts_with("--"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The instruction on one line, for people.
    pub(super) fn shown(&self) -> String {
        format!("{} {}", self.keyword, self.rest.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// The instructions of a Dockerfile, in order; comments are left out wherever they stand.
pub(super) fn instructions(text: &str) -> Vec<Instruction> {
    let mut found = Vec::new();
    let mut pending = String::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        match line.trim_end().strip_suffix('\\') {
            Some(part) => {
                pending.push_str(part);
                pending.push(' ');
                continue;
            }
            // An empty line does not end what a backslash continued.
            None if line.trim().is_empty() && !pending.is_empty() => continue,
            None => pending.push_str(line),
        }
        let whole = std::mem::take(&mut pending);
        let (keyword, rest) =
            whole.trim().split_once(char::is_whitespace).unwrap_or((whole.trim(), ""));
        if !keyword.is_empty() {
            found.push(Instruction {
                keyword: keyword.to_uppercase(),
                rest: rest.trim().to_owned(),
            });
        }
    }
    found
}

/// Splits at spaces outside quotes; quotes and backslashes stay.
pub(super) fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            continue;
        }
        word.push(c);
        match (c, quote) {
            ('\\', None | Some('"')) => word.extend(chars.next()),
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

/// `ENV` and `LABEL`: `NAME=VALUE …`, or the old `NAME VALUE`. Values as they are written.
pub(super) fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let words = words(text);
    if !words.first()?.contains('=') {
        let (name, value) = text.split_once(char::is_whitespace)?;
        return Some(vec![(name.to_owned(), value.trim().to_owned())]);
    }
    let pair = |word: &String| word.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
    words.iter().map(pair).collect()
}

/// A word without its quotes, with `$NAME`, `${NAME}`, `${NAME:-ELSE}` and `${NAME:+THEN}` replaced. `None`: another
/// expansion of a variable, or a quote that is not closed.
pub(super) fn expand(text: &str, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::new();
    let mut quote = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('\\', None | Some('"')) => {
                let next = rest.chars().next()?;
                rest = &rest[next.len_utf8()..];
                // Inside quotes a backslash is literal unless it escapes a special character.
                if quote.is_some() && !matches!(next, '"' | '$' | '\\') {
                    out.push('\\');
                }
                out.push(next);
            }
            ('$', None | Some('"')) => {
                if let Some(inner) = rest.strip_prefix('{') {
                    let end = closing(inner)?;
                    out.push_str(&braced(&inner[..end], value)?);
                    rest = &inner[end + 1..];
                } else {
                    let end = name_length(rest);
                    if end == 0 {
                        return None;
                    }
                    out.push_str(&value(&rest[..end]).unwrap_or_default());
                    rest = &rest[end..];
                }
            }
            (c, _) => out.push(c),
        }
    }
    quote.is_none().then_some(out)
}

/// `["a", "b"]`; `None`: it is the other form, for a shell.
pub(super) fn exec_form(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text.trim()).ok()
}

fn name_length(text: &str) -> usize {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match text.starts_with(|c: char| c.is_ascii_digit()) {
        true => 0,
        false => text.find(|c| !is_name(c)).unwrap_or(text.len()),
    }
}

/// The position of the closing brace for `text`, which starts inside.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn braced(text: &str, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let (name, rest) = text.split_at(name_length(text));
    if name.is_empty() {
        return None;
    }
    let found = value(name);
    let set = found.clone().filter(|value| !value.is_empty() || !rest.starts_with(':'));
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    match (rest.chars().next(), set) {
        (None, _) if !text.ends_with(':') => Some(found.unwrap_or_default()),
        (Some('-'), Some(set)) => Some(set),
        (Some('-'), None) | (Some('+'), Some(_)) => expand(&rest[1..], value),
        (Some('+'), None) => Some(String::new()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<String> {
        match name {
            "PATH" => Some("/bin".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_replaced_as_docker_does() {
        for (text, expected) in [
            ("/opt:${PATH}", "/opt:/bin"),
            ("$PATH:x", "/bin:x"),
            ("\"a b\"", "a b"),
            ("'$PATH'", "$PATH"),
            ("\\$PATH", "$PATH"),
            ("${NO:-a ${PATH}}", "a /bin"),
            ("${EMPTY:-x}${EMPTY-x}${NO-y}", "xy"),
            ("${PATH:+set}${EMPTY:+set}${EMPTY+set}${NO+set}", "setset"),
            ("[$NO]", "[]"),
            ("\"a\\b\"", "a\\b"),
            ("日本", "日本"),
        ] {
            assert_eq!(expand(text, &value).as_deref(), Some(expected), "{text}");
        }
        for text in ["${PATH#/}", "${PATH:?no}", "${PATH", "\"open", "${}", "$", "${PATH:}"] {
            assert_eq!(expand(text, &value), None, "{text}");
        }
    }

    #[test]
    fn lines_are_joined_and_words_split_outside_quotes() {
        let text = "# syntax=x\nenv A=1 \\  \n  # why\n\n  B=\"2 3\"\nRUN  --mount=a \\\n sh x\n\nLABEL old way of it";
        let found = instructions(text);
        let keywords: Vec<_> = found.iter().map(|i| i.keyword.as_str()).collect();
        assert_eq!(keywords, ["ENV", "RUN", "LABEL"]);
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(pairs(&found[0].rest).unwrap(), [pair("A", "1"), pair("B", "\"2 3\"")]);
        assert_eq!(found[1].plain(), "sh x");
        assert_eq!(pairs(&found[2].rest).unwrap(), [pair("old", "way of it")]);
        assert_eq!(pairs("A=1 B"), None);
        assert_eq!(words(r#"a\ b "c \" d" 'e'"#), [r"a\ b", r#""c \" d""#, "'e'"]);
    }
}
