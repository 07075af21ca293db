//! Archives as apt has them, made and signed by the test, and served.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use envlock::digest::Sha256;
use jiff::{Timestamp, ToSpan};

use super::forge::{FLAG_CERTIFY, FLAG_SIGN, Key, Says, canonical, clearsigned};
use super::{Reply, Server};

/// A suite, before it is signed.
#[derive(Debug, Clone)]
pub struct AptSuite {
    pub suite: String,
    pub codename: String,
    pub origin: String,
    pub date: Timestamp,
    pub valid_until: Option<Timestamp>,
    /// Whether files lie by their hash too, which its Release file then says.
    pub by_hash: bool,
    /// Whether the Release file states the hash of the lists' texts.
    pub states_texts: bool,
    /// By component and architecture.
    pub packages: BTreeMap<(String, String), String>,
}

impl AptSuite {
    /// A suite of Debian of yesterday, with an empty list for main and amd64.
    pub fn debian(codename: &str) -> Self {
        AptSuite {
            suite: format!("{codename}-suite"),
            codename: codename.to_owned(),
            origin: "Debian".to_owned(),
            date: Timestamp::now() - 24.hours(),
            valid_until: None,
            by_hash: true,
            states_texts: true,
            packages: BTreeMap::new(),
        }
        .with("main", "amd64", "")
    }

    pub fn with(mut self, component: &str, architecture: &str, packages: &str) -> Self {
        self.packages.insert((component.to_owned(), architecture.to_owned()), packages.to_owned());
        self
    }

    /// The lists, by their paths below the suite's folder: as they are, and compressed.
    pub fn lists(&self) -> BTreeMap<String, Vec<u8>> {
        let lists = self.packages.iter().flat_map(|((component, architecture), text)| {
            let path = format!("{component}/binary-{architecture}/Packages");
            let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
            xz.write_all(text.as_bytes()).unwrap();
            [(format!("{path}.xz"), xz.finish().unwrap()), (path, text.clone().into_bytes())]
        });
        lists.collect()
    }

    /// The Release file's text.
    pub fn release(&self) -> String {
        let time = |at: Timestamp| at.strftime("%a, %d %b %Y %H:%M:%S UTC");
        let words = |of: fn(&(String, String)) -> &String| {
            let mut words: Vec<_> = self.packages.keys().map(|key| of(key).as_str()).collect();
            words.sort_unstable();
            words.dedup();
            words.join(" ")
        };
        let mut text = format!("Origin: {}\nLabel: {}\n", self.origin, self.origin);
        writeln!(text, "Suite: {}\nCodename: {}", self.suite, self.codename).unwrap();
        writeln!(text, "Date: {}", time(self.date)).unwrap();
        if let Some(at) = self.valid_until {
            writeln!(text, "Valid-Until: {}", time(at)).unwrap();
        }
        let by_hash = if self.by_hash { "yes" } else { "no" };
        let (architectures, components) = (words(|key| &key.1), words(|key| &key.0));
        writeln!(text, "Acquire-By-Hash: {by_hash}\nArchitectures: {architectures}").unwrap();
        writeln!(text, "Components: {components}\nSHA256:").unwrap();
        for (path, bytes) in self.lists() {
            if self.states_texts || path.ends_with(".xz") {
                writeln!(text, " {} {} {path}", Sha256::of(&bytes), bytes.len()).unwrap();
            }
        }
        text
    }

    /// Its files below the archive, signed by this key.
    pub fn files(&self, key: &Key) -> BTreeMap<String, Vec<u8>> {
        let folder = format!("dists/{}", self.codename);
        let mut files = BTreeMap::new();
        for (path, bytes) in self.lists() {
            if self.by_hash {
                let place = path.rsplit_once('/').unwrap().0;
                let hash = Sha256::of(&bytes);
                files.insert(format!("{folder}/{place}/by-hash/SHA256/{hash}"), bytes.clone());
            }
            files.insert(format!("{folder}/{path}"), bytes);
        }
        let signed = sign(&self.release(), key).into_bytes();
        files.insert(format!("{folder}/InRelease"), signed);
        files
    }
}

/// A key of 2025; the number decides which.
pub fn archive_key(number: u8) -> Key {
    Key::new(number, 1_735_689_600)
}

/// The keyring with this key.
pub fn keyring(key: &Key) -> Vec<u8> {
    key.certificate(&Says { flags: Some(FLAG_CERTIFY | FLAG_SIGN), ..Says::at(key.created) })
}

/// A text, signed now.
pub fn sign(text: &str, key: &Key) -> String {
    let says = Says::at(seconds(Timestamp::now()));
    clearsigned(text, &[key.sign(&says, &[&canonical(text)])])
}

fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.as_second()).unwrap()
}

/// Files by their paths, served below `/debian/`; the test changes them meanwhile.
pub struct AptServer {
    pub server: Server,
    pub files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl AptServer {
    pub fn start(files: BTreeMap<String, Vec<u8>>) -> Self {
        let files = Arc::new(Mutex::new(files));
        let served = Arc::clone(&files);
        let server = Server::start(move |request| {
            let path = request.path.strip_prefix("/debian/").unwrap_or("nowhere");
            match served.lock().unwrap().get(path) {
                Some(bytes) => {
                    let tag = format!("\"{}\"", Sha256::of(bytes));
                    let reply = match request.header("if-none-match") == Some(&tag) {
                        true => Reply::status(304),
                        false => Reply::ranged(request, bytes),
                    };
                    reply.header("ETag", tag).header("Cache-Control", "no-cache")
                }
                None => Reply::status(404),
            }
        });
        AptServer { server, files }
    }

    pub fn put(&self, files: BTreeMap<String, Vec<u8>>) {
        self.files.lock().unwrap().extend(files);
    }

    /// Changes one file.
    pub fn change(&self, path: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        let mut files = self.files.lock().unwrap();
        let old = files.remove(path).unwrap_or_else(|| panic!("there is no {path}"));
        files.insert(path.to_owned(), change(old));
    }

    /// What was asked since the last time, without the folder.
    pub fn asked(&self) -> Vec<String> {
        let all = self.server.requests().into_iter();
        all.map(|request| request.path.trim_start_matches("/debian/").to_owned()).collect()
    }
}
