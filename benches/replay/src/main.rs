//! Serves what `record.py` recorded, over loopback and with a latency of one's choice, so that two
//! resolvers can be timed on the same pages with the network taken out.
//!
//! `replay DATA CERT` listens on two free ports, writes its certificate to CERT and prints
//! `http://… https://…`. Below each: `html/simple/NAME/` (as an old index serves it), `json/simple/NAME/`
//! (PEP 691 with sizes and `.metadata` files), `html|json/files/…`, and `v2/…`, a registry with one image.
//! `/control/delay?ms=30` sets the latency of answers and handshakes, `/control/count` says how many
//! requests came since it was last asked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::http::response::Builder;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, rustls};

type Answer = Response<Full<Bytes>>;
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What stands in recorded pages for the host of the files.
const FILES: &str = "https://FILES/";

struct Page {
    plain: Bytes,
    packed: Bytes,
    etag: String,
    kind: &'static str,
}

struct Recording {
    /// By `html/NAME` or `json/NAME`.
    pages: HashMap<String, Page>,
    folder: PathBuf,
    delay_ms: AtomicU64,
    requests: AtomicU64,
}

impl Recording {
    fn load(folder: &Path, files: &str) -> std::io::Result<Self> {
        let mut pages = HashMap::new();
        for entry in std::fs::read_dir(folder.join("pages"))? {
            let path = entry?.path();
            let (Some(name), Some(form)) = (path.file_stem(), path.extension()) else { continue };
            let (name, form) = (name.to_string_lossy(), form.to_string_lossy());
            let kind = match &*form {
                "html" => "text/html; charset=utf-8",
                "json" => "application/vnd.pypi.simple.v1+json",
                _ => continue,
            };
            let text = std::fs::read_to_string(&path)?.replace(FILES, &format!("{files}{form}/files/"));
            let mut gzip = GzEncoder::new(Vec::new(), Compression::new(6));
            gzip.write_all(text.as_bytes())?;
            let etag = format!("\"{form}-{name}-{}\"", text.len());
            let page = Page { plain: text.into(), packed: gzip.finish()?.into(), etag, kind };
            pages.insert(format!("{form}/{name}"), page);
        }
        let folder = folder.to_owned();
        Ok(Self { pages, folder, delay_ms: 0.into(), requests: 0.into() })
    }

    fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms.load(Relaxed))
    }

    async fn answer(&self, request: &Request<Incoming>) -> Answer {
        let path = request.uri().path().trim_start_matches('/');
        if let Some(order) = path.strip_prefix("control/") {
            return self.control(order, request.uri().query().unwrap_or_default());
        }
        self.requests.fetch_add(1, Relaxed);
        tokio::time::sleep(self.delay()).await;
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        let answer = match parts.as_slice() {
            [form, "simple", name] => self.page(&format!("{form}/{name}"), request.headers()),
            [form, "files", .., file] => self.file(form, file, request),
            ["v2", ..] => self.registry(path),
            _ => None,
        };
        answer.unwrap_or_else(|| {
            eprintln!("missing {path}");
            empty(StatusCode::NOT_FOUND)
        })
    }

    fn control(&self, order: &str, query: &str) -> Answer {
        match order {
            "delay" => {
                let ms = query.strip_prefix("ms=").and_then(|ms| ms.parse().ok());
                self.delay_ms.store(ms.unwrap_or(0), Relaxed);
                empty(StatusCode::OK)
            }
            "count" => Response::new(Full::from(self.requests.swap(0, Relaxed).to_string())),
            _ => empty(StatusCode::NOT_FOUND),
        }
    }

    fn page(&self, key: &str, asked: &HeaderMap) -> Option<Answer> {
        let page = self.pages.get(key)?;
        let says = |name: HeaderName, text: &str| {
            asked.get(name).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains(text))
        };
        let head = Response::builder()
            .header(header::CONTENT_TYPE, page.kind)
            .header(header::ETAG, &page.etag)
            .header(header::CACHE_CONTROL, "max-age=600, public");
        if says(header::IF_NONE_MATCH, &page.etag) {
            return body(head.status(StatusCode::NOT_MODIFIED), Bytes::new());
        }
        match says(header::ACCEPT_ENCODING, "gzip") {
            true => body(head.header(header::CONTENT_ENCODING, "gzip"), page.packed.clone()),
            false => body(head, page.plain.clone()),
        }
    }

    fn file(&self, form: &str, file: &str, request: &Request<Incoming>) -> Option<Answer> {
        let head = Response::builder()
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::ETAG, format!("\"{file}\""))
            .header(header::CACHE_CONTROL, "max-age=365000000, immutable, public");
        if file.ends_with(".metadata") {
            let path = self.folder.join("metadata").join(file);
            return (form == "json").then(|| std::fs::read(path).ok())?.and_then(|b| body(head, b));
        }
        let mut wheel = std::fs::File::open(self.folder.join("wheels").join(file)).ok()?;
        let size = wheel.metadata().ok()?.len();
        let head = head.header(header::ACCEPT_RANGES, "bytes");
        if request.method() == hyper::Method::HEAD {
            return body(head.header(header::CONTENT_LENGTH, size), Bytes::new());
        }
        let range = request.headers().get(header::RANGE).and_then(|v| v.to_str().ok());
        let Some((first, last)) = range.and_then(|range| span(range, size)) else {
            // Only tails and a few members of a wheel are recorded: never all of it.
            return Some(empty(StatusCode::NOT_IMPLEMENTED));
        };
        let mut bytes = vec![0; usize::try_from(last - first + 1).ok()?];
        wheel.seek(SeekFrom::Start(first)).and_then(|_| wheel.read_exact(&mut bytes)).ok()?;
        let range = format!("bytes {first}-{last}/{size}");
        body(head.status(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, range), bytes)
    }

    /// `v2/base/manifests/…` and `v2/base/blobs/…`, as `record.py` made them.
    fn registry(&self, path: &str) -> Option<Answer> {
        let name = path.strip_prefix("v2/base/").unwrap_or("ping").replace(['/', ':'], "-");
        let bytes = std::fs::read(self.folder.join("registry").join(name)).ok()?;
        let kind = match path.contains("/manifests/") {
            true => "application/vnd.oci.image.manifest.v1+json",
            false => "application/json",
        };
        body(Response::builder().header(header::CONTENT_TYPE, kind), bytes)
    }
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn body(head: Builder, bytes: impl Into<Bytes>) -> Option<Answer> {
    head.body(Full::new(bytes.into())).ok()
}

/// `bytes=-5`, `bytes=3-` and `bytes=3-7` of a file of `size` bytes, as first and last byte.
fn span(range: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = match (first.parse::<u64>().ok(), last.parse::<u64>().ok()) {
        (None, Some(length)) => (size.saturating_sub(length), size.checked_sub(1)?),
        (Some(first), last) => (first, last.unwrap_or(u64::MAX).min(size.checked_sub(1)?)),
        (None, None) => return None,
    };
    (first <= last).then_some((first, last))
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, recording: Arc<Recording>) {
    // One round trip for TCP, one more for TLS 1.3.
    tokio::time::sleep(recording.delay() * if tls.is_some() { 2 } else { 1 }).await;
    let service = service_fn(move |request| {
        let recording = Arc::clone(&recording);
        async move { Ok::<_, Infallible>(recording.answer(&request).await) }
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http2().max_concurrent_streams(128).initial_stream_window_size(1 << 20);
    // A client that goes away is no error.
    let _ = match tls {
        None => server.serve_connection(TokioIo::new(stream), service).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => server.serve_connection(TokioIo::new(stream), service).await,
            Err(_) => Ok(()),
        },
    };
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(folder), Some(certificate)) = (arguments.next(), arguments.next()) else {
        return Err("usage: replay DATA CERTIFICATE".into());
    };
    let plain = TcpListener::bind(("127.0.0.1", 0)).await?;
    let secure = TcpListener::bind(("127.0.0.1", 0)).await?;
    let files = format!("https://{}/", secure.local_addr()?);
    let recording = Arc::new(Recording::load(&folder, &files)?);

    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    std::fs::write(certificate, cert.pem())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], signing_key.serialize_der().try_into()?)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let tls = TlsAcceptor::from(Arc::new(tls));

    println!("http://{}/ {files}", plain.local_addr()?);
    loop {
        let (stream, tls) = tokio::select! {
            accepted = plain.accept() => (accepted?.0, None),
            accepted = secure.accept() => (accepted?.0, Some(tls.clone())),
        };
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, tls, Arc::clone(&recording)));
    }
}
