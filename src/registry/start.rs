//! How a blob begins to be in a repository: mounted from another one of the same registry, or with
//! an upload session.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, Response, StatusCode};
use url::Url;

use super::abandoned::Open;
use super::abilities::Ability;
use super::address::Address;
use super::client::refused;
use super::pin::stated;
use super::said::Said;
use super::session::Session;
use super::{Client, Error};
use crate::digest::{Algorithm, Digest};

impl Client {
    /// Opens an upload session for a blob with this digest.
    pub(super) async fn open_session(
        &self,
        address: &Address,
        digest: Digest,
    ) -> Result<Open<'_>, Error> {
        let url = self.uploads(address, digest).await?;
        let answer = self.post(address, &url).await?;
        match answer.status() {
            StatusCode::ACCEPTED => self.opened(address, &answer),
            // Nothing else in this request can be missing.
            StatusCode::NOT_FOUND => Err(address.has_no_repository(&Said::read(answer).await)),
            _ => Err(refused(address, answer).await),
        }
    }

    /// Asks for a blob of another repository of the same registry. `None`: it is there now; else
    /// the session to upload it.
    pub(super) async fn mount(
        &self,
        address: &Address,
        digest: Digest,
        from: &str,
    ) -> Result<Option<Open<'_>>, Error> {
        if self.lacks(&address.authority, Ability::Mounts) {
            return self.open_session(address, digest).await.map(Some);
        }
        let mut url = self.uploads(address, digest).await?;
        url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from);
        let answer = self.post(address, &url).await?;
        match answer.status() {
            StatusCode::CREATED => {
                address.check(stated(answer.headers()), digest)?;
                Ok(None)
            }
            StatusCode::ACCEPTED => self.opened(address, &answer).map(Some),
            // Some refuse what they cannot mount; the blob can still be sent.
            status if status.is_client_error() => {
                tracing::debug!(%status, from, "the mount was refused");
                if matches!(status.as_u16(), 400 | 405) {
                    // Not for want of a right, nor for a blob that is not there.
                    self.learn_lack(&address.authority, Ability::Mounts);
                }
                self.open_session(address, digest).await.map(Some)
            }
            _ => Err(refused(address, answer).await),
        }
    }

    /// Where uploads begin. An algorithm other than the usual one is said, so that the registry can hash what comes.
    async fn uploads(&self, address: &Address, digest: Digest) -> Result<Url, Error> {
        let mut url = self.url(address, "blobs/uploads/").await?;
        if digest.algorithm() != Algorithm::Sha256 {
            url.query_pairs_mut().append_pair("digest-algorithm", digest.algorithm().name());
        }
        Ok(url)
    }

    async fn post(&self, address: &Address, url: &Url) -> Result<Response, Error> {
        let headers = HeaderMap::new();
        self.send_to(address, Method::POST, url, &headers, Bytes::new(), &mut self.budget()).await
    }

    fn opened(&self, address: &Address, answer: &Response) -> Result<Open<'_>, Error> {
        Session::opened(answer.url(), answer.headers())
            .map(|session| Open::new(self, address, session))
            .map_err(|cause| address.malformed("the upload session", cause))
    }
}
