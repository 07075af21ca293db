//! Output for a CI job beside the terminal's: values for later steps, a page of Markdown, problems at their lines.
//!
//! GitHub Actions names its files in GITHUB_OUTPUT and GITHUB_STEP_SUMMARY and reads problems from the log. For
//! other systems ENVLOCK_OUTPUT (`name=value` lines: GitLab's dotenv report), ENVLOCK_SUMMARY and
//! ENVLOCK_PROBLEMS (a code quality report, GitLab's and others') name files. Without these variables nothing is written.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use miette::SourceSpan;
use serde_json::json;

use crate::digest::Sha256;

/// The files and conventions of the CI job that this run is part of.
#[derive(Debug, Clone, Default)]
pub(super) struct Job {
    outputs: Vec<PathBuf>,
    summaries: Vec<PathBuf>,
    problems: Option<PathBuf>,
    /// The log is GitHub's.
    annotates: bool,
    /// What paths in annotations are relative to.
    root: PathBuf,
}

/// The severity of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Warning,
    Error,
}

/// A problem, and where it is if it is in a file. Lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub severity: Severity,
    pub message: String,
    pub place: Option<(String, usize, usize)>,
}

impl Job {
    /// Reads the environment variables.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let file = |name: &str| variable(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let files = |names: [&str; 2]| names.into_iter().filter_map(file).collect();
        Job {
            outputs: files(["GITHUB_OUTPUT", "ENVLOCK_OUTPUT"]),
            summaries: files(["GITHUB_STEP_SUMMARY", "ENVLOCK_SUMMARY"]),
            problems: file("ENVLOCK_PROBLEMS"),
            annotates: variable("GITHUB_ACTIONS").is_some_and(|value| value == "true"),
            root: file("GITHUB_WORKSPACE").or_else(|| file("CI_PROJECT_DIR")).unwrap_or_default(),
        }
    }

    /// Adds `name=value` lines.
    ///
    /// # Errors
    /// A sentence about what could not be written.
    pub fn output(&self, values: &[(String, String)]) -> Result<(), String> {
        let line = |(name, value): &(String, String)| format!("{name}={}\n", one_line(value));
        let text: String = values.iter().map(line).collect();
        self.outputs.iter().try_for_each(|file| append(file, &text))
    }

    /// Adds Markdown to the job's page.
    ///
    /// # Errors
    /// Those of [`Job::output`].
    pub fn summary(&self, markdown: &str) -> Result<(), String> {
        let text = format!("{}\n\n", markdown.trim_end());
        self.summaries.iter().try_for_each(|file| append(file, &text))
    }

    /// Whether there is such a page.
    pub fn wants_summary(&self) -> bool {
        !self.summaries.is_empty()
    }

    /// The line for GitHub's log that marks a problem; `None` elsewhere.
    pub fn annotation(&self, problem: &Problem) -> Option<String> {
        let kind = match problem.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let place = match &problem.place {
            Some((file, line, column)) => {
                format!("file={},line={line},col={column},", property(file))
            }
            None => String::new(),
        };
        let message = data(&problem.message);
        self.annotates.then(|| format!("::{kind} {place}title=envlock::{message}"))
    }

    /// Adds a problem to the report.
    ///
    /// # Errors
    /// Those of [`Job::output`].
    pub fn report(&self, problem: &Problem) -> Result<(), String> {
        let Some(file) = &self.problems else { return Ok(()) };
        let text = fs_err::read_to_string(file).unwrap_or_default();
        let mut entries: Vec<serde_json::Value> = match text.trim() {
            "" => Vec::new(),
            text => serde_json::from_str(text)
                .map_err(|e| format!("{} is not a list of problems: {e}", file.display()))?,
        };
        let (path, line, _) =
            problem.place.clone().unwrap_or_else(|| (crate::spec::FILE_NAME.to_owned(), 1, 1));
        entries.push(json!({
            "description": problem.message,
            "check_name": "envlock",
            "fingerprint": Sha256::of(format!("{path}:{line}:{}", problem.message)),
            "severity": match problem.severity {
                Severity::Warning => "minor",
                Severity::Error => "blocker",
            },
            "location": { "path": path, "lines": { "begin": line } },
        }));
        let text = serde_json::to_string_pretty(&entries).expect("problems always serialize");
        fs_err::write(file, text + "\n").map_err(|error| error.to_string())
    }

    /// The error of a report, at its first label. `folder` is the project's.
    pub fn problem(&self, report: &miette::Report, folder: &Path) -> Problem {
        let mut message = report.to_string();
        for cause in report.chain().skip(1).map(ToString::to_string) {
            // Some messages contain their cause already.
            if !message.contains(&cause) {
                message.push_str(&format!(": {cause}"));
            }
        }
        message.extend(report.help().map(|help| format!("\n{help}")));
        Problem { severity: Severity::Error, message, place: self.place(report, folder) }
    }

    fn place(&self, report: &miette::Report, folder: &Path) -> Option<(String, usize, usize)> {
        let label = report.labels()?.next()?;
        let span = SourceSpan::from((label.offset(), 0));
        let contents = report.source_code()?.read_span(&span, 0, 0).ok()?;
        let file = self.name(&folder.join(contents.name()?));
        Some((file, contents.line() + 1, contents.column() + 1))
    }

    /// A file as the CI system knows it: from the top of its checkout.
    pub fn name(&self, file: &Path) -> String {
        let absolute = std::path::absolute(file).ok().filter(|_| self.root.is_absolute());
        let inside = absolute.as_ref().and_then(|file| file.strip_prefix(&self.root).ok());
        let name = inside.unwrap_or(file).to_string_lossy();
        name.trim_start_matches("./").to_owned()
    }
}

fn append(file: &Path, text: &str) -> Result<(), String> {
    let open = fs_err::OpenOptions::new().create(true).append(true).open(file);
    open.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| error.to_string())
}

/// A value without line breaks.
fn one_line(value: &str) -> String {
    value.split(['\r', '\n']).collect::<Vec<_>>().join(" ")
}

/// Escapes the message of a GitHub command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a GitHub command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(message: &str) -> Problem {
        let place = Some(("env,lock.toml".to_owned(), 3, 7));
        Problem { severity: Severity::Error, message: message.to_owned(), place }
    }

    #[test]
    fn a_message_cannot_begin_another_command() {
        let job = Job { annotates: true, ..Job::default() };
        assert_eq!(
            job.annotation(&problem("100 %\n::set-output name=x::y")).unwrap(),
            "::error file=env%2Clock.toml,line=3,col=7,title=envlock::100 %25%0A::set-output name=x::y"
        );
        assert_eq!(Job::default().annotation(&problem("x")), None);
    }

    #[test]
    fn files_are_added_to_and_a_value_stays_on_its_line() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = |name: &str| folder.path().join(name);
        let job = Job::of(|name| match name {
            "GITHUB_OUTPUT" => Some(file("output").into()),
            "ENVLOCK_SUMMARY" => Some(file("summary").into()),
            "ENVLOCK_PROBLEMS" => Some(file("problems").into()),
            _ => None,
        });
        job.output(&[("a".to_owned(), "1\nb=2".to_owned())]).unwrap();
        job.output(&[("c".to_owned(), "3".to_owned())]).unwrap();
        assert_eq!(fs_err::read_to_string(file("output")).unwrap(), "a=1 b=2\nc=3\n");
        assert!(job.wants_summary());
        job.report(&problem("one")).unwrap();
        job.report(&problem("two")).unwrap();
        let text = fs_err::read_to_string(file("problems")).unwrap();
        let entries: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (entries.len(), entries[1]["location"]["lines"]["begin"].as_u64()),
            (2, Some(3))
        );
        assert_ne!(entries[0]["fingerprint"], entries[1]["fingerprint"]);
    }

    #[test]
    fn nothing_is_written_where_nothing_is_named() {
        let job = Job::of(|_| None);
        job.output(&[("a".to_owned(), "1".to_owned())]).unwrap();
        job.summary("x").unwrap();
        job.report(&problem("x")).unwrap();
        assert!(!job.wants_summary());
    }
}
