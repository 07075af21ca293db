//! The binary under test, in a project folder of its own and a scrubbed environment.

use std::ffi::OsStr;
use std::process::{Command, Output};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

/// How an envlock.toml begins of which only the resolving is looked at: nothing listens where its base image is.
pub const UNREACHED_BASE: &str = "[python]\nsource = \"base\"\nversion = \"3.14.2\"\n[target]\nglibc = \"2.39\"\n\
     [base]\nruntime = \"127.0.0.1:1/base:v1\"\ndevel = \"127.0.0.1:1/base:v1\"\n";

/// A project folder and a store, both empty, both gone when dropped.
pub struct Envlock {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

impl Envlock {
    pub fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), environment: vec![] }
    }

    /// Sets a variable for every later run.
    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn folder(&self) -> &Utf8Path {
        Utf8Path::from_path(self.folder.path()).unwrap()
    }

    pub fn path(&self, name: &str) -> Utf8PathBuf {
        self.folder().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> Utf8PathBuf {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, text).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> String {
        fs_err::read_to_string(self.path(name)).unwrap()
    }

    /// The command, not started: project folder, private store, no settings of the user's.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_envlock"));
        command.args(args).current_dir(self.folder.path());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if [
                "UV_",
                "XDG_DATA_HOME",
                "PIP_",
                "ENVLOCK_",
                "CI",
                "NO_COLOR",
                "RUST_LOG",
                "BUILDX_BUILDER",
                "GITHUB_",
            ]
            .iter()
            .any(|p| text.starts_with(p))
            {
                command.env_remove(&name);
            }
        }
        command.env("HOME", self.folder().join(".home"));
        command.env("ENVLOCK_STORE", self.folder().join(".store"));
        command.env("NO_COLOR", "1");
        command.envs(self.environment.iter().map(|(k, v)| (k, v)));
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        Run(self.command(args).output().unwrap())
    }
}

/// A finished run.
pub struct Run(pub Output);

impl Run {
    /// Fails with everything that was printed unless the exit code is `code`.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.0.status.code(),
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout(),
            self.stderr()
        );
        self
    }
    pub fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }
    pub fn stderr(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }
}
