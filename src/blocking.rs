//! Runs work that waits for the disk or computes for long on other threads than those that drive requests.

use std::panic::resume_unwind;

use tokio::task::{JoinHandle, spawn_blocking};

/// Runs `work` on a thread that may block and returns what it returns. A panic in it continues in the caller.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    joined(spawn_blocking(work)).await
}

/// Waits for a task that is never aborted. A panic in it continues in the caller.
pub(crate) async fn joined<T>(task: JoinHandle<T>) -> T {
    task.await.unwrap_or_else(|error| resume_unwind(error.into_panic()))
}
