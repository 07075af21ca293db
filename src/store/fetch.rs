//! Downloads into the store: resumed after an interruption, hashed while they are written, stored only with the right hash.

use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::header::{HeaderMap, HeaderValue};
use url::Url;

use super::sink::Sink;
use super::{Error, Store, Verified, local};
use crate::blocking::blocking;
use crate::digest::{Sha256, Stated, check};
use crate::net::{Client, redacted};
use crate::ui::Bar;

/// A connection that delivered this many bytes before it broke does not use up a retry.
const PROGRESS: u64 = 256 * 1024;

/// A file that the store should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRequest {
    /// Its name in messages.
    pub name: String,
    /// Of its bytes.
    pub sha256: Sha256,
    /// Bytes, when known.
    pub size: Option<u64>,
    /// Its possible URLs, preferred first.
    pub urls: Vec<Address>,
}

/// A URL of a file, and the hashes stated there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The file.
    pub url: Url,
    /// The stated hashes by other algorithms than sha256.
    pub stated: Vec<Stated>,
}

impl From<Url> for Address {
    fn from(url: Url) -> Self {
        Address { url, stated: Vec::new() }
    }
}

impl Store {
    /// The file with this hash: from the store, hashed again, or downloaded. An interrupted
    /// download is resumed, in this run and the next. `bar` counts its bytes.
    ///
    /// # Errors
    /// [`Error::Hash`] and [`Error::Size`] when the bytes are not the expected ones, [`Error::Changed`] when the stored file
    /// changed, [`Error::Net`].
    pub async fn fetch(
        &self,
        client: &Client,
        url: &Url,
        sha256: Sha256,
        size: Option<u64>,
        bar: &Bar,
    ) -> Result<Verified, Error> {
        if let Some(stored) = self.stored(sha256, bar).await? {
            return Ok(stored);
        }
        let mut sink = Sink::open(self, &sha256).await?;
        // Another process may have finished the same file while we waited for its part.
        if let Some(stored) = self.stored(sha256, bar).await? {
            sink.discard()?;
            return Ok(stored);
        }
        let mut left_over = sink.length > 0;
        loop {
            if size.is_some_and(|size| sink.length > size) {
                sink.restart()?;
            }
            bar.inc(sink.length);
            if size != Some(sink.length) {
                sink = receive(client, url, sink, size, ResumedBy::Hash, bar).await?;
            }
            let got = sink.hash();
            if got == sha256 {
                return sink.keep(self).await;
            }
            if !left_over {
                sink.discard()?;
                return Err(Error::Hash { url: redacted(url).into(), expected: sha256, got });
            }
            // The bytes of an earlier run may be of another file: tried once more, from the start.
            left_over = false;
            sink.restart()?;
        }
    }

    /// A file without a stated hash: downloaded, hashed, stored under its hash.
    ///
    /// # Errors
    /// [`Error::Size`], [`Error::Net`].
    pub async fn fetch_and_hash(
        &self,
        client: &Client,
        url: &Url,
        size: Option<u64>,
        bar: &Bar,
    ) -> Result<Verified, Error> {
        let mut sink = Sink::open(self, &Sha256::of(url.as_str())).await?;
        // Without a hash, the bytes of an earlier run may be of another file.
        sink.restart()?;
        let sink = receive(client, url, sink, size, ResumedBy::Validator, bar).await?;
        sink.keep(self).await
    }

    /// As [`Store::fetch`], from the first URL that works.
    ///
    /// # Errors
    /// Those of [`Store::fetch`]; wrong bytes are an error also where another URL is left. [`Error::Stated`], [`Error::NoAddress`].
    pub async fn fetch_any(
        &self,
        client: &Client,
        requested: &FileRequest,
        bar: &Bar,
    ) -> Result<Verified, Error> {
        let mut last = Error::NoAddress(requested.name.clone());
        if let Some(stored) = self.stored(requested.sha256, bar).await? {
            return Ok(stored);
        }
        for Address { url, stated } in &requested.urls {
            match self.fetch(client, url, requested.sha256, requested.size, bar).await {
                Ok(file) => return self.check_stated(&file, url, stated).await.map(|()| file),
                Err(error) if error.is_about_this_address() => {
                    tracing::debug!(%error, name = requested.name, "trying the next URL");
                    last = error;
                }
                result => return result,
            }
        }
        Err(last)
    }

    /// All these files in their order, `concurrency` at a time.
    ///
    /// # Errors
    /// The first of [`Store::fetch_any`]; files that are complete stay in the store.
    pub async fn fetch_all(
        &self,
        client: &Client,
        requested: Vec<FileRequest>,
        concurrency: usize,
        bar: &Bar,
    ) -> Result<Vec<Verified>, Error> {
        stream::iter(requested)
            .map(|requested| async move {
                bar.message(&requested.name);
                self.fetch_any(client, &requested, bar).await
            })
            .buffered(concurrency.max(1))
            .try_collect()
            .await
    }

    /// Checks a stored file against the hashes stated at `url`.
    ///
    /// # Errors
    /// [`Error::Stated`], and the file is removed.
    pub async fn check_stated(
        &self,
        file: &Verified,
        url: &Url,
        stated: &[Stated],
    ) -> Result<(), Error> {
        if stated.is_empty() {
            return Ok(());
        }
        let (path, url, stated) = (file.path().to_owned(), redacted(url), stated.to_vec());
        blocking(move || {
            let file = fs_err::File::open(&path).map_err(Error::io("opening", &path))?;
            match check(file, &stated).map_err(Error::io("reading", &path))? {
                Ok(()) => Ok(()),
                Err(mismatch) => {
                    fs_err::remove_file(&path).map_err(Error::io("removing", &path))?;
                    Err(Error::Stated { url: url.into(), mismatch: mismatch.into() })
                }
            }
        })
        .await
    }

    async fn stored(&self, sha256: Sha256, bar: &Bar) -> Result<Option<Verified>, Error> {
        if self.get(&sha256).is_none() {
            return Ok(None);
        }
        let store = self.clone();
        let stored = blocking(move || store.verify(&sha256)).await?;
        bar.inc(stored.size());
        Ok(Some(stored))
    }
}

/// How the parts of a resumed download are known to be of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResumedBy {
    /// By the known hash of the whole file.
    Hash,
    /// By a strong validator of the server; without one the download starts again.
    Validator,
}

/// The rest of the file, from the length of `sink` on.
async fn receive(
    client: &Client,
    url: &Url,
    mut sink: Sink,
    size: Option<u64>,
    resumed: ResumedBy,
    bar: &Bar,
) -> Result<Sink, Error> {
    if url.scheme() == "file" {
        return local::receive(url, sink, size, bar).await;
    }
    let mut budget = client.retry().budget();
    let mut validator: Option<HeaderValue> = None;
    // A server without ranges sends the same bytes again: only new ones are progress.
    let mut furthest = sink.length;
    loop {
        if resumed == ResumedBy::Validator && validator.is_none() && sink.length > 0 {
            sink.restart()?;
        }
        let headers = HeaderMap::new();
        let mut part =
            client.open(url, &headers, sink.length, validator.as_ref(), &mut budget).await?;
        if part.offset != sink.length {
            sink.restart()?;
        }
        if let (Some(total), Some(size)) = (part.total, size)
            && total != size
        {
            sink.discard()?;
            return Err(Error::Size { url: redacted(url).into(), expected: size, got: total });
        }
        validator = part.validator();
        let total = part.total.or(size);
        let mut length = sink.length;
        let (sender, draining) = sink.drain();
        let broken = loop {
            match client.listening(url, part.response.chunk()).await {
                Ok(Some(chunk)) => {
                    length += chunk.len() as u64;
                    bar.inc(chunk.len() as u64);
                    // A closed channel is a full disk: `done` says so. Too many bytes end it too.
                    if sender.send(chunk).await.is_err() || total.is_some_and(|t| length > t) {
                        break None;
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        drop(sender);
        sink = draining.done().await.map_err(|error| error.of(total))?;
        match (broken, size) {
            (Some(error), _) => {
                if sink.length >= furthest + PROGRESS {
                    furthest = sink.length;
                    budget.renew();
                }
                client.pause(url, error, &mut budget).await?;
            }
            (None, Some(size)) if sink.length != size => {
                let got = sink.length;
                sink.discard()?;
                return Err(Error::Size { url: redacted(url).into(), expected: size, got });
            }
            (None, _) => return Ok(sink),
        }
    }
}
