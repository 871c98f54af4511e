//! Room for the bodies of requests: how many bytes of them the server holds at once, and how long one may take to come.
//!
//! Start at [`Room::read`]. A body needs no room up to [`FREE`] bytes. A longer one waits until there is room for all that
//! it says it is, or for the longest when it does not say: nobody who holds room waits for more, so all get on in the
//! end. The room is given back with the last of its bytes, not when they have been read.

use super::LIMIT;
use crate::fairness::RETRY_AFTER;
use crate::shares::{Counts, Limits, Share, Stock};
use api::ApiError;
use axum::body::Body;
use bytes::Bytes;
use daemon::clock;
use http_body::Body as _;
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;

/// What needs no room: as much as a connection holds anyway.
const FREE: usize = 64 << 10;
/// How many bodies of one user wait for room.
const QUEUE: usize = 600;

/// The room of a server.
pub(crate) struct Room(Arc<Stock>);

impl Room {
    /// Room for so many bytes, of which a user gets half; at least for one body of each of two users.
    pub(crate) fn new(bytes: usize, counts: Counts) -> Self {
        let total = bytes.max(2 * LIMIT);
        Self(Stock::new(Limits { total, each: total / 2, queue: QUEUE }, counts))
    }

    /// Reads a user's body to its end. Of the time that the request has, it waits at most a quarter for room, and half for
    /// the body to come.
    ///
    /// # Errors
    ///
    /// 413 for a body that is too long, 429 with `Retry-After` without room, and 504 for one that comes too slowly.
    pub(crate) async fn read(&self, body: Body, user: &str, time: Duration) -> Result<Bytes, ApiError> {
        let declared = match body.size_hint().exact() {
            Some(length) => Some(checked(usize::try_from(length).unwrap_or(usize::MAX))?),
            None => None,
        };
        let take = |amount| async move {
            let taken = self.0.take(user, amount, time / 4).await;
            taken.map_err(|_| ApiError::too_many_requests(NO_ROOM, RETRY_AFTER))
        };
        let share = match declared.filter(|it| *it > FREE) {
            Some(length) => Some(take(length).await?),
            None => None,
        };
        let mut held = Held { bytes: Vec::new(), share };
        let (mut body, late) = (body, clock::instant() + time / 2);
        while let Some(data) = next(&mut body, late).await? {
            let length = checked(held.bytes.len() + data.len())?;
            if held.bytes.is_empty() && body.is_end_stream() {
                return Ok(held.whole(data));
            }
            if held.share.is_none() && length > FREE {
                held.share = Some(take(LIMIT).await?);
            }
            // Copied, because a piece that comes slowly keeps the whole buffer that it was received in.
            held.bytes.reserve(declared.unwrap_or(length).saturating_sub(held.bytes.len()));
            held.bytes.extend_from_slice(&data);
        }
        Ok(held.done())
    }

    /// How many bytes are taken, and how many bodies wait.
    #[cfg(test)]
    pub(crate) fn now(&self) -> (usize, usize) {
        (self.0.taken(), self.0.waiting())
    }
}

const NO_ROOM: &str = "Too many large requests, please try again later.";
const LATE: &str = "the body of the request did not come within the allotted time";

fn checked(length: usize) -> Result<usize, ApiError> {
    if length > LIMIT { Err(ApiError::too_large(LIMIT)) } else { Ok(length) }
}

/// The next piece of the body; trailers are nothing to us.
async fn next(body: &mut Body, late: tokio::time::Instant) -> Result<Option<Bytes>, ApiError> {
    loop {
        let left = late.saturating_duration_since(clock::instant());
        let frame = clock::timeout(left, body.frame()).await.map_err(|_| ApiError::timeout(LATE))?;
        let Some(frame) = frame else { return Ok(None) };
        let failed = |error| ApiError::bad_request(format!("failed to read the body: {error}"));
        if let Ok(data) = frame.map_err(failed)?.into_data() {
            return Ok(Some(data));
        }
    }
}

/// Bytes with the room that they take.
struct Held<T> {
    bytes: T,
    share: Option<Share>,
}

impl Held<Vec<u8>> {
    /// The body that came in one piece.
    fn whole(self, data: Bytes) -> Bytes {
        Held { bytes: data, share: self.share }.done()
    }
}

impl<T: AsRef<[u8]> + Into<Bytes> + Send + 'static> Held<T> {
    fn done(mut self) -> Bytes {
        match &mut self.share {
            Some(share) => share.shrink(self.bytes.as_ref().len()),
            None => return self.bytes.into(),
        }
        Bytes::from_owner(self)
    }
}

impl<T: AsRef<[u8]>> AsRef<[u8]> for Held<T> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{StreamExt, stream};
    use std::convert::Infallible;

    const TIME: Duration = Duration::from_secs(60);

    fn room() -> Room {
        let metrics = crate::metrics::Metrics::new(daemon::metrics::Registry::new());
        Room::new(0, metrics.bodies())
    }

    fn pieces(count: usize, length: usize) -> impl futures::Stream<Item = Result<Bytes, Infallible>> {
        stream::iter(vec![Ok(Bytes::from(vec![7; length])); count])
    }

    /// A body of so many pieces of so many bytes, whose length nobody has said; or of one whose length is known.
    fn body(count: usize, length: usize) -> Body {
        if count == 1 { Body::from(vec![7; length]) } else { Body::from_stream(pieces(count, length)) }
    }

    #[tokio::test]
    async fn bodies_hold_room_for_what_they_are_and_give_it_back() {
        let check = async |count: usize, length: usize, taken: usize| {
            let room = room();
            let bytes = room.read(body(count, length), "jane", TIME).await.unwrap();
            assert_eq!((bytes.len(), room.now()), (count * length, (taken, 0)), "{count} of {length}");
            let part = bytes.slice(..bytes.len() / 2);
            drop(bytes);
            assert_eq!(room.now().0, taken, "a part of it is still held");
            drop(part);
            assert_eq!(room.now(), (0, 0));
        };
        check(0, 0, 0).await;
        check(1, 100, 0).await;
        check(1, FREE, 0).await;
        check(1, FREE + 1, FREE + 1).await;
        check(64, 1024, 0).await;
        check(65, 1024, 65 * 1024).await;
        check(1, LIMIT, LIMIT).await;
        check(3, LIMIT / 3, LIMIT).await;
    }

    #[tokio::test]
    async fn bodies_that_are_too_long_are_refused() {
        for (count, length) in [(1, LIMIT + 1), (4, LIMIT / 3)] {
            let room = room();
            let refused = room.read(body(count, length), "jane", TIME).await.unwrap_err();
            assert_eq!((refused.code(), room.now()), (413, (0, 0)), "{count} of {length}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_is_told_to_come_back_and_small_bodies_do_not_wait() {
        let room = room();
        let held = room.read(body(1, LIMIT), "jane", TIME).await.unwrap();
        let other = room.read(body(1, LIMIT), "joe", TIME).await.unwrap();
        for count in [1, 4] {
            let refused = room.read(body(count, LIMIT / 4), "jack", TIME).await.unwrap_err();
            assert_eq!((refused.code(), refused.message()), (429, NO_ROOM));
        }
        room.read(body(1, FREE), "jane", TIME).await.unwrap();
        drop(held);
        room.read(body(1, LIMIT), "jack", TIME).await.unwrap();
        drop(other);
        assert_eq!(room.now().0, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_too_slowly_is_given_up() {
        let room = room();
        let slowly = pieces(1000, 1024).then(|it| async {
            clock::sleep(Duration::from_secs(1)).await;
            it
        });
        let late = room.read(Body::from_stream(slowly), "jane", TIME).await.unwrap_err();
        assert_eq!((late.code(), room.now()), (504, (0, 0)));
        let never = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        assert_eq!(room.read(never, "jane", TIME).await.unwrap_err().code(), 504);
    }
}
