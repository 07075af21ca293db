//! What envlock makes of specifiers and markers, for `ci/agree-with-packaging.sh`: a question a line on standard input,
//! an answer a line on standard output. Parts of a question are separated by tabs:
//!
//! - `S SPECIFIERS VERSION…` → `1` or `0` for each version, then whether pre-releases are licensed; `E`: unreadable
//! - `P SPECIFIERS PYTHON…` → the same for Requires-Python, without the licence
//! - `M MARKER EXTRA` → `1` or `0` for CPython 3.14.2 on linux x86_64; `E`: unreadable

use std::io::{BufRead, Write};

use envlock::platform::Platform;
use envlock::python::{marker_environment, requirement, specifiers};
use envlock::solve::{licenses_prereleases, range};
use pep440_rs::Version;
use pep508_rs::ExtraName;

fn main() -> std::io::Result<()> {
    let environment = marker_environment(Platform::LINUX_AMD64, &Version::new([3, 14, 2]));
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let parts: Vec<&str> = line.split('\t').collect();
        let answer = match parts[..] {
            ["S", text, ref versions @ ..] => versions_of(text, versions, true),
            ["P", text, ref versions @ ..] => versions_of(text, versions, false),
            ["M", marker, extra] => {
                let requirement = requirement(&format!("a ; {marker}"));
                let extra: Vec<ExtraName> = extra.parse().into_iter().collect();
                match requirement {
                    Ok(r) => bit(r.evaluate_markers(&environment, &extra)).to_owned(),
                    Err(_) => "E".to_owned(),
                }
            }
            _ => "?".to_owned(),
        };
        writeln!(out, "{answer}")?;
    }
    out.flush()
}

fn versions_of(text: &str, versions: &[&str], of_a_requirement: bool) -> String {
    let Ok(specifiers) = specifiers(text) else { return "E".to_owned() };
    let range = range(&specifiers);
    let contains = |text: &&str| match text.parse::<Version>() {
        Ok(version) if of_a_requirement => bit(range.contains(&version)),
        Ok(version) => bit(specifiers.contains(&version)),
        Err(_) => "E",
    };
    let mut answer: String = versions.iter().map(contains).collect();
    if of_a_requirement {
        answer += bit(licenses_prereleases(&specifiers));
    }
    answer
}

fn bit(value: bool) -> &'static str {
    if value { "1" } else { "0" }
}
