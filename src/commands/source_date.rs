//! SOURCE_DATE_EPOCH (reproducible-builds.org/specs/source-date-epoch).

use jiff::Timestamp;

use crate::exit::{Exit, Failure};

/// The time that the environment sets, if any.
///
/// # Errors
/// It is not a number of seconds.
pub fn source_date() -> Result<Option<Timestamp>, Failure> {
    let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let time = text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let message = || format!("SOURCE_DATE_EPOCH={text} is not a number of seconds since 1970");
    time.map(Some).ok_or_else(|| Failure::message(Exit::Usage, message()))
}
