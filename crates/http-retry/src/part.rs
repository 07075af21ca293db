//! A download that can start in the middle, by Range and If-Range.

use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, RANGE};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use super::{Budget, Client, Error};

/// The body of a file from `offset` on, as it is served (no content decoding).
#[derive(Debug)]
pub struct Part {
    /// Where the body begins: the requested offset, or 0 when the server sends the whole file.
    pub offset: u64,
    /// Bytes of the whole file, when the server says so.
    pub total: Option<u64>,
    /// The rest; `chunk()` until `None`.
    pub response: Response,
}

impl Part {
    /// A strong validator: only with it are two responses certainly of the same bytes.
    pub fn validator(&self) -> Option<HeaderValue> {
        let tag = self.response.headers().get(ETAG)?;
        (!tag.as_bytes().starts_with(b"W/")).then(|| tag.clone())
    }
}

/// The response to a request for a part.
#[derive(Debug)]
pub enum Opened {
    /// Bytes of the file.
    Part(Part),
    /// A response without them, whatever its status.
    Other(Response),
}

impl Client {
    /// As [`Client::open_any`].
    ///
    /// # Errors
    /// [`Error::Status`] for a response without bytes of the file; else as [`Client::send`].
    pub async fn open(
        &self,
        url: &Url,
        headers: &HeaderMap,
        offset: u64,
        if_range: Option<&HeaderValue>,
        budget: &mut Budget,
    ) -> Result<Part, Error> {
        match self.open_any(url, headers, offset, if_range, budget).await? {
            Opened::Part(part) => Ok(part),
            Opened::Other(answer) => Err(Error::answer(url, answer.status())),
        }
    }

    /// GETs `url` from `offset` on. With `if_range`, a file that changed since comes whole. A server that does not send the
    /// range, for whatever reason, is asked for the whole file.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn open_any(
        &self,
        url: &Url,
        headers: &HeaderMap,
        offset: u64,
        if_range: Option<&HeaderValue>,
        budget: &mut Budget,
    ) -> Result<Opened, Error> {
        let mut ranged = headers.clone();
        if offset > 0 {
            let range = HeaderValue::try_from(format!("bytes={offset}-"));
            ranged.insert(RANGE, range.expect("digits are a header value"));
            if let Some(validator) = if_range {
                ranged.insert(IF_RANGE, validator.clone());
            }
        }
        let response = self.send_raw(Method::GET, url, &ranged, budget).await?;
        if response.status() == StatusCode::PARTIAL_CONTENT {
            let range = response.headers().get(CONTENT_RANGE).and_then(|v| v.to_str().ok());
            match range.and_then(content_range) {
                Some((start, total)) if start == offset => {
                    return Ok(Opened::Part(Part { offset, total, response }));
                }
                _ => return self.whole(url, headers, budget).await,
            }
        }
        let has_other_ways =
            [StatusCode::OK, StatusCode::UNAUTHORIZED].contains(&response.status());
        if offset > 0 && !has_other_ways {
            return self.whole(url, headers, budget).await;
        }
        Ok(whole_of(response))
    }

    async fn whole(
        &self,
        url: &Url,
        headers: &HeaderMap,
        budget: &mut Budget,
    ) -> Result<Opened, Error> {
        self.send_raw(Method::GET, url, headers, budget).await.map(whole_of)
    }
}

fn whole_of(response: Response) -> Opened {
    if response.status() != StatusCode::OK {
        return Opened::Other(response);
    }
    Opened::Part(Part { offset: 0, total: response.content_length(), response })
}

/// `bytes FIRST-LAST/TOTAL` → FIRST and TOTAL.
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
    let (first, _last) = range.split_once('-')?;
    Some((first.trim().parse().ok()?, total.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        assert_eq!(content_range("bytes */10"), None);
        assert_eq!(content_range("items 5-9/10"), None);
    }
}
