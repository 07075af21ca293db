//! Arguments of the commands that choose versions and say why.

use camino::Utf8PathBuf;
use clap::Args;
use pep508_rs::PackageName;

use crate::cuda::{CudaTag, DriverVersion};
use crate::spec::{CutOff, IndexOverride, PythonRequest};

/// `envlock resolve`
#[derive(Debug, Clone, Default, Args)]
pub struct Resolve {
    /// Take a group's packages from another source, by name or URL (repeatable)
    ///
    /// `torch=pypi` takes the group torch from PyPI; `pypi=URL` sets the address of that source for this run
    #[arg(long, value_name = "GROUP=NAME|URL")]
    pub index: Vec<IndexOverride>,
    /// Leave out a package the spec asks for (repeatable)
    #[arg(long, value_name = "PKG")]
    pub without: Vec<PackageName>,
    /// Leave out files uploaded at this moment or later: 2026-11-23 (to its end, UTC), an RFC 3339
    /// time, or how far back: 7 days
    #[arg(long, value_name = "TIME", value_parser = crate::spec::cut_off)]
    pub exclude_newer: Option<CutOff>,
    /// Where the lock is; env.lock, or env.NAME.lock of a profile, when absent
    #[arg(long, value_name = "FILE")]
    pub lock: Option<Utf8PathBuf>,
    /// Show what would change, write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Move these packages, system packages too, to their newest fitting versions (all but system packages, when none is
    /// named; `python` is the standalone interpreter); without it, whatever is locked and still fits stays
    #[arg(short = 'U', long, value_name = "PKG", num_args = 0.., value_parser = package_of_any_kind)]
    pub upgrade: Option<Vec<String>>,
    /// Move all system packages to the newest versions of their suite
    #[arg(long)]
    pub upgrade_system: bool,
    /// The NVIDIA driver the images will meet, 570 or 570.86.10; one that is too old for the CUDA tag is an error (exit 4)
    #[arg(long, value_name = "VERSION")]
    pub driver: Option<DriverVersion>,
    /// Only check whether the lock matches the spec (exit 3 when not); no network
    #[arg(long, conflicts_with_all = ["dry_run", "upgrade", "upgrade_system"])]
    pub check: bool,
    /// Send no request; use what the cache has, however old (exit 5 when something is missing)
    #[arg(long, conflicts_with_all = ["refresh", "check"])]
    pub offline: bool,
    /// Query every index again, even where the cache is still fresh
    #[arg(long, conflicts_with = "check")]
    pub refresh: bool,
    /// Only show what the lock changes, with sizes, against another lock file or the one of a git
    /// revision (HEAD, when none is named); no network
    #[arg(long, value_name = "FILE|REVISION", num_args = 0..=1, default_missing_value = "HEAD",
          conflicts_with_all = ["dry_run", "upgrade", "upgrade_system", "check"])]
    pub diff: Option<String>,
}

/// The name of a distribution of Python or of a system package.
fn package_of_any_kind(text: &str) -> Result<String, String> {
    let python = text.parse::<PackageName>();
    let is_system = || text.parse::<apt_solver::Request>().is_ok_and(|r| r.to_string() == r.name());
    match python {
        Ok(_) => Ok(text.to_owned()),
        Err(_) if is_system() => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

impl Resolve {
    /// Whether all that is locked stays where it fits.
    pub fn moves_nothing(&self) -> bool {
        self.upgrade.is_none() && !self.upgrade_system
    }

    /// The distributions that are to move; empty: all. `None`: none.
    pub fn upgraded(&self) -> Option<Vec<PackageName>> {
        let names = self.upgrade.as_ref()?;
        let python: Vec<PackageName> = names.iter().filter_map(|name| name.parse().ok()).collect();
        // Names of system packages alone move nothing else.
        (names.is_empty() || !python.is_empty()).then_some(python)
    }
}

/// `envlock export`
#[derive(Debug, Clone, Args)]
pub struct Export {
    /// What to write
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// The file to write; standard output when absent. Installers only take pylock.toml and pylock.NAME.toml
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<Utf8PathBuf>,
    /// Where the lock is; env.lock, or env.NAME.lock of a profile, when absent
    #[arg(long, value_name = "FILE")]
    pub lock: Option<Utf8PathBuf>,
    /// The address of a source for this run: NAME=URL (repeatable)
    #[arg(long, value_name = "NAME=URL")]
    pub index: Vec<IndexOverride>,
}

/// What `envlock export` can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    /// pylock.toml (PEP 751), with the addresses the wheels have now
    Pylock,
    /// A requirements file with hashes; needs no network
    Requirements,
    /// A CycloneDX 1.6 bill of materials in JSON; needs no network
    Cyclonedx,
}

/// `envlock why`
#[derive(Debug, Clone, Args)]
pub struct Why {
    /// A package of the lock
    #[arg(value_name = "PKG")]
    pub package: PackageName,
    /// Where the lock is; env.lock, or env.NAME.lock of a profile, when absent
    #[arg(long, value_name = "FILE")]
    pub lock: Option<Utf8PathBuf>,
}

/// `envlock outdated`
#[derive(Debug, Clone, Default, Args)]
pub struct Outdated {
    /// Where the lock is; env.lock, or env.NAME.lock of a profile, when absent
    #[arg(long, value_name = "FILE")]
    pub lock: Option<Utf8PathBuf>,
    /// Take a group's packages from another source, as the lock was made (repeatable)
    #[arg(long, value_name = "GROUP=NAME|URL")]
    pub index: Vec<IndexOverride>,
    /// Leave out a package the spec asks for, as the lock was made (repeatable)
    #[arg(long, value_name = "PKG")]
    pub without: Vec<PackageName>,
    /// Leave out files uploaded at this moment or later, as for resolve
    #[arg(long, value_name = "TIME", value_parser = crate::spec::cut_off)]
    pub exclude_newer: Option<CutOff>,
}

/// `envlock matrix`
#[derive(Debug, Clone, Default, Args)]
pub struct Matrix {
    /// For these Pythons instead of the spec's
    #[arg(long, value_name = "X.Y", value_delimiter = ',', value_parser = python)]
    pub python: Vec<PythonRequest>,
    /// For this CUDA tag instead of the spec's
    #[arg(long, value_name = "TAG")]
    pub cuda: Option<CudaTag>,
    /// Also write the tables as a picture, for light and dark pages
    #[arg(long, value_name = "FILE")]
    pub svg: Option<Utf8PathBuf>,
    /// Where the lock is, if there is one: its Python and C library are taken
    #[arg(long, value_name = "FILE")]
    pub lock: Option<Utf8PathBuf>,
    /// Take a group's packages from another source, by name or URL (repeatable)
    #[arg(long, value_name = "GROUP=NAME|URL")]
    pub index: Vec<IndexOverride>,
    /// Leave out a package the spec asks for (repeatable)
    #[arg(long, value_name = "PKG")]
    pub without: Vec<PackageName>,
    /// Leave out files uploaded at this moment or later, as for resolve
    #[arg(long, value_name = "TIME", value_parser = crate::spec::cut_off)]
    pub exclude_newer: Option<CutOff>,
}

fn python(text: &str) -> Result<PythonRequest, String> {
    PythonRequest::try_from(text.to_owned()).map_err(|error| error.to_string())
}
