//! Why a text is not to be trusted.

use std::fmt;

use jiff::Timestamp;

use crate::openpgp::Refusal;

/// A signature that does not count, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The key's fingerprint, or the last half of that, as the signature names it.
    pub issuer: Option<String>,
    /// When it was made.
    pub made_at: Option<Timestamp>,
    /// Why not.
    pub refusal: Refusal,
}

/// A text that is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A text without signature, such as a login page.
    #[error("it is not signed: it does not begin with `-----BEGIN PGP SIGNED MESSAGE-----`")]
    NotSigned,
    /// Something stands before the signed text, which nobody signed.
    #[error("there is something before the text that is signed")]
    Before,
    /// Something stands after the signature, which nobody signed.
    #[error("there is something after the signature")]
    After,
    /// Cut, or of another form.
    #[error("it is no signed text: {0}")]
    Malformed(&'static str),
    /// A key that is trusted signed something else.
    #[error("it was changed after it was signed: {}", told(.0))]
    Tampered(Vec<Checked>),
    /// No signature counts.
    #[error("no signature of it counts: {}", told(.0))]
    Untrusted(Vec<Checked>),
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature")?;
        if let Some(issuer) = &self.issuer {
            write!(f, " by {issuer}")?;
        }
        if let Some(at) = self.made_at {
            write!(f, " of {at}")?;
        }
        write!(f, " {}", self.refusal)
    }
}

fn told(all: &[Checked]) -> String {
    match all {
        [] => "there is none".to_owned(),
        all => all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    }
}
