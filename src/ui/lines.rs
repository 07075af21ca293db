//! Views as text: for a terminal of any width, and for a log.

use std::time::Duration;

use console::{Style, measure_text_width, truncate_str};
use jiff::SignedDuration;

use super::bar::{Ended, Stage, Unit};
use super::view::View;

/// The size of the screen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Canvas {
    /// Columns.
    pub width: usize,
    /// Lines, at most.
    pub height: usize,
    pub colours: bool,
    /// The counter of the spinner.
    pub tick: usize,
}

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// Parts that are shown at the same time, however high the terminal is.
const ROWS: usize = 12;
/// Columns of a part's bar.
const BAR: usize = 20;
/// A terminal with fewer columns has no bars.
const WIDE: usize = 78;
/// One with fewer has no rates.
const NARROW: usize = 56;

/// One line for each bar of all, and under it those of its parts that are in progress, as many as fit.
pub(super) fn lines(views: &[View], canvas: &Canvas) -> Vec<String> {
    let room = canvas.height.saturating_sub(views.len()).min(ROWS);
    let share = room / views.len().max(1);
    let all = views.iter().flat_map(|view| block(view, share, canvas));
    all.map(|line| truncate_str(&line, canvas.width, "").into_owned()).collect()
}

fn block(view: &View, room: usize, canvas: &Canvas) -> Vec<String> {
    let paint = Paint(canvas.colours);
    let spinner = SPINNER[canvas.tick % SPINNER.len()];
    let rest = join([counts(view), view.message.clone()]);
    let name = fit(&view.name, canvas.width.saturating_sub(2));
    let left = canvas.width.saturating_sub(4 + measure_text_width(&name));
    let first = format!("{spinner} {}  {}", paint.bold(&name), fit(&rest, left));
    let mut lines = vec![trimmed(first)];
    let shown = match view.rows.len() {
        all if all <= room => all,
        _ => room.saturating_sub(1),
    };
    let longest = view.rows[..shown].iter().map(|row| measure_text_width(&row.name)).max();
    let column = longest.unwrap_or(0).min(canvas.width / 3);
    lines.extend(view.rows[..shown].iter().map(|row| trimmed(line(row, column, canvas))));
    let more = view.rows.len() - shown;
    if more > 0 && room > 0 {
        lines.push(fit(&format!("  and {more} more"), canvas.width));
    }
    lines
}

/// A part: its name, stage, bar, bytes, rate.
fn line(row: &View, column: usize, canvas: &Canvas) -> String {
    let paint = Paint(canvas.colours);
    let name = padded(&fit(&row.name, column), column);
    let stage = padded(row.stage.map_or("", Stage::word), 8);
    let mut left = canvas.width.saturating_sub(2 + column + 2 + 8 + 2);
    let (mut drawn, mut rest) = (String::new(), waits(row));
    if row.unit == Unit::Bytes {
        if canvas.width >= WIDE && row.total.is_some() {
            drawn = paint.green(&bar(row)) + "  ";
            left -= BAR + 4;
        }
        let is_counted = row.done > 0 || row.total.is_some();
        let bytes = if is_counted { amount(row) } else { String::new() };
        let rate = row.rate.filter(|_| canvas.width >= NARROW).map(speed).unwrap_or_default();
        rest = format!("{bytes:<16}  {rate:<10}  {}", row.message);
    }
    format!("  {name}  {}  {drawn}{}", paint.cyan(&stage), fit(rest.trim_end(), left))
}

/// `3 requests, 4s: torch, numpy, pip`
fn waits(row: &View) -> String {
    let requests = if row.done == 1 { "request" } else { "requests" };
    let since =
        if row.since.as_secs() > 0 { format!(", {}", words(row.since)) } else { String::new() };
    format!("{} {requests}{since}: {}", row.done, row.message)
}

/// `5/14  1.24/3.31 GB  85.2 MB/s  25s left`
fn counts(view: &View) -> String {
    let parts = view.parts.map(|(done, all)| format!("{done}/{all}"));
    let has_amount = view.total.is_some_and(|total| total > 0) || view.done > 0;
    let amount = has_amount.then(|| amount(view));
    let rate = view.rate.filter(|_| view.unit == Unit::Bytes).map(speed);
    let left = view.left().map(|left| format!("{} left", words(left)));
    join([parts, amount, rate, left].map(Option::unwrap_or_default))
}

fn amount(view: &View) -> String {
    match (view.unit, view.total) {
        (Unit::Items, Some(total)) => format!("{}/{total}", view.done),
        (Unit::Items, None) => view.done.to_string(),
        (Unit::Bytes, total) => bytes(view.done, total),
    }
}

/// `[=====>              ]`, as docker draws it.
fn bar(row: &View) -> String {
    let total = row.total.unwrap_or(0).max(1);
    let full = usize::try_from(row.done.min(total) * BAR as u64 / total).unwrap_or(BAR);
    let head = if full == BAR { "" } else { ">" };
    format!("[{:<BAR$}]", "=".repeat(full) + head)
}

/// A part that is done, for a log: `[layers 5/14] torch: sent, 812.3 MB in 12.3 s (download 3.1 s, hash 2.0 s, send 7.2 s)`
pub(super) fn ended(part: &Ended) -> String {
    let Ended { of, parts: (done, all), name, how, size, spent } = part;
    let mut text = format!("[{of} {done}/{all}] {name}: {how}");
    if *size > 0 {
        text += &format!(", {}", bytes(*size, None));
    }
    let shown: Vec<_> = spent.iter().filter(|(_, took)| took.as_millis() >= 50).collect();
    if !shown.is_empty() {
        let sum: Duration = shown.iter().map(|(_, took)| *took).sum();
        text += &format!(" in {:.1} s", sum.as_secs_f64());
    }
    if let [_, _, ..] = *shown {
        let stages = shown
            .iter()
            .map(|(stage, took)| format!("{} {:.1} s", stage.word(), took.as_secs_f64()));
        text += &format!(" ({})", stages.collect::<Vec<_>>().join(", "));
    }
    text
}

/// The work in progress, for a log without a line for some time: one line for each bar of all.
pub(super) fn still(view: &View) -> String {
    let row = |row: &View| match row.unit {
        Unit::Items => format!("{}: {}", row.name, waits(row)),
        Unit::Bytes => {
            let stage = row.stage.map_or("", Stage::word);
            let bytes = if row.done > 0 { amount(row) } else { String::new() };
            trimmed(format!("{}: {stage} {bytes}", row.name))
        }
    };
    let rows = view.rows.iter().take(ROWS).map(row).collect::<Vec<_>>().join("; ");
    fit(&join([view.name.clone(), counts(view), view.message.clone(), rows]), 400)
}

/// `512.3/812.3 MB`; both in the unit of the second.
fn bytes(done: u64, total: Option<u64>) -> String {
    const UNITS: [(&str, f64, usize); 4] =
        [("GB", 1e9, 2), ("MB", 1e6, 1), ("kB", 1e3, 0), ("B", 1.0, 0)];
    let largest = total.unwrap_or(done) as f64;
    let (unit, size, digits) =
        UNITS.into_iter().find(|(_, size, _)| largest >= *size).unwrap_or(UNITS[3]);
    let done = format!("{:.digits$}", done as f64 / size);
    match total {
        Some(total) => format!("{done}/{:.digits$} {unit}", total as f64 / size),
        None => format!("{done} {unit}"),
    }
}

fn speed(rate: f64) -> String {
    format!("{}/s", bytes(rate as u64, None))
}

/// `45s`, `1m 30s`
fn words(length: Duration) -> String {
    let seconds = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    format!("{:#}", SignedDuration::from_secs(seconds))
}

fn join<const N: usize>(columns: [String; N]) -> String {
    columns.into_iter().filter(|column| !column.is_empty()).collect::<Vec<_>>().join("  ")
}

/// The text cut to this many columns, in one line, without control characters.
fn fit(text: &str, width: usize) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let tail = if width > 1 { "…" } else { "" };
    truncate_str(&plain, width, tail).into_owned()
}

fn padded(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(measure_text_width(text));
    text.to_owned() + &" ".repeat(missing)
}

fn trimmed(text: String) -> String {
    text.trim_end().to_owned()
}

/// ANSI colours, if enabled.
struct Paint(bool);

impl Paint {
    fn bold(&self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }
    fn cyan(&self, text: &str) -> String {
        self.with(Style::new().cyan(), text)
    }
    fn green(&self, text: &str) -> String {
        self.with(Style::new().green(), text)
    }
    fn with(&self, style: Style, text: &str) -> String {
        match self.0 {
            true => style.force_styling(true).apply_to(text).to_string(),
            false => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Clock, seconds};
    use super::super::view::{Rates, views};
    use super::super::{Bar, bar::Board};
    use super::*;

    const STAGES: &[Stage] = &[Stage::Download, Stage::Hash, Stage::Send];

    fn canvas(width: usize, height: usize) -> Canvas {
        Canvas { width, height, colours: false, tick: 0 }
    }

    /// Ten seconds into a build: four layers in progress, one done, one waiting.
    fn build() -> (Clock, std::sync::Arc<Board>, Vec<Bar>) {
        let (clock, board) = Clock::board();
        let all = board.bar("layers", None, Unit::Bytes);
        let part = |name: &str, size: u64| all.part(name, size, STAGES);
        let (torch, ray, nccl) =
            (part("torch", 812_000_000), part("ray", 70_000_000), part("nvidia-nccl", 300_000_000));
        let (named, waits) = (part("名前の長い層", 4_000), part("marimo", 30_000_000));
        let there = part("python", 40_000_000);
        there.done("already there");
        torch.begin(Stage::Download, Some(812_000_000));
        torch.message("torch-2.9.1-cp314-cp314-manylinux_2_28_x86_64.whl");
        torch.inc(406_000_000);
        clock.set(4);
        ray.begin(Stage::Splice, None);
        nccl.begin(Stage::Send, Some(301_000_000));
        nccl.inc(299_000_000);
        clock.set(9);
        named.begin(Stage::Hash, Some(4_000));
        (clock, board, vec![all, torch, ray, nccl, named, waits, there])
    }

    fn drawn(board: &Board, at: u64, canvas: &Canvas) -> Vec<String> {
        let mut rates = Rates::default();
        let mut now = views(board, seconds(at));
        rates.put(&mut now, seconds(at));
        lines(&now, canvas)
    }

    #[test]
    fn a_build_shows_a_line_for_each_layer_in_work_under_one_for_all() {
        let (_clock, board, _bars) = build();
        insta::assert_snapshot!(drawn(&board, 10, &canvas(110, 30)).join("\n"));
    }

    #[test]
    fn a_narrow_terminal_drops_columns_and_no_line_is_wider_than_it() {
        let (_clock, board, _bars) = build();
        for width in 0..130 {
            for line in drawn(&board, 10, &canvas(width, 30)) {
                assert!(measure_text_width(&line) <= width, "{width}: {line}");
            }
        }
        insta::assert_snapshot!(drawn(&board, 10, &canvas(50, 30)).join("\n"));
    }

    #[test]
    fn of_more_layers_than_fit_the_rest_is_counted() {
        let (_clock, board, _bars) = build();
        let lines = drawn(&board, 10, &canvas(80, 4));
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[3], "  and 2 more");
        assert_eq!(drawn(&board, 10, &canvas(80, 1)).len(), 1);
    }

    #[test]
    fn colours_change_no_column() {
        let (_clock, board, _bars) = build();
        let plain = drawn(&board, 10, &canvas(100, 30));
        let coloured = drawn(&board, 10, &Canvas { colours: true, ..canvas(100, 30) });
        assert!(coloured[1].contains("\x1b[32m[==========>"), "{}", coloured[1]);
        let bare: Vec<_> =
            coloured.iter().map(|l| trimmed(console::strip_ansi_codes(l).into_owned())).collect();
        assert_eq!(bare, plain);
        assert!(!plain.concat().contains('\x1b'));
    }

    #[test]
    fn a_resolve_says_which_host_it_waits_for_and_what_for() {
        let (clock, board) = Clock::board();
        let all = board.bar("resolving", Some(40), Unit::Items);
        all.inc(12);
        let _waits = ["torch", "numpy"].map(|what| all.waits_for("index.example", what));
        clock.set(3);
        let _base = all.waits_for("registry.example:5000", "base:v1");
        insta::assert_snapshot!(drawn(&board, 4, &canvas(80, 30)).join("\n"));
        insta::assert_snapshot!(still(&views(&board, seconds(34))[0]), @"resolving  12/40  index.example: 2 requests, 34s: numpy, torch; registry.example:5000: 1 request, 31s: base:v1");
    }

    #[test]
    fn what_moves_the_cursor_is_not_drawn() {
        let (_clock, board) = Clock::board();
        let all = board.bar("a\nb", Some(5), Unit::Items);
        all.message("c\x1b[2J\rd");
        assert_eq!(drawn(&board, 1, &canvas(80, 9)), ["⠋ a b  0/5  c [2J d"]);
    }

    #[test]
    fn without_a_terminal_each_layer_that_is_done_has_a_line() {
        let (clock, board, bars) = build();
        clock.set(12);
        bars[1].begin(Stage::Hash, Some(1));
        clock.set(13);
        bars[1].done("sent");
        bars[1].done("twice");
        drop(bars);
        let lines: Vec<_> = clock.ended.lock().unwrap().iter().map(ended).collect();
        assert_eq!(
            lines,
            [
                "[layers 1/6] python: already there, 40.0 MB",
                "[layers 2/6] torch: sent, 812.0 MB in 13.0 s (download 12.0 s, hash 1.0 s)",
            ]
        );
        drop(board);
    }

    #[test]
    fn amounts_share_the_unit_of_the_larger_one() {
        let cases = [
            (0, Some(0), "0/0 B"),
            (999, Some(1000), "1/1 kB"),
            (5_000_000, Some(2_000_000_000), "0.01/2.00 GB"),
        ];
        for (done, total, text) in cases {
            assert_eq!(bytes(done, total), text);
        }
        assert_eq!(bytes(1_500_000, None), "1.5 MB");
    }
}
