//! Fair shares of the server: how many requests are worked on at once, and whose turn it is when there are too many.
//!
//! Start at [`Fairness::enter`]; [`crate::shares`] decides. No user holds more than half of the seats. It is the idea of
//! upstream's API Priority and Fairness (KEP-1040) with one priority level, and with its exemption: who is in
//! `system:masters` never waits. Watches and streams leave their seat once they have begun.

use crate::shares::{Counts, Limits, Share, Stock};
use access::UserInfo;
use access::identity::MASTERS;
use api::ApiError;
use std::sync::Arc;
use std::time::Duration;

/// How long a request waits for its turn: a quarter of what upstream gives a request in all.
const PATIENCE: Duration = Duration::from_secs(15);
/// When a client that was refused should come back, in seconds.
pub(crate) const RETRY_AFTER: i32 = 1;

/// The seats of the server.
pub(crate) struct Fairness(Arc<Stock>);

impl Fairness {
    /// So many seats; of one flow, half of them are taken and as many requests wait.
    pub(crate) fn new(seats: usize, counts: Counts) -> Self {
        Self(Stock::new(Limits { total: seats, each: seats.div_ceil(2), queue: seats }, counts))
    }

    /// Waits for the user's turn. The seat is held until it is dropped; who is exempt needs none.
    ///
    /// # Errors
    ///
    /// 429 with `Retry-After` when too many requests of the user wait already, or when this one has waited too long.
    pub(crate) async fn enter(&self, user: &UserInfo) -> Result<Option<Share>, ApiError> {
        if user.is_in(MASTERS) {
            return Ok(None);
        }
        let seat = self.0.take(&user.name, 1, PATIENCE).await;
        let refused =
            |_| ApiError::too_many_requests("Too many requests, please try again later.", RETRY_AFTER);
        seat.map(Some).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_seat_is_handed_on_past_those_who_left() {
        let registry = daemon::metrics::Registry::new();
        let fairness = Fairness::new(2, crate::metrics::Metrics::new(registry).seats());
        let user = UserInfo::authenticated("jane", []);
        let first = fairness.enter(&user).await.unwrap();
        let mut left = Box::pin(fairness.enter(&user));
        assert!(futures::poll!(left.as_mut()).is_pending());
        let mut second = Box::pin(fairness.enter(&user));
        assert!(futures::poll!(second.as_mut()).is_pending());
        drop(left);
        drop(first);
        assert!(second.await.unwrap().is_some());
        assert_eq!((fairness.0.taken(), fairness.0.waiting()), (0, 0), "every seat was given back");
        assert!(fairness.enter(&UserInfo::api_server()).await.unwrap().is_none(), "masters need no seat");
    }
}
