//! Streams to a container over a WebSocket: exec, attach, port-forward.
//!
//! Start at [`connect`]. A message is a channel number and bytes, as upstream's `v5.channel.k8s.io` has it (KEP-4006);
//! `v4.channel.k8s.io` is the same without an end of standard input. Refuses to know terminals and processes: what
//! goes into a channel and where it comes out is the caller's.

use crate::decode;
use crate::error::Error;
use crate::https::{SetupError, tls_config};
use crate::kubeconfig::Credentials;
use bytes::{BufMut, Bytes, BytesMut};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Request, header};
use rustls_pki_types::ServerName;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message, handshake::client::generate_key};

/// With an end of standard input.
pub const V5: &str = "v5.channel.k8s.io";
/// Without.
pub const V4: &str = "v4.channel.k8s.io";

/// The channels of exec and attach.
pub mod channel {
    #![allow(missing_docs, reason = "each is the upstream channel of that name")]
    pub const STDIN: u8 = 0;
    pub const STDOUT: u8 = 1;
    pub const STDERR: u8 = 2;
    pub const ERROR: u8 = 3;
    pub const RESIZE: u8 = 4;
    /// Ends another channel, which the message's one byte names.
    pub const CLOSE: u8 = 255;
}

/// Why a connection was not made.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ConnectError {
    #[error("failed to understand the server's address {0:?}: it must be https://HOST:PORT")]
    Address(String),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("failed to send a header that is no header")]
    Header(#[from] http::Error),
    #[error(transparent)]
    Call(#[from] Error),
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

type Socket = WebSocketStream<Box<dyn Wire>>;

/// The side that sends.
pub struct Sender {
    sink: SplitSink<Socket, Message>,
    version: String,
}

/// The side that receives.
pub struct Receiver(SplitStream<Socket>);

/// Opens a WebSocket at a path of the server; the first protocol that the server takes is used.
pub async fn connect(
    credentials: &Credentials,
    headers: &HeaderMap,
    path: &str,
    protocols: &[&str],
) -> Result<(Sender, Receiver), ConnectError> {
    let address = || ConnectError::Address(credentials.server.clone());
    let server: http::Uri = credentials.server.parse().map_err(|_| address())?;
    let host = server.host().ok_or_else(address)?.trim_matches(['[', ']']).to_owned();
    let is_tls = server.scheme_str() != Some("http");
    let port = server.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let tcp = TcpStream::connect((host.as_str(), port)).await.map_err(unreachable_server)?;
    tcp.set_nodelay(true).map_err(unreachable_server)?;
    let wire: Box<dyn Wire> = if is_tls { encrypted(credentials, &host, tcp).await? } else { Box::new(tcp) };
    let request = handshake(credentials, headers, &server, path, protocols)?;
    let (socket, response) = tokio_tungstenite::client_async(request, wire).await.map_err(refused)?;
    let chosen = response.headers().get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|it| it.to_str().ok());
    let version = chosen.unwrap_or_default().to_owned();
    let (sink, stream) = socket.split();
    Ok((Sender { sink, version }, Receiver(stream)))
}

async fn encrypted(
    credentials: &Credentials,
    host: &str,
    tcp: TcpStream,
) -> Result<Box<dyn Wire>, ConnectError> {
    let mut config = tls_config(credentials)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(host.to_owned()).map_err(|_| ConnectError::Address(host.to_owned()))?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    Ok(Box::new(connector.connect(name, tcp).await.map_err(unreachable_server)?))
}

fn handshake(
    credentials: &Credentials,
    headers: &HeaderMap,
    server: &http::Uri,
    path: &str,
    protocols: &[&str],
) -> Result<Request<()>, ConnectError> {
    let authority = server.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let mut request = Request::builder()
        .uri(format!("ws://{authority}{path}"))
        .header(header::HOST, authority)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, generate_key())
        .header(header::SEC_WEBSOCKET_PROTOCOL, protocols.join(", "))
        .body(())?;
    request.headers_mut().extend(headers.clone());
    if let Some(token) = &credentials.token {
        let value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(http::Error::from)?;
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    Ok(request)
}

fn unreachable_server(error: std::io::Error) -> Error {
    Error::Transport(Box::new(error))
}

fn refused(error: tungstenite::Error) -> Error {
    match error {
        tungstenite::Error::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            decode::refusal(response.status().as_u16(), body).into()
        }
        other => Error::Transport(Box::new(other)),
    }
}

impl Sender {
    /// The protocol that the server chose.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Sends bytes on a channel.
    pub async fn send(&mut self, channel: u8, bytes: &[u8]) -> Result<(), Error> {
        let mut message = BytesMut::with_capacity(bytes.len() + 1);
        message.put_u8(channel);
        message.put_slice(bytes);
        self.sink.send(Message::Binary(message.freeze())).await.map_err(broken)
    }

    /// Says that nothing more will come on a channel, if the protocol can say it.
    pub async fn end(&mut self, channel: u8) -> Result<(), Error> {
        if self.version == V5 { self.send(channel::CLOSE, &[channel]).await } else { Ok(()) }
    }

    /// Ends the connection.
    pub async fn close(&mut self) -> Result<(), Error> {
        self.sink.send(Message::Close(None)).await.map_err(broken)
    }
}

impl Receiver {
    /// The next message: its channel and its bytes. Nothing more comes after `None`.
    pub async fn next(&mut self) -> Result<Option<(u8, Bytes)>, Error> {
        while let Some(message) = self.0.next().await {
            let bytes = match message {
                Ok(Message::Binary(bytes)) => bytes,
                Ok(Message::Text(text)) => Bytes::from(text),
                Ok(Message::Close(_)) => return Ok(None),
                Ok(_) => continue,
                Err(error) if is_end(&error) => return Ok(None),
                Err(error) => return Err(broken(error)),
            };
            if let Some(channel) = bytes.first() {
                return Ok(Some((*channel, bytes.slice(1..))));
            }
        }
        Ok(None)
    }
}

/// Servers that just hang up mean the end too.
fn is_end(error: &tungstenite::Error) -> bool {
    use tungstenite::Error as E;
    use tungstenite::error::ProtocolError;
    match error {
        E::ConnectionClosed | E::AlreadyClosed | E::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            true
        }
        E::Io(error) => error.kind() == std::io::ErrorKind::UnexpectedEof,
        _ => false,
    }
}

fn broken(error: tungstenite::Error) -> Error {
    Error::Transport(Box::new(error))
}
