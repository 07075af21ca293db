//! The question that is answered: everything that a choice depends on.

use crate::packages::Packages;
use crate::request::Request;
use crate::status::Status;

/// What is asked, of which archives, on top of what.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What can be had. Their order matters only where two have the same version of a package: the first counts.
    pub indexes: &'a [Packages<'a>],
    /// What is installed already and stays; [`Status::default`] where there is nothing.
    pub base: &'a Status<'a>,
    /// The architecture of the root, `amd64`. Packages for `all` belong to it.
    pub architecture: &'a str,
    /// Further architectures whose packages may be installed (multiarch).
    pub foreign: &'a [String],
    /// What is wanted. Their order does not matter.
    pub requests: &'a [Request],
    /// What belongs to a system that begins from nothing; `None` on a base.
    pub from_nothing: Option<BaseSet>,
    /// Whether Recommends are followed, where they can be.
    pub recommends: bool,
    /// What was chosen before: kept where the request allows it, preferred among alternatives, and not chosen only for
    /// being here.
    pub locked: &'a [Locked],
}

/// Which packages a system from nothing has before anything is asked for, as mmdebstrap's variants have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BaseSet {
    /// `Essential: yes`: what every other package may rely on (policy 3.8).
    Essential,
    /// These, and all of priority `required`: debootstrap's and mmdebstrap's `minbase`, but for apt.
    Required,
    /// These, and all of priority `important`.
    Important,
}

impl BaseSet {
    /// The lines of stanzas that belong to the set.
    pub(crate) fn lines(self) -> &'static [&'static str] {
        let lines = &["Essential: yes", "Priority: required", "Priority: important"];
        match self {
            Self::Essential => &lines[..1],
            Self::Required => &lines[..2],
            Self::Important => lines,
        }
    }
}

/// A package that was chosen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// Its name.
    pub name: String,
    /// As its stanza has it, `all` too.
    pub architecture: String,
    /// Its version.
    pub version: String,
}
