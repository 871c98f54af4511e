//! One control loop, as two pure functions.

use crate::cache::{Change, Snapshot};
use crate::plan::Plan;
use api::{Key, Kind, Resource};
use jiff::Timestamp;

/// One control loop. Nothing here may do I/O, read a clock or draw a random number.
pub trait Controller: 'static {
    /// Everything the decision depends on, borrowed from the caches.
    type Observed<'a>;
    /// Appears in logs, spans, metrics and traces.
    const NAME: &'static str;
    /// The kinds it reads, and which keys a change of each wakes.
    const WATCHES: &'static [Watch];
    /// How it follows custom kinds, if it does: which keys a change of any of their objects wakes.
    const CUSTOM: Option<Wakes> = None;
    /// How many keys may be worked on at once; one key never is.
    const WORKERS: usize = 4;
    /// Gathers the decision's inputs; `None` when there is nothing to decide.
    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<Self::Observed<'a>>;
    /// Decides.
    fn reconcile(observed: Self::Observed<'_>, now: Timestamp) -> Plan;
}

/// A kind that a controller reads.
#[derive(Clone, Copy)]
pub struct Watch {
    /// The kind.
    pub kind: Kind,
    /// Which keys its changes wake.
    pub wakes: Wakes,
}

/// Which keys a change wakes.
#[derive(Clone, Copy)]
pub enum Wakes {
    /// None: the kind is only read.
    Nobody,
    /// The changed object's own.
    Itself,
    /// That of its controller, if the controller is of this kind; before the change and after it.
    Owner(Kind),
    /// Those that a function names.
    Map(fn(&Change, &Snapshot) -> Vec<Key>),
}

impl Watch {
    /// Changes wake the object itself.
    pub const fn of<K: Resource>() -> Self {
        Self { kind: K::KIND, wakes: Wakes::Itself }
    }

    /// Changes of `K` wake their controller of kind `O`.
    pub const fn owned<K: Resource, O: Resource>() -> Self {
        Self { kind: K::KIND, wakes: Wakes::Owner(O::KIND) }
    }

    /// `K` is read and wakes nobody.
    pub const fn read<K: Resource>() -> Self {
        Self { kind: K::KIND, wakes: Wakes::Nobody }
    }

    /// Changes of `K` wake the keys that a function names.
    pub const fn mapped<K: Resource>(map: fn(&Change, &Snapshot) -> Vec<Key>) -> Self {
        Self { kind: K::KIND, wakes: Wakes::Map(map) }
    }

    /// The keys that a change wakes.
    pub fn keys(&self, change: &Change, caches: &Snapshot) -> Vec<Key> {
        match self.wakes {
            Wakes::Nobody => Vec::new(),
            Wakes::Itself => change.key().into_iter().collect(),
            Wakes::Owner(kind) => {
                let mut keys: Vec<Key> = change.objects().filter_map(|it| owner_key(it, kind)).collect();
                keys.dedup();
                keys
            }
            Wakes::Map(map) => map(change, caches),
        }
    }
}

/// The key of the object's controller, if that is of this kind.
pub fn owner_key(object: &api::Object, kind: Kind) -> Option<Key> {
    let owner = api::owner::controller(object.meta())?;
    let row = kind.row();
    let same = owner.kind == row.kind && owner.api_version == row.api_version();
    let namespace =
        if row.namespaced() { object.meta().namespace.clone().unwrap_or_default() } else { String::new() };
    same.then(|| Key { kind, namespace, name: owner.name.clone() })
}

/// A controller with its types erased: one row of the registry.
#[derive(Clone, Copy)]
pub struct Registration {
    /// See [`Controller::NAME`].
    pub name: &'static str,
    /// See [`Controller::WATCHES`].
    pub watches: &'static [Watch],
    /// See [`Controller::CUSTOM`].
    pub custom: Option<Wakes>,
    /// See [`Controller::WORKERS`].
    pub workers: usize,
    /// Observe and reconcile in one call.
    pub plan: fn(&Snapshot, &Key, Timestamp) -> Plan,
}

impl Registration {
    /// Erases `C`.
    pub const fn of<C: Controller>() -> Self {
        fn plan<C: Controller>(caches: &Snapshot, key: &Key, now: Timestamp) -> Plan {
            C::observe(caches, key).map_or_else(Plan::nothing, |observed| C::reconcile(observed, now))
        }
        Self { name: C::NAME, watches: C::WATCHES, custom: C::CUSTOM, workers: C::WORKERS, plan: plan::<C> }
    }
}
