//! The options of a requirements file, as pip's parser reads them.

/// What envlock makes of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Another requirements file.
    Requirements,
    /// A constraints file.
    Constraints,
    /// An index, which must be a source of the group.
    Index,
    /// A hash that the file of the requirement may have.
    Hash,
    /// Every requirement must have one.
    RequireHashes,
    /// Only wheels are ever taken.
    Followed,
    /// It does not change what is chosen here. The text says what it is for, and what to do.
    NotFollowed(&'static str),
    /// It cannot be followed. The text says why, and what to do.
    Refused(&'static str),
}

use Kind::{Constraints, Followed, Hash, Index, NotFollowed, Refused, RequireHashes, Requirements};

const NO_BUILD: &str = "nothing is built here, only wheels are taken";
const FROM_SOURCE: &str = "a package is to be built from source, and only wheels are locked";

/// Long name, short name, whether it has a value, what is made of it.
const OPTIONS: [(&str, Option<char>, bool, Kind); 20] = [
    ("requirement", Some('r'), true, Requirements),
    ("constraint", Some('c'), true, Constraints),
    ("editable", Some('e'), true, Refused(FROM_SOURCE)),
    ("index-url", Some('i'), true, Index),
    ("pypi-url", None, true, Index),
    ("extra-index-url", None, true, Index),
    ("find-links", Some('f'), true, Index),
    (
        "no-index",
        None,
        false,
        Refused("no index is to be asked; name the group's sources instead: index = [\"…\"]"),
    ),
    ("no-binary", None, true, Refused(FROM_SOURCE)),
    ("only-binary", None, true, Followed),
    ("prefer-binary", None, false, Followed),
    ("require-hashes", None, false, RequireHashes),
    ("hash", None, true, Hash),
    (
        "pre",
        None,
        false,
        NotFollowed(
            "pre-releases are allowed by package: [packages] NAME = { prereleases = \"allow\" }",
        ),
    ),
    (
        "trusted-host",
        None,
        true,
        NotFollowed("certificates are always checked; SSL_CERT_FILE names more"),
    ),
    ("use-feature", None, true, NotFollowed("it is for pip itself")),
    ("global-option", None, true, NotFollowed(NO_BUILD)),
    ("config-settings", Some('C'), true, NotFollowed(NO_BUILD)),
    ("config-setting", None, true, NotFollowed(NO_BUILD)),
    ("build-constraint", None, true, NotFollowed(NO_BUILD)),
];

/// One option as it is written, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    /// `--index-url`
    pub name: String,
    pub kind: Kind,
    pub value: Option<String>,
}

/// The options of a line.
///
/// # Errors
/// What is wrong, a sentence.
pub(super) fn options(text: &str) -> Result<Vec<Given>, String> {
    let words = shlex::split(text).ok_or_else(|| format!("a quote is not closed in `{text}`"))?;
    let (mut words, mut all) = (words.into_iter(), Vec::new());
    while let Some(word) = words.next() {
        let (found, inline) = known(&word)?;
        let (name, _, has_value, kind) = *found;
        let name = format!("--{name}");
        let value = match (has_value, inline) {
            (false, Some(_)) => return Err(format!("{name} has no value")),
            (false, None) => None,
            (true, Some(value)) => Some(value),
            (true, None) => {
                let value = words.next();
                Some(value.ok_or_else(|| format!("{name} needs a value"))?)
            }
        };
        all.push(Given { name, kind, value });
    }
    Ok(all)
}

type Known = (&'static str, Option<char>, bool, Kind);

/// `--name`, `--name=value`, `-n`, `-nvalue`; a long name may be cut short where it stays the only one.
fn known(word: &str) -> Result<(&'static Known, Option<String>), String> {
    let unknown = || format!("`{word}` is not an option of a requirements file");
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (long, None),
        };
        let exact = OPTIONS.iter().find(|option| option.0 == name);
        let mut begin = OPTIONS.iter().filter(|o| !name.is_empty() && o.0.starts_with(name));
        let found = match (exact, begin.next(), begin.next()) {
            (Some(exact), ..) => exact,
            (None, Some(one), None) => one,
            _ => return Err(unknown()),
        };
        return Ok((found, value));
    }
    let mut letters = word.strip_prefix('-').ok_or_else(unknown)?.chars();
    let letter = letters.next().ok_or_else(unknown)?;
    let found = OPTIONS.iter().find(|o| o.1 == Some(letter)).ok_or_else(unknown)?;
    let value = letters.as_str();
    Ok((found, (!value.is_empty()).then(|| value.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, Option<String>)> {
        let all = options(text).unwrap();
        all.into_iter().map(|given| (given.name, given.value)).collect()
    }

    #[test]
    fn options_are_read_in_every_way_of_writing_them() {
        for text in [
            "-r a.txt",
            "-ra.txt",
            "--requirement=a.txt",
            "--requirement a.txt",
            "--requirem 'a.txt'",
        ] {
            assert_eq!(
                read(text),
                [("--requirement".to_owned(), Some("a.txt".to_owned()))],
                "{text}"
            );
        }
        let two = read("--pre --hash=sha256:x");
        assert_eq!(two[0], ("--pre".to_owned(), None));
        assert_eq!(two[1], ("--hash".to_owned(), Some("sha256:x".to_owned())));
    }

    #[test]
    fn what_is_no_option_is_told() {
        for (text, why) in [
            ("--nothing", "`--nothing` is not an option"),
            ("--no", "`--no` is not an option"),
            ("-x", "`-x` is not an option"),
            ("--", "`--` is not an option"),
            ("-r", "--requirement needs a value"),
            ("--pre=x", "--pre has no value"),
            ("-r 'a", "a quote is not closed"),
            ("-r a b", "`b` is not an option"),
        ] {
            assert!(options(text).unwrap_err().contains(why), "{text}: {:?}", options(text));
        }
    }
}
