//! A small file of an archive, asked for again only where it changed.

use bytes::Bytes;
use reqwest::header::{
    CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use reqwest::{Method, StatusCode};
use url::Url;

use super::Error;
use crate::index::cache::Validity;
use crate::net::{Client, redacted};

/// More than any Release file has, in bytes: Ubuntu's are the longest, with 1.5 MB.
const MOST: u64 = 32 << 20;

/// An answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// It is not there.
    Absent,
    /// It is as it was.
    Unchanged(Validity),
    /// Its bytes.
    File(Bytes, Validity),
}

/// Asks for a file; `known` is what its server said of it the last time.
///
/// # Errors
/// The request failed, or the file is too long.
pub(super) async fn ask(
    client: &Client,
    url: &Url,
    known: Option<&Validity>,
) -> Result<Answer, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (IF_NONE_MATCH, known.and_then(|known| known.tag.as_ref())),
        (IF_MODIFIED_SINCE, known.and_then(|known| known.modified.as_ref())),
    ] {
        let value = value.and_then(|value| HeaderValue::from_str(value).ok());
        headers.extend(value.map(|value| (name, value)));
    }
    let mut budget = client.retry().budget();
    loop {
        let mut response = client.send_raw(Method::GET, url, &headers, &mut budget).await?;
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let validity = Validity::new(text(CACHE_CONTROL), text(ETAG), text(LAST_MODIFIED));
        match response.status() {
            status if status.is_success() => {}
            StatusCode::NOT_MODIFIED if known.is_some() => return Ok(Answer::Unchanged(validity)),
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(Answer::Absent),
            status => return Err(http_retry::Error::answer(url, status).into()),
        }
        let mut body = Vec::new();
        let broken = loop {
            match client.listening(url, response.chunk()).await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(Answer::File(body.into(), validity)),
                Err(broken) => break broken,
            }
            if body.len() as u64 > MOST {
                return Err(Error::TooLong { url: redacted(url), most: MOST });
            }
        };
        client.pause(url, broken, &mut budget).await?;
    }
}
