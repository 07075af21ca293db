//! Errors of builds.

use camino::Utf8PathBuf;
use miette::Diagnostic;
use pep508_rs::PackageName;
use semver::Version;
use thiserror::Error;
use url::Url;

use crate::exit::{Classified, Exit};
use crate::{net, room};

/// A build that did not start or failed.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// There is no `docker`.
    #[error(
        "there is no `docker` on the PATH: the images are built by BuildKit through `docker buildx`"
    )]
    #[diagnostic(help(
        "install the Docker command line with its buildx plugin (Debian and Ubuntu: docker-cli and docker-buildx, \
         or docker-ce-cli and docker-buildx-plugin), and a BuildKit for it: a local Docker engine, or a builder \
         elsewhere with `docker buildx create`"
    ))]
    NoDocker,
    /// `docker` has no buildx.
    #[error("`docker` has no buildx plugin: {detail}")]
    #[diagnostic(help("install it (Debian and Ubuntu: docker-buildx or docker-buildx-plugin)"))]
    NoBuildx {
        /// What docker said.
        detail: String,
    },
    /// buildx cannot write its progress as JSON.
    #[error("buildx {found} is too old: envlock reads the progress that {oldest} and newer write")]
    #[diagnostic(help(
        "install a newer one (Debian and Ubuntu: docker-buildx or docker-buildx-plugin)"
    ))]
    OldBuildx {
        /// What it says of itself.
        found: Version,
        /// The first that can.
        oldest: Version,
    },
    /// The builder is unknown or does not answer.
    #[error("the builder {builder} cannot be used: {detail}")]
    #[diagnostic(help(
        "start the Docker engine, or name another builder with --builder (`docker buildx ls` shows them)"
    ))]
    NoBuilder {
        /// Which builder, as messages name it.
        builder: String,
        /// What buildx said.
        detail: String,
    },
    /// The `docker` driver pushes tags only.
    #[error("the builder {builder} has the driver `docker`, which cannot push by digest")]
    #[diagnostic(help(
        "make one that can: `docker buildx create --name envlock --driver docker-container --driver-opt network=host`, \
         then `envlock build --push --builder envlock` (network=host lets it reach a registry on 127.0.0.1)"
    ))]
    NoPushByDigest {
        /// Which builder, as messages name it.
        builder: String,
    },
    /// A step of the Dockerfile failed.
    #[error("the build failed at {step}: {message}{}", shown(.log))]
    Step {
        /// The step, without its options.
        step: String,
        /// What BuildKit said.
        message: String,
        /// The last lines the step printed.
        log: Vec<String>,
    },
    /// BuildKit failed before or between steps.
    #[error("the build failed: {message}")]
    Build {
        /// What buildx said last.
        message: String,
    },
    /// The registry did not take an image, or does not have the base image.
    #[error("{message}")]
    #[diagnostic(help("nothing was published; run it again: what arrived is not sent again"))]
    Registry {
        /// What BuildKit said.
        message: String,
    },
    /// BuildKit succeeded without reporting a digest.
    #[error("buildx did not report the digest of {image}")]
    NoDigest {
        /// The image.
        image: String,
    },
    /// A locked file that has other bytes now.
    #[error("{address} is no longer the file that env.lock has for {package}: {what}")]
    #[diagnostic(help(
        "the bytes were thrown away. Find out why it changed, then lock what is there now: `envlock resolve --upgrade {package}`. \
         What is locked can be built where the store still has it, and with the layers engine wherever a registry \
         has its layer: push to where it was pushed before, or have env.releases.jsonl, which says where"
    ))]
    Changed {
        /// The distribution.
        package: PackageName,
        /// Where it was looked for.
        address: Box<Url>,
        /// What is different.
        what: String,
    },
    /// The locked file of a requirement that names its address cannot be had.
    #[error("the locked wheel of {package} cannot be had from the address in the spec")]
    #[diagnostic(help(
        "a wheel that is there now is locked by `envlock resolve --upgrade {package}`. What is locked can be built where \
         the store still has it, and with the layers engine wherever a registry has its layer: push to where it was \
         pushed before, or have env.releases.jsonl, which says where"
    ))]
    Vanished {
        /// The distribution.
        package: PackageName,
        /// What the server said.
        #[source]
        source: net::Error,
    },
    /// Ctrl-C, or a termination signal.
    #[error("interrupted: the build was stopped, no file was changed")]
    #[diagnostic(help(
        "what was downloaded, made and sent so far is kept, in the store and without a name in the registry: the same \
         command goes on from there"
    ))]
    Interrupted,
    /// A file of the build.
    #[error("{action} {path}{}", room::left(path, source))]
    File {
        /// What was being done, "writing".
        action: &'static str,
        /// To which file.
        path: Utf8PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

fn shown(log: &[String]) -> String {
    log.iter().map(|line| format!("\n    {line}")).collect()
}

impl Error {
    pub(super) fn file(
        action: &'static str,
        path: impl Into<Utf8PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Error::File { action, path, source }
    }
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::NoDocker
            | Error::NoBuildx { .. }
            | Error::OldBuildx { .. }
            | Error::NoBuilder { .. }
            | Error::NoPushByDigest { .. }
            | Error::Step { .. }
            | Error::Build { .. }
            | Error::NoDigest { .. } => Exit::Build,
            Error::Registry { .. } => Exit::Registry,
            Error::Changed { .. } => Exit::Integrity,
            Error::Vanished { source, .. } => source.exit(),
            Error::Interrupted | Error::File { .. } => Exit::Failed,
        }
    }
}
