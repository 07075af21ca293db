//! The progress of blobs, as bars.

use std::sync::Arc;

use oci_registry::{Placed, Progress, Step};

use crate::ui::{Bar, Stage};

impl Progress for Bar {
    fn waits(&self) {
        self.begin(Stage::Wait, None);
    }

    fn begins(&self, step: Step, bytes: u64) {
        let stage = match step {
            Step::Send => Stage::Send,
            Step::Copy => Stage::Copy,
        };
        self.begin(stage, Some(bytes));
    }

    fn advances(&self, bytes: u64) {
        self.inc(bytes);
    }

    fn is_placed(&self, how: Placed) {
        self.done(match how {
            Placed::Present => "already there",
            Placed::Mounted => "mounted",
            Placed::Sent(_) => "sent",
        });
    }
}

/// A bar that shows the progress of a blob.
pub fn progress(bar: &Bar) -> Arc<dyn Progress> {
    Arc::new(bar.clone())
}
