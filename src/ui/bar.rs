//! The work in progress, as a tree: a bar for all, and one for each of its parts. Workers count into it, which costs an
//! atomic addition; the screen reads it at intervals.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// What a bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, shown as kB, MB, GB.
    Bytes,
    /// Anything else.
    Items,
}

/// The stage of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It waits for its turn.
    Wait,
    /// Its files are fetched.
    Download,
    /// Its files are in the store and are hashed again.
    Check,
    /// Its bytes are arranged as a layer.
    Splice,
    /// Its digests are computed.
    Hash,
    /// It is sent to a registry.
    Send,
    /// It is copied from one registry to another.
    Copy,
    /// It is read from a registry.
    Read,
    /// Another program works on it.
    Run,
}

impl Stage {
    /// The word that is shown.
    pub(super) fn word(self) -> &'static str {
        match self {
            Stage::Wait => "wait",
            Stage::Download => "download",
            Stage::Check => "check",
            Stage::Splice => "splice",
            Stage::Hash => "hash",
            Stage::Send => "send",
            Stage::Copy => "copy",
            Stage::Read => "read",
            Stage::Run => "run",
        }
    }
}

/// A running line of progress; it disappears with its last clone. Cheap to clone, safe to share.
#[derive(Debug, Clone)]
pub struct Bar(Arc<Held>);

/// A request that a host has not answered yet; dropped when it has.
#[derive(Debug)]
pub struct Waiting {
    node: Arc<Node>,
    number: u64,
}

/// Removes its node from the tree.
#[derive(Debug)]
struct Held(Arc<Node>);

/// A part that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    /// The bar of all.
    pub of: String,
    /// How many of its parts are done, this one included, and how many there are.
    pub parts: (usize, usize),
    pub name: String,
    /// Its result: `sent`.
    pub how: String,
    /// Its bytes; 0: not known.
    pub size: u64,
    /// The time of each stage.
    pub spent: Vec<(Stage, Duration)>,
}

/// Receives the changes that cannot wait until the screen is drawn next.
pub(super) trait Audience: Send + Sync {
    /// Time since the run began.
    fn now(&self) -> Duration;
    /// There is a new bar of all.
    fn began(&self, board: &Arc<Board>);
    /// A part is done.
    fn ended(&self, part: &Ended);
    /// A bar of all ended: it must be removed from the screen before anything else is printed.
    fn gone(&self, board: &Board);
}

/// The bars of a run.
pub(super) struct Board {
    pub roots: Mutex<Vec<Arc<Node>>>,
    pub audience: Box<dyn Audience>,
}

/// A bar.
pub(super) struct Node {
    pub name: String,
    pub unit: Unit,
    /// Bytes of the total above that are this part's.
    pub size: u64,
    /// Its stages; each works on all of its bytes.
    pub stages: &'static [Stage],
    pub counts: Counts,
    pub course: Mutex<Course>,
    pub parts: Mutex<Vec<Arc<Node>>>,
    /// Open requests by host, with their start.
    pub waits: Mutex<BTreeMap<u64, (String, String, Duration)>>,
    /// The bar of all; for that bar, the board.
    above: Option<Weak<Node>>,
    board: Arc<Board>,
}

/// The count of the present stage.
pub(super) struct Counts {
    done: AtomicU64,
    /// [`UNKNOWN`]: the end is not known.
    total: AtomicU64,
}

const UNKNOWN: u64 = u64::MAX;

impl Counts {
    fn of(total: Option<u64>) -> Self {
        Counts { done: AtomicU64::new(0), total: AtomicU64::new(total.unwrap_or(UNKNOWN)) }
    }

    pub fn done(&self) -> u64 {
        self.done.load(Relaxed)
    }

    pub fn total(&self) -> Option<u64> {
        Some(self.total.load(Relaxed)).filter(|total| *total != UNKNOWN)
    }
}

/// The progress of a bar through its stages.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// The present one, and its start.
    pub stage: Option<(Stage, Duration)>,
    /// How many of [`Node::stages`] are done.
    pub passed: usize,
    /// Bytes of the size that were processed in the done stages, without those that were there already.
    pub worked: u64,
    pub spent: Vec<(Stage, Duration)>,
    pub message: String,
    pub end: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Done,
    /// Dropped: it failed, or is no longer needed.
    Left,
}

impl Board {
    pub fn new(audience: impl Audience + 'static) -> Arc<Self> {
        Arc::new(Board { roots: Mutex::default(), audience: Box::new(audience) })
    }

    /// A new bar of all. `total: None` where the end is not known yet.
    pub fn bar(self: &Arc<Self>, name: &str, total: Option<u64>, unit: Unit) -> Bar {
        let node = Node {
            name: name.to_owned(),
            unit,
            size: 0,
            stages: &[],
            counts: Counts::of(total),
            course: Mutex::new(Course::default()),
            parts: Mutex::default(),
            waits: Mutex::default(),
            above: None,
            board: Arc::clone(self),
        };
        lock(&node.course).stage = Some((Stage::Run, self.audience.now()));
        let node = Arc::new(node);
        lock(&self.roots).push(Arc::clone(&node));
        self.audience.began(self);
        Bar(Arc::new(Held(node)))
    }
}

impl Bar {
    /// A bar that is not drawn.
    pub fn hidden() -> Self {
        static BOARD: LazyLock<Arc<Board>> = LazyLock::new(|| Board::new(Nobody));
        let bar = BOARD.bar("", None, Unit::Items);
        lock(&BOARD.roots).clear();
        bar
    }

    /// A part of this bar. It is shown once it starts; `size` is what it adds to the bytes of all; each of
    /// these `stages` works on all of them.
    pub fn part(&self, name: impl Into<String>, size: u64, stages: &'static [Stage]) -> Bar {
        let node = self.node();
        let part = Arc::new(Node {
            name: name.into(),
            unit: Unit::Bytes,
            size,
            stages,
            counts: Counts::of(None),
            course: Mutex::default(),
            parts: Mutex::default(),
            waits: Mutex::default(),
            above: Some(Arc::downgrade(node)),
            board: Arc::clone(&node.board),
        });
        lock(&node.parts).push(Arc::clone(&part));
        Bar(Arc::new(Held(part)))
    }

    /// Starts a stage; the count starts again at zero. `total`: bytes, where they are known.
    pub fn begin(&self, stage: Stage, total: Option<u64>) {
        let node = self.node();
        let mut course = lock(&node.course);
        node.leave_stage(&mut course);
        if let Some(at) = node.share(stage) {
            course.passed = at;
        }
        course.message.clear();
        node.counts.done.store(0, Relaxed);
        node.counts.total.store(total.unwrap_or(UNKNOWN), Relaxed);
        course.stage = Some((stage, node.board.audience.now()));
    }

    /// Counts `n` more.
    pub fn inc(&self, n: u64) {
        self.node().counts.done.fetch_add(n, Relaxed);
    }

    /// Expects `n` more.
    pub fn inc_length(&self, n: u64) {
        let more = |total| Some(if total == UNKNOWN { n } else { total + n });
        // It always gives a value, so it always succeeds.
        let _ = self.node().counts.total.fetch_update(Relaxed, Relaxed, more);
    }

    /// Expects `total` in all.
    pub fn expect(&self, total: u64) {
        self.node().counts.total.store(total, Relaxed);
    }

    /// Shows what is being done now.
    pub fn message(&self, text: impl Into<String>) {
        lock(&self.node().course).message = text.into();
    }

    /// Marks this part as done with this result: `sent`.
    pub fn done(&self, how: &str) {
        self.node().end(End::Done, how);
    }

    /// Removes the line; `Drop` of the last clone does the same.
    pub fn finish(&self) {
        self.node().end(End::Left, "");
    }

    /// Shows that `host` was asked for `what`, until the result is dropped.
    pub fn waits_for(&self, host: impl Into<String>, what: impl Into<String>) -> Waiting {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let (node, number) = (Arc::clone(self.node()), NUMBER.fetch_add(1, Relaxed));
        let wait = (host.into(), what.into(), node.board.audience.now());
        lock(&node.waits).insert(number, wait);
        Waiting { node, number }
    }

    fn node(&self) -> &Arc<Node> {
        &self.0.0
    }
}

impl Node {
    /// How much of the present stage is done, of 1; 0 where that is not known.
    pub fn fraction(&self) -> f64 {
        match self.counts.total() {
            Some(total) if total > 0 => (self.counts.done() as f64 / total as f64).min(1.0),
            _ => 0.0,
        }
    }

    /// The index of this stage. Checking files that are in the store counts as their download.
    fn share(&self, stage: Stage) -> Option<usize> {
        let stage = if stage == Stage::Check { Stage::Download } else { stage };
        self.stages.iter().position(|known| *known == stage)
    }

    /// Bytes of the size that the present stage has processed.
    pub fn working(&self, course: &Course) -> u64 {
        match course.stage {
            Some((stage, _)) if self.share(stage).is_some() => {
                (self.size as f64 * self.fraction()) as u64 / self.stages.len() as u64
            }
            _ => 0,
        }
    }

    fn leave_stage(&self, course: &mut Course) {
        let worked = self.working(course);
        let Some((stage, since)) = course.stage.take() else { return };
        course.worked += worked;
        if self.share(stage).is_some() {
            course.passed += 1;
        }
        let took = self.board.audience.now().saturating_sub(since);
        match course.spent.iter_mut().find(|(known, _)| *known == stage) {
            Some((_, sum)) => *sum += took,
            None => course.spent.push((stage, took)),
        }
    }

    fn end(&self, end: End, how: &str) {
        let spent = {
            let mut course = lock(&self.course);
            if course.end.is_some() {
                return;
            }
            self.leave_stage(&mut course);
            course.end = Some(end);
            course.spent.clone()
        };
        let audience = &self.board.audience;
        match &self.above {
            Some(above) => {
                let Some(above) = above.upgrade().filter(|_| end == End::Done) else { return };
                audience.ended(&Ended {
                    of: above.name.clone(),
                    parts: above.parts_done(),
                    name: self.name.clone(),
                    how: how.to_owned(),
                    size: self.size,
                    spent,
                });
            }
            None => {
                lock(&self.board.roots).retain(|root| !std::ptr::eq(&**root, self));
                audience.gone(&self.board);
            }
        }
    }

    /// How many parts are done, and how many there are; dropped parts do not count.
    pub fn parts_done(&self) -> (usize, usize) {
        let ends: Vec<_> = lock(&self.parts).iter().map(|part| lock(&part.course).end).collect();
        let count = |end| ends.iter().filter(|known| **known == end).count();
        (count(Some(End::Done)), ends.len() - count(Some(End::Left)))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.end(End::Left, "");
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        lock(&self.node.waits).remove(&self.number);
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Node").field(&self.name).finish()
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Board")
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The board of hidden bars.
struct Nobody;

impl Audience for Nobody {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
    fn began(&self, _: &Arc<Board>) {}
    fn ended(&self, _: &Ended) {}
    fn gone(&self, _: &Board) {}
}
