//! Forwarded ports, over the channel protocol: two channels for each port, data and errors.

use std::net::IpAddr;

use api::k8s::api::core::v1::Pod;
use axum::{
    extract::{
        Path, RawQuery, State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    response::Response,
};
use bytes::Bytes;
use futures::{SinkExt, StreamExt, stream::FuturesUnordered};
use http::StatusCode;
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::{Server, logs::refusal, streams};

/// The one version that WebSocket clients speak.
const PROTOCOLS: [&str; 1] = ["v4.channel.k8s.io"];
const BUFFER: usize = 32 * 1024;

/// Which pod.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Place {
    namespace: String,
    pod: String,
}

/// Connects the client to ports of a pod.
pub(super) async fn forward(
    State(server): State<Server>,
    Path(place): Path<Place>,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let Some(pod) = server.pod(&place.namespace, &place.pod) else {
        return refusal(StatusCode::NOT_FOUND, &format!("pod \"{}\" not found", place.pod));
    };
    let Some(address) = address_of(&pod) else {
        return refusal(StatusCode::BAD_REQUEST, &format!("pod {} has no address", place.pod));
    };
    let ports = ports_of(&query.unwrap_or_default());
    match upgrade {
        Ok(upgrade) if !ports.is_empty() && ports.len() < 127 => {
            upgrade.protocols(PROTOCOLS).on_upgrade(async move |socket| relay(socket, address, ports).await)
        }
        Ok(_) => refusal(StatusCode::BAD_REQUEST, "query parameter \"port\" is required"),
        Err(_) => refusal(StatusCode::BAD_REQUEST, "this needs a WebSocket connection"),
    }
}

fn address_of(pod: &Pod) -> Option<IpAddr> {
    pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()
}

/// The ports of a query, given one by one or with commas.
fn ports_of(query: &str) -> Vec<u16> {
    let pairs = streams::pairs_of(query).into_iter().filter(|(name, _)| name == "port" || name == "ports");
    pairs
        .flat_map(|(_, value)| value.split(',').filter_map(|it| it.parse().ok()).collect::<Vec<u16>>())
        .collect()
}

/// Passes everything both ways until the client leaves.
async fn relay(socket: WebSocket, address: IpAddr, ports: Vec<u16>) {
    let (mut sink, mut stream) = socket.split();
    let (mut readers, mut writers) = (FuturesUnordered::new(), Vec::new());
    for (index, port) in ports.into_iter().enumerate() {
        let channel = u8::try_from(index * 2).expect("fewer ports than channels were let in");
        // Both channels begin with the port they are for.
        for first in [channel, channel + 1] {
            if sink.send(framed(first, &port.to_le_bytes())).await.is_err() {
                return;
            }
        }
        match TcpStream::connect((address, port)).await {
            Ok(connection) => {
                let (reader, writer) = connection.into_split();
                readers.push(read(channel, reader));
                writers.push(Some(writer));
            }
            Err(error) => {
                let message = format!("failed to connect to port {port} of the pod: {error}");
                let _left = sink.send(framed(channel + 1, message.as_bytes())).await;
                writers.push(None);
            }
        }
    }
    loop {
        tokio::select! {
            Some((channel, reader, bytes)) = readers.next() => {
                if sink.send(framed(channel, &bytes)).await.is_err() {
                    return;
                }
                if let Some(reader) = reader {
                    readers.push(read(channel, reader));
                }
            }
            message = stream.next() => match message {
                Some(Ok(Message::Binary(bytes))) => write(&mut writers, &bytes).await,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
}

fn framed(channel: u8, bytes: &[u8]) -> Message {
    let mut message = Vec::with_capacity(bytes.len() + 1);
    message.push(channel);
    message.extend_from_slice(bytes);
    Message::Binary(message.into())
}

/// The next piece from a connection; no reader comes back when it has ended.
async fn read(channel: u8, mut reader: OwnedReadHalf) -> (u8, Option<OwnedReadHalf>, Bytes) {
    let mut buffer = vec![0; BUFFER];
    match reader.read(&mut buffer).await {
        Ok(count) if count > 0 => {
            buffer.truncate(count);
            (channel, Some(reader), buffer.into())
        }
        _ => (channel, None, Bytes::new()),
    }
}

/// Passes a client's message on to the connection it is for.
async fn write(writers: &mut [Option<OwnedWriteHalf>], message: &Bytes) {
    let Some((&channel, bytes)) = message.split_first() else { return };
    let slot = writers.get_mut(usize::from(channel / 2)).filter(|_| channel % 2 == 0);
    if let Some(slot) = slot
        && let Some(writer) = slot
        && writer.write_all(bytes).await.is_err()
    {
        *slot = None;
    }
}
