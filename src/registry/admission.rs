//! The one way a 401 is answered, wherever it comes from: a request, a blob that is read, a part that is sent.

use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use url::Url;

use super::address::Address;
use super::authorize::Challenge;
use super::{Client, Error};

/// Headers that a request gets for itself before a refusal is one: the first may be spent on others that
/// wait, the second be for less than the registry wants.
const FETCHES: u32 = 3;

/// A request on its way in: what it was sent with, and how often that was renewed for it.
#[derive(Debug, Default)]
pub(super) struct Admission {
    sent: Option<HeaderValue>,
    fetched: u32,
}

impl Client {
    /// Puts the authorization for `url` into the headers of a request; another host than the registry gets none.
    pub(super) fn introduce(
        &self,
        address: &Address,
        url: &Url,
        admission: &mut Admission,
        headers: &mut HeaderMap,
    ) {
        admission.sent = self.authorization(address, url);
        headers.extend(admission.sent.clone().map(|value| (AUTHORIZATION, value)));
    }

    /// Whether the request that was answered like this is to be sent again, because it has another authorization
    /// now. Errors: there is a challenge, and it cannot be met.
    pub(super) async fn readmit(
        &self,
        address: &Address,
        url: &Url,
        (status, headers): (StatusCode, &HeaderMap),
        admission: &mut Admission,
    ) -> Result<bool, Error> {
        if status != StatusCode::UNAUTHORIZED || !address.is_at(url) || admission.fetched == FETCHES
        {
            return Ok(false);
        }
        let Some(challenge) = Challenge::find(headers) else { return Ok(false) };
        let (stale, again) = (admission.sent.as_ref(), admission.fetched > 0);
        // What another request fetched may have run out again when this one's turn comes.
        let fetched = self.renew(address, url, &challenge, stale, again).await?;
        admission.fetched += u32::from(fetched);
        let is_same = || self.authorization(address, url) == admission.sent;
        // Some token servers give the same token for the same scopes.
        if is_same() && !again {
            self.renew(address, url, &challenge, stale, true).await?;
            admission.fetched += 1;
        }
        // A password that was refused is as wrong the second time.
        Ok(!is_same())
    }
}
