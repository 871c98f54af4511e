//! A stock that is shared fairly: seats, or bytes of memory.
//!
//! Start at [`Stock::take`]. What is decided is decided by [`Shares`], without I/O: every user is a flow with a queue of
//! its own, no flow holds more than its part, and what becomes free goes to the waiting flow that holds the least. Nobody
//! who asks for little overtakes somebody who asks for much and whose turn it is.

use daemon::clock;
use daemon::metrics::{Counter, Gauge};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

/// How much at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// In all.
    pub(crate) total: usize,
    /// Of one flow. Nobody may ask for more than this.
    pub(crate) each: usize,
    /// Waiting requests of one flow.
    pub(crate) queue: usize,
}

/// What is told of a stock.
pub(crate) struct Counts {
    /// How much of it is taken.
    pub(crate) taken: Gauge,
    /// Requests that wait for some.
    pub(crate) waiting: Gauge,
    /// Requests that were sent away.
    pub(crate) rejected: Counter,
}

/// Nothing became free in time, or too many of the flow wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// What is shared.
pub(crate) struct Stock {
    /// Held for moments, never across an await, and never while a share is dropped.
    shares: Mutex<Shares<oneshot::Sender<Share>>>,
    counts: Counts,
}

impl Stock {
    pub(crate) fn new(limits: Limits, counts: Counts) -> Arc<Self> {
        Arc::new(Self { shares: Mutex::new(Shares::new(limits)), counts })
    }

    /// Waits for the flow's turn, so long as `patience` lasts. The share is held until it is dropped.
    pub(crate) async fn take(
        self: &Arc<Self>,
        flow: &str,
        amount: usize,
        patience: Duration,
    ) -> Result<Share, Refused> {
        let flow: Arc<str> = flow.into();
        let (sender, receiver) = oneshot::channel();
        match self.locked(|it| it.enter(&flow, amount, sender, |it| it.is_closed())) {
            Verdict::Taken => Ok(self.share(flow, amount)),
            Verdict::Waits => self.turn(receiver, patience).await,
            Verdict::Refused => Err(self.refused()),
        }
    }

    async fn turn(&self, receiver: oneshot::Receiver<Share>, patience: Duration) -> Result<Share, Refused> {
        let waiting = Waiting::new(&self.counts.waiting);
        let turn = clock::timeout(patience, receiver).await;
        drop(waiting);
        match turn {
            Ok(Ok(share)) => Ok(share),
            Ok(Err(_)) | Err(_) => Err(self.refused()),
        }
    }

    fn refused(&self) -> Refused {
        self.counts.rejected.inc();
        Refused
    }

    fn share(self: &Arc<Self>, flow: Arc<str>, amount: usize) -> Share {
        self.counts.taken.add(amount as f64);
        Share { stock: self.clone(), flow, amount }
    }

    /// Takes back, and gives to whoever is next.
    fn give_back(self: &Arc<Self>, flow: &Arc<str>, amount: usize) {
        self.counts.taken.add(-(amount as f64));
        let next: Vec<_> = self.locked(|it| {
            it.give_back(flow, amount);
            std::iter::from_fn(|| it.next()).collect()
        });
        for Turn { flow, amount, waiter } in next {
            // Nobody waits any more when sending fails: the share comes back, is dropped, and goes on to the next.
            drop(waiter.send(self.share(flow, amount)));
        }
    }

    fn locked<T>(&self, work: impl FnOnce(&mut Shares<oneshot::Sender<Share>>) -> T) -> T {
        work(&mut self.shares.lock().expect("nobody panics while holding this lock"))
    }

    /// How much is taken.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.locked(|it| it.taken)
    }

    /// How many wait, those included that have given up and were not noticed yet.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.locked(|it| it.waiting)
    }
}

/// Counts one who waits, also when the wait is given up.
struct Waiting<'a>(&'a Gauge);

impl<'a> Waiting<'a> {
    fn new(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A part of the stock. Dropping it gives it to whoever is next.
pub(crate) struct Share {
    stock: Arc<Stock>,
    flow: Arc<str>,
    amount: usize,
}

impl Share {
    /// Gives back what is more than `amount`.
    pub(crate) fn shrink(&mut self, amount: usize) {
        if let Some(surplus) = self.amount.checked_sub(amount).filter(|it| *it > 0) {
            self.amount = amount;
            self.stock.give_back(&self.flow, surplus);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.stock.give_back(&self.flow, self.amount);
    }
}

/// What becomes of a request that comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It has what it asks for.
    Taken,
    /// It waits for its turn.
    Waits,
    /// It is sent away.
    Refused,
}

/// Who holds how much and who waits; `W` is how a waiting request is told.
struct Shares<W> {
    limits: Limits,
    taken: usize,
    /// Waiting requests of all flows.
    waiting: usize,
    /// How many requests came, so that of two equal flows the one that has waited longer is next.
    arrivals: u64,
    /// Only flows that hold something or wait for it.
    flows: HashMap<Arc<str>, Flow<W>>,
}

struct Flow<W> {
    taken: usize,
    waiting: VecDeque<Waiter<W>>,
}

struct Waiter<W> {
    arrival: u64,
    amount: usize,
    waiter: W,
}

/// A waiting request whose turn has come.
struct Turn<W> {
    flow: Arc<str>,
    amount: usize,
    waiter: W,
}

impl<W> Shares<W> {
    fn new(limits: Limits) -> Self {
        Self { limits, taken: 0, waiting: 0, arrivals: 0, flows: HashMap::new() }
    }

    /// A request comes in. `gave_up` tells the waiting ones that are not there any more.
    fn enter(&mut self, name: &Arc<str>, amount: usize, waiter: W, gave_up: impl Fn(&W) -> bool) -> Verdict {
        let limits = self.limits;
        // Whoever waits although there is room asks for more than there is, and comes first.
        let is_free = self.taken + amount <= limits.total && (self.waiting == 0 || self.first().is_none());
        let flow =
            self.flows.entry(name.clone()).or_insert_with(|| Flow { taken: 0, waiting: VecDeque::new() });
        if is_free && flow.waiting.is_empty() && flow.taken + amount <= limits.each {
            flow.taken += amount;
            self.taken += amount;
            return Verdict::Taken;
        }
        if flow.waiting.len() >= limits.queue {
            let before = flow.waiting.len();
            flow.waiting.retain(|it| !gave_up(&it.waiter));
            self.waiting -= before - flow.waiting.len();
        }
        if flow.waiting.len() >= limits.queue {
            return Verdict::Refused;
        }
        self.arrivals += 1;
        self.waiting += 1;
        flow.waiting.push_back(Waiter { arrival: self.arrivals, amount, waiter });
        Verdict::Waits
    }

    fn give_back(&mut self, name: &Arc<str>, amount: usize) {
        self.taken -= amount;
        if let Some(flow) = self.flows.get_mut(name) {
            flow.taken -= amount;
            if flow.taken == 0 && flow.waiting.is_empty() {
                self.flows.remove(name);
            }
        }
    }

    /// The flow whose turn it is, whether or not there is enough for it.
    fn first(&mut self) -> Option<(&Arc<str>, &mut Flow<W>)> {
        let each = self.limits.each;
        let turns = self.flows.iter_mut().filter_map(|(name, flow)| {
            let front = flow.waiting.front()?;
            (flow.taken + front.amount <= each).then_some(((flow.taken, front.arrival), name, flow))
        });
        turns.min_by_key(|(turn, ..)| *turn).map(|(_, name, flow)| (name, flow))
    }

    /// Gives to the request whose turn it is, if there is enough.
    fn next(&mut self) -> Option<Turn<W>> {
        let free = self.limits.total - self.taken;
        let (name, flow) = self.first()?;
        let Waiter { amount, waiter, .. } = flow.waiting.pop_front_if(|it| it.amount <= free)?;
        flow.taken += amount;
        let flow = name.clone();
        self.taken += amount;
        self.waiting -= 1;
        Some(Turn { flow, amount, waiter })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step's flow, and how much it asks for or gives back: `a1:3` is request 1 of flow a, for 3.
    fn parse(step: &str) -> (Arc<str>, usize) {
        let (name, amount) = step.split_once(':').unwrap_or((step, "1"));
        (name[..1].into(), amount.parse().unwrap())
    }

    /// Plays a script of arrivals (`a1`: request 1 of flow a) and departures (`-a`: a request of flow a ends), and
    /// writes what became of each: `+` taken, `.` waits, `x` refused, or whose turn it is next.
    #[track_caller]
    fn check(limits: Limits, script: &str, expect: &str) {
        let mut shares = Shares::new(limits);
        let told: Vec<String> = script
            .split(' ')
            .map(|step| match step.strip_prefix('-') {
                Some(step) => {
                    let (flow, amount) = parse(step);
                    shares.give_back(&flow, amount);
                    let next: Vec<String> =
                        std::iter::from_fn(|| shares.next()).map(|it| it.waiter).collect();
                    if next.is_empty() { "-".to_owned() } else { next.join(",") }
                }
                None => {
                    let (flow, amount) = parse(step);
                    match shares.enter(&flow, amount, step.to_owned(), |it| it.ends_with('!')) {
                        Verdict::Taken => "+".to_owned(),
                        Verdict::Waits => ".".to_owned(),
                        Verdict::Refused => "x".to_owned(),
                    }
                }
            })
            .collect();
        assert_eq!(told.join(" "), expect, "{script}");
        let flows = || shares.flows.values();
        assert_eq!(flows().map(|it| it.taken).sum::<usize>(), shares.taken);
        assert_eq!(flows().map(|it| it.waiting.len()).sum::<usize>(), shares.waiting);
        assert!(flows().all(|it| it.taken > 0 || !it.waiting.is_empty()), "an idle flow is kept");
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
    fn what_is_free_goes_to_the_flow_that_holds_the_least() {
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

    #[test]
    fn who_asks_for_much_is_not_overtaken() {
        let limits = Limits { total: 10, each: 6, queue: 9 };
        check(limits, "a1:6 b1:3 c1:4 b2:1 -b:3 -a:6", "+ + . . c1:4 b2:1");
        check(limits, "a1:6 b1:4 c1:3 d1:1 e1:2 -a:6", "+ + . . . c1:3,d1:1,e1:2");
        // A flow that holds its part does not keep others waiting.
        check(limits, "a1:6 a2:1 b1:4 -b:4 c1:4", "+ . + - +");
    }
}
