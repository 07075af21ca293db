//! Pages and files over HTTP, with a bound on the requests in flight at one host.

use std::io;

use bytes::Bytes;
use futures_util::StreamExt;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, RANGE,
};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use url::Url;

use super::body::{Part, Piece};
use super::cache::{Cache, Validity};
use super::concurrency::Concurrency;
use super::pages::not_an_index;
use super::pages::page::{Format, Page};
use super::{Error, local};
use crate::digest::{Sha256, Stated};
use crate::login;
use crate::net::{self, Client};
use crate::store::Store;
use crate::ui::Bar;

/// JSON where there is a choice (PEP 691).
const PAGE_FORMATS: &str = "application/vnd.pypi.simple.v1+json, \
    application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1, */*;q=0.01";

/// A client with a cache and a limit on concurrent requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: Client,
    store: Option<Store>,
    concurrency: Concurrency,
    cache: Option<Cache>,
}

/// The response to a request for a page.
#[derive(Debug)]
pub enum Asked {
    /// It did not change.
    Unchanged(Validity),
    /// The page; `None`: there is none.
    Page(Option<Page>, Validity),
}

impl Fetcher {
    /// A fetcher that uses this client.
    pub fn new(client: Client) -> Self {
        Self { client, store: None, concurrency: Concurrency::default(), cache: None }
    }

    /// The same, keeping in this store the hashes of files whose index states none.
    pub fn remembering(self, store: Store) -> Self {
        Self { store: Some(store), ..self }
    }

    pub(super) fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// The headers of a file. `None`: the server does not respond to HEAD.
    ///
    /// # Errors
    /// Those of [`Client::send`].
    pub async fn head(&self, url: &Url) -> Result<Option<Head>, Error> {
        if let Some(path) = local::path(url)? {
            let (state, length) = local::state(url, &path)?;
            return Ok(Some(Head { etag: Some(state), last_modified: None, length: Some(length) }));
        }
        let slot = self.concurrency.slot(url).await;
        let mut budget = self.client.retry().budget();
        let headers = HeaderMap::new();
        let answer = self.client.send_raw(Method::HEAD, url, &headers, &mut budget).await?;
        slot.responded(answer.version());
        let text = |name| Some(answer.headers().get(name)?.to_str().ok()?.to_owned());
        Ok(answer.status().is_success().then(|| Head {
            etag: text(ETAG),
            last_modified: text(LAST_MODIFIED),
            length: text(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        }))
    }

    /// Downloads a file into the store; its hash and bytes.
    pub(super) async fn keep(
        &self,
        store: &Store,
        url: &Url,
        stated: &[Stated],
    ) -> Result<(Sha256, u64), Error> {
        let _slot = self.concurrency.slot(url).await;
        let kept = store.fetch_and_hash(&self.client, url, None, &Bar::hidden()).await?;
        store.check_stated(&kept, url, stated).await?;
        Ok((kept.sha256(), kept.size()))
    }

    /// The same, with a cache for [`super::LiveCatalog`].
    pub fn with_cache(self, cache: Cache) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// The cache, if it has one.
    pub fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    /// A page of links. `None`: there is none, as 404 or one of these statuses says.
    ///
    /// # Errors
    /// The request failed, or the response is no such page.
    pub async fn page(&self, url: &Url, absent: &[StatusCode]) -> Result<Option<Page>, Error> {
        match self.page_unless(url, absent, None).await? {
            Asked::Page(page, _) => Ok(page),
            Asked::Unchanged(_) => Err(Error::answer(url, "304 to a question without conditions")),
        }
    }

    /// The same, on the condition that it changed since it had this validity.
    ///
    /// # Errors
    /// Those of [`Fetcher::page`].
    pub async fn page_unless(
        &self,
        url: &Url,
        absent: &[StatusCode],
        known: Option<&Validity>,
    ) -> Result<Asked, Error> {
        if let Some(path) = local::path(url)? {
            let page = local::page(url, &path)?;
            return match page.is_none() && !absent.contains(&StatusCode::NOT_FOUND) {
                true => Err(Error::local(url, "there is no such file or folder")),
                false => Ok(Asked::Page(page, Validity::default())),
            };
        }
        let mut headers = header(ACCEPT, PAGE_FORMATS);
        if let Some(known) = known {
            let tag = known.tag.iter().flat_map(|tag| header(IF_NONE_MATCH, tag));
            let modified = known.modified.iter().flat_map(|time| header(IF_MODIFIED_SINCE, time));
            headers.extend(tag.chain(modified));
        }
        let (answer, body) = self.body(url, headers).await?;
        match answer.status {
            status if status.is_success() => {}
            StatusCode::NOT_MODIFIED if known.is_some() => {
                return Ok(Asked::Unchanged(answer.validity));
            }
            status if absent.contains(&status) => return Ok(Asked::Page(None, answer.validity)),
            status => return Err(http_retry::Error::answer(url, status).into()),
        }
        let kind = answer.content_type.as_ref().and_then(|v| v.to_str().ok());
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        let text = String::from_utf8(body.into())
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        let first = text.trim_start_matches('\u{feff}').trim_start().chars().next();
        let format = if kind.contains("json") {
            Format::Json
        } else if kind.contains("html") || matches!(first, None | Some('<')) {
            Format::Html
        } else {
            let why = format!("its content type is `{kind}`");
            return Err(Error::NotAPage { url: net::redacted(url), why });
        };
        let page = Page { url: answer.url, format, text };
        match not_an_index::why_not(url, &page) {
            Some(why) => Err(Error::NotAPage { url: net::redacted(url), why }),
            None => Ok(Asked::Page(Some(page), answer.validity)),
        }
    }

    /// A small optional file; `None` where the server does not send it.
    ///
    /// # Errors
    /// The request failed.
    pub async fn small(&self, url: &Url) -> Result<Option<Bytes>, Error> {
        if let Some(path) = local::path(url)? {
            return local::small(url, &path);
        }
        match self.body(url, HeaderMap::new()).await {
            Ok((answer, body)) => Ok(answer.status.is_success().then_some(body)),
            Err(Error::Answer { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A part of a file: `bytes=-65536` is its tail, `bytes=10-19` ten bytes. A response that is not such a part is
    /// [`Part::NoRanges`]: the whole file may still be available.
    ///
    /// # Errors
    /// The request failed.
    pub async fn range(&self, url: &Url, range: &str) -> Result<Part, Error> {
        if let Some(path) = local::path(url)? {
            return local::range(url, &path, range);
        }
        let slot = self.concurrency.slot(url).await;
        let headers = header(RANGE, range);
        // Some servers fail on a range request, and would fail again.
        let lasting = &[StatusCode::INTERNAL_SERVER_ERROR];
        let mut budget = self.client.retry().budget().but_not_after(lasting);
        loop {
            let response = self.client.send_raw(Method::GET, url, &headers, &mut budget).await?;
            slot.responded(response.version());
            let is_part = response.status() == StatusCode::PARTIAL_CONTENT;
            let range = content_range(response.headers()).filter(|_| is_part);
            let Some((start, end, total)) = range else { return Ok(Part::NoRanges) };
            match self.client.body(url, response).await {
                Ok(bytes) if bytes.len() as u64 == end - start => {
                    return Ok(Part::Range { start, total, bytes });
                }
                Ok(_) => return Ok(Part::NoRanges),
                Err(error) => self.client.pause(url, error, &mut budget).await?,
            }
        }
    }

    /// Streams the whole file into `take`. After a broken connection the download resumes if the server proves by its
    /// validator that the file is the same; else `take` gets [`Piece::Restart`]. Returns the number of bytes.
    ///
    /// # Errors
    /// The request or `take` failed.
    pub async fn stream(
        &self,
        url: &Url,
        mut take: impl FnMut(Piece<'_>) -> io::Result<()>,
    ) -> Result<u64, Error> {
        if let Some(path) = local::path(url)? {
            return local::stream(url, &path, take);
        }
        let slot = self.concurrency.slot(url).await;
        let disk = |error: io::Error| Error::disk(url, &error);
        let (client, mut budget) = (&self.client, self.client.retry().budget());
        let (mut got, mut validator) = (0, None);
        loop {
            let offset = if validator.is_some() { got } else { 0 };
            let headers = HeaderMap::new();
            let part = client.open(url, &headers, offset, validator.as_ref(), &mut budget).await?;
            slot.responded(part.response.version());
            if part.offset < got {
                take(Piece::Restart).map_err(disk)?;
            }
            got = part.offset;
            validator = part.validator();
            let (before, mut body) = (got, part.response.bytes_stream());
            let broken = loop {
                match client.listening(url, body.next()).await {
                    Some(Ok(chunk)) => {
                        take(Piece::Bytes(&chunk)).map_err(disk)?;
                        got += chunk.len() as u64;
                    }
                    Some(Err(error)) => break error,
                    None if part.total.is_none_or(|total| got == total) => return Ok(got),
                    None => return Err(Error::answer(url, "fewer bytes than it announced")),
                }
            };
            // A download that makes progress may be interrupted any number of times.
            if before > 0 && got > before {
                budget = client.retry().budget();
            }
            client.pause(url, broken, &mut budget).await?;
        }
    }

    /// A whole body, compressed where the server can do that.
    async fn body(&self, url: &Url, mut headers: HeaderMap) -> Result<(Answer, Bytes), Error> {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let slot = self.concurrency.slot(url).await;
        let mut budget = self.client.retry().budget();
        loop {
            let response = self.client.send_raw(Method::GET, url, &headers, &mut budget).await?;
            slot.responded(response.version());
            let text = |name| response.headers().get(name).and_then(|v| v.to_str().ok());
            let answer = Answer {
                status: response.status(),
                validity: Validity::new(text(CACHE_CONTROL), text(ETAG), text(LAST_MODIFIED)),
                content_type: response.headers().get(CONTENT_TYPE).cloned(),
                url: login::without(response.url().clone()),
            };
            let encoding = text(CONTENT_ENCODING).map(str::to_ascii_lowercase);
            let body = match self.client.body(url, response).await {
                Ok(body) => body,
                Err(error) => {
                    self.client.pause(url, error, &mut budget).await?;
                    continue;
                }
            };
            let body = match encoding.as_deref() {
                None | Some("" | "identity") => body,
                // Some servers also say so of responses without a body.
                Some("gzip" | "x-gzip") if body.is_empty() => body,
                Some("gzip" | "x-gzip") => net::gunzip(&body)
                    .map_err(|error| Error::answer(url, format!("its gzip is damaged: {error}")))?
                    .into(),
                Some(other) => {
                    let why = format!("it is encoded as `{other}`, which was not requested");
                    return Err(Error::answer(url, why));
                }
            };
            return Ok((answer, body));
        }
    }
}

/// The headers of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    etag: Option<String>,
    last_modified: Option<String>,
    length: Option<u64>,
}

impl Head {
    /// Last-Modified.
    pub fn modified(&self) -> Option<Timestamp> {
        rfc2822::DateTimeParser::new()
            .relaxed_weekday(true)
            .parse_timestamp(self.last_modified.as_deref()?)
            .ok()
    }

    /// Whether an equal value, later, means the same bytes.
    pub fn is_proof(&self) -> bool {
        self.length.is_some() && (self.etag.is_some() || self.last_modified.is_some())
    }
}

struct Answer {
    status: StatusCode,
    validity: Validity,
    content_type: Option<HeaderValue>,
    url: Url,
}

fn header(name: HeaderName, value: &str) -> HeaderMap {
    HeaderValue::from_str(value).map(|value| (name, value)).into_iter().collect()
}

/// `bytes 10-19/100` → 10, 20, 100.
fn content_range(headers: &HeaderMap) -> Option<(u64, u64, u64)> {
    let value = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, total) = value.split_once('/')?;
    let (start, last) = range.split_once('-')?;
    let (start, last, total) =
        (start.parse().ok()?, last.parse::<u64>().ok()?, total.parse().ok()?);
    (start <= last && last < total).then_some((start, last + 1, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_range_inside_its_file_is_believed() {
        let read = |value| content_range(&header(CONTENT_RANGE, value));
        assert_eq!(read("bytes 10-19/100"), Some((10, 20, 100)));
        for value in
            ["bytes 10-9/100", "bytes 0-100/100", "bytes 0-1/*", "items 0-1/2", "bytes */5"]
        {
            assert_eq!(read(value), None, "{value}");
        }
    }
}
