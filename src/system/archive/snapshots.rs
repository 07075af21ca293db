//! Where older states of archives are: addresses with the time in them.

use jiff::Timestamp;
use url::Url;

use super::Error;
use super::address::{beside, folder, read};
use crate::login;

/// An address with a place for the time.
#[derive(Debug, Clone)]
pub(super) struct Snapshots(String);

const TIME: &str = "@SNAPSHOTID@";

impl Snapshots {
    /// # Errors
    /// It has no place for the time, or is no address.
    pub fn read(text: &str) -> Result<Self, Error> {
        if !text.contains(TIME) {
            let why = format!("it has no {TIME}, where the time goes");
            return Err(Error::Setting {
                place: format!("snapshots = `{}`", login::masked(text)),
                why,
            });
        }
        read(text, "snapshots")?;
        Ok(Snapshots(text.to_owned()))
    }

    /// The address of an archive as it was then.
    pub fn at(&self, day: Timestamp, is_security: bool) -> Option<Url> {
        let time = day.strftime("%Y%m%dT%H%M%SZ").to_string();
        let (url, _login) = login::parse(&self.0).ok()?;
        let of_security = beside(&url).filter(|_| is_security).unwrap_or(url);
        let text = of_security.as_str().replace(TIME, &time).replace("%40SNAPSHOTID%40", &time);
        login::parse(&text).ok().map(|(url, _login)| folder(url))
    }
}
