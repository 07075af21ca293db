//! A board whose clock the test sets.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::bar::{Audience, Board, Ended, lock};

/// The time, and the parts that ended.
#[derive(Clone, Default)]
pub(super) struct Clock {
    seconds: Arc<AtomicU64>,
    pub ended: Arc<Mutex<Vec<Ended>>>,
}

pub(super) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

impl Clock {
    pub fn board() -> (Clock, Arc<Board>) {
        let clock = Clock::default();
        (clock.clone(), Board::new(clock))
    }

    pub fn set(&self, seconds: u64) {
        self.seconds.store(seconds, SeqCst);
    }
}

impl Audience for Clock {
    fn now(&self) -> Duration {
        seconds(self.seconds.load(SeqCst))
    }
    fn began(&self, _: &Arc<Board>) {}
    fn ended(&self, part: &Ended) {
        lock(&self.ended).push(part.clone());
    }
    fn gone(&self, _: &Board) {}
}
