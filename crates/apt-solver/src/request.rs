//! What is asked for.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::relation::{Operator, is_architecture, is_name};
use crate::version::Version;

/// A package that is wanted: `curl`, `g++-14>=14.2`, `curl=8.14.1-2`, `libc6:i386`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    name: String,
    architecture: Option<String>,
    bound: Option<(String, String)>,
}

/// A text that is no request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` is not a package to install: {why}; write NAME, NAME:ARCHITECTURE, and behind it =VERSION, >=VERSION or the like"
)]
pub struct BadRequest {
    /// As it was written.
    pub text: String,
    /// What is wrong.
    pub why: String,
}

impl Request {
    /// The name of the package, or of something that exactly one package provides.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The architecture, where one is named.
    pub fn architecture(&self) -> Option<&str> {
        self.architecture.as_deref()
    }

    /// Which versions, where not all.
    pub fn bound(&self) -> Option<(Operator, Version<'_>)> {
        let (sign, version) = self.bound.as_ref()?;
        // Both were read when the request was.
        Some((Operator::split(sign)?.0, Version::parse(version).ok()?))
    }

    /// Whether this version is one of those wanted.
    pub(crate) fn takes(&self, version: &Version<'_>) -> bool {
        self.bound().is_none_or(|(operator, bound)| operator.holds(version, &bound))
    }
}

impl FromStr for Request {
    type Err = BadRequest;

    fn from_str(text: &str) -> Result<Self, BadRequest> {
        let bad = |why: String| BadRequest { text: text.to_owned(), why };
        let text = text.trim();
        let (package, version) = text.split_at(text.find(['<', '=', '>']).unwrap_or(text.len()));
        let (name, architecture) = match package.trim().split_once(':') {
            None => (package.trim(), None),
            Some((name, architecture)) => (name, Some(architecture)),
        };
        if !is_name(name) {
            return Err(bad("the name of a package is letters, digits and .+-".to_owned()));
        }
        if architecture.is_some_and(|architecture| !is_architecture(architecture)) {
            return Err(bad("behind the colon there is no architecture".to_owned()));
        }
        let bound = match Operator::split(version) {
            None => None,
            Some((operator, version)) => {
                let version =
                    Version::parse(version.trim()).map_err(|error| bad(error.to_string()))?;
                Some((operator.to_string(), version.to_string()))
            }
        };
        Ok(Self { name: name.to_owned(), architecture: architecture.map(str::to_owned), bound })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.architecture.as_ref().map_or(Ok(()), |architecture| write!(f, ":{architecture}"))?;
        self.bound.as_ref().map_or(Ok(()), |(sign, version)| write!(f, "{sign}{version}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_they_are_written() {
        for text in
            ["curl", "g++-14>=14.2", "curl=8.14.1-2+deb13u1", "libc6:i386", "libc6:i386<<2.40~"]
        {
            assert_eq!(text.parse::<Request>().unwrap().to_string(), text);
        }
        let spaced: Request = "curl >= 8".parse().unwrap();
        assert_eq!(spaced.to_string(), "curl>=8");
        assert!(spaced.takes(&Version::parse("8.1").unwrap()));
        assert!(!spaced.takes(&Version::parse("7").unwrap()));
    }

    #[test]
    fn what_is_no_request_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "letters"),
            ("a b", "letters"),
            ("a:", "architecture"),
            ("a=", "version"),
            ("a=1_", "character"),
        ] {
            let said = text.parse::<Request>().unwrap_err().to_string();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
