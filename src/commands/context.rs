//! The context of every command: project folder, settings, reporter.

use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};

use super::servings::Servings;
use crate::exit::{Exit, Failure};
use crate::lock::{self, Lock};
use crate::release::{self, ProjectLock};
use crate::reports::Report;
use crate::spec::{self, NetworkSpec, ProfileName, Spec};
use crate::ui::Ui;
use crate::{net, registry, room};

/// The project folder, the settings of all commands and the reporter of this run.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where envlock.toml, env.lock and config.yaml are.
    pub folder: Utf8PathBuf,
    /// The profile of envlock.toml that this run uses.
    pub profile: Option<ProfileName>,
    /// Whether another envlock in the project is an error at once, instead of a wait.
    pub no_wait: bool,
    /// The only way to print.
    pub ui: Ui,
    /// Registries that this process serves.
    pub servings: Servings,
}

impl Context {
    /// A path in the project folder.
    pub fn path(&self, relative: impl AsRef<Utf8Path>) -> Utf8PathBuf {
        self.folder.join(relative)
    }

    /// envlock.toml with the changes of the profile, or the built-in stack.
    pub fn spec(&self) -> Result<Spec, spec::Error> {
        spec::load(&self.folder, self.profile.as_ref())
    }

    /// The lock's file name: the given one, else the profile's.
    pub fn lock_name(&self, given: Option<&Utf8Path>) -> Utf8PathBuf {
        given.map_or_else(|| lock::file_name(self.profile.as_ref()), Utf8Path::to_owned)
    }

    /// Writes a file of the project: all of the text or none of it, under any crash.
    pub fn write(&self, path: &Utf8Path, text: &str) -> Result<(), Failure> {
        let attempt = || -> std::io::Result<()> {
            let mut file = atomic_write_file::AtomicWriteFile::open(path)?;
            file.write_all(text.as_bytes())?;
            file.commit()
        };
        attempt().map_err(|e| {
            let left = room::left(path, &e);
            let message =
                format!("{path} cannot be written: {e}{left}; what was there is unchanged");
            Failure::message(Exit::Failed, message)
        })
    }

    /// Prints the result: with `--json` the report, else the text.
    pub fn result<R: Report>(&self, report: &R, text: impl FnOnce() -> String) {
        match self.ui.wants_json() {
            true => self.ui.json(report),
            false => self.ui.result(text()),
        }
    }

    /// A client for downloads and registries, with the patience of the spec. Reports where it has to wait.
    pub fn client(&self, network: &NetworkSpec) -> Result<net::Client, Failure> {
        let usual = net::Retry::default();
        let patience = network.patience.unwrap_or(usual.patience);
        self.client_with(net::Retry { patience, ..usual })
    }

    /// A client with another patience.
    pub fn client_with(&self, retry: net::Retry) -> Result<net::Client, Failure> {
        let client = net::Client::named(net::AGENT, retry)
            .map_err(|e| Failure::message(Exit::Failed, format!("no HTTP client: {e}")))?;
        let ui = self.ui.clone();
        Ok(client.reporting(move |wait| match wait.is_long() {
            true => ui.warn(wait.to_string()),
            false => ui.note(wait.to_string()),
        }))
    }

    /// A client for the registries of the spec; `insecure` also allows plain http beyond loopback.
    pub fn registry(&self, spec: &Spec, insecure: bool) -> Result<registry::Client, Failure> {
        Ok(registry::client(self.client(&spec.network)?, &spec.registry, insecure))
    }

    /// Keeps other envlocks from writing to the project, and finishes or undoes what an
    /// interrupted one left. Acquire it before reading what will be changed.
    pub fn lock_project(&self) -> Result<ProjectLock, release::Error> {
        let waiting = || self.ui.note("waiting for another envlock in this project");
        let project = match self.no_wait {
            true => ProjectLock::acquire_now(&self.folder)?,
            false => ProjectLock::acquire(&self.folder, waiting)?,
        };
        if let Some(recovered) = project.recover()? {
            self.ui.warn(recovered.to_string());
        }
        Ok(project)
    }

    /// Keeps other envlocks from building in the project, as long as the result lives.
    pub fn hold_build(&self) -> Result<std::fs::File, release::Error> {
        let waiting = || self.ui.note("waiting for another build in this project");
        match self.no_wait {
            true => release::hold_build_now(&self.folder),
            false => release::hold_build(&self.folder, waiting),
        }
    }

    /// Finishes or undoes what an interrupted envlock left, and reports it. Every command begins with it, so that
    /// none reads files of which only some have changed.
    pub fn recover_interrupted(&self) -> Result<(), release::Error> {
        match release::is_interrupted(&self.folder) {
            true => self.lock_project().map(drop),
            false => Ok(()),
        }
    }

    /// The lock and its bytes as they are on disk.
    pub fn read_lock(&self, relative: &Utf8Path) -> Result<(Lock, String), lock::Error> {
        let path = self.path(relative);
        let text = fs_err::read_to_string(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => lock::Error::Missing { path: path.clone() },
            _ => lock::Error::Unreadable { path: path.clone(), source },
        })?;
        Ok((lock::parse(&text)?, text))
    }
}
