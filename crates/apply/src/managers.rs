//! Who owns what of one object.
//!
//! A manager is known by its name, its operation, its subresource and, when it updates, the version it wrote: that is its
//! [`Id`], and each has one set. [`Managers`] are read from the entries of `metadata.managedFields` by
//! [`managed_fields`](crate::managed_fields) and written back there.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::Value;

use crate::conflict::describe;
use crate::path::PathElement;
use crate::schema::Schema;
use crate::set::Set;
use crate::typed::fit;
use crate::versions::{Changes, Shown};

/// How a manager came to own fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// By server-side apply.
    Apply,
    /// By any other write.
    Update,
}

/// What tells managers apart. The order is that in which conflicts are listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id<'a> {
    pub(crate) manager: Cow<'a, str>,
    pub(crate) operation: Operation,
    /// Empty for appliers, which keep their identity when they go to another version.
    pub(crate) api_version: Cow<'a, str>,
    pub(crate) subresource: Cow<'a, str>,
}

impl<'a> Id<'a> {
    /// The identity of a write. Upstream calls a writer without a name `unknown`.
    pub(crate) fn new(
        manager: &'a str,
        operation: Operation,
        api_version: &'a str,
        subresource: &'a str,
    ) -> Self {
        let manager = if manager.is_empty() { "unknown" } else { manager };
        let api_version = if operation == Operation::Apply { "" } else { api_version };
        let (manager, api_version) = (Cow::Borrowed(manager), Cow::Borrowed(api_version));
        Id { manager, operation, api_version, subresource: Cow::Borrowed(subresource) }
    }

    /// The same, free of what it was read from.
    pub(crate) fn into_owned(self) -> Id<'static> {
        Id {
            manager: Cow::Owned(self.manager.into_owned()),
            operation: self.operation,
            api_version: Cow::Owned(self.api_version.into_owned()),
            subresource: Cow::Owned(self.subresource.into_owned()),
        }
    }
}

/// One manager and its fields.
#[derive(Clone, Debug)]
pub(crate) struct Manager<'a> {
    pub(crate) id: Id<'a>,
    /// The version that the set speaks of.
    pub(crate) api_version: Cow<'a, str>,
    pub(crate) set: Set<'a>,
    pub(crate) time: Option<Time>,
    /// The position of the entry that says the same; none once the set, the version or the time has changed.
    pub(crate) entry: Option<usize>,
}

/// All managers of an object, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Managers<'a>(pub(crate) Vec<Manager<'a>>);

/// A path that somebody else owns.
pub(crate) struct Dispute {
    pub(crate) manager: String,
    pub(crate) path: Vec<PathElement<'static>>,
}

impl<'a> Managers<'a> {
    pub(crate) fn find(&self, id: &Id<'_>) -> Option<&Manager<'a>> {
        self.0.iter().find(|manager| manager.id == *id)
    }

    pub(crate) fn find_mut(&mut self, id: &Id<'_>) -> Option<&mut Manager<'a>> {
        self.0.iter_mut().find(|manager| manager.id == *id)
    }

    /// Puts a manager in place of the one with the same identity.
    pub(crate) fn put(&mut self, manager: Manager<'a>) {
        match self.find_mut(&manager.id) {
            Some(there) => *there = manager,
            None => self.0.push(manager),
        }
    }

    /// Drops the managers of versions that are gone.
    pub(crate) fn retain_served(&mut self, served: &dyn Fn(&str) -> bool) {
        self.0.retain(|manager| served(&manager.api_version));
    }

    /// Fits the sets to types that have changed since they were written.
    pub(crate) fn settle<S: Schema>(&mut self, live: &'a Value, schema: S, others: &'a [Shown<S>]) {
        if !S::MAY_HAVE_CHANGED {
            return;
        }
        for manager in &mut self.0 {
            let other = others.iter().find(|it| it.version == manager.api_version);
            let (live, schema) = other.map_or((live, schema), |it| (&it.object, it.schema));
            let fitted = fit(manager.set.clone(), live, schema);
            if fitted != manager.set {
                (manager.set, manager.entry) = (fitted, None);
            }
        }
    }

    /// Takes what was touched from every manager but one.
    pub(crate) fn lose(&mut self, changes: &Changes<'_>, except: Option<&Id<'_>>) {
        self.0.retain_mut(|manager| {
            let touched = changes.touched(&manager.api_version);
            if Some(&manager.id) != except && manager.set.subtract(touched) {
                manager.entry = None;
            }
            !manager.set.is_empty()
        });
    }

    /// What of the written belongs to others than this manager, in the order of messages.
    pub(crate) fn disputes(&self, changes: &Changes<'_>, own: &Id<'_>) -> Vec<Dispute> {
        let mut others: Vec<_> = self.0.iter().filter(|manager| manager.id != *own).collect();
        others.sort_by(|left, right| left.id.cmp(&right.id));
        let mut disputes = Vec::new();
        for other in others {
            let manager = describe(&other.id);
            other.set.intersection(changes.written(&other.api_version)).for_each(|path| {
                let path = path.iter().cloned().map(|element| element.into_owned()).collect();
                disputes.push(Dispute { manager: manager.clone(), path });
            });
        }
        disputes
    }

    /// Everything that anybody owns whose version is this one, as `same` says.
    pub(crate) fn paths_in(&self, same: impl Fn(&str) -> bool) -> Set<'a> {
        let those = self.0.iter().filter(|it| same(&it.api_version));
        those.fold(Set::new(), |all, manager| all.union(manager.set.clone()))
    }
}
