//! A netrc file: logins by host, as curl and pip read it.

use crate::login::Login;

/// The logins of a netrc's text, by host. A `default` entry is ignored: it would send a password to any host. What cannot
/// be parsed is ignored as well, as curl and pip do.
pub(super) fn read(text: &str) -> Vec<(String, Login)> {
    let mut found: Vec<(String, Login)> = Vec::new();
    let mut words = words(text).into_iter();
    let mut in_machine = false;
    while let Some(word) = words.next() {
        match word.as_str() {
            "machine" => {
                let Some(host) = words.next() else { break };
                let login = Login { user: String::new(), password: Some(String::new()) };
                found.push((host.to_ascii_lowercase(), login));
                in_machine = true;
            }
            "default" => in_machine = false,
            "login" | "password" | "account" => {
                let (Some(value), true) = (words.next(), in_machine) else { continue };
                let Some((_, login)) = found.last_mut() else { continue };
                match word.as_str() {
                    "login" => login.user = value,
                    "password" => login.password = Some(value),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    found
}

/// Words, quoted ones whole; without comments and macros, which end at an empty line.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut in_macro) = (Vec::new(), false);
    for line in text.lines() {
        if in_macro {
            in_macro = !line.trim().is_empty();
            continue;
        }
        let mut rest = line.trim_start();
        while !rest.is_empty() {
            // A `#` inside a word belongs to it: passwords have them.
            if rest.starts_with('#') {
                break;
            }
            let (word, after) = word(rest);
            in_macro |= word == "macdef";
            words.push(word);
            rest = after.trim_start();
        }
    }
    words
}

fn word(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let (mut word, mut chars) = (String::new(), quoted.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (word, &quoted[at + 1..]),
            '\\' => word.extend(chars.next().map(|(_, escaped)| escaped)),
            c => word.push(c),
        }
    }
    (word, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_that_are_named_get_a_login() {
        let text = "# mine\nmachine A.example login me password p#1 # not this\n\
            machine b.example\n  login \"x y\"\n  password \"q\\\"\"\n\
            macdef init\nmachine evil.example login e password e\n\n\
            default login any password leaked\nmachine c.example account z password only";
        let read = read(text);
        let shown: Vec<_> = read
            .iter()
            .map(|(host, l)| format!("{host} {} {}", l.user, l.password.as_deref().unwrap()))
            .collect();
        assert_eq!(shown, ["a.example me p#1", "b.example x y q\"", "c.example  only"]);
    }

    #[test]
    fn broken_text_is_no_login() {
        assert!(read("machine").is_empty());
        assert!(read("login a password b").is_empty());
        assert_eq!(read("machine a password \"open").len(), 1);
    }
}
