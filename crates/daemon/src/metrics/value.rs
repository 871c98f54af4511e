//! The numbers themselves. Counting is one or two atomic operations; nothing here locks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// A number that only grows.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `amount`.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<Float>);

impl Gauge {
    /// Replaces the number.
    pub fn set(&self, value: f64) {
        self.0.set(value);
    }

    /// Adds `amount`, which may be negative.
    pub fn add(&self, amount: f64) {
        self.0.add(amount);
    }

    /// Adds one.
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Takes one away.
    pub fn dec(&self) {
        self.add(-1.0);
    }

    /// The number now.
    pub fn get(&self) -> f64 {
        self.0.get()
    }
}

/// How often observations fell below given bounds, with their number and sum.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Buckets>);

#[derive(Debug)]
struct Buckets {
    bounds: Box<[f64]>,
    /// One more than `bounds`: the last counts what lies above all of them. Not cumulative; rendering adds up.
    counts: Box<[AtomicU64]>,
    sum: Float,
}

impl Histogram {
    pub(super) fn new(bounds: &[f64]) -> Histogram {
        debug_assert!(bounds.is_sorted(), "histogram bounds must ascend");
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Histogram(Arc::new(Buckets { bounds: bounds.into(), counts, sum: Float::default() }))
    }

    /// Counts one value.
    pub fn observe(&self, value: f64) {
        let bucket = self.0.bounds.partition_point(|bound| *bound < value);
        self.0.counts[bucket].fetch_add(1, Relaxed);
        self.0.sum.add(value);
    }

    /// Counts a duration in seconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.0.counts.iter().map(|count| count.load(Relaxed)).sum()
    }

    pub(super) fn sum(&self) -> f64 {
        self.0.sum.get()
    }

    /// Each bound with the number of values at or below it, ending with infinity and all of them.
    pub(super) fn cumulative(&self) -> Vec<(f64, u64)> {
        let bounds = self.0.bounds.iter().copied().chain([f64::INFINITY]);
        let totals = self.0.counts.iter().scan(0, |total, count| {
            *total += count.load(Relaxed);
            Some(*total)
        });
        bounds.zip(totals).collect()
    }
}

/// An `f64` that many may change at once, kept as its bits.
#[derive(Debug, Default)]
struct Float(AtomicU64);

impl Float {
    fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }

    fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Relaxed);
    }

    fn add(&self, amount: f64) {
        let add = |bits| Some((f64::from_bits(bits) + amount).to_bits());
        self.0.fetch_update(Relaxed, Relaxed, add).expect("the update never declines");
    }
}
