//! Callbacks for the progress of blobs. This crate prints nothing.

use std::sync::Arc;

/// What is done to a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Its bytes are sent to the registry.
    Send,
    /// They are read from another registry, and sent to this one.
    Copy,
}

/// How a blob was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// It was there.
    Present,
    /// The registry had it in another repository.
    Mounted,
    /// It was sent: bytes that were put on the way, repeated ones included.
    Sent(u64),
}

/// The progress of one blob. All methods do nothing unless they are written.
pub trait Progress: Send + Sync {
    /// It waits for its turn, or for an answer.
    fn waits(&self) {}
    /// Work on its bytes begins, and they are so many.
    fn begins(&self, step: Step, bytes: u64) {
        let _ = (step, bytes);
    }
    /// More bytes are on their way; none is counted twice.
    fn advances(&self, bytes: u64) {
        let _ = bytes;
    }
    /// It is in its repository.
    fn is_placed(&self, how: Placed) {
        let _ = how;
    }
}

impl Progress for () {}

/// Progress that is not shown.
pub fn unseen() -> Arc<dyn Progress> {
    Arc::new(())
}
