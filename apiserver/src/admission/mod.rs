//! Admission: what a write must pass besides rights and validation, and what the server adds to it.
//!
//! Start at [`PLUGINS`], the ordered list. Each plugin is a small pure decision over the object and the caches; first all
//! of them may change the object, then all of them may refuse it. Webhooks and policies come between and behind the two
//! phases, and get their place in [`Admission`].

mod namespace;
mod priority;
mod rbac;
mod service_account;
mod signing;
mod storage_class;
mod tolerations;

use crate::cache::entry::Entry;
use crate::state::State;
use access::UserInfo;
use api::{ApiError, Key, Kind, Object, Resource};
use std::sync::Arc;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Update,
    Delete,
}

/// One write on its way.
pub(crate) struct Attempt<'a> {
    pub(crate) operation: Operation,
    pub(crate) kind: Kind,
    pub(crate) key: &'a Key,
    /// Empty for the object itself.
    pub(crate) subresource: &'a str,
    pub(crate) user: &'a UserInfo,
    /// What will be stored; none for deletes.
    pub(crate) object: Option<&'a mut Object>,
    /// What is stored; none for creates.
    pub(crate) old: Option<&'a Object>,
}

impl Attempt<'_> {
    /// The typed object of a create, if it is of kind `K`.
    fn created<K: Resource>(&mut self) -> Option<&mut K> {
        let creates = self.operation == Operation::Create && self.subresource.is_empty();
        self.object.as_mut().filter(|_| creates)?.get_mut()
    }

    /// The refusal that names the object.
    fn forbidden(&self, why: &str) -> ApiError {
        ApiError::forbidden(self.kind.row(), &self.key.name, why)
    }
}

/// What plugins may look at.
pub(crate) struct View<'a> {
    pub(crate) state: &'a State,
}

impl View<'_> {
    /// An object as the cache has it.
    fn entry<K: Resource>(&self, namespace: &str, name: &str) -> Option<Arc<Entry>> {
        let key = crate::state::cache_key(&Key::of::<K>(namespace, name));
        self.state.caches.of(K::KIND)?.get(&key)
    }

    /// The same, typed.
    fn object<K: Resource>(&self, namespace: &str, name: &str) -> Result<Option<Arc<Object>>, ApiError> {
        let entry = self.entry::<K>(namespace, name);
        entry.map(|it| it.object()).transpose().map_err(ApiError::internal)
    }

    /// Every object of a cluster-scoped kind.
    fn all<K: Resource>(&self) -> Result<Vec<Arc<Object>>, ApiError> {
        let Some(cached) = self.state.caches.of(K::KIND) else { return Ok(Vec::new()) };
        let snapshot = cached.now(0);
        snapshot.map.values().map(|it| it.object().map_err(ApiError::internal)).collect()
    }
}

/// One step of admission.
pub(crate) trait Plugin: Send + Sync {
    /// May change the object, or refuse it.
    fn mutate(&self, _attempt: &mut Attempt<'_>, _view: &View<'_>) -> Result<(), ApiError> {
        Ok(())
    }
    /// May refuse the object as it will be stored.
    fn validate(&self, _attempt: &Attempt<'_>, _view: &View<'_>) -> Result<(), ApiError> {
        Ok(())
    }
}

/// Every plugin, in upstream's order.
const PLUGINS: &[&dyn Plugin] = &[
    &namespace::NamespaceLifecycle,
    &service_account::ServiceAccounts,
    &tolerations::DefaultTolerations,
    &priority::Priority,
    &storage_class::DefaultStorageClass,
    &signing::Requester,
    &rbac::Escalation,
];

/// The chain of plugins.
pub(crate) struct Admission;

impl Admission {
    /// The first phase: plugins that may change the object.
    pub(crate) fn mutate(&self, state: &State, attempt: &mut Attempt<'_>) -> Result<(), ApiError> {
        PLUGINS.iter().try_for_each(|it| it.mutate(attempt, &View { state }))
    }

    /// The second phase: plugins that only look.
    pub(crate) fn validate(&self, state: &State, attempt: &Attempt<'_>) -> Result<(), ApiError> {
        PLUGINS.iter().try_for_each(|it| it.validate(attempt, &View { state }))
    }
}
