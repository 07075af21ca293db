//! Errors of the `layers` engine beside those of wheels: base images and archives that it cannot build on, and files.

use deb_layers::effects::EffectError;
use miette::Diagnostic;
use wheel_layers::tree::Taken;

use crate::exit::{Classified, Exit};
use crate::room;

/// What the `layers` engine cannot build on.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// A path of the base image is something else than envlock's layers expect.
    #[error("the base image has {found} at /{path}, where the images need {expected}")]
    #[diagnostic(help("use another base image"))]
    Path {
        /// Without the leading slash.
        path: String,
        /// What is there.
        found: &'static str,
        /// What should be there.
        expected: &'static str,
    },
    /// Triton compiles at run time, and a layer installs no compiler.
    #[error("the base image has no {missing}, which Triton needs at run time")]
    #[diagnostic(help(
        "add packages = [\"g++\", \"libc6-dev\"] under [system] (and the libpython3.N-dev of a base's own Python), or use a base image that has them; \
         without torch.compile, `compiler = \"none\"` under [build] does without"
    ))]
    Compiler {
        /// What is missing.
        missing: String,
    },
    /// `python.source = "base"`, and there is none.
    #[error("the base image has no python{minor} on its PATH")]
    #[diagnostic(help("use a base image that has it, or python.source = \"standalone\""))]
    NoPython {
        /// `3.14`
        minor: String,
    },
    /// The Python archive does not hold what its name says.
    #[error("the Python archive {archive}: {cause}")]
    #[diagnostic(help(
        "run `envlock resolve` to pin another one, or set python.mirror to another mirror"
    ))]
    Archive {
        /// Its file name or path.
        archive: String,
        /// What is wrong.
        cause: String,
    },
    /// A file of this machine.
    #[error("{action} {path}{}", room::left(path, source))]
    File {
        /// What was being done, "reading".
        action: &'static str,
        /// To which file.
        path: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// System packages that are no packages, or do not go together.
    #[error("the system packages cannot be laid out: {0}")]
    #[diagnostic(help(
        "ask for other packages in [system] packages, or for other versions of them"
    ))]
    Packages(String),
    /// A maintainer script whose effects are not known.
    #[error("{message}")]
    #[diagnostic(help(
        "nothing of a package is run by this engine. Look at the script, and if the image does without what it does, write \
         `{package} = \"skip\"` under [system.scripts] in envlock.toml; else leave the package out"
    ))]
    Script {
        /// Which script, and what of it is not known.
        message: String,
        /// The package.
        package: String,
    },
    /// Two things at one path.
    #[error(transparent)]
    #[diagnostic(help("this is a bug of envlock, or an archive with two files of one name"))]
    Taken(#[from] Taken),
}

impl Error {
    /// A function for `map_err`.
    pub(super) fn file(
        action: &'static str,
        path: impl ToString,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_string();
        move |source| Error::File { action, path, source }
    }
}

impl Error {
    /// Of an error of `deb-layers`, with its causes.
    pub(super) fn packages(error: &dyn std::error::Error) -> Self {
        Error::Packages(with_causes(error))
    }

    /// Of a script.
    pub(super) fn script(error: &EffectError) -> Self {
        let (EffectError::UnknownScript { package, .. }
        | EffectError::Condition { package, .. }
        | EffectError::Effect { package, .. }) = error;
        Error::Script { message: with_causes(error), package: package.clone() }
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Archive { .. } => Exit::Integrity,
            Error::File { .. } => Exit::Failed,
            Error::Path { .. }
            | Error::Compiler { .. }
            | Error::NoPython { .. }
            | Error::Packages(_)
            | Error::Script { .. }
            | Error::Taken(_) => Exit::Build,
        }
    }
}
