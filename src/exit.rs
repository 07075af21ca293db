//! The exit codes, in one table. docs/reference/exit-codes.md repeats it; scripts and CI rely on it.

use miette::Diagnostic;

/// The exit codes, defined once: their comments are their meanings in `Exit::ALL`.
macro_rules! exit_codes {
    ($(#[doc = $meaning:literal] $name:ident = $code:literal,)*) => {
        /// The exit code of the process. The numbers are a public interface.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Exit {
            $(#[doc = $meaning] $name = $code,)*
        }

        impl Exit {
            /// Every code in order, with its meaning.
            pub const ALL: &[(Exit, &str)] = &[$((Exit::$name, $meaning),)*];
        }
    };
}

exit_codes! {
    /// Everything asked for was done
    Ok = 0,
    /// Something failed that no other code names; an image that does not work (`verify`)
    Failed = 1,
    /// The command line, envlock.toml or an input file is wrong
    Usage = 2,
    /// The lock does not match the spec, or is missing; a rendered file is not up to date
    LockStale = 3,
    /// No set of versions satisfies every requirement
    Unsatisfiable = 4,
    /// An index or download could not be reached
    Network = 5,
    /// Bytes differ from the hash that was stated for them, or an image holds something else than its lock
    Integrity = 6,
    /// No engine could build an image, or it is bigger than its `max-size`
    Build = 7,
    /// The registry refused, failed, or lacks an image
    Registry = 8,
    /// config.yaml cannot be edited without touching more than the image values
    ConfigRefused = 9,
    /// The release is written; the command that was to run after it failed
    AfterFailed = 10,
}

/// An error that knows its exit code. Every module's error enum implements it.
pub trait Classified: Diagnostic + Send + Sync + 'static {
    /// The code the process ends with when this error reaches `main`.
    fn exit(&self) -> Exit;
}

/// The end of a command that did not succeed: a code for scripts, a report for people.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What is shown on stderr.
    pub report: miette::Report,
}

impl<E: Classified> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure { exit: error.exit(), report: miette::Report::new(error) }
    }
}

impl Failure {
    /// A failure with only a message; use an error enum where the case has a name.
    pub fn message(exit: Exit, message: impl std::fmt::Display) -> Self {
        Failure { exit, report: miette::miette!("{message}") }
    }
}

/// What every command returns.
pub type CommandResult = Result<Exit, Failure>;
