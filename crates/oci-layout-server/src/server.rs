//! The server: connections in, graceful end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::event::Observer;
use crate::host::Hosts;
use crate::service::Service;
use crate::uploads::Uploads;
use crate::{Error, Event, HostName, Layout};

/// What requests under way get to end after [`Running::stop`]. An upload that is cut is continued later.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// How often forgotten uploads are looked for.
const SWEEP: Duration = Duration::from_secs(3600);

/// Answers may be lost by a full table of open files; until then, this is how long accepting waits.
const BREATH: Duration = Duration::from_millis(50);

/// A registry in this process.
#[derive(Debug)]
pub struct Server {
    layout: Layout,
    read_only: bool,
    hosts: Vec<HostName>,
    host_advice: &'static str,
    headers: HeaderMap,
    observer: Observer,
}

/// A registry that answers until it is stopped or dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// A registry over this layout.
    pub fn new(layout: Layout) -> Self {
        Server {
            layout,
            read_only: false,
            hosts: vec![],
            host_advice: "",
            headers: HeaderMap::new(),
            observer: Observer::new(|_| {}),
        }
    }

    /// Only pulls; nothing is written to the layout.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Names it has besides those of the address that it listens on.
    pub fn known_as(mut self, hosts: Vec<HostName>) -> Self {
        self.hosts = hosts;
        self
    }

    /// How a user of the program makes a name known to it: the end of the sentence that refuses a request to a host
    /// with another name, as in `, or start it with --host NAME`.
    pub fn host_advice(mut self, advice: &'static str) -> Self {
        self.host_advice = advice;
        self
    }

    /// A header that every answer has. One that says [`Layout::id`] tells a client which layout it has reached.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Is called with everything that happens, on the threads that drive requests: it must not block. Without one
    /// nothing is reported.
    pub fn observed_by(mut self, observe: impl Fn(Event<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Observer::new(observe);
        self
    }

    /// A listener on this address; `beyond_loopback` allows addresses that other machines reach. Port 0: any.
    /// Errors: [`Error::NotLoopback`], [`Error::Listen`].
    pub async fn listen(address: SocketAddr, beyond_loopback: bool) -> Result<TcpListener, Error> {
        if !address.ip().is_loopback() && !beyond_loopback {
            return Err(Error::NotLoopback(address));
        }
        TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })
    }

    /// Begins to answer. Errors: the disk.
    pub fn start(self, listener: TcpListener) -> Result<Running, Error> {
        let root = self.layout.root().to_owned();
        let address = listener.local_addr().map_err(Error::io("listening for", root))?;
        let service = Arc::new(Service {
            uploads: Uploads::new(self.layout.clone()),
            layout: self.layout,
            read_only: self.read_only,
            hosts: Hosts::new(address, self.hosts),
            host_advice: self.host_advice,
            headers: self.headers,
            observer: self.observer,
        });
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(listener, service, stopped));
        Ok(Running { address, stop: Some(stop), task })
    }
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connection, and gives requests under way ten seconds.
    pub async fn stop(mut self) {
        self.end();
        let _ = (&mut self.task).await;
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Gone already: then there is nothing to stop.
            let _ = stop.send(());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, service: Arc<Service>, mut stopped: oneshot::Receiver<()>) {
    let graceful = GracefulShutdown::new();
    let mut connections = tokio::task::JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    service.observer.tell(Event::NotAccepted(&error));
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            },
            // Finished connections are let go.
            Some(_) = connections.join_next() => continue,
            _ = sweep.tick(), if !service.read_only => {
                let service = service.clone();
                tokio::task::spawn_blocking(move || {
                    if let Err(error) = service.uploads.sweep() {
                        service.observer.tell(Event::NotSwept(&error));
                    }
                });
                continue;
            }
            _ = &mut stopped => break,
        };
        // It was closed before it was taken.
        let Ok(local) = stream.local_addr() else { continue };
        // Small answers must not wait for a full packet.
        let _ = stream.set_nodelay(true);
        let (service, observer) = (service.clone(), service.observer.clone());
        let answering = service_fn(move |request| {
            let service = service.clone();
            async move { Ok::<_, std::convert::Infallible>(service.answer(request, local.ip()).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), answering);
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                observer.tell(Event::Disconnected(&error));
            }
        });
    }
    drop(listener);
    // What is still under way then ends with the set of its tasks.
    let _ = tokio::time::timeout(LAST_WORDS, graceful.shutdown()).await;
}
