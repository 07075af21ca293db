//! Work that waits for the disk, away from the threads that drive requests.

use tokio::task::{JoinHandle, spawn_blocking};

use crate::refusal::Refusal;

/// Runs the part of a request that waits for the disk.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    joined(spawn_blocking(work)).await
}

/// What a task returns. A panic in it continues in the caller.
pub(crate) async fn joined<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is shutting down, and drops the caller too.
        Err(_) => std::future::pending().await,
    }
}
