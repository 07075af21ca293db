//! The time of a build by phase, summed over its layers; `--verbose` prints it.

use std::fmt::{self, Display};
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// What is being done to a layer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Phase {
    /// Its wheels are fetched; those in the store are hashed again.
    Fetch,
    /// Wheels are read and laid out as a layer's segments.
    Splice,
    /// Digest, diff id and every member's checksum.
    Hash,
    /// The registry is asked for it, and it is sent.
    Upload,
}

/// Microseconds of each phase. Layers are made side by side: the sum is more than the clock says.
#[derive(Debug, Default)]
pub(super) struct Timings([AtomicU64; 4]);

impl Timings {
    /// Adds the time that `work` takes to a phase.
    pub(super) async fn time<T>(&self, phase: Phase, work: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let done = work.await;
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0[phase as usize].fetch_add(micros, Relaxed);
        done
    }
}

impl Display for Timings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [fetch, splice, hash, upload] =
            self.0.each_ref().map(|micros| micros.load(Relaxed) as f64 / 1e6);
        write!(
            f,
            "download and verify {fetch:.1} s, splice {splice:.1} s, hash {hash:.1} s, upload {upload:.1} s"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn each_phase_has_its_own_sum() {
        let timings = Timings::default();
        for _ in 0..2 {
            timings.time(Phase::Hash, tokio::time::sleep(Duration::from_millis(60))).await;
        }
        assert_eq!(timings.time(Phase::Upload, async { 7 }).await, 7);
        let text = timings.to_string();
        assert!(text.starts_with("download and verify 0.0 s, splice 0.0 s, hash 0."), "{text}");
        assert!(!text.contains("hash 0.0"), "{text}");
        assert!(text.ends_with("upload 0.0 s"), "{text}");
    }
}
