//! What is known of single wheels: read once, remembered in the cache, or believed of an earlier lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use url::Url;

use super::Error;
use super::answers::Answers;
use super::memo::Memo;
use super::range::{Beside, RemoteWheel, TEXT_LIMIT, sidecar};
use super::remembered::hash;
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
/// Unpacked bytes; 35 MB in torch 2.14.
const TORCH_PYTHON_LIMIT: u64 = 256 << 20;

/// The wheels looked into so far, by their address.
#[derive(Default)]
pub(super) struct Wheels {
    metadata: Memo<Url, Arc<CoreMetadata>>,
    remote: Memo<Url, Arc<RemoteWheel>>,
    facts: Memo<Url, WheelFacts>,
    seen: Mutex<HashMap<Url, Seen>>,
    /// What an earlier lock has, by the hash of the bytes.
    locked: HashMap<Sha256, Locked>,
}

impl Wheels {
    /// The same hash is the same bytes: what an earlier lock knew of them is still true.
    pub fn knowing(locked: HashMap<Sha256, Locked>) -> Self {
        Self { locked, ..Self::default() }
    }
}

/// What was read of one wheel; true as long as the page says the same of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Seen {
    /// The head of its METADATA.
    metadata: Option<String>,
    /// Bytes, packed and unpacked.
    sizes: Option<(u64, u64)>,
    /// Which CUDA it was built for, where its version.py was read.
    build: Option<Option<CudaTag>>,
    /// Which GPUs it has code for, where that was asked and it says.
    arch_list: Option<Option<Vec<Arch>>>,
    /// Of all its bytes, where the page does not say and they were read.
    sha256: Option<Sha256>,
}

/// What an earlier lock knows of a wheel's bytes.
#[derive(Debug, Clone, Copy)]
pub struct Locked {
    /// Bytes of the wheel.
    pub size: u64,
    /// Bytes of the files in it.
    pub unpacked_size: u64,
    /// What it was built for; only for what declares a CUDA build.
    pub build: Option<CudaTag>,
}

impl Answers {
    /// What is known of this wheel.
    fn seen(&self, candidate: &Candidate) -> Seen {
        let mut all = self.wheels.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = all.get(&candidate.url) {
            return seen.clone();
        }
        let seen = self.fetcher.cache().and_then(|cache| {
            // A file without a hash may become another one: its server is asked for its validators.
            let may_believe = candidate.sha256.is_some() || cache.is_offline();
            may_believe.then(|| cache.get("wheels", &key(candidate)))?
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

    /// The wheel's METADATA, which must be about that wheel.
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

    /// What the `.metadata` file beside the wheel says. `None`: there is none that can be believed; the wheel itself,
    /// whose bytes are proven before they are used, says the same.
    async fn beside(&self, candidate: &Candidate) -> Result<Option<(Bytes, CoreMetadata)>, Error> {
        let why = match sidecar(&self.fetcher, &candidate.url, candidate.sidecar).await? {
            Beside::None => return Ok(None),
            Beside::Wrong => "has other bytes than its index says".to_owned(),
            Beside::Bytes(bytes) => match parsed(candidate, &bytes) {
                Ok(metadata) => return Ok(Some((bytes, metadata))),
                Err(error) => format!("is of no use: {error}"),
            },
        };
        tracing::info!("{}.metadata {why}", redacted(&candidate.url));
        let mut passed_over = self.passed_over.lock().unwrap_or_else(PoisonError::into_inner);
        passed_over.insert(format!("{}.metadata", candidate.file), why);
        Ok(None)
    }

    /// The `.metadata` files that could not be believed, in a sentence; `None`: there was none.
    pub fn about_metadata(&self) -> Option<String> {
        let passed_over = self.passed_over.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, why) = passed_over.first_key_value()?;
        let more = match passed_over.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more such files)"),
        };
        Some(format!("{file} {why}{more}; the METADATA in the wheel was read instead"))
    }

    /// Which CUDA the wheel was built for: its version's local part says, or its version.py.
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

    /// The facts a lock needs. A wheel without a hash in its index is read once, and hashed.
    pub async fn facts(&self, candidate: &Candidate) -> Result<WheelFacts, Error> {
        self.wheels.facts.get(&candidate.url, || self.read_facts(candidate)).await
    }

    fn locked(&self, candidate: &Candidate) -> Option<Locked> {
        // An address of the user's own is proven at every resolve.
        let indexed = candidate.location.source != SourceName::wish();
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
        // An index is held to its word at every build; an address of the user's own is proven now.
        let is_wish = candidate.location.source == SourceName::wish();
        let found = match (candidate.sha256, wheel.sha256) {
            (_, Some(found)) => {
                wheel.check_stated(&candidate.stated)?;
                found
            }
            (Some(stated), None) if !is_wish => stated,
            _ => {
                let (found, size) = hash(&self.fetcher, url, &candidate.stated).await?;
                same_size(wheel.size, size)?;
                found
            }
        };
        if let Some(expected) = candidate.sha256.filter(|stated| *stated != found) {
            return Err(Error::Hash {
                url: redacted(url).into(),
                promised_by: if is_wish { "the spec" } else { "the index page" },
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

/// METADATA, which must be about that wheel.
fn parsed(candidate: &Candidate, bytes: &[u8]) -> Result<CoreMetadata, Error> {
    let bad = |why: String| Error::Wheel { url: redacted(&candidate.url), why };
    let metadata = CoreMetadata::parse(bytes).map_err(|e| bad(e.to_string()))?;
    if metadata.name != candidate.name || !same_version(&candidate.version, &metadata.version) {
        let CoreMetadata { name, version, .. } = metadata;
        return Err(bad(format!("its METADATA is that of {name} {version}")));
    }
    Ok(metadata)
}

/// The name of a wheel's entry in the cache: what its page says of it.
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
