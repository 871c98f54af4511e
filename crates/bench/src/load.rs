//! Load on an API server: HTTP/1.1 connections that are kept, over TLS with a client certificate.
//!
//! Start at [`Target::load`]. The generator is built on hyper alone, so that it costs little next to the server that
//! shares the machine with it; it belongs on a runtime of one thread, which the benches give it.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use client::kubeconfig::Credentials;
use daemon::{Tasks, clock};
use futures::future::try_join_all;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A server, and the identity that asks it.
pub(crate) struct Target {
    address: SocketAddr,
    tls: TlsConnector,
    host: http::HeaderValue,
    tasks: Tasks,
}

/// One kept connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: http::HeaderValue,
}

/// What a load has measured.
pub(crate) struct Outcome {
    pub(crate) elapsed: Duration,
    pub(crate) requests: usize,
}

impl Outcome {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }
}

impl Target {
    /// `tasks` owns the connections.
    pub(crate) fn new(credentials: &Credentials, tasks: Tasks) -> Result<Self> {
        let host = credentials.server.trim_start_matches("https://").trim_end_matches('/').to_owned();
        let address =
            host.parse().with_context(|| format!("the server {host} is not an address with a port"))?;
        let tls = TlsConnector::from(Arc::new(client::https::tls_config(credentials)?));
        Ok(Self { address, tls, host: host.parse()?, tasks })
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect(self.address).await.context("failed to connect")?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(self.address.ip().into());
        let stream = self.tls.connect(name, stream).await.context("failed to agree on TLS")?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends with an error when the server stops first; who still waits for an answer is told too.
        self.tasks.spawn("connection", async move { drop(connection.await) });
        Ok(Connection { sender, host: self.host.clone() })
    }

    /// Sends `count` requests over so many connections, each sending its next when it has its answer.
    pub(crate) async fn load(
        &self,
        connections: usize,
        count: usize,
        request: impl Fn(usize) -> http::Request<Bytes>,
    ) -> Result<Outcome> {
        let connections = try_join_all((0..connections).map(|_| self.connect())).await?;
        let next = Cell::new(0);
        let started = clock::instant();
        try_join_all(connections.into_iter().map(|connection| work(connection, count, &next, &request)))
            .await?;
        Ok(Outcome { elapsed: clock::instant().duration_since(started), requests: count })
    }
}

/// Takes numbers until all are taken.
async fn work(
    mut connection: Connection,
    count: usize,
    next: &Cell<usize>,
    request: &impl Fn(usize) -> http::Request<Bytes>,
) -> Result<()> {
    while next.get() < count {
        let number = next.replace(next.get() + 1);
        connection.ask(request(number)).await?;
    }
    Ok(())
}

impl Connection {
    /// Sends a request; the answer's body is still arriving.
    pub(crate) async fn send(&mut self, request: http::Request<Bytes>) -> Result<http::Response<Incoming>> {
        self.sender.ready().await?;
        let mut request = request.map(Full::new);
        request.headers_mut().insert(http::header::HOST, self.host.clone());
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.into_body().collect().await?.to_bytes();
        bail!("the server answered {status}: {}", String::from_utf8_lossy(&body))
    }

    /// Sends a request and reads the answer without keeping it. Gives its size.
    pub(crate) async fn ask(&mut self, request: http::Request<Bytes>) -> Result<usize> {
        let mut body = self.send(request).await?.into_body();
        let mut size = 0;
        while let Some(frame) = body.frame().await {
            size += frame?.data_ref().map_or(0, Bytes::len);
        }
        Ok(size)
    }
}
