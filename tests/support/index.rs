//! An index of generated wheels, over real HTTP on loopback: simple pages (HTML or JSON), PyG pages,
//! files with or without ranges, `.metadata` sidecars; it can fail on demand and counts requests.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use url::Url;

use super::{Wheel, WheelBuilder};

/// How simple pages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    Html,
    Json,
}

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This status and an empty body.
    Status(u16),
    /// 429 and Retry-After with these seconds.
    TooMany(u32),
    /// Half of the body, then the connection is closed.
    Cut,
}

/// The server. It stops with the test process; wheels may be added at any time.
pub struct FakeIndex {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    pages: Pages,
    ranges: bool,
    wheels: Vec<Wheel>,
    /// PyG pages that exist, with or without wheels.
    pyg: Vec<String>,
    faults: Vec<(String, Fault, usize)>,
    requests: Vec<String>,
    /// Pages in random order and answers after random times.
    restless: Option<u64>,
    /// How long each answer takes besides.
    latency: Duration,
    /// Pages with a text of the test's own, by path.
    written: BTreeMap<String, (String, &'static str)>,
    /// What is answered for what is not there.
    missing: u16,
    /// Only who sends this Authorization header is answered.
    login: Option<String>,
    /// The Authorization header of every request, by path.
    authorizations: Vec<(String, Option<String>)>,
    modified: BTreeMap<String, String>,
    etags: bool,
}

impl FakeIndex {
    /// An empty index with HTML pages and range support.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared {
            pages: Pages::Html,
            ranges: true,
            wheels: vec![],
            pyg: vec![],
            faults: vec![],
            requests: vec![],
            restless: None,
            latency: Duration::ZERO,
            written: BTreeMap::new(),
            missing: 404,
            login: None,
            authorizations: vec![],
            modified: BTreeMap::new(),
            etags: true,
        }));
        let server = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&server);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// Pages in this form from now on.
    pub fn pages(self, pages: Pages) -> Self {
        self.lock().pages = pages;
        self
    }

    /// Range headers are ignored from now on.
    pub fn without_ranges(self) -> Self {
        self.lock().ranges = false;
        self
    }

    /// From now on, links stand in random order and each answer takes a random time of up to 4 ms.
    pub fn restless(self, seed: u64) -> Self {
        self.lock().restless = Some(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        self
    }

    /// From now on, each answer takes so long.
    pub fn latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// The simple index.
    pub fn url(&self) -> Url {
        self.at("simple/")
    }

    /// The folder of PyG pages.
    pub fn pyg_url(&self) -> Url {
        self.at("pyg/")
    }

    fn at(&self, path: &str) -> Url {
        format!("http://{}/{path}", self.address).parse().unwrap()
    }

    /// A wheel, `py3-none-any` unless said otherwise.
    pub fn wheel(&self, name: &str, version: &str) -> WheelBuilder<'_> {
        WheelBuilder::new(self, name, version)
    }

    /// A file that is only a name on its page, such as an sdist.
    pub fn stub(&self, file: &str) {
        self.lock().wheels.push(Wheel::stub(file));
    }

    pub(super) fn serve_wheel(&self, wheel: Wheel) {
        let mut shared = self.lock();
        shared.pyg.extend(wheel.pyg_page.clone());
        shared.wheels.push(wheel);
    }

    /// A PyG page without wheels, `torch-2.13.0+cu130`.
    pub fn empty_pyg_page(&self, page: &str) {
        self.lock().pyg.push(page.to_owned());
    }

    /// The next `times` requests whose path contains `path` fail.
    pub fn fail(&self, path: &str, fault: Fault, times: usize) {
        self.lock().faults.push((path.to_owned(), fault, times));
    }

    /// Changes a byte in the middle of a file that is already served.
    pub fn tamper(&self, file: &str) {
        let mut shared = self.lock();
        let wheel = shared.wheels.iter_mut().find(|w| w.file == file).unwrap();
        let middle = wheel.bytes.len() / 2;
        wheel.bytes[middle] ^= 0xff;
    }

    /// A file is there no more.
    pub fn remove(&self, file: &str) {
        self.lock().wheels.retain(|wheel| wheel.file != file);
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// A page with this text, at this path.
    pub fn page(&self, path: &str, text: impl Into<String>) {
        self.page_of_kind(path, text, "text/html");
    }

    /// The same, of another content type.
    pub fn page_of_kind(&self, path: &str, text: impl Into<String>, kind: &'static str) {
        self.lock().written.insert(path.to_owned(), (text.into(), kind));
    }

    /// What is not there is answered with 403, as S3 does.
    pub fn hiding(self) -> Self {
        self.lock().missing = 403;
        self
    }

    /// Everybody else gets 401.
    pub fn only_for(self, user: &str, password: &str) -> Self {
        let login = BASE64_STANDARD.encode(format!("{user}:{password}"));
        self.lock().login = Some(format!("Basic {login}"));
        self
    }

    /// How many requests came with a login.
    pub fn logins(&self) -> usize {
        self.lock().authorizations.iter().filter(|(_, login)| login.is_some()).count()
    }

    /// The Last-Modified of a file.
    pub fn modified(&self, file: &str, date: &str) {
        self.lock().modified.insert(file.to_owned(), date.to_owned());
    }

    /// Files have no ETag from now on.
    pub fn without_etags(self) -> Self {
        self.lock().etags = false;
        self
    }

    /// How many GETs, not HEADs, had this in their path and were not for a part only.
    pub fn downloads(&self, path: &str) -> usize {
        let is_download = |r: &&String| r.starts_with("GET ") && r.contains(path);
        self.lock().requests.iter().filter(is_download).count()
    }

    /// How many requests had this in their path.
    pub fn requests(&self, path: &str) -> usize {
        self.lock().requests.iter().filter(|r| r.contains(path)).count()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }
}

fn xorshift(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn etag(wheel: &Wheel) -> (&'static str, String) {
    ("ETag", format!("\"{}\"", envlock::digest::Sha256::of(&wheel.bytes)))
}

fn status(status: u16) -> Answer {
    Answer { status, headers: vec![], body: vec![] }
}

impl Shared {
    fn answer(&self, path: &str, range: Option<&str>) -> Answer {
        if let Some((text, kind)) = self.written.get(path) {
            let headers = vec![("Content-Type", (*kind).into())];
            Answer { status: 200, headers, body: text.clone().into() }
        } else if let Some(project) =
            path.strip_prefix("/simple/").and_then(|p| p.strip_suffix('/'))
        {
            self.simple(project)
        } else if let Some(page) = path.strip_prefix("/pyg/").and_then(|p| p.strip_suffix(".html"))
        {
            self.pyg(page)
        } else if let Some((page, file)) =
            path.strip_prefix("/pyg/").and_then(|p| p.split_once('/'))
        {
            self.file(|w| w.pyg_page.as_deref() == Some(page), file, range)
        } else if path.contains(".whl") {
            let file = path.rsplit('/').next().unwrap_or_default();
            self.file(|w| w.pyg_page.is_none(), file, range)
        } else {
            status(self.missing)
        }
    }

    fn simple(&self, project: &str) -> Answer {
        let mut wheels: Vec<_> = self.wheels.iter().filter(|w| w.is_of(project)).collect();
        if let Some(mut state) = self.restless {
            wheels.sort_by_cached_key(|_| xorshift(&mut state));
        }
        if wheels.is_empty() {
            return status(404);
        }
        let (kind, body) = match self.pages {
            Pages::Html => {
                let links: String = wheels.iter().map(|w| w.html()).collect();
                let page = format!(
                    "<!DOCTYPE html>\n<html><body><h1>Links for {project}</h1>\n{links}</body></html>\n"
                );
                ("text/html; charset=utf-8", page)
            }
            Pages::Json => {
                let files: Vec<_> = wheels.iter().map(|w| w.json()).collect();
                let page = serde_json::json!({"meta": {"api-version": "1.1"}, "name": project, "files": files});
                ("application/vnd.pypi.simple.v1+json", page.to_string())
            }
        };
        Answer { status: 200, headers: vec![("Content-Type", kind.into())], body: body.into() }
    }

    fn pyg(&self, page: &str) -> Answer {
        if !self.pyg.iter().any(|p| p == page) {
            // The real one says 403 for what is not there.
            return status(403);
        }
        let wheels = self.wheels.iter().filter(|w| w.pyg_page.as_deref() == Some(page));
        let folder = page.replace('+', "%2B");
        let link = |w: &Wheel| format!("<a href=\"{folder}/{}\">{}</a><br/>\n", w.href(), w.file);
        let links: String = wheels.map(link).collect();
        let body = format!("<html>\n<head></head>\n<body>\n{links}</body>\n</html>\n").into();
        Answer { status: 200, headers: vec![("Content-Type", "text/html".into())], body }
    }

    fn file(&self, stands: impl Fn(&Wheel) -> bool, file: &str, range: Option<&str>) -> Answer {
        let find = |name: &str| self.wheels.iter().find(|w| w.file == name && stands(w));
        if let Some(wheel) = file.strip_suffix(".metadata").and_then(find) {
            let body = wheel.metadata.clone().into();
            return if wheel.sidecar.is_some() {
                Answer { body, ..status(200) }
            } else {
                status(404)
            };
        }
        let Some(wheel) = find(file) else { return status(self.missing) };
        let about = || self.about(wheel);
        let total = wheel.bytes.len();
        let range = range.filter(|_| self.ranges).and_then(|r| r.strip_prefix("bytes="));
        let Some((from, to)) = range.and_then(|r| r.split_once('-')) else {
            return Answer { headers: about(), body: wheel.bytes.clone(), ..status(200) };
        };
        let (start, end) = match (from.parse::<usize>(), to.parse::<usize>()) {
            (Err(_), Ok(last)) => (total.saturating_sub(last), total),
            (Ok(start), Ok(last)) => (start, (last + 1).min(total)),
            (Ok(start), Err(_)) => (start, total),
            _ => return status(416),
        };
        if start >= end {
            return status(416);
        }
        let mut headers = about();
        headers.push(("Content-Range", format!("bytes {start}-{}/{total}", end - 1)));
        Answer { status: 206, headers, body: wheel.bytes[start..end].to_vec() }
    }

    /// How long the next answer takes.
    fn delay(&mut self) -> Duration {
        let random = self.restless.as_mut().map_or(0, xorshift);
        self.latency + Duration::from_micros(random % 4000)
    }

    fn about(&self, wheel: &Wheel) -> Vec<(&'static str, String)> {
        let modified = self.modified.get(&wheel.file).cloned();
        let tag = self.etags.then(|| etag(wheel));
        tag.into_iter().chain(modified.map(|date| ("Last-Modified", date))).collect()
    }

    fn fault(&mut self, path: &str) -> Option<Fault> {
        let (_, fault, times) = self
            .faults
            .iter_mut()
            .find(|(part, _, times)| *times > 0 && path.contains(part.as_str()))?;
        *times -= 1;
        Some(*fault)
    }
}

/// One connection, kept alive.
fn serve(mut stream: TcpStream, shared: &Mutex<Shared>) {
    // Head and body are two writes: without this, the second waits for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let (mut line, mut range, mut login) = (String::new(), None, None);
        if !matches!(reader.read_line(&mut line), Ok(n) if n > 0) {
            return;
        }
        let head_only = line.starts_with("HEAD ");
        let path = line.split(' ').nth(1).unwrap_or_default().replace("%2B", "+");
        loop {
            let mut header = String::new();
            if !matches!(reader.read_line(&mut header), Ok(n) if n > 0) {
                return;
            }
            match header.trim().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("range") => {
                    range = Some(value.trim().to_owned());
                }
                Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                    login = Some(value.trim().to_owned());
                }
                Some(_) => {}
                None => break,
            }
        }
        let (answer, fault, delay) = {
            let mut shared = shared.lock().unwrap();
            let method = if head_only {
                "HEAD"
            } else if range.is_some() {
                "PART"
            } else {
                "GET"
            };
            shared.requests.push(format!("{method} {path}"));
            shared.authorizations.push((path.clone(), login.clone()));
            let refused = shared.login.is_some() && shared.login != login;
            let delay = shared.delay();
            let (answer, fault) = match shared.fault(&path) {
                None if refused => (status(401), None),
                Some(Fault::Status(code)) => (status(code), None),
                Some(Fault::TooMany(seconds)) => {
                    let headers = vec![("Retry-After", seconds.to_string())];
                    (Answer { headers, ..status(429) }, None)
                }
                fault => (shared.answer(&path, range.as_deref()), fault),
            };
            (answer, fault, delay)
        };
        std::thread::sleep(delay);
        let mut head = format!(
            "HTTP/1.1 {} Status\r\nContent-Length: {}\r\n",
            answer.status,
            answer.body.len()
        );
        for (name, value) in &answer.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let body = match fault {
            _ if head_only => &[],
            Some(_) => &answer.body[..answer.body.len() / 2],
            None => &answer.body[..],
        };
        let sent = stream
            .write_all(format!("{head}\r\n").as_bytes())
            .and_then(|()| stream.write_all(body));
        if sent.is_err() || fault.is_some() {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}
