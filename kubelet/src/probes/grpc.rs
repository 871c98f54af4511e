//! The health check of gRPC, as far as a probe needs it: one call, and the one number that matters in its answer.
//!
//! The messages (`grpc.health.v1.Health/Check`) have one field each, so they are written and read here by hand.

use bytes::{BufMut, Bytes, BytesMut};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{client::conn::http2, rt::Executor};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::mpsc};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const PATH: &str = "/grpc.health.v1.Health/Check";
/// `SERVING` of the answer's enum.
const SERVING: u8 = 1;
/// Field 1, length-delimited: the service's name.
const SERVICE_TAG: u8 = 0x0a;
/// Field 1, a number: the status.
const STATUS_TAG: u8 = 0x08;
/// A message is preceded by a flag and four bytes of length.
const PREFIX: usize = 5;
const LONGEST_ANSWER: usize = 4096;

/// Asks for the health of a service (of the whole server when it is empty); why it is not serving.
pub(super) async fn check(host: &str, port: u16, service: &str) -> Result<(), BoxError> {
    let stream = TcpStream::connect((host, port)).await?;
    let (begun, mut begins) = mpsc::unbounded_channel();
    let (mut sender, connection) = http2::handshake(Inside(begun), TokioIo::new(stream)).await?;
    let request = http::Request::post(format!("http://{host}:{port}{PATH}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", super::run::AGENT)
        .body(Full::new(question(service)))?;
    let answer = async {
        let response = sender.send_request(request).await?;
        let refused = code_of(response.headers());
        let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await?;
        let code = refused.or_else(|| body.trailers().and_then(code_of));
        verdict_of(code.as_deref(), &body.to_bytes())
    };
    // The connection, and what it begins, run here until the answer is there: nothing outlives the probe.
    let mut work = FuturesUnordered::from_iter([async { drop(connection.await) }.boxed()]);
    tokio::pin!(answer);
    loop {
        tokio::select! {
            answer = &mut answer => return answer,
            Some(task) = begins.recv() => work.push(task),
            Some(()) = work.next() => {}
        }
    }
}

/// Hands what a connection begins to the one who drives it.
#[derive(Clone)]
struct Inside(mpsc::UnboundedSender<BoxFuture<'static, ()>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Inside {
    fn execute(&self, task: F) {
        // Nobody to drive it means that the probe is over.
        let _over = self.0.send(task.boxed());
    }
}

fn question(service: &str) -> Bytes {
    let mut message = BytesMut::new();
    if let Ok(length @ 1..=127) = u8::try_from(service.len()) {
        message.put_slice(&[SERVICE_TAG, length]);
        message.put_slice(service.as_bytes());
    }
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).expect("it is shorter than 130 bytes"));
    framed.put_slice(&message);
    framed.freeze()
}

fn code_of(headers: &http::HeaderMap) -> Option<String> {
    headers.get("grpc-status")?.to_str().ok().map(str::to_owned)
}

fn verdict_of(code: Option<&str>, body: &[u8]) -> Result<(), BoxError> {
    match (code, body.get(PREFIX..)) {
        (Some("0") | None, Some([STATUS_TAG, SERVING, ..])) => Ok(()),
        (Some("0") | None, _) => Err("service unhealthy (responded with \"NOT_SERVING\")".into()),
        (Some(code), _) => Err(format!("rpc error: code = {code}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_name_the_service() {
        assert_eq!(&question("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(&question("db")[..], [0, 0, 0, 0, 4, SERVICE_TAG, 2, b'd', b'b']);
    }

    #[test]
    fn only_serving_is_healthy() {
        let check = |code, body: &[u8], expect| {
            assert_eq!(verdict_of(code, body).is_ok(), expect, "{code:?} {body:?}")
        };
        check(Some("0"), &[0, 0, 0, 0, 2, STATUS_TAG, SERVING], true);
        check(Some("0"), &[0, 0, 0, 0, 2, STATUS_TAG, 2], false);
        check(Some("0"), &[0, 0, 0, 0, 0], false);
        check(Some("5"), &[], false);
    }
}
