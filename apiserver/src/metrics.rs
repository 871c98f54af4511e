//! What the server counts, under Kubernetes' metric names.

use crate::shares::Counts;
use api::Kind;
use daemon::metrics::{Counter, Family, Gauge, Histogram, Registry};
use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The server's numbers; cheap to clone.
#[derive(Clone)]
pub(crate) struct Metrics {
    pub(crate) registry: Registry,
    requests: Family<Counter, 3>,
    durations: Family<Histogram, 1>,
    /// The handles of what was answered before, so that counting builds no label text.
    handles: Arc<RwLock<HashMap<Answered, (Counter, Histogram)>>>,
    watches: Family<Gauge, 2>,
}

impl Metrics {
    pub(crate) fn new(registry: Registry) -> Self {
        let requests = registry.counters(
            "apiserver_request_total",
            "Requests by verb, resource and code.",
            ["verb", "resource", "code"],
        );
        let durations = registry.histograms(
            "apiserver_request_duration_seconds",
            "Time to the answer's head, by verb; watches are not counted.",
            ["verb"],
            BUCKETS,
        );
        let watches =
            registry.gauges("apiserver_longrunning_requests", "Watches that are open.", ["verb", "resource"]);
        Self { registry, requests, durations, handles: Arc::default(), watches }
    }

    /// Counts an answered request.
    pub(crate) fn answered(&self, what: Answered, took: Duration) {
        let (requests, durations) = self.handles_of(what);
        requests.inc();
        if what.verb != "watch" {
            durations.observe_duration(took);
        }
    }

    fn handles_of(&self, what: Answered) -> (Counter, Histogram) {
        let unpoisoned = "nobody panics while holding this lock";
        if let Some(handles) = self.handles.read().expect(unpoisoned).get(&what) {
            return handles.clone();
        }
        let requests = self.requests.with([what.verb, what.resource, &what.code.to_string()]);
        let handles = (requests, self.durations.with([what.verb]));
        self.handles.write().expect(unpoisoned).insert(what, handles.clone());
        handles
    }

    /// Who works, who waits and who was sent away.
    pub(crate) fn seats(&self) -> Counts {
        let (executing, waiting, rejected) = (
            "apiserver_flowcontrol_current_executing_requests",
            "apiserver_flowcontrol_current_inqueue_requests",
            "apiserver_flowcontrol_rejected_requests_total",
        );
        Counts {
            taken: self.registry.gauge(executing, "Requests that are worked on.", &[]),
            waiting: self.registry.gauge(waiting, "Requests that wait for their turn.", &[]),
            rejected: self.registry.counter(rejected, "Requests that were told to come back later.", &[]),
        }
    }

    /// How much room bodies take, how many wait for it and how many were sent away.
    pub(crate) fn bodies(&self) -> Counts {
        let (taken, waiting, rejected) = (
            "skiff_apiserver_body_bytes",
            "skiff_apiserver_waiting_bodies",
            "skiff_apiserver_rejected_bodies_total",
        );
        Counts {
            taken: self.registry.gauge(taken, "Bytes of large bodies that are held, or will be.", &[]),
            waiting: self.registry.gauge(waiting, "Large bodies that wait for room.", &[]),
            rejected: self.registry.counter(rejected, "Large bodies that found no room.", &[]),
        }
    }

    /// Counts an open watch until the guard is dropped.
    pub(crate) fn watch_opened(&self, kind: Kind) -> Open {
        let gauge = self.watches.with(["watch", kind.row().plural]);
        gauge.inc();
        Open(gauge)
    }
}

/// What was asked, and with which code it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Answered {
    pub(crate) verb: &'static str,
    /// Plural of the kind; empty for what is none of the table.
    pub(crate) resource: &'static str,
    pub(crate) code: u16,
}

/// A watch that is open.
pub(crate) struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
