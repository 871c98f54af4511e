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

    /// Makes the sets fit for use: those of versions that are gone are dropped, those of an older type are fitted.
    pub(crate) fn settle<S: Schema>(&mut self, live: &'a Value, schema: S, served: &dyn Fn(&str) -> bool) {
        self.0.retain(|manager| served(&manager.api_version));
        if !S::MAY_HAVE_CHANGED {
            return;
        }
        for manager in &mut self.0 {
            let fitted = fit(manager.set.clone(), live, schema);
            if fitted != manager.set {
                (manager.set, manager.entry) = (fitted, None);
            }
        }
    }

    /// Takes paths from every manager but one.
    pub(crate) fn lose(&mut self, paths: &Set<'_>, except: Option<&Id<'_>>) {
        self.0.retain_mut(|manager| {
            if Some(&manager.id) != except && manager.set.subtract(paths) {
                manager.entry = None;
            }
            !manager.set.is_empty()
        });
    }

    /// Which of the paths belong to others than this manager, in the order of messages.
    pub(crate) fn disputes(&self, paths: &Set<'_>, own: &Id<'_>) -> Vec<Dispute> {
        let mut others: Vec<_> = self.0.iter().filter(|manager| manager.id != *own).collect();
        others.sort_by(|left, right| left.id.cmp(&right.id));
        let mut disputes = Vec::new();
        for other in others {
            let manager = describe(&other.id);
            other.set.intersection(paths).for_each(|path| {
                let path = path.iter().cloned().map(|element| element.into_owned()).collect();
                disputes.push(Dispute { manager: manager.clone(), path });
            });
        }
        disputes
    }

    /// Everything that anybody owns.
    pub(crate) fn all_paths(&self) -> Set<'a> {
        self.0.iter().fold(Set::new(), |all, manager| all.union(manager.set.clone()))
    }
}
