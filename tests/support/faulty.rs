//! A proxy before a real registry that does what bad networks and bad registries do.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is asked of the registry.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// With the query.
    pub path: String,
    pub headers: Vec<(String, String)>,
    /// Bytes of the body.
    pub length: u64,
    /// The body of a manifest that is put; others are not kept.
    pub body: Vec<u8>,
    /// How many requests came before this one.
    pub number: usize,
}

impl Asked {
    /// Whether this is a part of a blob.
    pub fn is_part(&self) -> bool {
        matches!(&*self.method, "PATCH" | "PUT") && self.path.contains("/blobs/uploads/")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| &**v)
    }
}

/// What happens to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Harm {
    /// Answered by the proxy, before or after it read the body.
    Status { status: u16, headers: Vec<(&'static str, String)>, body: &'static str, early: bool },
    /// The connection ends after so many bytes of the request's body.
    CutRequest(u64),
    /// The connection ends after so many bytes of the answer.
    CutAnswer(u64),
    /// After so many bytes of the body nothing moves any more.
    Stall(u64),
    /// The mount is not done: a session is opened instead.
    NoMount,
    /// Docker-Content-Digest says something else.
    WrongDigest,
    /// A byte of the answer's body is another.
    Spoil,
    /// A byte of the request's body is another.
    SpoilRequest,
    /// The session is ended behind the client's back.
    Lose,
    /// Another host is to take the request, as a registry does whose blobs lie in a storage service.
    Redirect(String),
    /// More headers on the answer.
    Headers(Vec<(&'static str, String)>),
    /// Answered by the proxy, as a registry did.
    Recorded(Recorded),
    /// The registry answers, and not quite so.
    Changed(Change),
}

/// An answer as it was recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// What becomes of the registry's answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Another path is asked.
    pub path: Option<String>,
    pub status: Option<u16>,
    pub set: Vec<(&'static str, String)>,
    pub without: Vec<&'static str>,
    /// The Range of a session ends so many bytes later.
    pub range: u64,
}

impl Harm {
    pub fn status(status: u16) -> Self {
        Harm::Status { status, headers: vec![], body: "", early: false }
    }
}

/// How the proxy treats upload sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// As the registry behind it does: docker-registry loses a session whose part broke off.
    Passed,
    /// As the distribution spec says: what arrived of a part is kept. Locations are relative.
    Kept,
}

/// Who gets a bearer token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admits {
    Anyone,
    /// Who sends this pair of user name and password, in base64.
    Password(&'static str),
    /// Who sends this identity token.
    Identity(&'static str),
    /// Who comes with this token from the beginning; there is no token server.
    Token(&'static str),
    /// Who asks for this scope, which the challenge names, and for no service, which it does not name. Others are
    /// refused by the token server, or else get a token that the registry does not take. The token is called
    /// `access_token`, beside an empty `token`.
    Scope {
        scope: &'static str,
        refuses: bool,
    },
}

type Rule = dyn Fn(&Asked) -> Option<Harm> + Send + Sync;

struct State {
    registry: String,
    sessions: Sessions,
    rule: Mutex<Arc<Rule>>,
    /// Uses that a token has; `None`: no tokens are wanted.
    token_uses: Option<usize>,
    admits: Admits,
    tokens: Mutex<Vec<usize>>,
    /// Parts of blobs that came with a token that had run out.
    expired: AtomicUsize,
    /// Parts of blobs that are on their way, and the most there ever were.
    parts: AtomicUsize,
    most_parts: AtomicUsize,
    /// Stable path → where the registry wants the next part.
    locations: Mutex<HashMap<String, String>>,
    received: AtomicU64,
    /// Nanoseconds that a byte of a blob takes on each connection.
    pace: AtomicU64,
    harms: AtomicUsize,
    /// Requests that ended without an answer although nobody did them harm.
    left: Mutex<Vec<Asked>>,
    log: Mutex<Vec<Asked>>,
    address: SocketAddr,
    stop: AtomicBool,
}

/// The running proxy; it stops accepting when dropped.
pub struct Faulty(Arc<State>);

impl Faulty {
    /// A harmless proxy before the registry at `HOST:PORT`.
    pub fn before(registry: &str, sessions: Sessions) -> Self {
        Self::start(registry, sessions, None, Admits::Anyone)
    }

    /// The same, asking for bearer tokens that are good for `uses` requests.
    pub fn with_tokens(registry: &str, uses: usize) -> Self {
        Self::start(registry, Sessions::Passed, Some(uses), Admits::Anyone)
    }

    /// The same, for those it admits, with sessions of this kind.
    pub fn guarded(registry: &str, sessions: Sessions, uses: usize, admits: Admits) -> Self {
        Self::start(registry, sessions, Some(uses), admits)
    }

    fn start(
        registry: &str,
        sessions: Sessions,
        token_uses: Option<usize>,
        admits: Admits,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = Arc::new(State {
            registry: registry.to_owned(),
            sessions,
            rule: Mutex::new(Arc::new(|_| None)),
            token_uses,
            admits,
            tokens: Mutex::default(),
            expired: AtomicUsize::new(0),
            parts: AtomicUsize::new(0),
            most_parts: AtomicUsize::new(0),
            locations: Mutex::default(),
            received: AtomicU64::new(0),
            pace: AtomicU64::new(0),
            harms: AtomicUsize::new(0),
            left: Mutex::default(),
            log: Mutex::default(),
            address: listener.local_addr().unwrap(),
            stop: AtomicBool::new(false),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if shared.stop.load(SeqCst) {
                    return;
                }
                let state = shared.clone();
                // A client that goes away in the middle is part of every test.
                std::thread::spawn(move || drop(state.serve(client.unwrap())));
            }
        });
        Faulty(state)
    }

    /// What happens to requests from now on.
    pub fn harm(&self, rule: impl Fn(&Asked) -> Option<Harm> + Send + Sync + 'static) {
        *self.0.rule.lock().unwrap() = Arc::new(rule);
    }

    /// How slow a line it stands for: nanoseconds that a byte of a blob takes on each connection.
    pub fn pace(&self, nanoseconds: u64) {
        self.0.pace.store(nanoseconds, SeqCst);
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        self.0.address.to_string()
    }

    /// Bytes of parts of blobs that arrived here.
    pub fn received(&self) -> u64 {
        self.0.received.load(SeqCst)
    }

    /// How many parts of blobs were on their way at the same time.
    pub fn most_parts(&self) -> usize {
        self.0.most_parts.load(SeqCst)
    }

    /// How many parts of blobs came with a token that had run out.
    pub fn expired(&self) -> usize {
        self.0.expired.load(SeqCst)
    }

    /// How much harm was done.
    pub fn harms(&self) -> usize {
        self.0.harms.load(SeqCst)
    }

    /// Requests that the client left, or the registry, although no harm was done: on a busy machine an answer can take
    /// longer than the client's patience.
    pub fn left(&self) -> Vec<Asked> {
        self.0.left.lock().unwrap().clone()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.0.log.lock().unwrap().clone()
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.0.stop.store(true, SeqCst);
        let _ = TcpStream::connect(self.0.address);
    }
}

/// An answer's head and body.
pub(super) struct Answer {
    line: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    fn new(status: u16, headers: &[(&str, String)], body: &str) -> Self {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), v.clone()));
        Answer {
            line: format!("HTTP/1.1 {status} Reply"),
            headers: headers
                .chain([("Content-Length".to_owned(), body.len().to_string())])
                .collect(),
            body: body.into(),
        }
    }

    fn read(stream: TcpStream, head_only: bool) -> std::io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let (line, headers) = head(&mut reader)?;
        let mut body = vec![];
        if !head_only {
            reader.read_to_end(&mut body)?;
        }
        Ok(Answer { line, headers, body })
    }

    /// Asks the registry at `HOST:PORT` without a body.
    pub(super) fn to(registry: &str, method: &str, path: &str) -> std::io::Result<Self> {
        let mut stream = TcpStream::connect(registry)?;
        let accept = format!("{}, {}", super::registry::MANIFEST, super::INDEX);
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {registry}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        Answer::read(stream, method == "HEAD")
    }

    pub(super) fn is_ok(&self) -> bool {
        self.line.split(' ').nth(1) == Some("200")
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| &**v)
    }

    fn set(&mut self, name: &str, value: String) {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value));
    }

    fn bytes(mut self) -> Vec<u8> {
        self.set("Connection", "close".to_owned());
        let headers: String = self.headers.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
        let mut bytes = format!("{}\r\n{headers}\r\n", self.line).into_bytes();
        bytes.extend(self.body);
        bytes
    }
}

/// Whether the other side closed the connection.
fn is_gone(stream: &TcpStream) -> std::io::Result<bool> {
    stream.set_nonblocking(true)?;
    let seen = stream.peek(&mut [0]);
    stream.set_nonblocking(false)?;
    Ok(seen.map_or_else(|error| error.kind() != std::io::ErrorKind::WouldBlock, |got| got == 0))
}

/// After an answer to a request that was not read: what is on its way is taken, as nginx and servers in Go do it, or the
/// client would lose the answer.
fn linger(mut client: TcpStream) -> std::io::Result<()> {
    client.shutdown(std::net::Shutdown::Write)?;
    client.set_read_timeout(Some(Duration::from_millis(500)))?;
    std::io::copy(&mut client, &mut std::io::sink()).map(drop)
}

/// The first line and the headers.
fn head(reader: &mut impl BufRead) -> std::io::Result<(String, Vec<(String, String)>)> {
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut headers = vec![];
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok((first.trim_end().to_owned(), headers))
}

impl State {
    // A request from its first line to its last: an arm for each harm.
    #[allow(clippy::too_many_lines)]
    fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(client.try_clone()?);
        let (line, headers) = head(&mut reader)?;
        let mut words = line.split(' ').map(str::to_owned);
        let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(()) };
        let mut asked = Asked { method, path, headers, length: 0, body: vec![], number: 0 };
        asked.length = asked.header("content-length").map_or(0, |v| v.parse().unwrap());
        assert!(asked.header("transfer-encoding").is_none(), "parts have a length");
        if let Some(answer) = self.token(&asked, &mut reader) {
            client.write_all(&answer.bytes())?;
            return if asked.is_part() { linger(client) } else { Ok(()) };
        }
        // Many of those who answer for a manifest have read it.
        let mut ahead = std::io::Cursor::new(vec![]);
        if asked.method == "PUT" && asked.path.contains("/manifests/") {
            (&mut reader).take(asked.length).read_to_end(&mut asked.body)?;
            ahead = std::io::Cursor::new(asked.body.clone());
        }
        asked.number = {
            let mut log = self.log.lock().unwrap();
            log.push(asked.clone());
            log.len() - 1
        };
        let rule = self.rule.lock().unwrap().clone();
        let harm = rule(&asked);
        if harm.is_some() {
            self.harms.fetch_add(1, SeqCst);
        }
        let on_its_way = asked.is_part().then(|| OnItsWay::new(self));
        let mut all = ahead.chain(&mut reader);
        let mut body =
            Body { reader: &mut all, left: asked.length, state: self, part: asked.is_part() };
        let answer = match &harm {
            Some(Harm::Status { status, headers, body: text, early }) => {
                if !early {
                    body.drain()?;
                }
                Answer::new(*status, headers, text)
            }
            Some(Harm::Recorded(Recorded { status, headers, body: text })) => {
                body.drain()?;
                let headers: Vec<_> =
                    headers.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
                Answer::new(*status, &headers, text)
            }
            Some(Harm::Changed(Change { path: Some(path), .. })) => {
                let elsewhere = Asked { path: path.clone(), ..asked.clone() };
                self.forward(&elsewhere, &mut body, false, false)?
            }
            Some(Harm::Redirect(host)) => {
                body.drain()?;
                let there = format!("http://{host}{}", asked.path);
                Answer::new(307, &[("Location", there)], "")
            }
            Some(Harm::CutRequest(after)) => {
                body.left = body.left.min(*after);
                self.forward(&asked, &mut body, false, true)?;
                return Ok(());
            }
            Some(Harm::Stall(after)) => {
                body.left = body.left.min(*after);
                let whole = *after >= asked.length;
                self.forward(&asked, &mut body, false, !whole)?;
                // What the client sent beyond that hides its going, so that this ends in any case.
                let end = std::time::Instant::now() + Duration::from_secs(20);
                while !is_gone(&client)? && std::time::Instant::now() < end {
                    std::thread::sleep(Duration::from_millis(50));
                }
                return Ok(());
            }
            Some(Harm::NoMount) => {
                let mut plain = asked.clone();
                plain.path.truncate(plain.path.find('?').unwrap_or(plain.path.len()));
                self.forward(&plain, &mut body, false, false)?
            }
            Some(Harm::Lose) => {
                body.drain()?;
                let end = Asked { method: "DELETE".to_owned(), length: 0, ..asked.clone() };
                let mut none =
                    Body { reader: &mut std::io::empty(), left: 0, state: self, part: false };
                self.forward(&end, &mut none, false, false)?;
                Answer::new(404, &[], r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}"#)
            }
            harm => {
                let spoiled = *harm == Some(Harm::SpoilRequest);
                let answer = self.forward(&asked, &mut body, spoiled, false);
                if answer.is_err() || body.left > 0 || is_gone(&client)? {
                    self.left.lock().unwrap().push(asked.clone());
                }
                answer?
            }
        };
        let mut answer = self.harmed(answer, harm.as_ref());
        if asked.method == "HEAD" {
            answer.body.clear();
        }
        let mut bytes = answer.bytes();
        if let Some(Harm::CutAnswer(after)) = harm {
            bytes.truncate(usize::try_from(after).unwrap());
        }
        // A client that has the answer may send the next part.
        drop(on_its_way);
        client.write_all(&bytes)?;
        client.flush()?;
        if matches!(harm, Some(Harm::Status { early: true, .. })) {
            linger(client)?;
        }
        Ok(())
    }

    fn harmed(&self, mut answer: Answer, harm: Option<&Harm>) -> Answer {
        match harm {
            Some(Harm::WrongDigest) => {
                answer.set("Docker-Content-Digest", format!("sha256:{}", "0".repeat(64)));
            }
            Some(Harm::Spoil) => {
                if let Some(byte) = answer.body.first_mut() {
                    *byte ^= 1;
                }
            }
            Some(Harm::Headers(headers)) => {
                headers.iter().for_each(|(name, value)| answer.set(name, value.clone()));
            }
            Some(Harm::Changed(Change { status, set, without, range, .. })) => {
                if let Some(status) = status {
                    answer.line = format!("HTTP/1.1 {status} Reply");
                }
                let ends = answer.get("range").and_then(|text| text.split_once('-'));
                let ends = ends.and_then(|(start, end)| Some((start, end.parse::<u64>().ok()?)));
                if let Some((start, end)) = ends {
                    let text = format!("{start}-{}", end + range);
                    answer.set("Range", text);
                }
                let stays =
                    |name: &str| !without.iter().any(|gone| gone.eq_ignore_ascii_case(name));
                answer.headers.retain(|(name, _)| stays(name));
                set.iter().for_each(|(name, value)| answer.set(name, value.clone()));
            }
            _ => {}
        }
        answer
    }

    /// Takes the request to the registry. `cut`: the body ends before it should.
    fn forward(
        &self,
        asked: &Asked,
        body: &mut Body<'_>,
        spoiled: bool,
        cut: bool,
    ) -> std::io::Result<Answer> {
        let kept = self.sessions == Sessions::Kept && asked.path.contains("/blobs/uploads/");
        let (stable, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let known = self.locations.lock().unwrap().get(stable).cloned();
        let (mut method, mut path) = (&*asked.method, asked.path.clone());
        if let (true, Some(location)) = (kept, &known) {
            path.clone_from(location);
            if cut {
                // What a spec-abiding registry has of a part that broke off.
                method = "PATCH";
            } else if !query.is_empty() {
                path = format!("{path}&{query}");
            }
        }
        let mut bytes = vec![];
        let length = if kept {
            body.read_to_end(&mut bytes)?;
            bytes.len() as u64
        } else {
            asked.length
        };
        let mut registry = TcpStream::connect(&self.registry)?;
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {length}\r\n",
            self.registry
        );
        for (name, value) in &asked.headers {
            let lower = name.to_lowercase();
            let own = ["host", "connection", "content-length", "authorization"].contains(&&*lower);
            // A range must be as long as the body.
            let stale = cut && kept && lower == "content-range";
            if !own && !stale {
                text += &format!("{name}: {value}\r\n");
            }
        }
        registry.write_all(format!("{text}\r\n").as_bytes())?;
        if kept {
            registry.write_all(&bytes)?;
        } else {
            body.copy(&mut registry, spoiled)?;
            if cut {
                return Ok(Answer::new(500, &[], ""));
            }
        }
        let mut answer = Answer::read(registry, asked.method == "HEAD")?;
        // A registry builds addresses from the name it was called by; a strict one knows only its own.
        let (own, ours) = (format!("://{}/", self.registry), format!("://{}/", self.address));
        if let Some(location) = answer.get("location").map(|l| l.replacen(&own, &ours, 1)) {
            answer.set("Location", location);
        }
        if kept && let Some(location) = answer.get("location") {
            let location = location
                .split_once("://")
                .map_or(location, |(_, rest)| &rest[rest.find('/').unwrap_or(0)..]);
            let location = location.to_owned();
            if location.contains("/blobs/uploads/") {
                let stable = location.split('?').next().unwrap().to_owned();
                self.locations.lock().unwrap().insert(stable.clone(), location);
                answer.set("Location", stable);
            }
        }
        Ok(answer)
    }

    /// The answer to who has no token, or wants one.
    fn token(&self, asked: &Asked, reader: &mut dyn Read) -> Option<Answer> {
        let mut uses = self.token_uses?;
        if asked.path.starts_with("/token") {
            self.log.lock().unwrap().push(asked.clone());
            let mut form = String::new();
            reader.take(asked.length).read_to_string(&mut form).unwrap();
            let field = |name: &str, value: &str| {
                url::form_urlencoded::parse(form.as_bytes()).any(|(n, v)| n == name && v == value)
            };
            let admitted = match self.admits {
                Admits::Anyone => true,
                Admits::Password(pair) => {
                    asked.header("authorization") == Some(&format!("Basic {pair}"))
                }
                Admits::Identity(token) => {
                    asked.method == "POST"
                        && field("grant_type", "refresh_token")
                        && field("refresh_token", token)
                }
                Admits::Token(_) => false,
                Admits::Scope { scope, refuses } => {
                    let query = asked.path.split_once('?').unwrap_or_default().1;
                    let query = url::form_urlencoded::parse(query.as_bytes());
                    let has = |name: &str| query.filter(|(n, _)| n == name).collect::<Vec<_>>();
                    if !has("service").is_empty() {
                        return Some(Answer::new(400, &[], "no such service"));
                    }
                    let wanted = has("scope").iter().any(|(_, value)| value == scope);
                    uses *= usize::from(wanted);
                    wanted || !refuses
                }
            };
            if !admitted {
                let said = r#"{"details":"no token for you"}"#;
                return Some(Answer::new(401, &[], said));
            }
            let mut tokens = self.tokens.lock().unwrap();
            tokens.push(uses);
            let token = format!("t{}", tokens.len() - 1);
            let text = match (self.admits, &*asked.method) {
                (Admits::Scope { .. }, _) => {
                    format!(r#"{{"token": "", "access_token": "{token}"}}"#)
                }
                (_, "POST") => format!(r#"{{"access_token": "{token}"}}"#),
                _ => format!(r#"{{"token": "{token}"}}"#),
            };
            return Some(Answer::new(200, &[], &text));
        }
        if let Admits::Token(token) = self.admits
            && asked.header("authorization") == Some(&format!("Bearer {token}"))
        {
            return None;
        }
        let mut tokens = self.tokens.lock().unwrap();
        let given = asked.header("authorization").and_then(|v| v.strip_prefix("Bearer t"));
        let left = given.and_then(|n| tokens.get_mut(n.parse::<usize>().ok()?));
        if let Some(left) = left.filter(|left| **left > 0) {
            *left -= 1;
            return None;
        }
        self.expired.fetch_add(usize::from(asked.is_part()), SeqCst);
        let more = match self.admits {
            Admits::Scope { scope, .. } => format!("scope=\"{scope}\""),
            _ => "service=\"test\"".to_owned(),
        };
        let challenge = format!("Bearer realm=\"http://{}/token\",{more}", self.address);
        Some(Answer::new(401, &[("WWW-Authenticate", challenge)], ""))
    }
}

/// A part of a blob while it is on its way.
struct OnItsWay<'a>(&'a State);

impl<'a> OnItsWay<'a> {
    fn new(state: &'a State) -> Self {
        let now = state.parts.fetch_add(1, SeqCst) + 1;
        state.most_parts.fetch_max(now, SeqCst);
        OnItsWay(state)
    }
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        self.0.parts.fetch_sub(1, SeqCst);
    }
}

/// The body of a request, counted where it is part of a blob.
struct Body<'a> {
    reader: &'a mut dyn Read,
    left: u64,
    state: &'a State,
    part: bool,
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            // A buffered reader would wait for more than there is.
            return Ok(0);
        }
        let got = self.reader.read(&mut buffer[..wanted])?;
        self.left -= got as u64;
        if self.part {
            self.state.received.fetch_add(got as u64, SeqCst);
            let pace = self.state.pace.load(SeqCst) * got as u64;
            if pace > 0 {
                std::thread::sleep(Duration::from_nanos(pace));
            }
        }
        Ok(got)
    }
}

impl Body<'_> {
    fn drain(&mut self) -> std::io::Result<()> {
        std::io::copy(self, &mut std::io::sink()).map(drop)
    }

    fn copy(&mut self, to: &mut TcpStream, spoiled: bool) -> std::io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        let mut first = spoiled;
        loop {
            let got = self.read(&mut buffer)?;
            if got == 0 {
                return Ok(());
            }
            buffer[0] ^= u8::from(std::mem::take(&mut first));
            to.write_all(&buffer[..got])?;
        }
    }
}
