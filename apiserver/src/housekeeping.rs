//! What the server does by itself: the store's snapshots, and events that have had their time.

use crate::cache::entry::Entry;
use crate::handlers::change::stored_key;
use crate::state::State;
use api::Resource;
use api::k8s::api::core::v1::Event;
use daemon::{Tasks, clock};
use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use store::{Condition, Op, Txn};

/// How often the store is asked whether a snapshot is due.
const SNAPSHOT_CHECK: Duration = Duration::from_secs(600);
/// How often events are looked through, and how long one is kept after its last change; the latter is upstream's.
const EVENT_CHECK: Duration = Duration::from_secs(300);
const EVENT_LIFETIME: SignedDuration = SignedDuration::from_hours(1);
/// How many deletes wait for the disk together.
const AT_ONCE: usize = 64;

/// Takes the store's scheduled snapshots until the tasks are told to stop.
pub(crate) async fn snapshots(state: Arc<State>, tasks: Tasks) {
    while pause(&tasks, SNAPSHOT_CHECK).await {
        let store = state.store.clone();
        let taken = tasks.spawn_blocking("store snapshot", move || store.snapshot_if_due()).await;
        if let Ok(Some(Err(error))) = taken {
            tracing::error!(%error, "no snapshot of the store was taken");
        }
    }
}

/// Removes old events until the tasks are told to stop.
pub(crate) async fn events(state: Arc<State>, tasks: Tasks) {
    while pause(&tasks, EVENT_CHECK).await {
        expire(&state).await;
    }
}

async fn pause(tasks: &Tasks, time: Duration) -> bool {
    tasks.token().run_until_cancelled(clock::sleep(time)).await.is_some()
}

/// Removes the events whose time is over; one that changes meanwhile stays.
pub(crate) async fn expire(state: &State) {
    let Some(cached) = state.caches.of(Event::KIND) else { return };
    let (snapshot, now) = (cached.now(0), state.now());
    let old: Vec<Arc<Entry>> = snapshot.map.values().filter(|it| is_over(it, now)).cloned().collect();
    let removals = stream::iter(old).map(|it| remove(state, it));
    removals.buffer_unordered(AT_ONCE).collect::<()>().await;
}

async fn remove(state: &State, entry: Arc<Entry>) {
    let key = stored_key(&entry);
    let conditions = vec![Condition::Revision(key.clone(), entry.revision)];
    match state.store.commit(Txn { conditions, ops: vec![Op::Delete { key }] }).await {
        Ok(_) | Err(store::Error::Conflict { .. }) => {}
        Err(error) => tracing::warn!(%error, key = %entry.key, "an old event was not removed"),
    }
}

/// An event that does not decode stays: it is not known to be old.
fn is_over(entry: &Entry, now: Timestamp) -> bool {
    let Ok(object) = entry.decode() else { return false };
    let Some(event) = object.get::<Event>() else { return false };
    let last = event.last_timestamp.as_ref().map(|it| it.0);
    let series = event.series.as_ref().and_then(|it| it.last_observed_time.as_ref()).map(|it| it.0);
    let created = event.metadata.creation_timestamp.as_ref().map(|it| it.0);
    let newest = [last, series, created].into_iter().flatten().max();
    newest.is_some_and(|it| now.duration_since(it) > EVENT_LIFETIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_lives_for_an_hour_after_its_last_change() {
        let now: Timestamp = "2030-01-01T12:00:00Z".parse().unwrap();
        let check = |fields: &str, expect: bool| {
            let json = format!(
                r#"{{"apiVersion":"v1","kind":"Event","involvedObject":{{}},{fields}"metadata":{{"creationTimestamp":"2030-01-01T10:00:00Z"}}}}"#
            );
            let entry = Entry::new(Event::KIND, "ns/e".into(), json.as_bytes(), 1);
            assert_eq!(is_over(&entry, now), expect, "{fields}");
        };
        check("", true);
        check(r#""lastTimestamp":"2030-01-01T11:30:00Z","#, false);
        check(r#""lastTimestamp":"2030-01-01T10:30:00Z","#, true);
    }
}
