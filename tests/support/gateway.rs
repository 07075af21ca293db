//! What stands between a user and a server in many companies: a proxy, and TLS with a CA of their own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A host name that only the proxy knows.
pub const INSIDE: &str = "index.inside";

/// A forward proxy that takes every host for one server; it stops when dropped.
pub struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl Proxy {
    /// Everything goes to `127.0.0.1:PORT`.
    pub fn to(server: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let asked = Arc::new(Mutex::new(vec![]));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (log, server) = (asked.clone(), server.to_owned());
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (log, server) = (log.clone(), server.clone());
                // A client that goes away is no failure of the proxy.
                tokio::spawn(async move { drop(pass(client, &server, &log).await) });
            }
        });
        Self { address, asked, _runtime: runtime }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The first line of every request.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn pass(client: TcpStream, server: &str, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if client.read_line(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let (line, headers) = head.split_once("\r\n").unwrap_or_default();
    log.lock().unwrap().push(line.to_owned());
    let mut server = TcpStream::connect(server).await?;
    if line.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?;
        copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
    // `GET http://host/path` → `GET /path`; one request a connection.
    let (before, after) = line.split_once("://").unwrap_or_default();
    let method = before.split(' ').next().unwrap_or_default();
    let path = after.split_once('/').map_or("", |(_, path)| path);
    server.write_all(format!("{method} /{path}\r\n{headers}").as_bytes()).await?;
    server.shutdown().await?;
    copy(&mut server, &mut client).await?;
    client.shutdown().await
}

/// TLS in front of a server, with a certificate for 127.0.0.1 and [`INSIDE`] from a CA nobody knows.
pub struct Tls {
    address: SocketAddr,
    /// The CA's certificate, as PEM.
    pub authority: String,
    _runtime: Runtime,
}

impl Tls {
    pub fn before(server: &str) -> Self {
        let mut ca = CertificateParams::new(vec![]).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().unwrap();
        let authority = ca.self_signed(&ca_key).unwrap().pem();
        let key = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned(), INSIDE.to_owned()];
        let certificate = CertificateParams::new(names).unwrap();
        let certificate = certificate.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let server = server.to_owned();
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (acceptor, server) = (acceptor.clone(), server.clone());
                tokio::spawn(async move {
                    // A client that does not trust us hangs up: that is a test, not a failure.
                    let Ok(mut client) = acceptor.accept(client).await else { return };
                    let mut server = TcpStream::connect(server).await.unwrap();
                    drop(copy_bidirectional(&mut client, &mut server).await);
                });
            }
        });
        Self { address, authority, _runtime: runtime }
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        self.address.to_string()
    }
}
