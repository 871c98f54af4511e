//! What the server counts, under Kubernetes' metric names.

use api::Kind;
use daemon::metrics::{Counter, Family, Gauge, Histogram, Registry};
use std::time::Duration;

const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The server's numbers; cheap to clone.
#[derive(Clone)]
pub(crate) struct Metrics {
    pub(crate) registry: Registry,
    requests: Family<Counter, 3>,
    durations: Family<Histogram, 1>,
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
        Self { registry, requests, durations, watches }
    }

    /// Counts an answered request.
    pub(crate) fn answered(&self, verb: &str, resource: &str, code: u16, took: Duration) {
        self.requests.with([verb, resource, &code.to_string()]).inc();
        if verb != "watch" {
            self.durations.with([verb]).observe_duration(took);
        }
    }

    /// Counts an open watch until the guard is dropped.
    pub(crate) fn watch_opened(&self, kind: Kind) -> Open {
        let gauge = self.watches.with(["watch", kind.row().plural]);
        gauge.inc();
        Open(gauge)
    }
}

/// A watch that is open.
pub(crate) struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
