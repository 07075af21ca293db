//! What a server reports while it runs. It prints nothing and logs nowhere: its owner does, if at all.

use std::fmt;
use std::sync::Arc;

use crate::Error;

/// Something that happened in a server. `Display` is a line for a log.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A request was answered.
    Answered {
        /// Method and target, as in `GET /v2/`.
        request: &'a str,
        /// The answer's status.
        status: u16,
    },
    /// A request failed because of the disk or a damaged layout; the client gets an error, too.
    Failed {
        /// Method and target.
        request: &'a str,
        /// The cause. A full disk fails each request anew: [`Error::is_lasting`].
        error: &'a Error,
    },
    /// A connection could not be accepted: out of file descriptors, perhaps. The server tries again.
    NotAccepted(&'a std::io::Error),
    /// Abandoned uploads could not be removed. The server tries again in an hour.
    NotSwept(&'a Error),
    /// A client disconnected during a request.
    Disconnected(&'a (dyn std::error::Error + 'static)),
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Answered { request, status } => write!(f, "{request} {status}"),
            Event::Failed { request, error } => {
                write!(f, "{request}: {error}")?;
                match std::error::Error::source(error) {
                    Some(cause) => write!(f, ": {cause}"),
                    None => Ok(()),
                }
            }
            Event::NotAccepted(error) => write!(f, "a connection could not be accepted: {error}"),
            Event::NotSwept(error) => write!(f, "forgotten uploads could not be removed: {error}"),
            Event::Disconnected(error) => write!(f, "a connection broke off: {error}"),
        }
    }
}

/// The callback that gets the events.
#[derive(Clone)]
pub(crate) struct Observer(Arc<dyn Fn(Event<'_>) + Send + Sync>);

impl Observer {
    pub(crate) fn new(observe: impl Fn(Event<'_>) + Send + Sync + 'static) -> Self {
        Observer(Arc::new(observe))
    }

    pub(crate) fn notify(&self, event: Event<'_>) {
        (self.0)(event);
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
