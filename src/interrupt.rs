//! Ctrl-C and SIGTERM. Work that would leave something behind on other machines is notified, and ends by itself;
//! everything else ends at once: files are complete at any moment.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Once, OnceLock};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::exit::Exit;

/// SIGXFSZ, on every system and processor that envlock is built for.
const XFSZ: i32 = 25;

/// Channels of the work that is to be notified.
static TOLD: AtomicUsize = AtomicUsize::new(0);
static TELL: Notify = Notify::const_new();

/// Whether the command does such work: at any moment of it a signal gives the same exit code.
static ENDS_ITSELF: AtomicBool = AtomicBool::new(false);
/// What is done before a signal ends the process.
static LAST: OnceLock<Box<dyn Fn() + Send + Sync>> = OnceLock::new();
static WATCH: Once = Once::new();

/// Has `last` done before a signal ends the process: a terminal is left as it was. To be called where tokio runs.
pub fn before_the_end(last: impl Fn() + Send + Sync + 'static) {
    // A second run in one process (tests) has the same terminal.
    let _ = LAST.set(Box::new(last));
    WATCH.call_once(|| drop(tokio::spawn(watch())));
}

/// Runs `work` until it is done or a signal comes; `None`: it was dropped where it was. The caller cleans up; a
/// second signal does not wait for that.
pub async fn until<T>(work: impl Future<Output = T>) -> Option<T> {
    ENDS_ITSELF.store(true, SeqCst);
    let (interrupted, _told) = (TELL.notified(), Told::new());
    WATCH.call_once(|| drop(tokio::spawn(watch())));
    tokio::select! {
        done = work => Some(done),
        () = interrupted => None,
    }
}

/// A file that reaches the limit of file sizes is from now on an error of that write: by default the signal ends the
/// process without a message. To be called where tokio runs.
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

/// Installing a handler replaces the default action of the signals, which is then done here.
async fn watch() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return tracing::debug!("signals cannot be handled: they end the process at once");
    };
    loop {
        let signal = tokio::select! {
            _ = interrupt.recv() => SignalKind::interrupt(),
            _ = terminate.recv() => SignalKind::terminate(),
        };
        match TOLD.load(SeqCst) {
            0 => end(signal),
            _ => TELL.notify_waiters(),
        }
    }
}

/// Ends the process; where nothing was to be cleared up, as the signal does by itself: a shell that runs several commands
/// then stops, too.
fn end(signal: SignalKind) {
    LAST.get().into_iter().for_each(|last| last());
    if ENDS_ITSELF.load(SeqCst) {
        std::process::exit(Exit::Failed as i32);
    }
    if let Err(error) = signal_hook::low_level::emulate_default_handler(signal.as_raw_value()) {
        tracing::debug!("the signal does not end the process by itself: {error}");
        std::process::exit(128 + signal.as_raw_value());
    }
}
