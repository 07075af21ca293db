//! Registries that this process serves while a command needs them.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;

use crate::ui::Ui;

/// Requests that end within this time are not mentioned.
const AT_ONCE: Duration = Duration::from_millis(500);

/// Registries of this process that may still be answering other processes.
#[derive(Debug, Clone, Default)]
pub struct Servings(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Servings {
    /// Gives running requests of other processes time to end, once this process no longer needs the registry.
    pub async fn ended(&self, ui: &Ui) {
        let tasks = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut ending = pin!(join_all(tasks));
        if tokio::time::timeout(AT_ONCE, &mut ending).await.is_err() {
            ui.note(
                "others still use the registry that is served here; their requests get ten seconds",
            );
            ending.await;
        }
    }

    pub(super) fn add(&self, task: JoinHandle<()>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }
}
