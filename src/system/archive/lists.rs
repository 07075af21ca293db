//! Lists of packages: fetched by hash, unpacked once, and remembered.

use debian_archive::{IndexFile, in_release};
use jiff::Timestamp;
use url::Url;

use super::address::below;
use super::ask::{Answer, ask};
use super::unpack::unpack;
use super::{Archive, Error, VerifiedSuite};
use crate::blocking::blocking;
use crate::digest::Sha256;
use crate::net::redacted;
use crate::store::{self, Verified};
use crate::ui::Bar;

/// What is remembered of a compressed list whose text has no stated hash: that of its text.
const TEXT_OF: &str = "package-list-1";

impl VerifiedSuite {
    /// The list of packages of a component for an architecture, as dpkg calls it: what the signed Release file says of it.
    ///
    /// # Errors
    /// [`Error::NoList`].
    pub fn list(&self, component: &str, architecture: &str) -> Result<IndexFile, Error> {
        let all = self.release.packages(component, architecture);
        let no_list = |why| Error::NoList { suite: self.suite.clone(), why: Box::new(why) };
        let all = all.map_err(no_list)?;
        // The smallest, of which there is always one.
        all.into_iter()
            .next()
            .ok_or_else(|| no_list(debian_archive::ReleaseError::NoPackages(component.to_owned())))
    }
}

impl Archive {
    /// The text of a list of packages: from the store, or fetched and unpacked.
    ///
    /// # Errors
    /// It is not what was signed; the mirror is in the middle of an update ([`Error::Updating`]); the download failed.
    pub async fn packages(
        &self,
        suite: &VerifiedSuite,
        component: &str,
        architecture: &str,
        bar: &Bar,
    ) -> Result<Verified, Error> {
        let list = suite.list(component, architecture)?;
        let stated = list.unpacked.as_ref().map(|unpacked| unpacked.sha256);
        let known = stated.or_else(|| self.store.recall(TEXT_OF, &list.listed.sha256));
        if let Some(sha256) = known.filter(|sha256| self.store.get(sha256).is_some()) {
            let store = self.store.clone();
            return Ok(blocking(move || store.verify(&sha256)).await?);
        }
        let (url, packed) = self.fetch_list(suite, &list, bar).await?;
        let (store, from) = (self.store.clone(), redacted(&url));
        let text = blocking(move || -> Result<Verified, Error> {
            let damaged =
                |why: std::io::Error| Error::Unpack { url: from.clone(), why: why.to_string() };
            let file = fs_err::File::open(packed.path()).map_err(damaged)?;
            let size = list.unpacked.as_ref().map(|unpacked| unpacked.size);
            let text = unpack(file, list.compression, size).map_err(damaged)?;
            let got = Sha256::of(&text);
            if let Some(expected) = stated.filter(|stated| *stated != got) {
                return Err(Error::Unpacked { url: from.clone(), expected, got });
            }
            if stated.is_none() {
                store.remember(TEXT_OF, &list.listed.sha256, &got);
            }
            Ok(store.put(&text)?)
        });
        text.await
    }

    /// A list as it is compressed, by its hash where the archive has such paths, else by its name.
    async fn fetch_list(
        &self,
        suite: &VerifiedSuite,
        list: &IndexFile,
        bar: &Bar,
    ) -> Result<(Url, Verified), Error> {
        let release = below(&suite.place.url, &in_release(&suite.suite));
        let beside = |path: &str| {
            let folder = release.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            let mut url = release.clone();
            url.set_path(&format!("{folder}/{path}"));
            url
        };
        let (sha256, size) = (list.listed.sha256, Some(list.listed.size));
        let fetch = async |url: &Url| self.store.fetch(&self.client, url, sha256, size, bar).await;
        if let Some(path) = &list.by_hash {
            let url = beside(path);
            match fetch(&url).await {
                Ok(file) => return Ok((url, file)),
                // Not every mirror keeps what the archive promises.
                Err(store::Error::Net(error)) if error.status().is_some() => {
                    tracing::debug!(%error, "asking by name instead");
                }
                Err(error) => return Err(error.into()),
            }
        }
        let url = beside(&list.path);
        match fetch(&url).await {
            Ok(file) => Ok((url, file)),
            Err(error @ (store::Error::Hash { .. } | store::Error::Size { .. })) => {
                Err(match self.is_updating(&release, suite).await {
                    true => Error::Updating { url: redacted(&url), date: suite.release.date },
                    false => error.into(),
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the mirror has another Release file by now than the one that was read, and a trusted key signed it.
    async fn is_updating(&self, release: &Url, suite: &VerifiedSuite) -> bool {
        let Ok(Answer::File(bytes, _)) = ask(&self.client, release, None).await else {
            return false;
        };
        let is_other = Sha256::of(&bytes) != suite.in_release;
        let now = Timestamp::now();
        is_other && debian_archive::verify_clearsigned(&bytes, &suite.place.keys, now).is_ok()
    }
}
