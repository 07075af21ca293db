//! What installing a wheel adds, as pip and uv do it: places, modes, scripts, RECORD. Pure.

use bytes::Bytes;

use crate::archive::ArchiveMember;
use crate::directory::in_data_folder;
use crate::entry_points;
use crate::error::Error;
use crate::flaw::Flaw;
use crate::record::{Row, write};
use crate::tree::{Content, Kind, Member, Node, Owner, Tree};
use crate::wheel::{PYTHON, Wheel};

/// Where wheels are installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Without slashes at its ends, `opt/conda/envs/py`.
    pub root: String,
    /// `3.14`
    pub python_minor: String,
    /// Whether it is a virtual environment of another Python, or a Python of its own: headers go
    /// to `include/site/python3.14` or to `include/python3.14`.
    pub is_virtual: bool,
    /// Of all that is installed.
    pub owner: Owner,
    /// The program that installs, for INSTALLER and the scripts it makes.
    pub installer: String,
}

/// Files of `.dist-info` that belong to the program that installed it, or sign what is changed here.
const INSTALLERS_OWN: [&str; 6] =
    ["RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json"];

const FILE: u32 = 0o644;
const PROGRAM: u32 = 0o755;

impl Environment {
    /// Where modules go, without the leading slash.
    pub fn site_packages(&self) -> String {
        format!("{}/lib/python{}/site-packages", self.root, self.python_minor)
    }

    /// The first line of scripts, with its end.
    fn shebang(&self) -> String {
        format!("#!/{}/bin/python\n", self.root)
    }
}

/// What installing `wheel` adds. `file` is the number that members of the result give for it.
///
/// # Errors
///
/// [`Error::Member`] for a file without a known place, or one whose place is taken.
pub fn install(wheel: &Wheel, file: usize, environment: &Environment) -> Result<Tree, Error> {
    let mut commands = wheel.commands.clone();
    if wheel.project.as_ref() == "pip" {
        entry_points::name_pip(&mut commands, &environment.python_minor);
    }
    let mut made = Made::new(wheel, environment);
    for member in &wheel.members {
        let Place { path, is_script } = match place(wheel, environment, &member.name)? {
            Some(place) => place,
            None => continue,
        };
        let name = path.rsplit('/').next().unwrap_or(&path);
        if is_script && commands.contains_key(wrapped(name)) {
            continue;
        }
        let mode = if is_script || is_program(member.mode) { PROGRAM } else { FILE };
        match wheel.scripts.get(&member.name).filter(|_| is_script) {
            Some(script) => {
                made.text(&member.name, path, mode, with_shebang(script, environment))?
            }
            None => {
                if wheel.namespaces.contains(&member.name) {
                    made.tree.declare_namespace(path.clone());
                }
                made.member(member, path, mode, file)?;
            }
        }
    }
    for (name, command) in &commands {
        let path = format!("{}/bin/{name}", environment.root);
        made.text(
            name,
            path,
            PROGRAM,
            command.script(&environment.shebang(), &environment.installer).into(),
        )?;
    }
    made.finish()
}

/// Where a member goes.
struct Place {
    path: String,
    is_script: bool,
}

/// `None`: it is not installed.
fn place(wheel: &Wheel, environment: &Environment, name: &str) -> Result<Option<Place>, Error> {
    let (top, rest) = name.split_once('/').unwrap_or((name, ""));
    if is_bytecode(wheel, name) || (top == wheel.info && INSTALLERS_OWN.contains(&rest)) {
        return Ok(None);
    }
    let Environment { root, python_minor, is_virtual, .. } = environment;
    if !top.ends_with(".data") {
        let path = format!("{}/{name}", environment.site_packages());
        return Ok(Some(Place { path, is_script: false }));
    }
    let unknown = || Error::member(&wheel.file, name, Flaw::Scheme);
    let found = in_data_folder(name).map_err(|flaw| Error::member(&wheel.file, name, flaw))?;
    let (scheme, below) = found.ok_or_else(unknown)?;
    let folder = match scheme {
        "purelib" | "platlib" => environment.site_packages(),
        "scripts" => format!("{root}/bin"),
        "headers" => {
            let site = if *is_virtual { "site/" } else { "" };
            format!("{root}/include/{site}python{python_minor}/{}", wheel.project)
        }
        "data" => root.clone(),
        _ => return Err(unknown()),
    };
    Ok(Some(Place { path: format!("{folder}/{below}"), is_script: scheme == "scripts" }))
}

/// Whether it is a compiled module that Python can make again. One without its source is the module.
fn is_bytecode(wheel: &Wheel, name: &str) -> bool {
    let has =
        |source: &str| wheel.members.binary_search_by(|m| m.name.as_str().cmp(source)).is_ok();
    name.split('/').any(|part| part == "__pycache__")
        || (name.ends_with(".pyc") && has(&name[..name.len() - 1]))
}

/// The command that a file in `scripts` would start, if it were a wrapper made on Windows.
fn wrapped(name: &str) -> &str {
    [".exe", "-script.py", ".pya"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// As pip decides it: a file, marked as one, that is executable.
fn is_program(mode: u32) -> bool {
    mode & 0o170_000 == 0o100_000 && mode & 0o111 != 0
}

/// The script with the environment's interpreter in the place of `#!python…`.
fn with_shebang(script: &[u8], environment: &Environment) -> Bytes {
    debug_assert!(script.starts_with(PYTHON));
    let end = memchr::memchr(b'\n', script).map_or(script.len(), |end| end + 1);
    [environment.shebang().as_bytes(), &script[end..]].concat().into()
}

/// The tree and the RECORD as they grow.
struct Made<'a> {
    wheel: &'a Wheel,
    environment: &'a Environment,
    site_packages: String,
    tree: Tree,
    rows: Vec<(String, Row)>,
}

impl<'a> Made<'a> {
    fn new(wheel: &'a Wheel, environment: &'a Environment) -> Self {
        let site_packages = environment.site_packages();
        Self { wheel, environment, site_packages, tree: Tree::default(), rows: vec![] }
    }

    fn member(
        &mut self,
        member: &ArchiveMember,
        path: String,
        mode: u32,
        file: usize,
    ) -> Result<(), Error> {
        let hash = self.wheel.hashes.get(&member.name).cloned().unwrap_or_default();
        let row = Row { hash, size: member.data.size.to_string() };
        let content = Content::Member(Member { file, ..member.data });
        self.add(&member.name, path, mode, content, row)
    }

    fn text(&mut self, name: &str, path: String, mode: u32, bytes: Bytes) -> Result<(), Error> {
        let row = Row::of(&bytes);
        self.add(name, path, mode, Content::Bytes(bytes), row)
    }

    fn add(
        &mut self,
        name: &str,
        path: String,
        mode: u32,
        content: Content,
        row: Row,
    ) -> Result<(), Error> {
        self.rows.push((self.relative(&path), row));
        self.insert(name, path, mode, content)
    }

    fn insert(
        &mut self,
        name: &str,
        path: String,
        mode: u32,
        content: Content,
    ) -> Result<(), Error> {
        let Environment { root, owner, .. } = self.environment;
        let node = Node { mode, owner: *owner, kind: Kind::File(content) };
        let added = self.tree.insert_folders(root, &path, *owner);
        let added = added.and_then(|()| self.tree.insert(path, node));
        added.map_err(|taken| Error::member(&self.wheel.file, name, Flaw::Twice(taken.0)))
    }

    /// A path as RECORD writes it: from site-packages on.
    fn relative(&self, path: &str) -> String {
        let inside = path.strip_prefix(&self.site_packages).and_then(|rest| rest.strip_prefix('/'));
        let from_root = || path.strip_prefix(&self.environment.root).unwrap_or(path);
        inside.map_or_else(|| format!("../../..{}", from_root()), str::to_owned)
    }

    fn finish(mut self) -> Result<Tree, Error> {
        let info = &self.wheel.info;
        let (installer, record) = (format!("{info}/INSTALLER"), format!("{info}/RECORD"));
        let place = |name: &str| format!("{}/{name}", self.site_packages);
        let (installer_path, record_path) = (place(&installer), place(&record));
        let program = format!("{}\n", self.environment.installer);
        self.text(&installer, installer_path, FILE, program.into())?;
        let text = write(std::mem::take(&mut self.rows), &record);
        self.insert(&record, record_path, FILE, Content::Bytes(text.into()))?;
        Ok(self.tree)
    }
}
