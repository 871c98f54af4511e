//! The HTTPS edge: listeners, TLS, one task for each connection.

mod gzip;
mod unread;

use crate::audit::Peer;
use crate::authn::Identity;
use crate::config::Material;
use crate::front::Front;
use crate::respond::Response;
use crate::server::Error;
use access::UserInfo;
use axum::body::Body;
use daemon::{Tasks, clock};
use http::header::CONNECTION;
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use unread::{Connection, Kept};

/// How long a client may take to agree on TLS, and how long a connection may idle between two requests. The latter is
/// longer than clients keep idle connections, so that it is not the server that closes one about to be used.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
const IDLE_PATIENCE: Duration = Duration::from_secs(300);
/// How long accepting pauses when the process has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How HTTP begins, by which Go's servers, too, tell that it is not TLS.
const PLAIN: [&[u8; 5]; 5] = [b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO"];
/// What Go's servers say then.
const NOT_TLS: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// Answers in the clear, so that the mistake is seen.
async fn refuse_plain(mut stream: TcpStream) {
    // What is not read before the end would take the answer back.
    let _unread = stream.try_read(&mut [0; 4096]);
    if let Err(error) = stream.write_all(NOT_TLS).await {
        tracing::debug!(%error, "failed to tell a client to use HTTPS");
    }
}

/// Opens the listeners; gives the addresses as bound.
pub(crate) async fn bind(addresses: &[SocketAddr]) -> Result<(Vec<TcpListener>, Vec<SocketAddr>), Error> {
    let (mut listeners, mut bound) = (Vec::new(), Vec::new());
    for address in addresses.iter().copied() {
        let failed = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        bound.push(listener.local_addr().map_err(failed)?);
        listeners.push(listener);
    }
    Ok((listeners, bound))
}

/// Serves until the tasks are told to stop.
pub(crate) fn serve(
    front: &Front,
    material: &Material,
    listeners: Vec<TcpListener>,
    tasks: &Tasks,
) -> Result<(), Error> {
    let tls = pki::tls::renewable_server_config(material.serving.clone(), Some(&material.ca_pem))?;
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    for listener in listeners {
        let edge = Edge { front: front.clone(), acceptor: acceptor.clone(), tasks: tasks.clone() };
        tasks.spawn("https listener", edge.accept(listener));
    }
    Ok(())
}

#[derive(Clone)]
struct Edge {
    front: Front,
    acceptor: TlsAcceptor,
    tasks: Tasks,
}

impl Edge {
    async fn accept(self, listener: TcpListener) {
        let token = self.tasks.token();
        while let Some(accepted) = token.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, peer)) => {
                    drop(self.tasks.spawn("https connection", self.clone().connection(stream, peer)))
                }
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a connection");
                    clock::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn connection(self, stream: TcpStream, peer: SocketAddr) {
        // Answers are written whole, so there is nothing to wait for before sending them.
        let _unsupported = stream.set_nodelay(true);
        if self.is_plain(&stream).await {
            return refuse_plain(stream).await;
        }
        let handshake = clock::timeout(HANDSHAKE_PATIENCE, self.acceptor.accept(stream));
        match self.tasks.token().run_until_cancelled(handshake).await {
            Some(Ok(Ok(stream))) => self.requests(stream, peer).await,
            Some(Ok(Err(error))) => tracing::debug!(%peer, %error, "TLS failed"),
            Some(Err(_)) => tracing::debug!(%peer, "TLS took too long"),
            None => {}
        }
    }

    /// Whether a client speaks HTTP where TLS is spoken. Who says nothing, or leaves, is TLS's business.
    async fn is_plain(&self, stream: &TcpStream) -> bool {
        let mut first = [0; 5];
        let peeked = clock::timeout(HANDSHAKE_PATIENCE, stream.peek(&mut first));
        match self.tasks.token().run_until_cancelled(peeked).await {
            Some(Ok(Ok(length))) if length > 0 => PLAIN.iter().any(|it| it.starts_with(&first[..length])),
            _ => false,
        }
    }

    async fn requests(self, stream: TlsStream<TcpStream>, peer: SocketAddr) {
        let identity = identity_of(&stream);
        let front = self.front.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let (front, identity) = (front.clone(), identity.clone());
            async move { Ok::<_, Infallible>(answer(&front, identity, peer, request).await) }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(IDLE_PATIENCE);
        let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let token = self.tasks.token();
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = token.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// Answers one request, in the form that suits the connection.
async fn answer(
    front: &Front,
    identity: Option<Identity>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Response {
    let takes_gzip = gzip::is_taken(request.method(), request.headers());
    let (parts, body) = request.into_parts();
    let body = Kept::new(body);
    let mut request = Request::from_parts(parts, Body::new(body.clone()));
    request.extensions_mut().insert(Peer(peer));
    if let Some(identity) = identity {
        request.extensions_mut().insert(identity);
    }
    let mut response = front.serve(request).await;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    if body.finish().await == Connection::Ends {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if takes_gzip { gzip::compress(response) } else { response }
}

/// Whose certificate was shown and verified. Read once for all requests of the connection.
fn identity_of(stream: &TlsStream<TcpStream>) -> Option<Identity> {
    let certificate = stream.get_ref().1.peer_certificates()?.first()?;
    match pki::peer::identity_of(certificate) {
        Ok(peer) => {
            let groups = peer.groups.iter().map(String::as_str);
            let user = UserInfo::from_certificate(&peer.user, groups).with_certificate(&peer.fingerprint);
            Some(Identity(Arc::new(user)))
        }
        Err(error) => {
            tracing::debug!(%error, "a client certificate names nobody");
            None
        }
    }
}
