//! How far an upload is after a request that broke off or was refused: the registry is asked, and its answer held against
//! what it took so far.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};

use super::Error;
use super::abilities::Ability;
use super::client::refused;
use super::said::Said;
use super::session::{Session, received};
use super::upload::{End, Upload};
use crate::net::Retry;

/// More than this many new bytes in a request that failed: the connection was worth having.
const PROGRESS: u64 = 256 * 1024;

impl Upload<'_> {
    /// Asks how far the session is; whether that is its end.
    pub(super) async fn locate(&mut self, session: &mut Session) -> Result<Option<End>, Error> {
        let lost = End::Lost { offset: session.offset };
        let (address, client) = (&self.address, self.client);
        // Where parts are refused, what arrived of the whole cannot be completed.
        let useless = [Ability::Chunks, Ability::SessionStatus];
        if useless.into_iter().any(|ability| client.lacks(&address.authority, ability)) {
            return Ok(Some(lost));
        }
        let (url, none) = (session.url.clone(), HeaderMap::new());
        let asked =
            client.send_to(address, Method::GET, &url, &none, Bytes::new(), &mut self.budget);
        let answer = asked.await?;
        let status = answer.status();
        if Retry::is_passing(status) {
            return Err(refused(address, answer).await);
        }
        if !status.is_success() {
            let known = Said::read(answer).await.code.starts_with("BLOB_UPLOAD_");
            if !known && is_no_answer(status) {
                client.learn_lack(&address.authority, Ability::SessionStatus);
            }
            return Ok(Some(lost));
        }
        let Some(said) = received(answer.headers()) else { return Ok(Some(End::Empty)) };
        let offset = match session.refused {
            // Quay counts one byte more than it has.
            Some((refused, true)) if refused == said => said - 1,
            Some((refused, _)) if refused + 1 == said => return Ok(Some(End::NoParts)),
            // The same of a blob that arrived.
            _ if said == self.size + 1 => self.size,
            _ if said > self.size => return Ok(Some(lost)),
            _ => said,
        };
        self.follow(session, &answer)?;
        if offset >= session.offset + PROGRESS {
            self.budget.renew();
        }
        (session.offset, session.stated) = (offset, true);
        Ok(None)
    }
}

/// Answers of registries that do not tell how far a session is.
fn is_no_answer(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 401 | 403 | 404 | 405 | 501)
}
