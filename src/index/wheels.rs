//! Metadata and sizes of single wheels: read once, then from the cache or from an earlier lock.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use url::Url;

use super::Error;
use super::hash_cache::hash;
use super::index_client::IndexClient;
use super::known_wheels::{Locked, Seen};
use super::range::{Beside, RemoteWheel, TEXT_LIMIT, sidecar};
use crate::built_for::BuiltFor;
use crate::catalog::{Candidate, WheelFacts, WheelFile};
use crate::cuda::CudaTag;
use crate::digest::Sha256;
use crate::gpu::{Arch, arch_list};
use crate::net::redacted;
use crate::python::{CoreMetadata, cuda_build, same_version};
use crate::spec::SourceName;

/// The binding of torch to Python.
const TORCH_PYTHON: &str = "torch/lib/libtorch_python.so";
/// Limit of its unpacked bytes; it has 35 MB in torch 2.14.
const TORCH_PYTHON_LIMIT: u64 = 256 << 20;

impl IndexClient {
    /// The facts of this wheel that were read.
    fn seen(&self, candidate: &Candidate) -> Seen {
        let mut all = self.wheels.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = all.get(&candidate.url) {
            return seen.clone();
        }
        let seen = self.fetcher.cache().and_then(|cache| {
            // A file without a hash may change: its server is asked for its validators.
            let may_use = candidate.sha256.is_some() || cache.is_offline();
            may_use.then(|| cache.get("wheels", &key(candidate)))?
        });
        let seen: Seen = seen.unwrap_or_default();
        all.insert(candidate.url.clone(), seen.clone());
        seen
    }

    fn learn(&self, candidate: &Candidate, learn: impl FnOnce(&mut Seen)) {
        let mut all = self.wheels.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.entry(candidate.url.clone()).or_default();
        learn(seen);
        if let Some(cache) = self.fetcher.cache() {
            cache.put("wheels", &key(candidate), seen.clone());
        }
    }

    /// The wheel's METADATA.
    ///
    /// # Errors
    /// It cannot be read, or names another project or version.
    pub async fn metadata(&self, candidate: &Candidate) -> Result<Arc<CoreMetadata>, Error> {
        let url = &candidate.url;
        self.wheels
            .metadata
            .get(url, || async {
                if let Some(text) = self.seen(candidate).metadata {
                    return parsed(candidate, text.as_bytes()).map(Arc::new);
                }
                self.bar.inc_length(1);
                self.bar.message(candidate.name.to_string());
                let (bytes, metadata) = match self.beside(candidate).await? {
                    Some(read) => read,
                    None => {
                        let wheel = self.wheel(url).await?;
                        let bytes = wheel.metadata(&self.fetcher, &candidate.name).await?;
                        let metadata = parsed(candidate, &bytes)?;
                        (bytes.into(), metadata)
                    }
                };
                self.bar.inc(1);
                self.learn(candidate, |seen| seen.metadata = Some(head(&bytes)));
                Ok(Arc::new(metadata))
            })
            .await
    }

    /// The `.metadata` file beside the wheel. `None`: there is none, or not the right one; the wheel itself, whose bytes are
    /// verified before they are used, has the same.
    async fn beside(&self, candidate: &Candidate) -> Result<Option<(Bytes, CoreMetadata)>, Error> {
        let why = match sidecar(&self.fetcher, &candidate.url, candidate.sidecar).await? {
            Beside::None => return Ok(None),
            Beside::Wrong => "does not have the hash that its index states".to_owned(),
            Beside::Bytes(bytes) => match parsed(candidate, &bytes) {
                Ok(metadata) => return Ok(Some((bytes, metadata))),
                Err(error) => format!("cannot be used: {error}"),
            },
        };
        tracing::info!("{}.metadata {why}", redacted(&candidate.url));
        let mut passed_over = self.passed_over.lock().unwrap_or_else(PoisonError::into_inner);
        passed_over.insert(format!("{}.metadata", candidate.file), why);
        Ok(None)
    }

    /// The `.metadata` files that were ignored, in a sentence; `None`: there was none.
    pub fn about_metadata(&self) -> Option<String> {
        let passed_over = self.passed_over.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, why) = passed_over.first_key_value()?;
        let more = match passed_over.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more such files)"),
        };
        Some(format!("{file} {why}{more}; the METADATA in the wheel was read instead"))
    }

    /// Which CUDA the wheel was built for, by the local part of its version or its version.py.
    ///
    /// # Errors
    /// The wheel cannot be read.
    pub async fn cuda_build(&self, candidate: &Candidate) -> Result<Option<CudaTag>, Error> {
        if let Some(built) = BuiltFor::of(&candidate.version).accelerator {
            return Ok(built.tag());
        }
        if let Some(build) = self.seen(candidate).build {
            return Ok(build);
        }
        if let Some(build) = self.locked(candidate).and_then(|locked| locked.build) {
            return Ok(Some(build));
        }
        let wheel = self.wheel(&candidate.url).await?;
        let path = format!("{}/version.py", candidate.name.as_ref().replace('-', "_"));
        let text = wheel.file(&self.fetcher, &path, TEXT_LIMIT).await?;
        let build = text.and_then(|text| cuda_build(&String::from_utf8_lossy(&text)));
        self.learn(candidate, |seen| seen.build = Some(build));
        Ok(build)
    }

    /// Which GPUs a torch wheel has code for: its binding to Python has the list that `torch.cuda.get_arch_list()`
    /// gives. `None`: it does not say. About 10 MB are read, once for each wheel.
    ///
    /// # Errors
    /// The wheel cannot be read.
    pub async fn arch_list(&self, torch: &Candidate) -> Result<Option<Vec<Arch>>, Error> {
        if let Some(known) = self.seen(torch).arch_list {
            return Ok(known);
        }
        let wheel = self.wheel(&torch.url).await?;
        let program = wheel.file(&self.fetcher, TORCH_PYTHON, TORCH_PYTHON_LIMIT).await?;
        let list = program.as_deref().and_then(arch_list);
        self.learn(torch, |seen| seen.arch_list = Some(list.clone()));
        Ok(list)
    }

    async fn wheel(&self, url: &Url) -> Result<Arc<RemoteWheel>, Error> {
        let open = || async { Ok(Arc::new(RemoteWheel::open(&self.fetcher, url).await?)) };
        self.wheels.remote.get(url, open).await
    }

    /// The facts that a lock needs. A wheel without a hash in its index is downloaded once and hashed.
    ///
    /// # Errors
    /// The wheel cannot be read, will not install, or differs from what its page says.
    pub async fn facts(&self, candidate: &Candidate) -> Result<WheelFacts, Error> {
        self.wheels.facts.get(&candidate.url, || self.read_facts(candidate)).await
    }

    fn locked(&self, candidate: &Candidate) -> Option<Locked> {
        // A URL in the spec is verified at every resolve.
        let indexed = candidate.location.source != SourceName::direct();
        self.wheels.locked.get(&candidate.sha256.filter(|_| indexed)?).copied()
    }

    async fn read_facts(&self, candidate: &Candidate) -> Result<WheelFacts, Error> {
        let url = &candidate.url;
        let same_size = |expected: u64, found: u64| {
            let url = redacted(url);
            if expected == found { Ok(()) } else { Err(Error::Size { url, expected, found }) }
        };
        let seen = self.seen(candidate);
        if let (Some(sha256), Some((size, unpacked_size))) = (
            candidate.sha256.or(seen.sha256),
            seen.sizes.or_else(|| self.locked(candidate).map(|l| (l.size, l.unpacked_size))),
        ) {
            same_size(candidate.size.unwrap_or(size), size)?;
            return Ok(WheelFacts {
                size,
                unpacked_size,
                sha256,
                uploaded: None,
                bare_metadata: false,
            });
        }
        self.bar.message(candidate.file.clone());
        let wheel = self.wheel(url).await?;
        same_size(candidate.size.unwrap_or(wheel.size), wheel.size)?;
        wheel.check(&candidate.file)?;
        // A hash from an index is checked at every build; that of a URL in the spec is checked now.
        let is_requirement = candidate.location.source == SourceName::direct();
        let found = match (candidate.sha256, wheel.sha256) {
            (_, Some(found)) => {
                wheel.check_stated(&candidate.stated)?;
                found
            }
            (Some(stated), None) if !is_requirement => stated,
            _ => {
                let (found, size) = hash(&self.fetcher, url, &candidate.stated).await?;
                same_size(wheel.size, size)?;
                found
            }
        };
        if let Some(expected) = candidate.sha256.filter(|stated| *stated != found) {
            return Err(Error::Hash {
                url: redacted(url).into(),
                promised_by: if is_requirement { "the spec" } else { "the index page" },
                expected,
                found,
            });
        }
        let (size, unpacked_size) = (wheel.size, wheel.unpacked_size());
        self.learn(candidate, |seen| {
            seen.sizes = Some((size, unpacked_size));
            seen.sha256 = Some(found).filter(|_| candidate.sha256.is_none());
        });
        Ok(WheelFacts { size, unpacked_size, sha256: found, uploaded: None, bare_metadata: false })
    }
}

/// Parses METADATA, which must name the project and version of the wheel.
fn parsed(candidate: &Candidate, bytes: &[u8]) -> Result<CoreMetadata, Error> {
    let bad = |why: String| Error::Wheel { url: redacted(&candidate.url), why };
    let metadata = CoreMetadata::parse(bytes).map_err(|e| bad(e.to_string()))?;
    if metadata.name != candidate.name || !same_version(&candidate.version, &metadata.version) {
        let CoreMetadata { name, version, .. } = metadata;
        return Err(bad(format!("its METADATA is that of {name} {version}")));
    }
    Ok(metadata)
}

/// The key of a wheel in the cache: all that its page says of it.
fn key(candidate: &Candidate) -> Sha256 {
    let WheelFile { url, sha256, stated, sidecar, .. } = &**candidate;
    Sha256::of(format!("{url}\n{sha256:?}\n{stated:?}\n{sidecar:?}"))
}

/// METADATA without the description below its head.
fn head(metadata: &[u8]) -> String {
    let text = String::from_utf8_lossy(metadata);
    let lines = text.lines().take_while(|line| !line.is_empty());
    lines.flat_map(|line| [line, "\n"]).collect()
}
