//! Progress bars. Without a terminal, and with `--quiet` or `--no-progress`, they draw nothing.

use indicatif::{ProgressBar, ProgressStyle};

/// What a bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, shown as kB, MB, GB.
    Bytes,
    /// Anything else.
    Items,
}

/// A running line of progress; it disappears when dropped. Cheap to clone, safe to share.
#[derive(Debug, Clone)]
pub struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(bar: ProgressBar, title: &str, unit: Unit) -> Self {
        let counts = match (unit, bar.length()) {
            (Unit::Bytes, Some(_)) => {
                "{decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}"
            }
            (Unit::Bytes, None) => "{decimal_bytes} {decimal_bytes_per_sec}",
            (Unit::Items, Some(_)) => "{pos}/{len}",
            (Unit::Items, None) => "{pos}",
        };
        let style = ProgressStyle::with_template(&format!(
            "{{spinner}} {{prefix:<12}} {counts} {{wide_msg}}"
        ));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(title.to_owned());
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        Bar(bar)
    }

    /// A bar that draws nothing, for tests and for callers without a terminal.
    pub fn hidden() -> Self {
        Bar(ProgressBar::hidden())
    }
    /// Counts `n` more.
    pub fn inc(&self, n: u64) {
        self.0.inc(n);
    }
    /// Expects `n` more.
    pub fn inc_length(&self, n: u64) {
        self.0.inc_length(n);
    }
    /// Says what is being done right now.
    pub fn message(&self, text: impl Into<String>) {
        self.0.set_message(text.into());
    }
    /// Takes the line away; `Drop` of the last clone does the same.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
