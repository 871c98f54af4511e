//! etcd as a rival of the store: durable puts over gRPC, as its own clients do them.
//!
//! One call is all that is asked, so its message is written by hand: a library would want a protobuf compiler to build.

use anyhow::{Context, Result, ensure};
use bytes::{BufMut, Bytes, BytesMut};
use daemon::{Tasks, clock};
use futures::future::try_join_all;
use h2::client::SendRequest;
use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::net::TcpStream;

/// How long etcd may take to start.
const PATIENCE: Duration = Duration::from_secs(20);
const PUT: &str = "/etcdserverpb.KV/Put";

/// A running etcd of one member.
pub(crate) struct Etcd {
    child: Child,
    sender: SendRequest<Bytes>,
    address: SocketAddr,
    tasks: Tasks,
}

impl Etcd {
    /// Starts the program with its data in `folder`, flushing each write as it does by default.
    pub(crate) async fn start(program: &Path, folder: &Path) -> Result<Self> {
        let (address, peers) = (free_address()?, free_address()?);
        let (client_url, peer_url) = (format!("http://{address}"), format!("http://{peers}"));
        let mut command = Command::new(program);
        command.arg("--data-dir").arg(folder).args(["--log-level", "error"]);
        command.args(["--listen-client-urls", &client_url, "--advertise-client-urls", &client_url]);
        command.args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url]);
        command.args(["--initial-cluster", &format!("default={peer_url}")]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.with_context(|| format!("failed to start {}", program.display()))?;
        let tasks = Tasks::new();
        let sender =
            clock::timeout(PATIENCE, connect(address, &tasks)).await.context("etcd did not start")??;
        let etcd = Self { child, sender, address, tasks };
        // It listens before it has elected itself; the first write waits for that.
        etcd.put(b"/warm", b"up").await?;
        Ok(etcd)
    }

    pub(crate) async fn put_rate(&self, writers: usize, count: usize, size: usize) -> Result<f64> {
        let value = vec![b'x'; size];
        let next = Cell::new(0);
        let write = async || -> Result<()> {
            while next.get() < count {
                let number = next.replace(next.get() + 1);
                self.put(format!("/bench/{writers}/{number:08}").as_bytes(), &value).await?;
            }
            Ok(())
        };
        let started = clock::instant();
        try_join_all((0..writers).map(|_| write())).await?;
        Ok(count as f64 / clock::instant().duration_since(started).as_secs_f64())
    }

    async fn put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        let request = http::Request::post(format!("http://{}{PUT}", self.address))
            .header(http::header::CONTENT_TYPE, "application/grpc")
            .header(http::header::TE, "trailers")
            .body(())?;
        let mut sender = self.sender.clone().ready().await?;
        let (response, mut stream) = sender.send_request(request, false)?;
        stream.send_data(put_message(key, value), true)?;
        let mut body = response.await?.into_body();
        while let Some(data) = body.data().await {
            body.flow_control().release_capacity(data?.len())?;
        }
        let trailers = body.trailers().await?.context("etcd sent no status")?;
        let status = trailers.get("grpc-status").map(http::HeaderValue::as_bytes);
        ensure!(status == Some(b"0"), "etcd refused a put: {trailers:?}");
        Ok(())
    }
}

async fn connect(address: SocketAddr, tasks: &Tasks) -> Result<SendRequest<Bytes>> {
    loop {
        if let Ok(stream) = TcpStream::connect(address).await {
            stream.set_nodelay(true)?;
            let (sender, connection) = h2::client::handshake(stream).await?;
            // It ends with an error when etcd is stopped; a put that waits is told too.
            tasks.spawn("connection to etcd", async move { drop(connection.await) });
            return Ok(sender);
        }
        clock::sleep(Duration::from_millis(20)).await;
    }
}

/// A PutRequest with gRPC's head: not compressed, and its length.
fn put_message(key: &[u8], value: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(key.len() + value.len() + 20);
    for (tag, bytes) in [(0x0a, key), (0x12, value)] {
        message.put_u8(tag);
        put_varint(&mut message, bytes.len());
        message.put_slice(bytes);
    }
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).expect("a put is far smaller than 4 GiB"));
    framed.put_slice(&message);
    framed.freeze()
}

fn put_varint(out: &mut BytesMut, mut number: usize) {
    while number > 0x7f {
        out.put_u8((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.put_u8(number as u8);
}

/// An address that nobody listens on now.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?)
}

impl Drop for Etcd {
    fn drop(&mut self) {
        // It holds nothing that is worth a clean end; and if it has ended already, there is nobody to tell.
        self.tasks.cancel();
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_is_framed_protobuf() {
        assert_eq!(&put_message(b"k", b"vv")[..], b"\0\0\0\0\x07\x0a\x01k\x12\x02vv");
        let long = put_message(b"", &[b'x'; 300]);
        assert_eq!(&long[5..10], &[0x0a, 0x00, 0x12, 0xac, 0x02]);
    }
}
