//! Asked once, answered to all.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::Error;

/// Answers by key. Whoever asks while the answer is under way waits for the same one; an asker that
/// goes away leaves the work to the next.
#[derive(Debug)]
pub(super) struct Memo<K, V>(Mutex<HashMap<K, Cell<V>>>);

type Cell<V> = Arc<OnceCell<Result<V, Error>>>;

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Memo(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Memo<K, V> {
    pub async fn get<F>(&self, key: &K, work: impl FnOnce() -> F) -> Result<V, Error>
    where
        F: Future<Output = Result<V, Error>>,
    {
        let cell = {
            let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match cells.get(key) {
                Some(cell) => Arc::clone(cell),
                None => Arc::clone(cells.entry(key.clone()).or_default()),
            }
        };
        cell.get_or_init(work).await.clone()
    }
}
