//! Starts placing a blob: mounted from another repository of the same registry, or with an upload session.
//! Sessions that will not be finished are cancelled: a registry would keep their bytes for days.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http_retry::Retry;
use oci_digest::{Algorithm, Digest};
use reqwest::header::HeaderMap;
use reqwest::{Method, Response, StatusCode};
use url::Url;

use crate::abilities::Ability;
use crate::client::{Client, refused};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::manifests::stated;
use crate::server_message::ServerMessage;
use crate::upload::session::Session;

/// How long the end of a session may take: nothing depends on it, and the registry may be away.
const PATIENCE: Duration = Duration::from_secs(2);

/// A session that is open. Dropped before [`OpenUpload::over`], because the upload failed or its
/// future was dropped, it is left, for [`Client::cancel_uploads`].
pub(crate) struct OpenUpload<'a> {
    client: &'a Client,
    endpoint: Endpoint,
    pub(crate) session: Session,
    over: bool,
}

impl<'a> OpenUpload<'a> {
    pub(crate) fn new(client: &'a Client, endpoint: &Endpoint, session: Session) -> Self {
        OpenUpload { client, endpoint: endpoint.clone(), session, over: false }
    }

    /// The session was ended by its last part.
    pub(crate) fn over(mut self) {
        self.over = true;
    }
}

impl Drop for OpenUpload<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.client.uploads.leave(self.endpoint.clone(), self.session.url.clone());
        }
    }
}

impl Client {
    /// Opens an upload session for a blob with this digest.
    pub(crate) async fn open_upload(
        &self,
        endpoint: &Endpoint,
        digest: Digest,
    ) -> Result<OpenUpload<'_>, Error> {
        let url = self.uploads_url(endpoint, digest).await?;
        let answer = self.post(endpoint, &url).await?;
        match answer.status() {
            StatusCode::ACCEPTED => self.opened(endpoint, &answer),
            // Nothing else in this request can be missing.
            StatusCode::NOT_FOUND => {
                Err(endpoint.has_no_repository(&ServerMessage::read(answer).await))
            }
            _ => Err(refused(endpoint, answer).await),
        }
    }

    /// Asks for a blob of another repository of the same registry. `None`: it is there now; else
    /// the session to upload it.
    pub(crate) async fn mount(
        &self,
        endpoint: &Endpoint,
        digest: Digest,
        from: &str,
    ) -> Result<Option<OpenUpload<'_>>, Error> {
        if self.lacks.has(&endpoint.authority, Ability::Mounts) {
            return self.open_upload(endpoint, digest).await.map(Some);
        }
        let mut url = self.uploads_url(endpoint, digest).await?;
        url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from);
        let answer = self.post(endpoint, &url).await?;
        match answer.status() {
            StatusCode::CREATED => {
                endpoint.check(stated(answer.headers()), digest)?;
                Ok(None)
            }
            StatusCode::ACCEPTED => self.opened(endpoint, &answer).map(Some),
            // Some refuse what they cannot mount; the blob can still be sent.
            status if status.is_client_error() => {
                tracing::debug!(%status, from, "the mount was refused");
                if matches!(status.as_u16(), 400 | 405) {
                    // Not for a missing permission, nor for a blob that does not exist.
                    self.lacks.learn(&endpoint.authority, Ability::Mounts);
                }
                self.open_upload(endpoint, digest).await.map(Some)
            }
            _ => Err(refused(endpoint, answer).await),
        }
    }

    /// Where uploads begin. An algorithm other than the usual one is said, so that the registry can hash what comes.
    async fn uploads_url(&self, endpoint: &Endpoint, digest: Digest) -> Result<Url, Error> {
        let mut url = self.url(endpoint, "blobs/uploads/").await?;
        if digest.algorithm() != Algorithm::Sha256 {
            url.query_pairs_mut().append_pair("digest-algorithm", digest.algorithm().name());
        }
        Ok(url)
    }

    async fn post(&self, endpoint: &Endpoint, url: &Url) -> Result<Response, Error> {
        let headers = HeaderMap::new();
        self.send_to(endpoint, Method::POST, url, &headers, Bytes::new(), &mut self.budget()).await
    }

    fn opened(&self, endpoint: &Endpoint, answer: &Response) -> Result<OpenUpload<'_>, Error> {
        Session::opened(answer.url(), answer.headers())
            .map(|session| OpenUpload::new(self, endpoint, session))
            .map_err(|cause| endpoint.malformed("the upload session", cause))
    }
    /// Ends the upload sessions that were left so far, each with one request, so that no bytes of theirs stay. It does
    /// not fail: a registry that is away forgets them by itself.
    pub async fn cancel_uploads(&self) {
        let left = self.uploads.take_left();
        let end = async |(endpoint, url): (Endpoint, Url)| {
            let mut once = Retry { attempts: 1, ..self.net.retry() }.budget();
            let none = HeaderMap::new();
            let ended =
                self.send_to(&endpoint, Method::DELETE, &url, &none, Bytes::new(), &mut once);
            match tokio::time::timeout(PATIENCE, ended).await {
                Ok(Ok(answer)) => tracing::debug!(status = %answer.status(), "a session was ended"),
                Ok(Err(error)) => tracing::debug!(%error, "a session could not be ended"),
                Err(_) => {
                    tracing::debug!(host = endpoint.name, "the end of a session took too long")
                }
            }
        };
        join_all(left.into_iter().map(end)).await;
    }
}
