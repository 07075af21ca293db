//! Upload times of files, for cut-offs: from the index, else from the file's Last-Modified header.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use url::Url;

use super::once_map::OnceMap;
use super::{Error, Fetcher};
use crate::catalog::{Candidate, CutOffs};
use crate::digest::Sha256;
use crate::lock::{Upload, UploadedFrom};
use crate::net::redacted;
use crate::spec::SourceName;

/// Upload times of candidates. A file with a time on its page costs no request.
#[derive(Debug, Default)]
pub(super) struct UploadTimes {
    cut_offs: CutOffs,
    /// Times of locked files, by their hash.
    kept: Arc<BTreeMap<Sha256, Upload>>,
    asked: OnceMap<Url, Timestamp>,
}

impl UploadTimes {
    pub fn new(cut_offs: CutOffs, kept: Arc<BTreeMap<Sha256, Upload>>) -> Self {
        Self { cut_offs, kept, asked: OnceMap::default() }
    }

    fn cut_off(&self, candidate: &Candidate) -> Option<Timestamp> {
        self.cut_offs.of(&candidate.name, &candidate.location.source)
    }

    /// When the file was uploaded, and the source of that time; `None` where there is no cut-off, or the spec itself names the
    /// file.
    ///
    /// # Errors
    /// [`Error::NoTime`] where there is no time.
    pub async fn of(
        &self,
        fetcher: &Fetcher,
        candidate: &Candidate,
    ) -> Result<Option<Upload>, Error> {
        let Some(cut_off) = self.cut_off(candidate) else { return Ok(None) };
        // A URL in the spec names one file; no later file can replace it.
        if candidate.location.source == SourceName::direct() {
            return Ok(None);
        }
        // An index may change its times; the same bytes keep theirs.
        if let Some(kept) = candidate.sha256.and_then(|sha256| self.kept.get(&sha256)) {
            return Ok(Some(*kept));
        }
        if let Some(at) = candidate.uploaded {
            return Ok(Some(Upload { at, from: UploadedFrom::Index }));
        }
        let url = &candidate.url;
        let ask = || async {
            let head = fetcher.head(url).await?;
            head.and_then(|head| head.modified())
                .ok_or_else(|| Error::NoTime { url: redacted(url).into(), cut_off })
        };
        let at = self.asked.get(url, ask).await?;
        Ok(Some(Upload { at, from: UploadedFrom::LastModified }))
    }

    /// Whether the candidate may be chosen.
    ///
    /// # Errors
    /// [`Error::TooNew`] for a file uploaded at the cut-off or later.
    pub async fn check(&self, fetcher: &Fetcher, candidate: &Candidate) -> Result<(), Error> {
        match (self.of(fetcher, candidate).await?, self.cut_off(candidate)) {
            (Some(Upload { at, .. }), Some(cut_off)) if at >= cut_off => Err(Error::TooNew {
                name: candidate.name.to_string(),
                version: candidate.version.to_string(),
                at,
                cut_off,
            }),
            _ => Ok(()),
        }
    }
}
