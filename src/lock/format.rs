//! Text ↔ [`Lock`]. The version is read before anything else, so that a lock from a newer envlock
//! is named as such and not as a syntax error. The same lock always gives the same bytes.

use camino::Utf8PathBuf;
use miette::{Diagnostic, NamedSource, SourceSpan};
use serde::Deserialize;
use thiserror::Error;

use super::Lock;
use crate::digest::Sha256;
use crate::exit::{Classified, Exit};
use crate::spec::ProfileName;

/// The lock's file name in the project folder.
pub const FILE_NAME: &str = "env.lock";

/// The format this envlock writes, and the newest it reads.
pub const FORMAT: u32 = 1;

/// The file name of a profile's lock, `env.cpu.lock`; of the lock without one, [`FILE_NAME`].
pub fn file_name(profile: Option<&ProfileName>) -> Utf8PathBuf {
    profile.map_or_else(|| FILE_NAME.into(), |name| format!("env.{name}.lock").into())
}

/// Whether a file of this name is a project's lock, [`file_name`] of some profile or none.
pub fn is_file_name(name: &str) -> bool {
    let profile = name.strip_prefix("env.").and_then(|rest| rest.strip_suffix(".lock"));
    name == FILE_NAME || profile.is_some_and(|profile| profile.parse::<ProfileName>().is_ok())
}

const HEADER: &str = "# Written by `envlock resolve`. Change envlock.toml, not this file.\n";

/// Why a lock cannot be read.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// There is none yet.
    #[error("{path} does not exist")]
    #[diagnostic(help("run `envlock resolve` first"))]
    Missing {
        /// Where it was looked for.
        path: Utf8PathBuf,
    },
    /// It exists and cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A newer envlock wrote it.
    #[error("this lock has format {found}; this envlock reads up to format {FORMAT}")]
    #[diagnostic(help("install a newer envlock, or run `envlock resolve` to write it anew"))]
    Newer {
        /// The format in the file.
        found: u32,
    },
    /// It is not a lock.
    #[error("{message}")]
    #[diagnostic(help("restore {FILE_NAME} from git, or run `envlock resolve` to write it anew"))]
    Broken {
        /// What is wrong.
        message: String,
        /// The file's text.
        #[source_code]
        text: NamedSource<String>,
        /// Where.
        #[label("here")]
        span: Option<SourceSpan>,
    },
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Missing { .. } => Exit::LockStale,
            Error::Unreadable { .. } => Exit::Failed,
            Error::Newer { .. } | Error::Broken { .. } => Exit::Usage,
        }
    }
}

/// Reads a lock's text.
pub fn parse(text: &str) -> Result<Lock, Error> {
    #[derive(Deserialize)]
    struct VersionOnly {
        version: u32,
    }
    let broken = |e: toml::de::Error| Error::Broken {
        message: e.message().to_owned(),
        text: NamedSource::new(FILE_NAME, text.to_owned()),
        span: e.span().map(SourceSpan::from),
    };
    let VersionOnly { version } = toml::from_str(text).map_err(broken)?;
    if version > FORMAT {
        return Err(Error::Newer { found: version });
    }
    let mut lock: Lock = toml::from_str(text).map_err(broken)?;
    lock.packages.sort_by(|a, b| a.name.cmp(&b.name));
    lock.layers.sort();
    Ok(lock)
}

/// The hash of what was chosen, of a lock with this text: the layers that a build noted in it do not change it.
pub fn choice_sha256(lock: &Lock, text: &str) -> Sha256 {
    if lock.layers.is_empty() { Sha256::of(text) } else { Sha256::of(render(&lock.choice())) }
}

/// Writes a lock's text: sorted, LF, one package's facts on its own lines.
pub fn render(lock: &Lock) -> String {
    let mut lock = lock.clone();
    lock.packages.sort_by(|a, b| a.name.cmp(&b.name));
    lock.layers.sort();
    let body = toml::to_string(&lock).expect("a lock holds nothing that TOML cannot write");
    format!("{HEADER}{body}")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::digest::{Digest, Sha256};
    use crate::lock::*;
    use crate::platform::Platform;
    use crate::spec::PythonSource;

    /// A small lock for tests, those of other modules too.
    pub(crate) fn sample() -> Lock {
        let package = |name: &str, version: &str, group: &str| Package {
            name: name.parse().unwrap(),
            version: version.parse().unwrap(),
            group: group.parse().unwrap(),
            requested: vec![name.to_owned()],
            rules: vec![],
            required_by: vec![],
            extras: vec![],
            file: format!("{}-{version}-py3-none-any.whl", name.replace('-', "_")),
            size: 10,
            unpacked_size: 30,
            sha256: Sha256::of(name),
            locations: vec![format!("pypi:/packages/{name}.whl").parse().unwrap()],
            uploaded: None,
            uploaded_from: None,
            bare_metadata: false,
        };
        let base = |name: &str| BasePin {
            reference: format!("docker.io/nvidia/cuda:{name}"),
            digests: Some(BaseDigests {
                index_digest: Digest::of("index"),
                platform_digest: Digest::of(name),
            }),
        };
        Lock {
            version: FORMAT,
            spec_sha256: Sha256::of("spec"),
            profile: None,
            system: None,
            system_packages: Vec::new(),
            layers: Vec::new(),
            target: Target {
                platform: Platform::LINUX_AMD64,
                glibc: "2.39".to_owned().try_into().unwrap(),
                cuda_tag: "cu130".parse().unwrap(),
                cuda_line: "13.0".parse().ok(),
                min_driver: Some(580),
                arch_list: Vec::new(),
                cuda_allow: Vec::new(),
                source_date_epoch: 1_767_225_600,
            },
            python: PythonPin {
                version: "3.14.2".parse().unwrap(),
                source: PythonSource::Base,
                archive: None,
                verified: true,
            },
            base: Bases { runtime: base("base"), devel: base("devel") },
            packages: vec![
                package("marimo", "0.25.2", "marimo"),
                package("pip", "26.0", "python"),
                package("ray", "2.60.0", "ray"),
                package("torch", "2.14.1+cu130", "torch"),
            ],
        }
    }

    #[test]
    fn a_lock_survives_writing_and_reading_in_any_order() {
        let lock = sample();
        let text = render(&lock);
        assert_eq!(parse(&text).unwrap(), lock);
        let mut shuffled = lock;
        shuffled.packages.reverse();
        assert_eq!(render(&shuffled), text);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_lock_without_pins_says_what_is_missing() {
        let mut lock = sample();
        assert_eq!(lock.unpinned(), Vec::<String>::new());
        lock.base.devel.digests = None;
        lock.python.verified = false;
        assert_eq!(parse(&render(&lock)).unwrap(), lock);
        assert_eq!(lock.unpinned().len(), 2);
    }

    #[test]
    fn a_newer_format_is_named_even_when_its_keys_are_unknown() {
        let error = parse("version = 2\nshape = \"new\"\n").unwrap_err();
        assert!(matches!(error, Error::Newer { found: 2 }), "{error:?}");
    }

    #[test]
    fn a_broken_hash_is_shown_with_its_place() {
        let text = render(&sample()).replacen("sha256 = \"", "sha256 = \"zz", 1);
        assert!(matches!(parse(&text), Err(Error::Broken { span: Some(_), .. })));
    }
}
