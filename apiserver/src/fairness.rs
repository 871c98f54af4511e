//! Fair shares of the server: how many requests are worked on at once, and whose turn it is when there are too many.
//!
//! Start at [`Fairness::enter`]. What is decided is decided by [`Shares`], without I/O: every user is a flow with a queue
//! of its own, no flow holds more than half of the seats, and a seat that becomes free goes to the waiting flow that
//! holds the fewest. It is the idea of upstream's API Priority and Fairness (KEP-1040) with one priority level, and with
//! its exemption: who is in `system:masters` never waits. Watches and streams leave their seat once they have begun.

use access::UserInfo;
use access::identity::MASTERS;
use api::ApiError;
use daemon::clock;
use daemon::metrics::{Counter, Gauge};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a request waits for its turn: a quarter of what upstream gives a request in all.
const PATIENCE: Duration = Duration::from_secs(15);
/// When a client that was refused should come back, in seconds.
const RETRY_AFTER: i32 = 1;

/// The seats of the server.
pub(crate) struct Fairness {
    /// Held for moments, never across an await, and never while a seat is dropped.
    shares: Mutex<Shares<oneshot::Sender<Seat>>>,
    counts: Counts,
}

/// What is told of the seats, under upstream's names.
pub(crate) struct Counts {
    /// Requests that have a seat.
    pub(crate) executing: Gauge,
    /// Requests that wait for one.
    pub(crate) waiting: Gauge,
    /// Requests that were sent away.
    pub(crate) rejected: Counter,
}

impl Fairness {
    /// So many seats; of one flow, half of them are taken and as many requests wait.
    pub(crate) fn new(seats: usize, counts: Counts) -> Arc<Self> {
        let limits = Limits { total: seats, each: seats.div_ceil(2), queue: seats };
        Arc::new(Self { shares: Mutex::new(Shares::new(limits)), counts })
    }

    /// Waits for the user's turn. The seat is held until it is dropped; who is exempt needs none.
    ///
    /// # Errors
    ///
    /// 429 with `Retry-After` when too many requests of the user wait already, or when this one has waited too long.
    pub(crate) async fn enter(self: &Arc<Self>, user: &UserInfo) -> Result<Option<Seat>, ApiError> {
        if user.is_in(MASTERS) {
            return Ok(None);
        }
        let flow: Arc<str> = user.name.as_str().into();
        let (sender, receiver) = oneshot::channel();
        match self.locked(|it| it.enter(&flow, sender, |it| it.is_closed())) {
            Verdict::Seated => Ok(Some(self.seat(flow))),
            Verdict::Waits => self.turn(receiver).await.map(Some),
            Verdict::Refused => Err(self.refused()),
        }
    }

    async fn turn(&self, receiver: oneshot::Receiver<Seat>) -> Result<Seat, ApiError> {
        self.counts.waiting.inc();
        let turn = clock::timeout(PATIENCE, receiver).await;
        self.counts.waiting.dec();
        match turn {
            Ok(Ok(seat)) => Ok(seat),
            Ok(Err(_)) | Err(_) => Err(self.refused()),
        }
    }

    fn refused(&self) -> ApiError {
        self.counts.rejected.inc();
        ApiError::too_many_requests("Too many requests, please try again later.", RETRY_AFTER)
    }

    fn seat(self: &Arc<Self>, flow: Arc<str>) -> Seat {
        self.counts.executing.inc();
        Seat { fairness: self.clone(), flow }
    }

    fn locked<T>(&self, work: impl FnOnce(&mut Shares<oneshot::Sender<Seat>>) -> T) -> T {
        work(&mut self.shares.lock().expect("nobody panics while holding this lock"))
    }
}

/// The right to be worked on. Dropping it gives it to whoever is next.
pub(crate) struct Seat {
    fairness: Arc<Fairness>,
    flow: Arc<str>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.fairness.counts.executing.dec();
        if let Some((flow, waiter)) = self.fairness.locked(|it| it.leave(&self.flow)) {
            // Nobody waits any more when sending fails: the seat comes back, is dropped, and goes on to the next.
            drop(waiter.send(self.fairness.seat(flow)));
        }
    }
}

/// How many at most.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Seats in all.
    total: usize,
    /// Seats of one flow.
    each: usize,
    /// Waiting requests of one flow.
    queue: usize,
}

/// What becomes of a request that comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is worked on.
    Seated,
    /// It waits for its turn.
    Waits,
    /// It is sent away.
    Refused,
}

/// Who sits and who waits; `W` is how a waiting request is told.
struct Shares<W> {
    limits: Limits,
    seated: usize,
    /// How many requests came, so that of two equal flows the one that has waited longer is next.
    arrivals: u64,
    /// Only flows that hold a seat or wait for one.
    flows: HashMap<Arc<str>, Flow<W>>,
}

struct Flow<W> {
    seated: usize,
    waiting: VecDeque<(u64, W)>,
}

impl<W> Shares<W> {
    fn new(limits: Limits) -> Self {
        Self { limits, seated: 0, arrivals: 0, flows: HashMap::new() }
    }

    /// A request comes in. `gave_up` tells the waiting ones that are not there any more.
    fn enter(&mut self, name: &Arc<str>, waiter: W, gave_up: impl Fn(&W) -> bool) -> Verdict {
        let limits = self.limits;
        let flow =
            self.flows.entry(name.clone()).or_insert_with(|| Flow { seated: 0, waiting: VecDeque::new() });
        if self.seated < limits.total && flow.seated < limits.each {
            flow.seated += 1;
            self.seated += 1;
            return Verdict::Seated;
        }
        if flow.waiting.len() >= limits.queue {
            flow.waiting.retain(|(_, it)| !gave_up(it));
        }
        if flow.waiting.len() >= limits.queue {
            return Verdict::Refused;
        }
        self.arrivals += 1;
        flow.waiting.push_back((self.arrivals, waiter));
        Verdict::Waits
    }

    /// A seat becomes free; says who sits there now.
    fn leave(&mut self, name: &Arc<str>) -> Option<(Arc<str>, W)> {
        self.seated -= 1;
        if let Some(flow) = self.flows.get_mut(name) {
            flow.seated -= 1;
            if flow.seated == 0 && flow.waiting.is_empty() {
                self.flows.remove(name);
            }
        }
        self.seat_next()
    }

    fn seat_next(&mut self) -> Option<(Arc<str>, W)> {
        let limits = self.limits;
        let waiting = self.flows.iter_mut().filter(|(_, it)| it.seated < limits.each);
        let turns = waiting.filter_map(|(name, it)| Some(((it.seated, it.waiting.front()?.0), name, it)));
        let (_, name, flow) = turns.min_by_key(|(turn, ..)| *turn)?;
        let (_, waiter) = flow.waiting.pop_front()?;
        flow.seated += 1;
        self.seated += 1;
        Some((name.clone(), waiter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a script of arrivals (`a1`: request 1 of flow a) and departures (`-a`: a request of flow a ends), and
    /// writes what became of each: `+` seated, `.` waits, `x` refused, or who sits down next.
    #[track_caller]
    fn check(limits: Limits, script: &str, expect: &str) {
        let mut shares = Shares::new(limits);
        let told: Vec<String> = script
            .split(' ')
            .map(|step| match step.strip_prefix('-') {
                Some(flow) => shares.leave(&flow.into()).map_or_else(|| "-".to_owned(), |(_, it)| it),
                None => match shares.enter(&step[..1].into(), step.to_owned(), |it| it.ends_with('!')) {
                    Verdict::Seated => "+".to_owned(),
                    Verdict::Waits => ".".to_owned(),
                    Verdict::Refused => "x".to_owned(),
                },
            })
            .collect();
        assert_eq!(told.join(" "), expect, "{script}");
        let seated: usize = shares.flows.values().map(|it| it.seated).sum();
        assert_eq!(seated, shares.seated);
        assert!(
            shares.flows.values().all(|it| it.seated > 0 || !it.waiting.is_empty()),
            "an idle flow is kept"
        );
    }

    #[test]
    fn a_flow_gets_half_and_the_rest_waits_its_turn() {
        let limits = Limits { total: 4, each: 2, queue: 2 };
        check(limits, "a1 -a a2 -a", "+ - + -");
        check(limits, "a1 a2 a3 a4 a5", "+ + . . x");
        check(limits, "a1 a2 a3 b1 b2 -a", "+ + . + + a3");
        check(limits, "a1 a2 a3 b1 -b", "+ + . + -");
    }

    #[test]
    fn a_free_seat_goes_to_the_flow_that_holds_the_fewest() {
        let limits = Limits { total: 3, each: 2, queue: 9 };
        check(limits, "a1 a2 b1 b2 c1 -a -b", "+ + + . . c1 b2");
        check(limits, "a1 a2 b1 d1 c1 -a -a", "+ + + . . d1 c1");
    }

    #[test]
    fn who_gave_up_makes_room() {
        let limits = Limits { total: 1, each: 1, queue: 1 };
        check(limits, "a1 a2! a3 -a", "+ . . a3");
        check(limits, "a1 a2 a3", "+ . x");
    }

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
        assert!(fairness.locked(|it| it.flows.is_empty()), "every seat was given back");
        assert!(fairness.enter(&UserInfo::api_server()).await.unwrap().is_none(), "masters need no seat");
    }
}
