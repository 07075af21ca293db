//! How a check is made and shown.

use std::fmt;

pub(super) use crate::reports::{Check, Level};

impl Check {
    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Check { name, level: Level::Ok, found: found.into(), todo: None }
    }
    pub(super) fn warn(
        name: &'static str,
        found: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Check { name, level: Level::Warn, found: found.into(), todo: Some(todo.into()) }
    }
    pub(super) fn fail(
        name: &'static str,
        found: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Check { level: Level::Fail, ..Check::warn(name, found, todo) }
    }

    /// A failed check from an error, with the error's advice.
    pub(super) fn error(name: &'static str, level: Level, error: &dyn miette::Diagnostic) -> Self {
        let mut found = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            found.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        Check { name, level, found, todo: error.help().map(|help| help.to_string()) }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        write!(f, "{level}  {:<13} {}", self.name, self.found)?;
        self.todo.iter().try_for_each(|todo| write!(f, "\n{:20} → {todo}", ""))
    }
}
