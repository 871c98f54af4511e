//! Which pod is next: by priority, with backoff, and requeued by cause.
//!
//! A pod that fits nowhere waits until something happens that could change the verdict of a rule that rejected it; then
//! it comes again after its backoff. Pure: time comes in as an argument.

use api::Key;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use tokio::time::Instant;

/// What may happen in a cluster that lets a waiting pod fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A node came.
    NodeAdded,
    /// A node's labels, taints or resources changed.
    NodeChanged,
    /// A pod left its node.
    PodGone,
}

/// The order of the line: higher priority first, then first come, first served.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    reversed_priority: i64,
    since: Instant,
    key: Key,
}

#[derive(Clone, Debug)]
enum State {
    /// In line.
    Active(Place),
    /// In line from this moment on.
    Backoff(Instant),
    /// Until something happens that one of these rules wakes on.
    Waiting(Vec<&'static str>, Instant),
    /// Being decided or bound.
    InFlight,
}

#[derive(Clone, Debug)]
struct Entry {
    priority: i32,
    attempts: u32,
    added: Instant,
    state: State,
    /// Something happened while the pod was in flight.
    moved: bool,
}

/// The pods that want a node.
#[derive(Debug, Default)]
pub struct Queue {
    entries: HashMap<Key, Entry>,
    active: BTreeSet<Place>,
    backoff: BTreeMap<(Instant, Key), ()>,
}

const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
/// A pod that nothing has woken for so long is tried again all the same.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

impl Queue {
    /// A pod wants a node, or has changed: it is (again) in line.
    pub fn add(&mut self, key: &Key, priority: i32, now: Instant) {
        let fresh = Entry { priority, attempts: 0, added: now, state: State::InFlight, moved: false };
        let entry = self.entries.entry(key.clone()).or_insert(fresh.clone());
        entry.priority = priority;
        if matches!(entry.state, State::InFlight) && entry.attempts > 0 {
            entry.moved = true;
            return;
        }
        self.leave_line(key);
        self.activate(key);
    }

    /// A pod wants a node no more.
    pub fn remove(&mut self, key: &Key) {
        self.leave_line(key);
        self.entries.remove(key);
    }

    /// The next pod. It stays in flight until it is removed, fails or waits.
    pub fn take(&mut self, now: Instant) -> Option<Key> {
        self.wake(now);
        let place = self.active.pop_first()?;
        let entry = self.entries.get_mut(&place.key)?;
        entry.state = State::InFlight;
        entry.attempts += 1;
        entry.moved = false;
        Some(place.key)
    }

    /// A pod fits nowhere: these rules rejected it.
    pub fn wait(&mut self, key: &Key, rejecting: Vec<&'static str>, now: Instant) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if entry.moved {
            return self.fail(key, now);
        }
        entry.state = State::Waiting(rejecting, now);
    }

    /// A pod could not be bound: it comes again after its backoff.
    pub fn fail(&mut self, key: &Key, now: Instant) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let at = now + backoff(entry.attempts);
        entry.state = State::Backoff(at);
        self.backoff.insert((at, key.clone()), ());
    }

    /// Something happened: pods that were rejected by a rule which wakes on it come again. `wakes` tells which do.
    pub fn happened(&mut self, wakes: impl Fn(&str) -> bool, now: Instant) {
        let mut woken = Vec::new();
        for (key, entry) in &mut self.entries {
            match &entry.state {
                State::Waiting(rules, _) if rules.is_empty() || rules.iter().any(|it| wakes(it)) => {
                    woken.push(key.clone());
                }
                State::InFlight => entry.moved = true,
                _ => {}
            }
        }
        for key in woken {
            self.fail(&key, now);
        }
    }

    /// When to look again if nothing happens.
    pub fn next_moment(&self) -> Option<Instant> {
        let patience = self.entries.values().filter_map(|it| match it.state {
            State::Waiting(_, since) => Some(since + LONGEST_WAIT),
            _ => None,
        });
        let backoff = self.backoff.first_key_value().map(|((at, _), ())| *at);
        patience.chain(backoff).min()
    }

    /// How many pods are in line, backing off, and waiting.
    pub fn census(&self) -> (usize, usize, usize) {
        let waiting = self.entries.values().filter(|it| matches!(it.state, State::Waiting(..))).count();
        (self.active.len(), self.backoff.len(), waiting)
    }

    fn wake(&mut self, now: Instant) {
        while let Some(((at, key), ())) = self.backoff.first_key_value() {
            if *at > now {
                break;
            }
            let key = key.clone();
            self.backoff.pop_first();
            self.activate(&key);
        }
        let tired = |it: &Entry| matches!(it.state, State::Waiting(_, since) if since + LONGEST_WAIT <= now);
        let tired: Vec<Key> =
            self.entries.iter().filter(|(_, it)| tired(it)).map(|(key, _)| key.clone()).collect();
        tired.iter().for_each(|it| self.activate(it));
    }

    fn activate(&mut self, key: &Key) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let place =
            Place { reversed_priority: -i64::from(entry.priority), since: entry.added, key: key.clone() };
        entry.state = State::Active(place.clone());
        self.active.insert(place);
    }

    fn leave_line(&mut self, key: &Key) {
        match self.entries.get(key).map(|it| it.state.clone()) {
            Some(State::Active(place)) => drop(self.active.remove(&place)),
            Some(State::Backoff(at)) => drop(self.backoff.remove(&(at, key.clone()))),
            Some(State::Waiting(..) | State::InFlight) | None => {}
        }
    }
}

fn backoff(attempts: u32) -> Duration {
    FIRST_BACKOFF.saturating_mul(1 << attempts.saturating_sub(1).min(8)).min(LONGEST_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::k8s::api::core::v1::Pod;

    fn key(name: &str) -> Key {
        Key::of::<Pod>("d", name)
    }

    fn taken(queue: &mut Queue, now: Instant) -> String {
        queue.take(now).map(|it| it.name).unwrap_or_default()
    }

    #[test]
    fn priority_goes_first_and_then_age() {
        let (mut queue, now) = (Queue::default(), daemon::clock::instant());
        let later = |millis| now + Duration::from_millis(millis);
        queue.add(&key("old"), 0, later(0));
        queue.add(&key("new"), 0, later(1));
        queue.add(&key("high"), 9, later(2));
        assert_eq!([(); 4].map(|()| taken(&mut queue, later(3))), ["high", "old", "new", ""]);
    }

    #[test]
    fn waiting_pods_come_again_for_a_cause_and_after_their_backoff() {
        let (mut queue, now) = (Queue::default(), daemon::clock::instant());
        let later = |seconds| now + Duration::from_secs(seconds);
        queue.add(&key("a"), 0, now);
        taken(&mut queue, now);
        queue.wait(&key("a"), vec!["NodeResourcesFit"], now);
        queue.happened(|rule| rule == "NodeName", now);
        assert_eq!(taken(&mut queue, later(9)), "", "no rule that rejected it wakes on this");
        queue.happened(|rule| rule == "NodeResourcesFit", later(9));
        assert_eq!(taken(&mut queue, later(9)), "");
        assert_eq!(taken(&mut queue, later(10)), "a");
    }

    #[test]
    fn what_happens_during_a_decision_is_not_missed() {
        let (mut queue, now) = (Queue::default(), daemon::clock::instant());
        queue.add(&key("a"), 0, now);
        taken(&mut queue, now);
        queue.happened(|_| true, now);
        queue.wait(&key("a"), vec!["NodeName"], now);
        assert_eq!(taken(&mut queue, now + FIRST_BACKOFF), "a");
    }

    #[test]
    fn nobody_waits_for_ever_and_the_removed_do_not_come_back() {
        let (mut queue, now) = (Queue::default(), daemon::clock::instant());
        for name in ["a", "b"] {
            queue.add(&key(name), 0, now);
            taken(&mut queue, now);
            queue.wait(&key(name), vec!["NodeName"], now);
        }
        queue.remove(&key("b"));
        assert_eq!(queue.next_moment(), Some(now + LONGEST_WAIT));
        assert_eq!(taken(&mut queue, now + LONGEST_WAIT), "a");
        assert_eq!(taken(&mut queue, now + LONGEST_WAIT), "");
    }
}
