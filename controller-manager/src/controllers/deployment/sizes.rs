//! How many replicas each replica set of a deployment should have: numbers in, numbers out.
//!
//! The order of a rolling update is: the new set grows as far as the surge allows; then old sets shrink as far as
//! availability allows, first by what is not available anyway. A deployment that is scaled in mid-roll-out gives each
//! set its share. Bounds hold for any sequence of steps, whatever pods do in between.

use crate::common::rounding::{Round, portion};
use k8s_openapi::api::apps::v1::DeploymentSpec;

/// What a deployment allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// How many replicas it wants.
    pub replicas: i32,
    /// How many more there may be meanwhile.
    pub surge: i32,
    /// How many fewer may be available meanwhile.
    pub unavailable: i32,
}

/// One replica set, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// What it is asked for.
    pub replicas: i32,
    /// How many of these are available for certain.
    pub available: i32,
    /// How many more of these may be: the set's status is about an older size.
    pub unsure: i32,
    /// The most replicas that its deployment allowed when it was last scaled.
    pub annotated: Option<i32>,
}

impl Bounds {
    /// The bounds of a deployment: the surge is rounded up, what may be unavailable down, and both are never zero.
    pub(crate) fn of(spec: &DeploymentSpec) -> Self {
        let replicas = spec.replicas.unwrap_or(1);
        if is_recreate(spec) {
            return Self { replicas, surge: 0, unavailable: 0 };
        }
        let rolling = spec.strategy.as_ref().and_then(|it| it.rolling_update.as_ref());
        let surge = portion(rolling.and_then(|it| it.max_surge.as_ref()), replicas, Round::Up);
        let unavailable = portion(rolling.and_then(|it| it.max_unavailable.as_ref()), replicas, Round::Down);
        let unavailable = if surge == 0 && unavailable == 0 { 1 } else { unavailable };
        Self { replicas, surge, unavailable: unavailable.min(replicas) }
    }

    /// The most replicas there may be.
    pub(crate) fn most(self) -> i32 {
        self.replicas.saturating_add(self.surge)
    }

    /// The fewest available replicas there may be.
    pub(crate) fn fewest(self) -> i32 {
        self.replicas - self.unavailable
    }

    /// What the new set of a rolling update should have; `others` is what the old ones have.
    pub(crate) fn new_size(self, new: i32, others: i32) -> i32 {
        if new > self.replicas {
            return self.replicas;
        }
        let room = self.most() - others.saturating_add(new);
        new + room.min(self.replicas - new).max(0)
    }

    /// What the old sets of a rolling update, oldest first, should have.
    pub(crate) fn old_sizes(self, new: Size, old: &[Size]) -> Vec<i32> {
        let mut sizes: Vec<i32> = old.iter().map(|it| it.replicas).collect();
        let total = new.replicas.saturating_add(sizes.iter().sum());
        let spare = total - self.fewest() - (new.replicas - new.available);
        if spare <= 0 {
            return sizes;
        }
        self.drop_unavailable(&mut sizes, old, spare);
        self.drop_available(&mut sizes, new, old);
        sizes
    }

    fn drop_unavailable(self, sizes: &mut [i32], old: &[Size], mut spare: i32) {
        for (size, it) in sizes.iter_mut().zip(old) {
            let fewer = (it.replicas - it.available - it.unsure).clamp(0, spare);
            *size -= fewer;
            spare -= fewer;
        }
    }

    fn drop_available(self, sizes: &mut [i32], new: Size, old: &[Size]) {
        let available: i32 = new.available + old.iter().map(|it| it.available).sum::<i32>();
        let mut spare = (available - self.fewest()).max(0);
        for size in sizes {
            let fewer = spare.min(*size);
            *size -= fewer;
            spare -= fewer;
        }
    }

    /// What each set should have when the deployment was scaled in mid-roll-out. The sets come by how eagerly they
    /// take what rounding leaves over.
    pub(crate) fn shares(self, sets: &[Size]) -> Vec<i32> {
        let allowed = if self.replicas > 0 { self.most() } else { 0 };
        let total: i32 = sets.iter().map(|it| it.replicas).sum();
        let more = allowed - total;
        let mut left = more;
        let mut sizes = Vec::with_capacity(sets.len());
        for it in sets {
            let share = self.share(*it);
            let share = if more > 0 { share.clamp(0, left) } else { share.clamp(left, 0) };
            sizes.push(it.replicas + share);
            left -= share;
        }
        if let Some(first) = sizes.first_mut() {
            *first = (*first + left).max(0);
        }
        sizes
    }

    /// By how much one set should change: it keeps its part of the most that was allowed.
    fn share(self, set: Size) -> i32 {
        if self.replicas == 0 {
            return -set.replicas;
        }
        let before = set.annotated.filter(|it| *it > 0).unwrap_or(self.most());
        let exact = f64::from(set.replicas) * f64::from(self.most()) / f64::from(before);
        // A cast of a float saturates.
        exact.round() as i32 - set.replicas
    }
}

/// Whether all old pods must be gone before the first new one comes.
pub(crate) fn is_recreate(spec: &DeploymentSpec) -> bool {
    spec.strategy.as_ref().and_then(|it| it.type_.as_deref()) == Some("Recreate")
}

#[cfg(test)]
mod tests;
