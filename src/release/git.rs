//! What git knows about the project folder. Without git or a repository: nothing, which is not an error.

use std::process::Command;

use camino::Utf8Path;

use crate::digest::Sha256;

/// The user and commit, for a release record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GitFacts {
    /// The commit that is checked out.
    pub commit: Option<String>,
    /// git's user name, else the login name.
    pub by: Option<String>,
}

impl GitFacts {
    /// Asks git in `folder`, and the environment for the login name.
    pub fn of(folder: &Utf8Path) -> Self {
        let line = |args: &[&str]| {
            let text = String::from_utf8(ask(folder, args)?).ok()?;
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        // Both programs run at the same time.
        let (commit, by) = std::thread::scope(|scope| {
            let by = scope.spawn(|| line(&["config", "user.name"]));
            let commit = line(&["rev-parse", "--verify", "--quiet", "HEAD"]);
            (commit, by.join().ok().flatten())
        });
        let login = || ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
        GitFacts { commit, by: by.or_else(login).filter(|name| !name.is_empty()) }
    }
}

/// The text of `file` (relative to `folder`) in a revision.
///
/// # Errors
/// What git says.
pub fn file_at(folder: &Utf8Path, revision: &str, file: &Utf8Path) -> Result<String, String> {
    let blob = format!("{revision}:./{file}");
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["show", "--end-of-options", &blob])
        .output();
    let output = output.map_err(|e| format!("git does not start: {e}"))?;
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(|_| format!("{blob} is not text"));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("it is not a file, and git has no {blob} ({})", said.trim()))
}

/// The bytes of `file` (relative to `folder`) with this hash, from any commit of any branch.
pub(super) fn find_version(folder: &Utf8Path, file: &Utf8Path, sha256: Sha256) -> Option<Vec<u8>> {
    let commits = ask(folder, &["log", "--all", "--format=%H", "--", file.as_str()])?;
    String::from_utf8(commits).ok()?.lines().find_map(|commit| {
        let bytes = ask(folder, &["cat-file", "blob", &format!("{commit}:./{file}")])?;
        (Sha256::of(&bytes) == sha256).then_some(bytes)
    })
}

fn ask(folder: &Utf8Path, args: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new("git").arg("-C").arg(folder).args(args).output().ok()?;
    output.status.success().then_some(output.stdout)
}
