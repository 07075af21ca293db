//! One connection to a new host before all others. HTTP/2 sends every request on it, so further handshakes would be
//! wasted; where the host turns out to speak HTTP/1.1, the others connect then.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::Connection;
use tower_layer::Layer;
use tower_service::Service;
use url::Url;

tokio::task_local! {
    /// The origin that this task sends requests to.
    static ORIGIN: String;
}

/// How long a request waits to be given the connection that another one made.
const SOON: Duration = Duration::from_millis(200);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The hosts that one client has connected to. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct ConnectOnce(Arc<Mutex<HashMap<String, Arc<Host>>>>);

#[derive(Debug, Default)]
struct Host {
    connecting: tokio::sync::Mutex<()>,
    /// Whether all requests go on one connection; set with the first one.
    shares: OnceLock<bool>,
}

/// Does `work`, which sends requests to `url`. Only connections made inside of this wait for a first one.
pub(super) async fn to_origin<T>(url: &Url, work: impl Future<Output = T>) -> T {
    match url.scheme() {
        "https" => ORIGIN.scope(url.origin().ascii_serialization(), work).await,
        _ => work.await,
    }
}

impl ConnectOnce {
    fn host(&self) -> Option<Arc<Host>> {
        let origin = ORIGIN.try_with(String::clone).ok()?;
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(hosts.entry(origin).or_default()))
    }
}

impl<S> Layer<S> for ConnectOnce {
    type Service = Connector<S>;
    fn layer(&self, inner: S) -> Connector<S> {
        Connector { hosts: self.clone(), inner }
    }
}

/// Makes connections, the first one to each host alone.
#[derive(Debug, Clone)]
pub(super) struct Connector<S> {
    hosts: ConnectOnce,
    inner: S,
}

impl<S, R> Service<R> for Connector<S>
where
    S: Service<R, Error = Failure> + Clone + Send + 'static,
    S::Response: Connection + Send,
    S::Future: Send,
    R: Send + 'static,
{
    type Response = S::Response;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        // The one that was polled ready is used, its clone stays.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let host = self.hosts.host().filter(|host| host.shares.get().is_none());
        Box::pin(async move {
            let Some(host) = host else { return inner.call(request).await };
            let alone = host.connecting.lock().await;
            match host.shares.get() {
                None => {
                    let made = inner.call(request).await;
                    let shares = made.as_ref().is_ok_and(|c| c.connected().is_negotiated_h2());
                    // Set under the lock, so only once. A host that cannot be reached delays no other request.
                    let _ = host.shares.set(shares);
                    made
                }
                Some(false) => {
                    drop(alone);
                    inner.call(request).await
                }
                Some(true) => {
                    drop(alone);
                    tokio::time::sleep(SOON).await;
                    // The pool ends a connection that its request no longer needs in a separate task.
                    match ORIGIN.try_with(|_| ()) {
                        Ok(()) => inner.call(request).await,
                        Err(_) => Err("another connection took the request".into()),
                    }
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::{TlsAcceptor, rustls};

    use super::*;

    /// A server on loopback that counts its connections; speaks HTTP/2 or 1.1 and answers 204.
    async fn server(protocol: &'static str) -> (Url, reqwest::Certificate, Arc<AtomicUsize>) {
        let key = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![key.cert.der().clone()],
                key.signing_key.serialize_der().try_into().unwrap(),
            )
            .unwrap();
        tls.alpn_protocols = vec![protocol.into()];
        let (tls, count) = (TlsAcceptor::from(Arc::new(tls)), Arc::new(AtomicUsize::new(0)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                let tls = tls.clone();
                tokio::spawn(async move {
                    let Ok(mut stream) = tls.accept(stream).await else { return };
                    match protocol {
                        "h2" => two(stream).await,
                        _ => {
                            let mut piece = [0; 4096];
                            while stream.read(&mut piece).await.is_ok_and(|n| n > 0) {
                                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
                            }
                        }
                    }
                });
            }
        });
        let certificate = reqwest::Certificate::from_der(key.cert.der()).unwrap();
        (url, certificate, count)
    }

    async fn two(stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>) {
        use hyper_util::rt::{TokioExecutor, TokioIo};
        let answer = hyper::service::service_fn(async |_| {
            let answer = hyper::Response::builder().status(204);
            answer.body(http_body_util::Empty::<bytes::Bytes>::new())
        });
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(TokioIo::new(stream), answer).await;
    }

    async fn connections(protocol: &'static str) -> usize {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (url, certificate, count) = server(protocol).await;
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([certificate])
            .connector_layer(ConnectOnce::default())
            .build()
            .unwrap();
        let ask = || to_origin(&url, client.get(url.clone()).send());
        for answer in join_all((0..20).map(|_| ask())).await {
            assert_eq!(answer.unwrap().status(), 204);
        }
        tokio::time::sleep(SOON * 2).await;
        count.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn http_2_gets_one_connection_and_http_1_many() {
        assert_eq!(connections("h2").await, 1);
        assert!(connections("http/1.1").await > 1);
    }

    #[tokio::test]
    async fn a_host_that_cannot_be_reached_delays_no_other_request() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("https://{}/", listener.local_addr().unwrap()).parse().unwrap();
        drop(listener);
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .connector_layer(ConnectOnce::default())
            .build()
            .unwrap();
        let start = std::time::Instant::now();
        for answer in
            join_all((0..20).map(|_| to_origin(&url, client.get(url.clone()).send()))).await
        {
            assert!(answer.unwrap_err().is_connect());
        }
        assert!(start.elapsed() < SOON);
    }
}
