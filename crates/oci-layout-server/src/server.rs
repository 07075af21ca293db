//! The server: it accepts connections, and ends gracefully.

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

/// How long requests may go on after [`Running::stop`]. A client can continue an interrupted upload later.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// How often abandoned uploads are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);

/// How long to wait before accepting again after a failure, such as too many open files.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

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

    /// Whether only pulls are allowed; then nothing is written to the layout.
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

    /// A listener on this address; `beyond_loopback` allows addresses that other machines reach. Port 0: any free one.
    ///
    /// # Errors
    /// [`Error::NotLoopback`] for an address that is not allowed, [`Error::Listen`].
    pub async fn listen(address: SocketAddr, beyond_loopback: bool) -> Result<TcpListener, Error> {
        if !address.ip().is_loopback() && !beyond_loopback {
            return Err(Error::NotLoopback(address));
        }
        TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })
    }

    /// Begins to answer, on a task of the current tokio runtime.
    ///
    /// # Errors
    /// [`Error::Io`] when the listener has no address.
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

    /// Accepts no more connections, and gives requests under way ten seconds.
    pub async fn stop(mut self) {
        self.end();
        let _ = (&mut self.task).await;
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The task may have ended already.
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
    let mut sweep = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    service.observer.notify(Event::NotAccepted(&error));
                    tokio::time::sleep(ACCEPT_RETRY).await;
                    continue;
                }
            },
            // Finished connections.
            Some(_) = connections.join_next() => continue,
            _ = sweep.tick(), if !service.read_only => {
                let service = service.clone();
                tokio::task::spawn_blocking(move || {
                    if let Err(error) = service.uploads.sweep() {
                        service.observer.notify(Event::NotSwept(&error));
                    }
                });
                continue;
            }
            _ = &mut stopped => break,
        };
        // It was closed before it was taken.
        let Ok(local) = stream.local_addr() else { continue };
        // Small answers must not wait for more data.
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
                observer.notify(Event::Disconnected(&error));
            }
        });
    }
    drop(listener);
    // Dropping `connections` aborts what is left.
    let _ = tokio::time::timeout(SHUTDOWN_GRACE, graceful.shutdown()).await;
}
