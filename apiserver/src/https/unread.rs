//! Bodies of requests that were answered before anybody read them.
//!
//! A refusal often needs no look at the body. The connection can only go on behind the body's end, though, and a client
//! that finds it closed loses its next request. So what is left of a body is read and thrown away before the answer
//! goes out, as Go's server does; a client that has more to send than is worth that, or takes too long, is told that
//! the connection ends.

use bytes::{Buf, Bytes};
use daemon::clock;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

/// How much of a body is thrown away, as Go's server.
const MOST: usize = 256 << 10;
/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A body that stays with the connection when its reader is gone.
pub(super) struct Kept<B>(
    /// Held for single polls: of the reader, and of the connection once there is none.
    Arc<Mutex<B>>,
);

impl<B> Clone for Kept<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Whether the connection can take another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    GoesOn,
    Ends,
}

impl<B: Body<Data = Bytes> + Unpin> Kept<B> {
    pub(super) fn new(body: B) -> Self {
        Self(Arc::new(Mutex::new(body)))
    }

    fn body(&self) -> MutexGuard<'_, B> {
        self.0.lock().expect("nobody panics while holding this lock")
    }

    /// Throws away what nobody has read.
    pub(super) async fn finish(mut self) -> Connection {
        if self.is_end_stream() {
            return Connection::GoesOn;
        }
        let rest = async {
            let mut length = 0;
            while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
                length += frame.ok()?.data_ref().map_or(0, Buf::remaining);
                if length > MOST {
                    return None;
                }
            }
            Some(())
        };
        match clock::timeout(PATIENCE, rest).await {
            Ok(Some(())) => Connection::GoesOn,
            Ok(None) | Err(_) => Connection::Ends,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Kept<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut *self.body()).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use http_body_util::{BodyExt, StreamBody};
    use std::convert::Infallible;

    /// A body of so many frames of 64 KiB, of which so many are read.
    async fn check(frames: usize, read: usize, expect: Connection) {
        let data = Bytes::from(vec![0; 64 << 10]);
        let all = (0..frames).map(move |_| Ok::<_, Infallible>(Frame::data(data.clone())));
        let kept = Kept::new(StreamBody::new(stream::iter(all)));
        let mut reader = kept.clone();
        for _ in 0..read {
            reader.frame().await;
        }
        drop(reader);
        assert_eq!(kept.finish().await, expect, "{frames} frames, {read} read");
    }

    #[tokio::test]
    async fn a_short_rest_is_thrown_away_and_a_long_one_ends_the_connection() {
        check(0, 0, Connection::GoesOn).await;
        check(1, 0, Connection::GoesOn).await;
        check(4, 0, Connection::GoesOn).await;
        check(5, 0, Connection::Ends).await;
        check(50, 48, Connection::GoesOn).await;
        check(50, 50, Connection::GoesOn).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let kept = Kept::new(StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>()));
        assert_eq!(kept.finish().await, Connection::Ends);
    }
}
