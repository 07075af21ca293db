//! A logical line of a requirements file → what it asks for.

use super::Line;
use super::options::{Given, Kind, options};
use crate::digest::Sha256;
use crate::python::WheelName;

/// What a line asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// A requirement as envlock.toml writes it.
    pub requirement: Option<String>,
    /// What the file that is taken for it may have; empty: anything.
    pub hashes: Vec<Sha256>,
    /// Requirements files to go on with, in order.
    pub requirements_files: Vec<String>,
    /// Constraints files to go on with.
    pub constraints_files: Vec<String>,
    /// Options that name an index, as they are written, each with its value.
    pub indexes: Vec<(String, String)>,
    /// Whether all requirements must have hashes from here on.
    pub require_hashes: bool,
    /// What is not followed.
    pub not_followed: Vec<NotFollowed>,
}

/// An option that is not followed, and why that is no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFollowed {
    /// `--pre`
    pub option: String,
    /// What applies instead.
    pub why: &'static str,
}

/// A line that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

const OPTIONS: &str =
    "https://pip.pypa.io/en/stable/reference/requirements-file-format/ has the form";

/// Reads a line.
pub fn entry(line: &Line) -> Result<Entry, BadLine> {
    let (requirement, rest) = split(&line.text);
    let wrong = |message: String| BadLine { message, help: OPTIONS.to_owned() };
    let options = options(rest).map_err(wrong)?;
    if let (Some(variable), false) = (line.unset.first(), requirement.is_empty()) {
        let message = format!("the environment variable {variable} has no value");
        return Err(BadLine { message, help: "set it, or write its value here".to_owned() });
    }
    let mut entry = Entry::default();
    for given in options {
        take(given, !requirement.is_empty(), &mut entry)?;
    }
    match requirement.is_empty() {
        true if !entry.hashes.is_empty() => {
            return Err(wrong("--hash stands here without a requirement".to_owned()));
        }
        true => {}
        false => entry.requirement = Some(requirement_text(requirement)?),
    }
    Ok(entry)
}

fn take(given: Given, beside_requirement: bool, entry: &mut Entry) -> Result<(), BadLine> {
    let Given { name, kind, value } = given;
    let value = value.unwrap_or_default();
    let line = match value.is_empty() {
        true => name.clone(),
        false => format!("{name} {value}"),
    };
    let alone =
        matches!(kind, Kind::Requirements | Kind::Constraints | Kind::Index | Kind::RequireHashes);
    if beside_requirement && alone {
        // pip ignores it.
        let message = format!("`{line}` follows a requirement");
        return Err(BadLine { message, help: "give it a line of its own".to_owned() });
    }
    match kind {
        Kind::Requirements => entry.requirements_files.push(value),
        Kind::Constraints => entry.constraints_files.push(value),
        Kind::Index => entry.indexes.push((name, value)),
        Kind::RequireHashes => entry.require_hashes = true,
        Kind::Followed => {}
        Kind::Hash => match value.strip_prefix("sha256:").map(str::parse) {
            Some(Ok(hash)) => entry.hashes.push(hash),
            _ => {
                let message = format!("`{line}` is not a sha256, by which files are locked");
                let help = "write --hash=sha256: and 64 hex digits".to_owned();
                return Err(BadLine { message, help });
            }
        },
        Kind::NotFollowed(why) => entry.not_followed.push(NotFollowed { option: line, why }),
        Kind::Refused(why) => {
            let message = format!("`{line}` cannot be followed: {why}");
            return Err(BadLine { message, help: "take this line out".to_owned() });
        }
    }
    Ok(())
}

/// The requirement, and the options behind it: from the first word that begins with `-`.
fn split(line: &str) -> (&str, &str) {
    let mut at = 0;
    for word in line.split(' ') {
        if word.starts_with('-') {
            return (line[..at].trim_end(), &line[at..]);
        }
        at += word.len() + 1;
    }
    (line, "")
}

/// The requirement as envlock.toml writes it: a bare wheel gets its name in front.
pub fn requirement_text(text: &str) -> Result<String, BadLine> {
    let bare = text.split([';', ' ']).next().unwrap_or(text);
    let place = bare.split(['#', '?']).next().unwrap_or(bare);
    let file = place.rsplit('/').next().unwrap_or(place);
    let is_place = !text.contains('@') || text.contains("://") && !text.contains(" @ ");
    if is_place && file.ends_with(".whl") {
        let decoded = file.replace("%2B", "+").replace("%2b", "+");
        let wheel = WheelName::parse(&decoded);
        let wheel = wheel.map_err(|e| BadLine {
            message: format!("`{file}` is not a wheel: {e}"),
            help: "name a wheel as it was built".to_owned(),
        })?;
        return Ok(format!("{} @ {text}", wheel.distribution));
    }
    let is_path =
        bare.starts_with(['.', '/', '~']) || bare.contains("://") && !text.contains(" @ ");
    if is_path || bare.starts_with("git+") {
        return Err(BadLine {
            message: format!("`{bare}` is not a wheel, and only wheels are locked"),
            help:
                "build a wheel of it, and name that: NAME @ https://HOST/NAME-1.0-py3-none-any.whl"
                    .to_owned(),
        });
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::lines;

    fn read(text: &str) -> Result<Entry, String> {
        entry(&lines(text, |_| None).remove(0)).map_err(|bad| bad.message)
    }

    #[test]
    fn a_requirement_has_its_hashes() {
        let hash = Sha256::of("a");
        let found = read(&format!(
            "a[x] >= 1 ; python_version < '4' \\\n --hash=sha256:{hash} --hash sha256:{hash}"
        ));
        let found = found.unwrap();
        assert_eq!(found.requirement.as_deref(), Some("a[x] >= 1 ; python_version < '4'"));
        assert_eq!(found.hashes, [hash, hash]);
    }

    #[test]
    fn options_of_a_file_are_told_apart() {
        let found =
            read("-r base.txt -c bounds.txt --extra-index-url https://h.example/simple --pre")
                .unwrap();
        assert_eq!(
            (found.requirements_files[0].as_str(), found.constraints_files[0].as_str()),
            ("base.txt", "bounds.txt")
        );
        assert_eq!(found.indexes[0].1, "https://h.example/simple");
        assert_eq!(found.not_followed[0].option, "--pre");
        assert_eq!(read("--only-binary=:all: --prefer-binary"), Ok(Entry::default()));
        assert!(read("--require-hashes").unwrap().require_hashes);
    }

    #[test]
    fn a_bare_wheel_gets_its_name() {
        for (text, name) in [
            ("https://h.example/w/my_lib-1.0%2Bcu130-py3-none-any.whl", "my_lib"),
            ("./wheels/my_lib-1.0-py3-none-any.whl", "my_lib"),
            ("wheels/my_lib-1.0-py3-none-any.whl ; python_version > '3'", "my_lib"),
        ] {
            assert_eq!(read(text).unwrap().requirement, Some(format!("{name} @ {text}")));
        }
        let named = "a @ https://h.example/a-1.0-py3-none-any.whl";
        assert_eq!(read(named).unwrap().requirement.as_deref(), Some(named));
    }

    #[test]
    fn what_cannot_be_followed_is_refused_in_words() {
        for (text, why) in [
            ("-e .", "`--editable .` cannot be followed: a package is to be built"),
            ("--no-binary :all:", "cannot be followed"),
            ("--no-index", "no index is to be asked"),
            (".", "is not a wheel"),
            ("./lib", "is not a wheel"),
            ("git+https://h.example/a.git@v1", "is not a wheel"),
            ("https://h.example/a-1.tar.gz", "is not a wheel"),
            ("a -r b.txt", "follows a requirement"),
            ("a --index-url https://h.example/", "follows a requirement"),
            ("a --hash=md5:00", "is not a sha256"),
            ("a --hash=sha256:00", "is not a sha256"),
            ("--hash=sha256:00", "is not a sha256"),
            ("a==${VERSION}", "VERSION has no value"),
            ("not-a-1.whl", "is not a wheel"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
