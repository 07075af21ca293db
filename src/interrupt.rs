//! Ctrl-C and SIGTERM. Work that would leave something behind elsewhere is told, and ends by itself; everything else
//! ends at once: files are whole at any moment.

use std::future::Future;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::exit::Exit;

/// SIGXFSZ, on every system and processor that envlock is built for.
const XFSZ: i32 = 25;

/// Works that want to be told.
static TOLD: AtomicUsize = AtomicUsize::new(0);
static TELL: Notify = Notify::const_new();

/// Runs `work` until it is done or a signal comes; `None`: it was dropped where it was. Whoever calls this clears up; a
/// second signal does not wait for that.
pub async fn until<T>(work: impl Future<Output = T>) -> Option<T> {
    static WATCH: Once = Once::new();
    let (interrupted, _told) = (TELL.notified(), Told::new());
    WATCH.call_once(|| drop(tokio::spawn(watch())));
    tokio::select! {
        done = work => Some(done),
        () = interrupted => None,
    }
}

/// A file that reaches the limit of file sizes is from now on an error of that write: by itself its signal ends the
/// process without a word. To be called where tokio runs.
pub fn survive_long_files() {
    if let Err(error) = signal(SignalKind::from_raw(XFSZ)) {
        tracing::debug!("a file that is too long will end this process: {error}");
    }
}

/// One of [`TOLD`] while it lives.
struct Told;

impl Told {
    fn new() -> Self {
        TOLD.fetch_add(1, SeqCst);
        Told
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        TOLD.fetch_sub(1, SeqCst);
    }
}

/// With the first handler the signals lose what they do by themselves: from then on it is done here.
async fn watch() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return tracing::debug!("signals cannot be heeded: they end everything at once");
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        match TOLD.load(SeqCst) {
            0 => std::process::exit(Exit::Failed as i32),
            _ => TELL.notify_waiters(),
        }
    }
}
