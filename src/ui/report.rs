//! Messages, results and bars of one run.

use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::process::Stdio;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use serde::Serialize;

use super::{Bar, Unit};

/// How this run talks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Only warnings, errors and results.
    pub quiet: bool,
    /// No bars, even on a terminal.
    pub no_progress: bool,
    /// The result is JSON; nothing else goes to stdout.
    pub json: bool,
}

/// The voice of one run. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ui {
    options: Options,
    bars: MultiProgress,
}

impl Ui {
    /// Bars are drawn, and long error lines wrapped, only on a terminal.
    pub fn new(options: Options) -> Self {
        let terminal = std::io::stderr().is_terminal();
        // A second voice in one process (tests) finds the hook already set, to the same effect.
        let _ = miette::set_hook(Box::new(move |_| {
            Box::new(miette::MietteHandlerOpts::new().wrap_lines(terminal).build())
        }));
        let draw = !options.quiet && !options.no_progress && terminal;
        let target = if draw { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Ui { options, bars: MultiProgress::with_draw_target(target) }
    }

    /// Says nothing and draws nothing.
    pub fn silent() -> Self {
        Ui::new(Options { quiet: true, no_progress: true, json: false })
    }

    /// Whether the result is wanted as JSON.
    pub fn wants_json(&self) -> bool {
        self.options.json
    }

    /// Whether the result may be coloured: it goes to a terminal, and NO_COLOR is not set.
    pub fn colours(&self) -> bool {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        !refused && std::io::stdout().is_terminal()
    }

    /// A line about what happens, on stderr; silent with `--quiet`.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.options.quiet {
            self.line(text.as_ref());
        }
    }

    /// Something the user should know, on stderr, always.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.line(&format!("warning: {}", text.as_ref()));
    }

    /// The result, on stdout, as it is; a missing final newline is added.
    pub fn result(&self, text: impl AsRef<str>) {
        let text = text.as_ref();
        let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
        self.bars.suspend(|| {
            // A reader that closed its end (`| head`) is not our failure.
            let _ = write!(std::io::stdout().lock(), "{text}{end}");
        });
    }

    /// The result as one JSON document on stdout.
    pub fn json(&self, value: &impl Serialize) {
        let text = serde_json::to_string_pretty(value).expect("results always serialize");
        self.result(text);
    }

    /// Where another program may print: stderr, for stdout is the result's.
    pub fn for_others(&self) -> std::io::Result<Stdio> {
        std::io::stderr().as_fd().try_clone_to_owned().map(Stdio::from)
    }

    /// An error, on stderr, with its place and help.
    pub fn failure(&self, report: &miette::Report) {
        self.line(format!("{report:?}").trim_end());
    }

    /// A new bar; `total: None` where the end is not known yet.
    pub fn bar(&self, title: &str, total: Option<u64>, unit: Unit) -> Bar {
        let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
        Bar::new(self.bars.add(bar), title, unit)
    }

    fn line(&self, text: &str) {
        self.bars.suspend(|| {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        });
    }
}
