//! Kills a command at a chosen moment of its writing to disk: killer.c, loaded into it.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};

use super::Run;

/// When to die.
#[derive(Debug, Clone, Copy)]
pub enum Moment {
    /// Never: to see what there is to be killed at.
    Never,
    /// Instead of the n-th call that writes, from 1.
    Instead(usize),
    /// The same; of a write, half the bytes arrive.
    Half(usize),
    /// So many nanoseconds after the first on a path with [`FROM`] in it.
    Nanoseconds(u64),
}

/// Where a change of more than one file begins.
pub const FROM: &str = "/.envlock/transaction";

/// Runs commands that write under a folder.
pub struct Killer {
    root: Utf8PathBuf,
    log: tempfile::NamedTempFile,
}

/// One call that writes.
#[derive(Debug, Clone)]
pub struct Call {
    pub nanoseconds: u64,
    pub name: String,
    pub path: String,
}

impl Killer {
    /// Calls under `root` count, but for those in its store.
    pub fn of(root: &Utf8Path) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        Killer { root: root.canonicalize_utf8().unwrap(), log }
    }

    /// Runs it; `None` when it was killed.
    pub fn run(&self, command: &mut Command, moment: Moment) -> Option<Run> {
        self.log.as_file().set_len(0).unwrap();
        command.env("LD_PRELOAD", library()).env("KILLER_ROOT", &self.root);
        command.env("KILLER_SKIP", "/.store/").env("KILLER_LOG", self.log.path());
        match moment {
            Moment::Never => {}
            Moment::Instead(n) => _ = command.env("KILLER_AT", n.to_string()),
            Moment::Half(n) => _ = command.env("KILLER_AT", n.to_string()).env("KILLER_HALF", "1"),
            Moment::Nanoseconds(ns) => {
                command.env("KILLER_NS", ns.to_string()).env("KILLER_FROM", FROM);
            }
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        (output.status.signal() != Some(9)).then_some(Run(output))
    }

    /// The calls of the last run, the one that it died at last.
    pub fn calls(&self) -> Vec<Call> {
        let call = |line: &str| {
            let mut words = line.splitn(3, ' ').map(str::to_owned);
            let nanoseconds = words.next().unwrap().parse().unwrap();
            Call { nanoseconds, name: words.next().unwrap(), path: words.next().unwrap() }
        };
        fs_err::read_to_string(self.log.path()).unwrap().lines().map(call).collect()
    }
}

/// killer.c, compiled.
fn library() -> &'static Utf8Path {
    static LIBRARY: OnceLock<Utf8PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let folder = Utf8Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (path, new) =
            (folder.join("killer.so"), folder.join(format!("killer.{}", std::process::id())));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/killer.c");
        let done = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-o", new.as_str(), source, "-ldl"])
            .output()
            .expect("a C compiler is needed: apt-get install gcc libc6-dev");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        fs_err::rename(&new, &path).unwrap();
        path
    })
}
