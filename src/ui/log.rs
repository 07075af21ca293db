//! What `--verbose` shows: the log of the program, on stderr.

use std::io::{self, Write};

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;

use super::Ui;

impl Ui {
    /// Begins it, once a process. `verbose`: 0 for warnings alone, 1 for what is done, 2 for every request.
    /// `ENVLOCK_LOG` (tracing's filters) counts before it.
    pub fn log(&self, verbose: u8) {
        let level = ["warn", "envlock=info", "envlock=debug"][usize::from(verbose.min(2))];
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

/// Whole lines for stderr, which tear no bar.
struct AboveBars(MultiProgress);

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().lock().write(bytes))
    }
    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
