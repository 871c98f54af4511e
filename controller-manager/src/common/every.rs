//! Watches of all kinds, for the controllers that know no kind in particular.

use api::Kind;
use api::resources::{Row, Scope, Verbs};
use runtime::Watch;
use runtime::controller::Wakes;

/// How many kinds can own or be owned. Events come and go by the thousand and nobody owns them.
pub(crate) const OWNABLE: usize = count(Set::Ownable);
/// How many kinds live in namespaces. Both groups of events are one kind in the store.
pub(crate) const NAMESPACED: usize = count(Set::Namespaced);

/// Watches every kind that can own or be owned.
pub(crate) const fn ownable(wakes: Wakes) -> [Watch; OWNABLE] {
    collect(Set::Ownable, wakes)
}

/// Watches every kind that lives in namespaces.
pub(crate) const fn namespaced(wakes: Wakes) -> [Watch; NAMESPACED] {
    collect(Set::Namespaced, wakes)
}

#[derive(Clone, Copy)]
enum Set {
    Ownable,
    Namespaced,
}

impl Set {
    const fn has(self, row: &Row) -> bool {
        match self {
            Self::Ownable => is_ownable(row),
            Self::Namespaced => is_namespaced(row),
        }
    }
}

// Loops over indices: a constant cannot be made with iterators yet.
const fn count(set: Set) -> usize {
    let (rows, mut at, mut count) = (Kind::rows(), 0, 0);
    while at < rows.len() {
        if set.has(rows[at]) {
            count += 1;
        }
        at += 1;
    }
    count
}

const fn collect<const N: usize>(set: Set, wakes: Wakes) -> [Watch; N] {
    let rows = Kind::rows();
    let mut watches = [Watch { kind: Kind::new(rows[0]), wakes }; N];
    let (mut at, mut filled) = (0, 0);
    while at < rows.len() {
        if set.has(rows[at]) {
            watches[filled].kind = Kind::new(rows[at]);
            filled += 1;
        }
        at += 1;
    }
    watches
}

const fn is_ownable(row: &Row) -> bool {
    is_stored(row) && !same(row.kind, "Event")
}

const fn is_namespaced(row: &Row) -> bool {
    is_stored(row) && matches!(row.scope, Scope::Namespaced) && !same(row.group, "events.k8s.io")
}

const fn is_stored(row: &Row) -> bool {
    matches!(row.verbs, Verbs::All)
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}
