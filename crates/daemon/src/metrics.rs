//! Numbers about the daemon in Prometheus' text form: counters, gauges, histograms, with labels.
//!
//! Start at [`Registry`]: it hands out handles, which are cheap to clone and count without a lock, and renders them all.
//! A handle with fixed labels comes from [`Registry::counter`] and its siblings; one whose labels are known only later
//! comes from a [`Family`]. Hot paths keep the handle instead of asking the family each time. Names are chosen by those
//! who count; this module refuses to know any but the process's own (see [`Registry::process`]).

mod process;
mod text;
mod value;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use value::{Counter, Gauge, Histogram};

/// The media type of [`Registry::render`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Names and values of labels, in the order they are written.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// All metrics of one daemon; cheap to clone.
#[derive(Clone, Default)]
pub struct Registry {
    /// By metric name. Locked to register and to render, never to count.
    metrics: Arc<Mutex<BTreeMap<String, Metric>>>,
}

/// One name with its help text and its series.
struct Metric {
    help: &'static str,
    kind: Kind,
    /// By rendered labels (`a="1",b="2"`), so that every rendering has the same order.
    series: BTreeMap<String, Series>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Where a series' number comes from when it is rendered.
enum Series {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
    /// Asked for at the moment of rendering.
    Read(Box<dyn Fn() -> f64 + Send + Sync>),
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// A counter with fixed labels. Asking again for the same name and labels gives the same counter.
    pub fn counter(&self, name: &str, help: &'static str, labels: Labels<'_>) -> Counter {
        self.register(name, help, labels, Counter::default)
    }

    /// A gauge with fixed labels.
    pub fn gauge(&self, name: &str, help: &'static str, labels: Labels<'_>) -> Gauge {
        self.register(name, help, labels, Gauge::default)
    }

    /// A histogram with fixed labels; `bounds` are the buckets' upper ends in ascending order, without infinity.
    pub fn histogram(&self, name: &str, help: &'static str, labels: Labels<'_>, bounds: &[f64]) -> Histogram {
        self.register(name, help, labels, || Histogram::new(bounds))
    }

    /// A gauge whose number is asked for when rendering. `read` must be quick; a second one for the same name and
    /// labels replaces the first.
    pub fn gauge_from(
        &self,
        name: &str,
        help: &'static str,
        labels: Labels<'_>,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.read_from(name, help, labels, Kind::Gauge, Box::new(read));
    }

    /// Counters whose label values are known only later.
    pub fn counters<const N: usize>(
        &self,
        name: &str,
        help: &'static str,
        labels: [&str; N],
    ) -> Family<Counter, N> {
        Family::new(self, name, help, labels, Counter::default)
    }

    /// Gauges whose label values are known only later.
    pub fn gauges<const N: usize>(
        &self,
        name: &str,
        help: &'static str,
        labels: [&str; N],
    ) -> Family<Gauge, N> {
        Family::new(self, name, help, labels, Gauge::default)
    }

    /// Histograms whose label values are known only later; for `bounds` see [`Registry::histogram`].
    pub fn histograms<const N: usize>(
        &self,
        name: &str,
        help: &'static str,
        labels: [&str; N],
        bounds: &[f64],
    ) -> Family<Histogram, N> {
        let bounds: Arc<[f64]> = bounds.into();
        Family::new(self, name, help, labels, move || Histogram::new(&bounds))
    }

    /// Adds memory, processor time, open files and start time of this process, under Prometheus' usual names.
    pub fn process(&self) {
        process::register(self);
    }

    /// Every metric in Prometheus' text form, ordered by name and labels.
    pub fn render(&self) -> String {
        let mut out = String::new();
        for (name, metric) in self.lock().iter() {
            text::write_metric(&mut out, name, metric);
        }
        out
    }

    fn read_from(
        &self,
        name: &str,
        help: &'static str,
        labels: Labels<'_>,
        kind: Kind,
        read: Box<dyn Fn() -> f64 + Send + Sync>,
    ) {
        let mut metrics = self.lock();
        metric_of(&mut metrics, name, help, kind).series.insert(text::labels_of(labels), Series::Read(read));
    }

    fn register<V: Value>(
        &self,
        name: &str,
        help: &'static str,
        labels: Labels<'_>,
        make: impl FnOnce() -> V,
    ) -> V {
        let mut metrics = self.lock();
        let metric = metric_of(&mut metrics, name, help, V::KIND);
        let series = metric.series.entry(text::labels_of(labels)).or_insert_with(|| make().into_series());
        V::of(series).expect("one metric holds series of one kind, and handles are not asked from read ones")
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Metric>> {
        // Registering and rendering leave the map whole at every step, so poisoning means nothing here.
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The metric of that name, created when new.
fn metric_of<'a>(
    metrics: &'a mut BTreeMap<String, Metric>,
    name: &str,
    help: &'static str,
    kind: Kind,
) -> &'a mut Metric {
    let metric =
        metrics.entry(name.to_owned()).or_insert_with(|| Metric { help, kind, series: BTreeMap::new() });
    assert_eq!(metric.kind, kind, "metric {name} is registered with two kinds");
    metric
}

/// A kind of number that a registry can hand out.
trait Value: Clone {
    const KIND: Kind;
    fn into_series(self) -> Series;
    fn of(series: &Series) -> Option<Self>;
}

macro_rules! value {
    ($kind:ident) => {
        impl Value for $kind {
            const KIND: Kind = Kind::$kind;

            fn into_series(self) -> Series {
                Series::$kind(self)
            }

            fn of(series: &Series) -> Option<Self> {
                match series {
                    Series::$kind(value) => Some(value.clone()),
                    _ => None,
                }
            }
        }
    };
}

value!(Counter);
value!(Gauge);
value!(Histogram);

/// Metrics of one name that differ in their labels' values; cheap to clone.
#[derive(Clone)]
pub struct Family<V, const N: usize> {
    shared: Arc<Shared<V, N>>,
}

struct Shared<V, const N: usize> {
    registry: Registry,
    name: String,
    help: &'static str,
    labels: [String; N],
    make: Box<dyn Fn() -> V + Send + Sync>,
}

impl<V, const N: usize> Family<V, N> {
    fn new(
        registry: &Registry,
        name: &str,
        help: &'static str,
        labels: [&str; N],
        make: impl Fn() -> V + Send + Sync + 'static,
    ) -> Family<V, N> {
        let (registry, name, labels) = (registry.clone(), name.to_owned(), labels.map(str::to_owned));
        Family { shared: Arc::new(Shared { registry, name, help, labels, make: Box::new(make) }) }
    }
}

#[expect(private_bounds, reason = "the three kinds of numbers are all there are")]
impl<V: Value, const N: usize> Family<V, N> {
    /// The one with these label values, in the order of the labels' names; created when new. Takes a lock and builds a
    /// key, so what counts often keeps the handle.
    pub fn with(&self, values: [&str; N]) -> V {
        let shared = &self.shared;
        let labels: Vec<_> = shared.labels.iter().map(String::as_str).zip(values).collect();
        shared.registry.register(&shared.name, shared.help, &labels, || (shared.make)())
    }

    /// Forgets the one with these label values, for things that have gone (a deleted node, a removed queue).
    pub fn remove(&self, values: [&str; N]) {
        let labels: Vec<_> = self.shared.labels.iter().map(String::as_str).zip(values).collect();
        if let Some(metric) = self.shared.registry.lock().get_mut(&self.shared.name) {
            metric.series.remove(&text::labels_of(&labels));
        }
    }
}

#[cfg(test)]
mod tests;
