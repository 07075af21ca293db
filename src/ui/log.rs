//! The log of the program on stderr, for `--verbose`.

use std::io::{self, Write};

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;

use super::Ui;

/// The crates of the workspace that log; what others log is shown by `ENVLOCK_LOG` alone.
const CRATES: [&str; 3] = ["envlock", "http_retry", "oci_registry"];

impl Ui {
    /// Starts the log, once in a process. `verbose`: 0 for warnings only, 1 for each action, 2 also for failures of servers
    /// and retries.
    /// `ENVLOCK_LOG` (tracing's filters) takes precedence.
    pub fn log(&self, verbose: u8) {
        let of_each = |level: &str| CRATES.map(|name| format!("{name}={level}")).join(",");
        let level = match verbose {
            0 => "warn".to_owned(),
            1 => of_each("info"),
            _ => of_each("debug"),
        };
        let filter = EnvFilter::try_from_env("ENVLOCK_LOG");
        let bars = self.bars.clone();
        tracing_subscriber::fmt()
            .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new(level)))
            .with_writer(move || AboveBars(bars.clone()))
            .with_ansi(self.colours_messages())
            .without_time()
            .init();
    }
}

/// Writes whole lines to stderr, above the bars.
struct AboveBars(MultiProgress);

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().lock().write(bytes))
    }
    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
