//! Modules compiled ahead of their first import, by the locked interpreter where it can run on this machine.

use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use miette::Diagnostic;
use wheel_layers::tree::{Content, Kind, Member, Node, Tree};
use wheel_layers::{Environment, Flaw, Source, archive};

use super::error::Error;
use crate::exit::{Classified, Exit, Failure};

/// What the interpreter runs.
const SCRIPT: &str = include_str!("compile_wheel.py");

/// Why modules were not compiled.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum NotCompiled {
    /// No interpreter of the locked version runs here.
    #[error("modules cannot be compiled: no Python {version} runs on this machine ({found})")]
    #[diagnostic(help(
        "put that Python on the PATH, use python.source = \"standalone\", or leave out build.bytecode"
    ))]
    NoPython {
        /// The locked version.
        version: String,
        /// What was found instead.
        found: String,
    },
    /// It ran, and failed.
    #[error("Python could not compile the modules of {wheel}: {said}")]
    #[diagnostic(help("leave out build.bytecode, or lock another version of it"))]
    Failed {
        /// The wheel's file name.
        wheel: String,
        /// The last line of its standard error.
        said: String,
    },
}

impl Classified for NotCompiled {
    fn exit(&self) -> Exit {
        Exit::Build
    }
}

/// An interpreter of the locked version.
#[derive(Debug, Clone)]
pub(super) struct Compiler {
    python: Utf8PathBuf,
}

impl Compiler {
    /// This program, when it is Python `version`. Blocks.
    pub(super) fn of(python: &Utf8Path, version: &str) -> Result<Self, NotCompiled> {
        let missing = |found: String| NotCompiled::NoPython { version: version.to_owned(), found };
        let script =
            "import platform; print(platform.python_implementation(), platform.python_version())";
        let answer = plain(python).args(["-I", "-c", script]).output();
        let answer = answer.map_err(|error| missing(format!("{python}: {error}")))?;
        let said = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        if said != format!("CPython {version}") {
            return Err(missing(format!("{python} is {said:?}")));
        }
        Ok(Compiler { python: python.to_owned() })
    }

    /// Writes the compiled modules of `wheel`, a file with this name, to the zip file `out`. `site_packages` is where
    /// they will lie, an absolute path. Blocks.
    pub(super) fn compile(
        &self,
        wheel: &Utf8Path,
        name: &str,
        site_packages: &str,
        out: &Utf8Path,
    ) -> Result<(), NotCompiled> {
        let failed = |said: String| NotCompiled::Failed { wheel: name.to_owned(), said };
        let ran = plain(&self.python)
            .args(["-I", "-S", "-W", "ignore", "-c", SCRIPT])
            .args([wheel.as_str(), site_packages, out.as_str()])
            .output();
        let ran = ran.map_err(|error| failed(error.to_string()))?;
        if ran.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&ran.stderr);
        Err(failed(said.lines().last().unwrap_or("it printed nothing").to_owned()))
    }
}

/// The folder with what is in a standalone interpreter's archive. Blocks.
pub(super) fn unpacked(archive: &Utf8Path, folder: &Utf8Path) -> Result<Utf8PathBuf, Failure> {
    let unpack = || -> std::io::Result<()> {
        let part = Utf8PathBuf::from(format!("{folder}.{}.part", std::process::id()));
        let packed = std::io::BufReader::new(std::fs::File::open(archive)?);
        let mut archive = tar::Archive::new(flate2::read::MultiGzDecoder::new(packed));
        // An incomplete interpreter is useless, and takes space on a disk that may be full.
        archive.unpack(&part).inspect_err(|_| _ = std::fs::remove_dir_all(&part))?;
        match std::fs::rename(&part, folder) {
            // Another build put it there first.
            Err(_) if folder.is_dir() => std::fs::remove_dir_all(&part),
            renamed => renamed,
        }
    };
    if !folder.is_dir() {
        unpack().map_err(Error::file("unpacking an interpreter to", folder))?;
    }
    Ok(folder.to_owned())
}

/// What the compiled modules in this zip add to an environment; `file` is its number.
pub(super) fn tree(
    source: &Source,
    file: usize,
    environment: &Environment,
) -> Result<Tree, wheel_layers::Error> {
    let mut tree = Tree::default();
    let owner = environment.owner;
    for member in archive::read(&source.file, &source.name)? {
        let path = format!("{}/{}", environment.site_packages(), member.name);
        let kind = Kind::File(Content::Member(Member { file, ..member.data }));
        let node = Node { mode: 0o644, owner, kind };
        let added = tree.insert_folders(&environment.root, &path, owner);
        let added = added.and_then(|()| tree.insert(path, node));
        added.map_err(|taken| {
            wheel_layers::Error::member(&source.name, &member.name, Flaw::Twice(taken.0))
        })?;
    }
    Ok(tree)
}

/// Takes this machine's environment away, so that it does not change what is compiled.
fn plain(python: &Utf8Path) -> Command {
    let mut command = Command::new(python);
    command.env_clear().env("PYTHONHASHSEED", "0").env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    // Where the interpreter is looked for.
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

#[cfg(test)]
mod tests {
    use super::super::system::RAY;
    use super::*;

    /// This machine's interpreter and its version.
    fn interpreter() -> (Utf8PathBuf, String) {
        let script = "import sys, platform; print(sys.executable, platform.python_version())";
        let said = Command::new("python3").args(["-c", script]).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        let (path, version) = said.trim().rsplit_once(' ').unwrap();
        (path.into(), version.to_owned())
    }

    #[test]
    fn modules_are_compiled_the_same_every_time_and_run_without_their_source() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| Utf8PathBuf::from_path_buf(folder.path().join(name)).unwrap();
        let mut zip = zip::ZipWriter::new(std::fs::File::create(at("a.whl")).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        for (name, text) in [("a/b.py", "x = {'k': 6}['k'] * 7\n"), ("a/old.py", "print 'no'\n")] {
            zip.start_file(name, options).unwrap();
            std::io::Write::write_all(&mut zip, text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        let (python, version) = interpreter();
        let compiler = Compiler::of(&python, &version).unwrap();
        for out in ["one.zip", "two.zip"] {
            compiler.compile(&at("a.whl"), "a.whl", "/site", &at(out)).unwrap();
        }
        assert_eq!(fs_err::read(at("one.zip")).unwrap(), fs_err::read(at("two.zip")).unwrap());
        let source = Source {
            name: "one.zip".to_owned(),
            file: std::fs::File::open(at("one.zip")).unwrap(),
        };
        let environment = Environment {
            root: "env".to_owned(),
            python_minor: "3.14".to_owned(),
            is_virtual: false,
            owner: RAY,
            installer: "test".to_owned(),
        };
        let tree = tree(&source, 3, &environment).unwrap();
        let files: Vec<_> = tree.iter().filter(|(_, n)| n.kind != Kind::Folder).collect();
        let [(path, node)] = files.as_slice() else { panic!("{files:?}") };
        assert!(path.starts_with("env/lib/python3.14/site-packages/a/__pycache__/b."), "{path}");
        let Kind::File(Content::Member(member)) = &node.kind else { panic!("{node:?}") };
        assert_eq!(member.file, 3);
        let mut zip = zip::ZipArchive::new(std::fs::File::open(at("one.zip")).unwrap()).unwrap();
        let mut module = zip.by_index(0).unwrap();
        std::io::copy(&mut module, &mut std::fs::File::create(at("b.pyc")).unwrap()).unwrap();
        let run = "import b; assert b.x == 42; print(b.__file__)";
        let ran = Command::new(&python).args(["-c", run]).current_dir(folder.path()).output();
        let ran = ran.unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }

    #[test]
    fn an_interpreter_of_another_version_is_named() {
        let (python, version) = interpreter();
        let error = Compiler::of(&python, "3.14.99").unwrap_err().to_string();
        assert!(error.contains("3.14.99") && error.contains(&version), "{error}");
        let error = Compiler::of("/nowhere/python".into(), "3.14.2").unwrap_err().to_string();
        assert!(error.contains("/nowhere/python"), "{error}");
    }
}
