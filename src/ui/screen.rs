//! Draws the bars: on a terminal ten times a second, in a log a line for each part that is done, and
//! a line at intervals while none is.

use std::fmt;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::bar::{Audience, Board, Ended, lock};
use super::lines::{Canvas, ended, lines, still};
use super::view::{Rates, views};

/// How often a terminal is drawn.
const FRAME: Duration = Duration::from_millis(100);
/// A log without a line for this time gets one about the work in progress.
const SILENCE: Duration = Duration::from_secs(30);

/// Where bars are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Drawn, and drawn again.
    Terminal {
        /// With colours.
        colours: bool,
    },
    /// Lines that stay.
    Log,
    /// Not at all.
    Nowhere,
}

/// Draws the bars of a board, or prints lines about them.
pub(super) struct Screen {
    kind: Kind,
    /// Lines above those that are drawn.
    bars: MultiProgress,
    started: Instant,
    state: Mutex<State>,
}

struct State {
    /// Everything that is drawn, as one bar of several lines.
    drawn: Option<ProgressBar>,
    rates: Rates,
    /// When the last line of a log was written.
    said: Duration,
    is_closed: bool,
}

/// The screen as an observer of its board.
struct Seat {
    screen: Arc<Screen>,
    /// Wakes the drawing thread, which starts with the first bar.
    wake: Mutex<Option<Sender<()>>>,
}

impl Screen {
    pub fn new(kind: Kind, bars: MultiProgress) -> Arc<Self> {
        let (rates, said) = (Rates::default(), Duration::ZERO);
        let state = State { drawn: None, rates, said, is_closed: false };
        Arc::new(Screen { kind, bars, started: Instant::now(), state: Mutex::new(state) })
    }

    /// An empty board shown on this screen.
    pub fn board(self: &Arc<Self>) -> Arc<Board> {
        Board::new(Seat { screen: Arc::clone(self), wake: Mutex::default() })
    }

    /// Whether it is a terminal.
    pub fn draws(&self) -> bool {
        matches!(self.kind, Kind::Terminal { .. })
    }

    /// Removes what is drawn, for good.
    pub fn close(&self) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        self.clear(&mut state);
    }

    fn clear(&self, state: &mut State) {
        if let Some(drawn) = state.drawn.take() {
            drawn.finish_and_clear();
            self.bars.remove(&drawn);
        }
    }

    /// Draws the bars as they are now; returns whether there are any.
    fn look(&self, board: &Board) -> bool {
        let now = self.started.elapsed();
        let mut views = views(board, now);
        let mut state = lock(&self.state);
        if views.is_empty() || state.is_closed {
            self.clear(&mut state);
            return false;
        }
        state.rates.put(&mut views, now);
        match self.kind {
            Kind::Terminal { colours } => {
                let (height, width) = Term::stderr().size();
                let tick = usize::try_from(now.as_millis() / FRAME.as_millis()).unwrap_or(0);
                // Some terminals start a new line after text in the last column.
                let width = usize::from(width).saturating_sub(1);
                let height = usize::from(height).saturating_sub(1);
                let text = lines(&views, &Canvas { width, height, colours, tick }).join("\n");
                state.drawn.get_or_insert_with(|| self.drawn()).set_message(text);
            }
            Kind::Log if now.saturating_sub(state.said) >= SILENCE => {
                state.said = now;
                views.iter().for_each(|view| self.print(&still(view)));
            }
            Kind::Log | Kind::Nowhere => {}
        }
        true
    }

    fn drawn(&self) -> ProgressBar {
        let bar = ProgressBar::no_length();
        // The template is only text, which is always valid.
        let style = ProgressStyle::with_template("{msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        self.bars.add(bar)
    }

    fn print(&self, line: &str) {
        self.bars.suspend(|| {
            let _ = writeln!(io::stderr().lock(), "{line}");
        });
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Screen").field(&self.kind).finish()
    }
}

impl Audience for Seat {
    fn now(&self) -> Duration {
        self.screen.started.elapsed()
    }

    fn began(&self, board: &Arc<Board>) {
        let kind = self.screen.kind;
        if kind == Kind::Nowhere {
            return;
        }
        lock(&self.screen.state).said = self.now();
        let mut wake = lock(&self.wake);
        let wake = wake.get_or_insert_with(|| {
            let (wake, woken) = channel();
            let (screen, board) = (Arc::clone(&self.screen), Arc::downgrade(board));
            let watch = move || watch(&screen, &board, &woken);
            // Without the thread nothing is drawn; the work goes on.
            if let Err(error) = thread::Builder::new().name("progress".to_owned()).spawn(watch) {
                tracing::debug!("progress is not shown: {error}");
            }
            wake
        });
        let _ = wake.send(());
    }

    fn ended(&self, part: &Ended) {
        if self.screen.kind == Kind::Log {
            lock(&self.screen.state).said = self.now();
            self.screen.print(&ended(part));
        }
    }

    fn gone(&self, board: &Board) {
        if self.screen.draws() {
            self.screen.look(board);
        }
    }
}

/// Draws as long as the board has bars, and sleeps while it has none. Ends with the board.
fn watch(screen: &Screen, board: &Weak<Board>, woken: &Receiver<()>) {
    let pause = if screen.kind == Kind::Log { Duration::from_secs(1) } else { FRAME };
    while let Some(board) = board.upgrade() {
        let is_busy = screen.look(&board);
        drop(board);
        let changed = match is_busy {
            true => woken.recv_timeout(pause),
            false => woken.recv().map_err(RecvTimeoutError::from),
        };
        if changed == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}
