//! Messages, results and bars of one run.

use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::process::Stdio;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use indicatif::{MultiProgress, ProgressDrawTarget};
use serde::Serialize;

use super::bar::Board;
use super::job::{Job, Problem, Severity};
use super::screen::{Kind, Screen};
use super::{Bar, Unit};

/// Settings of the output.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Only warnings, errors and results.
    pub quiet: bool,
    /// No progress: neither bars on a terminal nor lines without one.
    pub no_progress: bool,
    /// The result is JSON; nothing else goes to stdout.
    pub json: bool,
}

/// The reporter of one run. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ui {
    options: Options,
    pub(super) bars: MultiProgress,
    screen: Arc<Screen>,
    board: Arc<Board>,
    job: Arc<Job>,
    folder: Utf8PathBuf,
}

impl Ui {
    /// Bars are drawn, and long error lines wrapped, only on a terminal; elsewhere each part that is done gets a line.
    pub fn new(options: Options) -> Self {
        let terminal = std::io::stderr().is_terminal();
        // A second reporter in one process (tests) finds the hook already set, to the same effect.
        let _ = miette::set_hook(Box::new(move |_| {
            let options = miette::MietteHandlerOpts::new().wrap_lines(terminal);
            // miette detects what the terminal supports.
            Box::new(if terminal { options } else { options.color(false) }.build())
        }));
        let is_dumb = std::env::var_os("TERM").is_some_and(|name| name == "dumb");
        let kind = match options.quiet || options.no_progress {
            true => Kind::Nowhere,
            false if terminal && !is_dumb => {
                Kind::Terminal { colours: takes_colours(&std::io::stderr()) }
            }
            false => Kind::Log,
        };
        let target = match kind {
            Kind::Terminal { .. } => ProgressDrawTarget::stderr(),
            Kind::Log | Kind::Nowhere => ProgressDrawTarget::hidden(),
        };
        let bars = MultiProgress::with_draw_target(target);
        let screen = Screen::new(kind, bars.clone());
        let (board, job, folder) = (screen.board(), Arc::default(), Utf8PathBuf::new());
        Ui { options, bars, screen, board, job, folder }
    }

    /// Also writes to the files of the CI job that this process is part of; `folder` is the project's.
    pub fn in_job(self, folder: &Utf8Path) -> Self {
        let job = Arc::new(Job::of(|name| std::env::var_os(name)));
        Ui { job, folder: folder.to_owned(), ..self }
    }

    /// A reporter that prints and draws nothing.
    pub fn silent() -> Self {
        Ui::new(Options { quiet: true, no_progress: true, json: false })
    }

    /// Whether the result is printed as JSON.
    pub fn wants_json(&self) -> bool {
        self.options.json
    }

    /// Whether the result may be coloured: it goes to a terminal, and NO_COLOR is not set.
    pub fn colours(&self) -> bool {
        takes_colours(&std::io::stdout())
    }

    /// The same for stderr.
    pub fn colours_messages(&self) -> bool {
        takes_colours(&std::io::stderr())
    }

    /// A line about the progress of the command, on stderr; silent with `--quiet`.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.options.quiet {
            self.line(text.as_ref());
        }
    }

    /// A warning on stderr, also with `--quiet`.
    pub fn warn(&self, text: impl AsRef<str>) {
        let message = text.as_ref().to_owned();
        let problem = Problem { severity: Severity::Warning, message, place: None };
        match self.job.annotation(&problem) {
            Some(line) => self.line(&line),
            None => self.line(&format!("warning: {}", problem.message)),
        }
        self.note_failure(self.job.report(&problem));
    }

    /// A problem in a file of the project, for the CI system: the command reports it too.
    pub fn problem(&self, file: &Utf8Path, message: impl Into<String>) {
        let place = Some((self.job.name(self.folder.join(file).as_std_path()), 1, 1));
        self.record_problem(&Problem { severity: Severity::Error, message: message.into(), place });
    }

    /// Values for later steps of the CI job. Names are letters, digits and `_`.
    pub fn output(&self, values: impl IntoIterator<Item = (String, String)>) {
        self.note_failure(self.job.output(&values.into_iter().collect::<Vec<_>>()));
    }

    /// Markdown for the page of the CI job, made only where there is one.
    pub fn summary(&self, markdown: impl FnOnce() -> String) {
        if self.job.wants_summary() {
            self.note_failure(self.job.summary(&markdown()));
        }
    }

    /// The result, on stdout, as it is; a missing final newline is added.
    pub fn result(&self, text: impl AsRef<str>) {
        let text = text.as_ref();
        let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
        self.bars.suspend(|| {
            // A reader that closed the pipe (`| head`) is not an error.
            let _ = write!(std::io::stdout().lock(), "{text}{end}");
        });
    }

    /// The result as one JSON document on stdout.
    pub fn json(&self, value: &impl Serialize) {
        let text = serde_json::to_string_pretty(value).expect("results always serialize");
        self.result(text);
    }

    /// The stream for output of other programs: stderr, as stdout is for the result.
    pub fn for_others(&self) -> std::io::Result<Stdio> {
        std::io::stderr().as_fd().try_clone_to_owned().map(Stdio::from)
    }

    /// An error, on stderr, with its place and help.
    pub fn failure(&self, report: &miette::Report) {
        self.line(format!("{report:?}").trim_end());
        self.record_problem(&self.job.problem(report, self.folder.as_std_path()));
    }

    fn record_problem(&self, problem: &Problem) {
        self.job.annotation(problem).iter().for_each(|line| self.line(line));
        self.note_failure(self.job.report(problem));
    }

    /// A file of the CI job that cannot be written is a warning, not an error.
    fn note_failure(&self, written: Result<(), String>) {
        if let Err(why) = written {
            self.line(&format!("warning: {why}"));
        }
    }

    /// A new bar; `total: None` where the end is not known yet. Bars that exist at the same time have different
    /// titles.
    pub fn bar(&self, title: &str, total: Option<u64>, unit: Unit) -> Bar {
        self.board.bar(title, total, unit)
    }

    /// Whether bars are drawn.
    pub fn draws(&self) -> bool {
        self.screen.draws()
    }

    /// Removes the bars for good, at the end of the command.
    pub fn close(&self) {
        self.screen.close();
    }

    fn line(&self, text: &str) {
        self.bars.suspend(|| {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        });
    }
}

fn takes_colours(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    !refused && stream.is_terminal()
}
