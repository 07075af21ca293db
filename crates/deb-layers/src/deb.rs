//! A package: what control.tar says of it, and the entries of data.tar, whose bytes are spooled.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::ar::{Member, Section, parts};
use crate::content::Content;
use crate::control::{Control, LIMIT};
use crate::decoder::Decoder;
use crate::error::{Error, Flaw};
use crate::node::{Kind, Node, Owner};
use crate::path::clean;
use crate::spool::Spool;
use crate::tar_stream::{Bad, Header, HeaderKind, TarStream};

/// The most entries of a package.
const ENTRIES: usize = 1_000_000;
/// How much is spooled at once, bytes.
const CHUNK: usize = 256 << 10;

/// Where a package lies.
#[derive(Debug, Clone)]
pub struct Package {
    /// What people call it: its file name.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// The most that it may unpack to, bytes: what an index or a lock says of it, generously.
    pub unpacked: u64,
}

/// A package that was read.
#[derive(Debug, Clone)]
pub struct Deb {
    /// Its file name.
    pub file: String,
    /// What control.tar says.
    pub control: Control,
    /// Paths without the leading slash in the order of data.tar, with their nodes. The root is the empty path.
    pub entries: Vec<(String, Node)>,
}

impl Deb {
    /// Reads control.tar alone.
    ///
    /// # Errors
    ///
    /// [`Error`], with package and member.
    pub fn control(package: &Package) -> Result<Control, Error> {
        let file = open(package)?;
        let parts = parts(&file, &package.name)?;
        control(package, &file, &parts.control)
    }

    /// Reads a package; the bytes of its files go into `spool`.
    pub(crate) fn read(package: &Package, spool: &mut Spool) -> Result<Self, Error> {
        let file = open(package)?;
        let parts = parts(&file, &package.name)?;
        let control = control(package, &file, &parts.control)?;
        let mut data = Data { package, spool, entries: Vec::new(), seen: HashMap::new() };
        part(package, &file, &parts.data, "data.tar", package.unpacked, |tar| {
            while let Some(header) = tar.next()? {
                data.add(header, tar)?;
            }
            Ok(())
        })?;
        let Data { entries, .. } = data;
        Ok(Deb { file: package.name.clone(), control, entries })
    }

    /// Reads packages in parallel; the bytes of their files go into temporary files in `folder`, which have no name and go
    /// with the last of the packages. Memory does not grow with the packages' sizes.
    ///
    /// # Errors
    ///
    /// [`Error`], with package and member; of several, that of the first package.
    pub fn read_all(packages: &[Package], folder: &Path) -> Result<Vec<Deb>, Error> {
        // The largest first, so that no thread is left alone with it in the end.
        let mut order: Vec<usize> = (0..packages.len()).collect();
        let size = |at: &usize| std::fs::metadata(&packages[*at].path).map_or(0, |meta| meta.len());
        order.sort_by_cached_key(|at| std::cmp::Reverse(size(at)));
        let next = AtomicUsize::new(0);
        let work = || {
            let mut spool = None;
            let mut done = Vec::new();
            while let Some(at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                let package = &packages[*at];
                done.push((*at, read_one(package, folder, &mut spool)));
            }
            done
        };
        let threads = thread::available_parallelism().map_or(1, usize::from).min(packages.len());
        let mut all: Vec<(usize, Result<Deb, Error>)> = thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut all = work();
            for thread in others {
                all.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            all
        });
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, deb)| deb).collect()
    }
}

fn read_one(package: &Package, folder: &Path, spool: &mut Option<Spool>) -> Result<Deb, Error> {
    if spool.is_none() {
        let created = Spool::create(folder);
        *spool = Some(created.map_err(|source| spooling(package, source))?);
    }
    // It is there since the line before.
    let Some(spool) = spool.as_mut() else { unreachable!() };
    Deb::read(package, spool)
}

fn open(package: &Package) -> Result<File, Error> {
    File::open(&package.path)
        .map_err(|source| Error::Read { package: package.name.clone(), source })
}

fn spooling(package: &Package, source: std::io::Error) -> Error {
    Error::Spool { package: package.name.clone(), source }
}

fn control(package: &Package, file: &File, member: &Member) -> Result<Control, Error> {
    let mut read = None;
    part(package, file, member, "control.tar", LIMIT, |tar| {
        read = Some(Control::read(tar)?);
        Ok(())
    })?;
    read.ok_or_else(|| Flaw::Missing.of(&package.name, "control"))
}

/// What stopped an inner archive: its own fault, or that of the disk.
enum Stop {
    Bad(Bad),
    Error(Error),
}

impl From<Bad> for Stop {
    fn from(bad: Bad) -> Self {
        Stop::Bad(bad)
    }
}

type Inner<'a> = TarStream<Decoder<Section<'a>>>;

/// Reads one of the inner archives to its end, by `read`.
fn part<'a>(
    package: &Package,
    file: &'a File,
    member: &Member,
    stem: &str,
    limit: u64,
    read: impl FnOnce(&mut Inner<'a>) -> Result<(), Stop>,
) -> Result<(), Error> {
    let here = |flaw: Flaw| flaw.of(&package.name, &member.name);
    let decoder = Decoder::new(&member.name, stem, Section::new(file, member)).map_err(here)?;
    let mut tar = TarStream::new(decoder, limit);
    read(&mut tar).map_err(|stop| match stop {
        Stop::Error(error) => error,
        Stop::Bad(Bad::Flaw(name, flaw)) if name.is_empty() => here(flaw),
        Stop::Bad(Bad::Flaw(name, flaw)) => {
            flaw.of(&package.name, format!("{}: `{}`", member.name, name.escape_debug()))
        }
        // Decoders have errors of their own; what the system says has a number.
        Stop::Bad(Bad::Read(source)) if source.raw_os_error().is_some() => {
            Error::Read { package: package.name.clone(), source }
        }
        Stop::Bad(Bad::Read(source)) => here(Flaw::Damaged(source.to_string())),
    })?;
    tar.into_inner().finish().map_err(here)
}

/// The entries of data.tar so far.
struct Data<'a> {
    package: &'a Package,
    spool: &'a mut Spool,
    entries: Vec<(String, Node)>,
    /// Where a path is among them.
    seen: HashMap<String, usize>,
}

impl Data<'_> {
    fn add(&mut self, header: Header, tar: &mut Inner<'_>) -> Result<(), Stop> {
        let bad = |flaw| Stop::Bad(Bad::Flaw(header.name.clone(), flaw));
        let path = path(&header).map_err(bad)?;
        if self.entries.len() == ENTRIES {
            return Err(bad(Flaw::Large { limit: ENTRIES as u64, unit: "entries" }));
        }
        if let Some(at) = self.seen.get(&path) {
            let directories =
                self.entries[*at].1.is_directory() && header.kind == HeaderKind::Directory;
            return if directories { Ok(()) } else { Err(bad(Flaw::Twice)) };
        }
        let kind = match &header.kind {
            HeaderKind::Directory => Kind::Directory,
            HeaderKind::Symlink(target) => {
                if target.is_empty() || target.contains('\0') {
                    return Err(bad(Flaw::Name("points nowhere")));
                }
                Kind::Symlink { target: target.clone() }
            }
            HeaderKind::HardLink(to) => {
                let lost = || bad(Flaw::Link(to.clone()));
                let at = *self.seen.get(&clean(to).map_err(|_| lost())?).ok_or_else(lost)?;
                let (path, node) = &self.entries[at];
                match &node.kind {
                    Kind::File(_) => Kind::HardLink { to: path.clone() },
                    Kind::HardLink { to } => Kind::HardLink { to: to.clone() },
                    _ => return Err(lost()),
                }
            }
            HeaderKind::File { size } => Kind::File(self.spool(*size, tar)?),
        };
        let owner = Owner { uid: header.uid, gid: header.gid };
        let (mode, mtime) = (header.mode, Some(header.mtime));
        let node = Node { mode, owner, mtime, xattrs: Default::default(), kind };
        self.seen.insert(path.clone(), self.entries.len());
        self.entries.push((path, node));
        Ok(())
    }

    fn spool(&mut self, size: u64, tar: &mut Inner<'_>) -> Result<Content, Stop> {
        let wanted = usize::try_from(size).unwrap_or(CHUNK).min(CHUNK);
        let mut buffer = vec![0; wanted.max(1)];
        loop {
            let length = tar.read_content(&mut buffer)?;
            if length == 0 {
                return Ok(Content::Spooled(self.spool.last(size)));
            }
            let written = self.spool.write(&buffer[..length]);
            written.map_err(|source| Stop::Error(spooling(self.package, source)))?;
        }
    }
}

/// The path of an entry, when it is one that a package may have.
fn path(header: &Header) -> Result<String, Flaw> {
    let path = clean(&header.name).map_err(|_| Flaw::Name("is too long or leads out"))?;
    let is_directory = header.kind == HeaderKind::Directory;
    if header.name.chars().any(char::is_control) {
        return Err(Flaw::Name("has a control character, which dpkg's lists cannot hold"));
    }
    if !is_directory && (path.is_empty() || header.name.ends_with('/')) {
        return Err(Flaw::Name("only a directory can have"));
    }
    if path.split('/').any(|name| name.starts_with(".wh.")) {
        return Err(Flaw::Name("begins with `.wh.`: in a layer it would delete a file"));
    }
    Ok(path)
}

#[cfg(test)]
mod tests;
