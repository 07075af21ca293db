//! A maintainer script's text in the form under which it is known: debhelper's sections taken out, and the rest without what
//! says nothing about its effects.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// A script taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// What the package's maintainers wrote, in its normal form: see [`Text::of`].
    pub own: String,
    /// What debhelper added, each in its normal form, in order.
    pub sections: Vec<Section>,
}

/// A section between `# Automatically added by TOOL` and `# End automatically added section`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Which of debhelper's programs wrote it: `dh_installsystemd`.
    pub tool: String,
    /// Its text, in normal form.
    pub text: String,
}

/// debhelper(7), autoscript: what stands before and after a section.
const BEGIN: &str = "# Automatically added by ";
const END: &str = "# End automatically added section";

impl Text {
    /// Takes a script apart. In the normal form, comments, empty lines and indentation are gone; in here-documents and in
    /// quotes over several lines, every byte remains. A version that is compared with `"$2"`, which is empty on a fresh
    /// install, is `*`: whatever it is, the comparison says the same (deb-version(7): `lt` holds for no version at all,
    /// `lt-nl` does not). The triplet and the architecture of the package's own machine are `{triplet}` and `{arch}`, and
    /// what `{n}` stands for in the name of the package (the `minor` version) is `{n}` here.
    pub fn of(script: &str, architecture: &str, package: &str) -> Text {
        let mut reader = Reader::new(script);
        let (mut own, mut sections) = (String::new(), Vec::new());
        let mut open: Option<(String, String)> = None;
        for line in script.lines() {
            match &mut open {
                None if reader.is_plain() && line.trim().starts_with(BEGIN) => {
                    let tool = &line.trim()[BEGIN.len()..];
                    let tool = tool.split('/').next().unwrap_or(tool).to_owned();
                    open = Some((tool, String::new()));
                }
                None => reader.line(line, &mut own),
                Some((tool, text)) if reader.is_plain() && line.trim() == END => {
                    let text = general(std::mem::take(text), architecture, package);
                    sections.push(Section { tool: std::mem::take(tool), text });
                    open = None;
                }
                Some((_, text)) => reader.line(line, text),
            }
        }
        if let Some((tool, text)) = open {
            // A section without an end is nothing that debhelper wrote.
            let _ = write!(own, "{BEGIN}{tool}\n{text}");
        }
        Text { own: general(own, architecture, package), sections }
    }

    /// Whether nothing but the interpreter and `set -e` is left beside the sections.
    pub fn is_generated(&self) -> bool {
        let says_nothing = |line: &str| {
            matches!(line, "set -e" | "set -eu" | "exit 0" | ":") || line.starts_with("#!")
        };
        self.own.lines().all(says_nothing)
    }

    /// SHA-256 of [`Text::own`], in lower hexadecimal.
    pub fn sha256(&self) -> String {
        self.sha256_with("")
    }

    /// SHA-256 of [`Text::own`], and of what debconf answers if the script asks it.
    pub(crate) fn sha256_with(&self, answers: &str) -> String {
        let asks = self.own.contains("/usr/share/debconf/confmodule");
        let hash = Sha256::new_with_prefix(&self.own).chain_update(if asks { answers } else { "" });
        hash.finalize().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

/// What stands for `{n}` in the name of a package that exists once a version: `14` of `python3.14-minimal`.
pub(crate) fn minor(package: &str) -> Option<&str> {
    let (_, rest) = package.split_once("python3.")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    (end > 0).then(|| &rest[..end])
}

/// The multiarch triplet of an architecture of Debian's; other architectures have none here.
pub(crate) fn triplet(architecture: &str) -> Option<&'static str> {
    Some(match architecture {
        "amd64" => "x86_64-linux-gnu",
        "arm64" => "aarch64-linux-gnu",
        _ => return None,
    })
}

fn general(text: String, architecture: &str, package: &str) -> String {
    let text = match triplet(architecture) {
        Some(triplet) => {
            text.replace(triplet, "{triplet}").replace(&format!(":{architecture}"), ":{arch}")
        }
        None => text,
    };
    let named = minor(package).map(str::to_owned);
    // The package `python3` depends on one of them, and names it.
    let meant = || minor(&text).filter(|_| package.starts_with("python3")).map(str::to_owned);
    match named.or_else(meant) {
        Some(minor) => text.replace(&format!("python3.{minor}"), "python3.{n}"),
        None => text,
    }
}

/// Follows quotes, here-documents and functions through a script, line by line.
struct Reader {
    quote: Option<char>,
    /// The words that end the here-documents that are open, and whether tabs may stand before them.
    documents: Vec<(String, bool)>,
    /// The line before ends with a backslash.
    continued: bool,
    in_function: bool,
    /// Something may give `$2` another value.
    sets_arguments: bool,
}

impl Reader {
    fn new(script: &str) -> Self {
        let sets = |line: &str| {
            line == "shift" || line.starts_with("shift ") || line.starts_with("set -- ")
        };
        let sets_arguments = script.lines().any(|line| sets(line.trim()));
        Reader {
            quote: None,
            documents: Vec::new(),
            continued: false,
            in_function: false,
            sets_arguments,
        }
    }

    /// Whether a new line begins here, and not the next one of a text.
    fn is_plain(&self) -> bool {
        self.quote.is_none() && self.documents.is_empty() && !self.continued
    }

    fn line(&mut self, line: &str, normal: &mut String) {
        if let Some((end, tabs)) = self.documents.first() {
            let word = if *tabs { line.trim_start_matches('\t') } else { line };
            if word == end {
                self.documents.remove(0);
            }
            normal.push_str(line);
            normal.push('\n');
            return;
        }
        if self.quote.is_some() {
            self.scan(line);
            normal.push_str(line);
            normal.push('\n');
            return;
        }
        let trimmed = line.trim();
        let interpreter = trimmed.starts_with("#!") && normal.is_empty();
        let comment = trimmed.starts_with('#') && !interpreter;
        if !self.continued && (trimmed.is_empty() || comment) {
            return;
        }
        self.function(line, trimmed);
        self.scan(line);
        let masked = if self.in_function || self.sets_arguments { None } else { masked(trimmed) };
        let kept = masked.as_deref().unwrap_or(trimmed);
        normal.push_str(if interpreter { kept.trim_start_matches("#!").trim() } else { kept });
        if interpreter {
            let at = normal.len() - kept.trim_start_matches("#!").trim().len();
            normal.insert_str(at, "#!");
        }
        normal.push('\n');
    }

    /// `name() {` begins a function, a `}` at the margin ends it.
    fn function(&mut self, line: &str, trimmed: &str) {
        if line == "}" {
            self.in_function = false;
        } else if trimmed.contains("()") || trimmed.starts_with("function ") {
            self.in_function = true;
        }
    }

    /// Follows quotes and here-documents to the end of a line.
    fn scan(&mut self, line: &str) {
        let mut rest = line;
        let mut word_begins = true;
        self.continued = false;
        while let Some(c) = rest.chars().next() {
            let after = &rest[c.len_utf8()..];
            match (self.quote, c) {
                (Some(quote), c) if c == quote => self.quote = None,
                (None | Some('"'), '\\') => {
                    self.continued = after.is_empty() && self.quote.is_none();
                    rest = after.chars().next().map_or("", |escaped| &after[escaped.len_utf8()..]);
                    word_begins = false;
                    continue;
                }
                (None, '\'' | '"') => self.quote = Some(c),
                (None, '#') if word_begins => return,
                (None, '<') if after.starts_with('<') && !after.starts_with("<<") => {
                    rest = self.document(&after[1..]);
                    continue;
                }
                _ => {}
            }
            word_begins =
                self.quote.is_none() && (c.is_whitespace() || matches!(c, ';' | '(' | '&' | '|'));
            rest = after;
        }
    }

    /// The word after `<<` or `<<-`; returns what stands behind it.
    fn document<'a>(&mut self, after: &'a str) -> &'a str {
        let tabs = after.starts_with('-');
        let after = after.trim_start_matches('-').trim_start_matches([' ', '\t']);
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, ';' | '|' | '&' | ')' | '>' | '<'));
        let (word, rest) = after.split_at(end.unwrap_or(after.len()));
        self.documents.push((word.replace(['\'', '"', '\\'], ""), tabs));
        rest
    }
}

/// The line with `*` for each version that `dpkg --compare-versions` compares with `"$2"`; `None` where there is none.
fn masked(line: &str) -> Option<String> {
    const COMMAND: &str = "--compare-versions ";
    let mut normal = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(COMMAND) {
        let (before, after) = rest.split_at(at + COMMAND.len());
        normal.push_str(before);
        rest = after;
        let mut words = after.split(' ').filter(|word| !word.is_empty());
        let (Some(first), Some(operator), Some(version)) =
            (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let plain = version.trim_end_matches(';').trim_matches(['"', '\'']);
        let is_version = !plain.is_empty()
            && plain
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '~' | ':'));
        let operators = ["lt", "le", "eq", "ne", "ge", "gt", "lt-nl", "le-nl", "ge-nl", "gt-nl"];
        if matches!(first, "\"$2\"" | "$2")
            && operators.contains(&operator.trim_matches(['"', '\'']))
            && is_version
        {
            let end = after
                .find(version)
                .map_or(after.len(), |at| at + version.trim_end_matches(';').len());
            normal.push_str(&format!("{first} {operator} *"));
            rest = &after[end..];
        }
    }
    normal.push_str(rest);
    (normal != line).then_some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(script: &str) -> String {
        Text::of(script, "amd64", "x").own
    }

    #[test]
    fn debhelpers_sections_are_taken_out() {
        let script = "#! /bin/sh\n# about\nset -e\n\n# Automatically added by dh_installsystemd/13.24\nif true; then\n\t# why\n\tenable\nfi\n\
            # End automatically added section\nexit 0\n";
        let text = Text::of(script, "amd64", "x");
        assert_eq!(text.own, "#!/bin/sh\nset -e\nexit 0\n");
        assert!(text.is_generated());
        assert_eq!(
            text.sections,
            [Section {
                tool: "dh_installsystemd".into(),
                text: "if true; then\nenable\nfi\n".into()
            }]
        );
        let open = script.replace("# End automatically added section\n", "");
        assert!(!Text::of(&open, "amd64", "x").is_generated());
        assert!(!Text::of(&script.replace("exit 0", "rm -rf /"), "amd64", "x").is_generated());
    }

    #[test]
    fn comments_and_indentation_go_but_not_from_texts() {
        assert_eq!(own("if x; then\n\n  # c\n    y # d\nfi\n"), "if x; then\ny # d\nfi\n");
        let document = "cat > f <<-'EOF'\n\t# kept\n\n  kept\n\tEOF\n  gone\n";
        assert_eq!(own(document), "cat > f <<-'EOF'\n\t# kept\n\n  kept\n\tEOF\ngone\n");
        let quoted = "x='\n# kept\n  kept'\n  # gone\n";
        assert_eq!(own(quoted), "x='\n# kept\n  kept'\n");
        assert_eq!(own("a \"it's\" $# ${x#y}\n# don't\nb\n"), "a \"it's\" $# ${x#y}\nb\n");
        // A comment ends a command that goes on behind a backslash.
        assert_eq!(own("a \\\n# b\n\nc\n"), "a \\\n# b\nc\n");
        let section = "x='\n# Automatically added by dh_x\n# End automatically added section\n'\n";
        assert!(Text::of(section, "amd64", "x").sections.is_empty());
    }

    #[test]
    fn a_version_that_is_compared_with_none_is_any() {
        let line = "if dpkg --compare-versions \"$2\" lt-nl '1:2.3~' && dpkg --compare-versions -- \"$2\" lt 4; then\n";
        let masked = "if dpkg --compare-versions \"$2\" lt-nl * && dpkg --compare-versions -- \"$2\" lt 4; then\n";
        assert_eq!(own(line), masked);
        assert_eq!(
            own("dpkg --compare-versions $2 le 1.0; x\n"),
            "dpkg --compare-versions $2 le *; x\n"
        );
        for other in [
            "dpkg --compare-versions \"$OLD\" lt 1\n",
            "dpkg --compare-versions \"$2\" lt \"$(cat v)\"\n",
            "dpkg --compare-versions \"$2\" lt \"\"\n",
            "shift\ndpkg --compare-versions \"$2\" lt 1\n",
            "f() {\ndpkg --compare-versions \"$2\" lt 1\n}\n",
        ] {
            assert_eq!(own(other), other);
        }
        assert!(own("f() {\n  x\n}\ndpkg --compare-versions \"$2\" lt 1\n").ends_with(" lt *\n"));
    }

    #[test]
    fn one_line_more_is_another_script() {
        let script = "#!/bin/sh\nset -e\nif [ \"$1\" = configure ]; then\n\tadduser x\nfi\n";
        let hash = |script: &str| Text::of(script, "amd64", "x").sha256();
        assert_eq!(hash(script), hash(&script.replace("\tadduser", "    # new\n  adduser")));
        assert_ne!(hash(script), hash(&script.replace("adduser x", "adduser x\n\tadduser y")));
        assert_ne!(hash(script), hash(&script.replace("#!/bin/sh", "#!/usr/bin/perl")));
    }

    #[test]
    fn another_machine_and_another_python_say_the_same() {
        let script = |triplet: &str, arch: &str, minor: &str| {
            let text = format!(
                "dpkg -L libpython3.{minor}:{arch}\nls /usr/lib/{triplet}/python3.{minor}\n"
            );
            Text::of(&text, arch, &format!("libpython3.{minor}-minimal")).own
        };
        let amd64 = script("x86_64-linux-gnu", "amd64", "13");
        assert_eq!(amd64, script("aarch64-linux-gnu", "arm64", "14"));
        assert_eq!(amd64, "dpkg -L libpython3.{n}:{arch}\nls /usr/lib/{triplet}/python3.{n}\n");
    }
}
