//! The channel protocol of Kubernetes' WebSockets: the first byte of a message says which stream it belongs to.
//!
//! Versions 4 and 5 are spoken; they differ in that a client of version 5 can say that its input has ended (KEP-4006).

use api::k8s::apimachinery::pkg::apis::meta::v1::Status;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use serde::Deserialize;

/// The versions that are spoken, the best one first.
pub(super) const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

const STDIN: u8 = 0;
/// Standard output.
pub(super) const STDOUT: u8 = 1;
/// Standard error.
pub(super) const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;

/// What a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// For standard input.
    Input(Bytes),
    /// Standard input has ended.
    InputEnds,
    /// The terminal has another size.
    Resize {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// Nothing that matters.
    Other,
    /// The client is gone.
    Left,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Size {
    width: u16,
    height: u16,
}

/// Speaks the channel protocol over a WebSocket, both ways at once.
pub(super) fn duplex(socket: WebSocket) -> (ToClient, FromClient) {
    let (sink, stream) = socket.split();
    (ToClient(sink), FromClient(stream))
}

/// What goes to a client.
pub(super) struct ToClient(SplitSink<WebSocket, Message>);

/// What comes from a client.
pub(super) struct FromClient(SplitStream<WebSocket>);

impl ToClient {
    /// Sends to one channel.
    pub(super) async fn send(&mut self, channel: u8, bytes: &[u8]) -> Result<(), axum::Error> {
        let mut message = Vec::with_capacity(bytes.len() + 1);
        message.push(channel);
        message.extend_from_slice(bytes);
        self.0.send(Message::Binary(message.into())).await
    }

    /// Finds out whether the client is still there; what it sends may not be read for a while.
    pub(super) async fn ping(&mut self) -> Result<(), axum::Error> {
        self.0.send(Message::Ping(Bytes::new())).await
    }

    /// Says how it ended, and closes.
    pub(super) async fn finish(mut self, mut client: FromClient, status: &Status) {
        let json = serde_json::to_vec(status).expect("k8s-openapi types serialize to JSON");
        // A client that has left has no use for it.
        let _left = self.send(ERROR, &json).await;
        let normal = CloseFrame { code: close_code::NORMAL, reason: Utf8Bytes::default() };
        let _left = self.0.send(Message::Close(Some(normal))).await;
        // What the client still sends is taken from it, so that it comes to read this.
        while let Some(Ok(_)) = client.0.next().await {}
    }
}

impl FromClient {
    /// What the client sends next.
    pub(super) async fn next(&mut self) -> Incoming {
        match self.0.next().await {
            Some(Ok(Message::Binary(bytes))) => incoming_of(&bytes),
            Some(Ok(Message::Text(text))) => incoming_of(&Bytes::copy_from_slice(text.as_bytes())),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Incoming::Other,
            Some(Ok(Message::Close(_)) | Err(_)) | None => Incoming::Left,
        }
    }
}

fn incoming_of(message: &Bytes) -> Incoming {
    match message.first() {
        Some(&STDIN) => Incoming::Input(message.slice(1..)),
        Some(&RESIZE) => serde_json::from_slice::<Size>(&message[1..])
            .map_or(Incoming::Other, |it| Incoming::Resize { width: it.width, height: it.height }),
        Some(&CLOSE) if message.get(1) == Some(&STDIN) => Incoming::InputEnds,
        _ => Incoming::Other,
    }
}

/// The names and values of a query, decoded, in order.
pub(super) fn pairs_of(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|it| !it.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    let mut bytes = Vec::with_capacity(spaced.len());
    let mut rest = spaced.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| first == b'%').and_then(|it| std::str::from_utf8(it).ok());
        match hex.and_then(|it| u8::from_str_radix(it, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_says_what_a_message_is() {
        let check =
            |message: &'static [u8], expect| assert_eq!(incoming_of(&Bytes::from_static(message)), expect);
        check(b"\x00hi", Incoming::Input(Bytes::from_static(b"hi")));
        check(b"\xff\x00", Incoming::InputEnds);
        check(br#"_{"Width":80,"Height":24}"#, Incoming::Other);
        check(b"\x04{\"Width\":80,\"Height\":24}", Incoming::Resize { width: 80, height: 24 });
        check(b"", Incoming::Other);
    }

    #[test]
    fn queries_are_decoded() {
        let pairs = pairs_of("a=1&b=x%20y+z&c&d=%zz%");
        let texts: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        assert_eq!(texts, ["a:1", "b:x y z", "c:", "d:%zz%"]);
    }
}
