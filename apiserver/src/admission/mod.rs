//! Admission: what a write must pass besides rights and validation, and what the server adds to it.
//!
//! Start at [`PLUGINS`], the ordered list. Each plugin is a small pure decision over the object and the caches; first all
//! of them may change the object, then all of them may refuse it. Webhooks and policies follow on each of the two
//! phases; they take time and connections, so the handlers ask them (`webhooks`). Quotas come last of all, right before
//! the write ([`quota`]).

mod claim_resize;
mod default_class;
mod definitions;
mod in_use;
mod limit_ranger;
mod namespace;
mod new_nodes;
mod node_restriction;
mod pod_security;
mod priority;
pub(crate) mod quota;
mod rbac;
mod runtime_class;
mod service_account;
mod signing;
mod tolerations;

use crate::cache::entry::Entry;
use crate::cache::watcher::within;
use crate::notes::Notes;
use crate::ownership::Manager;
use crate::state::State;
use crate::webhooks::subject::Facts;
use access::UserInfo;
use api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use api::{ApiError, Key, Kind, Object, Resource};
use serde_json::{Value, json};
use std::any::Any;
use std::sync::Arc;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Update,
    Delete,
    /// Exec and its like.
    Connect,
}

impl Operation {
    /// The operation as rules name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// How a write is to be done.
#[derive(Clone, Copy)]
pub(crate) enum Options<'a> {
    Write {
        dry_run: bool,
        manager: &'a Manager,
    },
    Delete(&'a DeleteOptions),
    /// Connections have none.
    None,
}

impl Options<'_> {
    /// Whether nothing may come of it.
    pub(crate) fn is_dry_run(&self) -> bool {
        match self {
            Self::Write { dry_run, .. } => *dry_run,
            Self::Delete(options) => crate::options::delete_is_dry_run(options),
            Self::None => false,
        }
    }

    /// The options as webhooks and policies read them.
    pub(crate) fn to_value(self, operation: Operation) -> Value {
        let mut options = match self {
            Self::Write { manager, .. } => {
                let kind = if operation == Operation::Create { "CreateOptions" } else { "UpdateOptions" };
                json!({ "kind": kind, "fieldManager": manager.name })
            }
            Self::Delete(options) => serde_json::to_value(options).unwrap_or_default(),
            Self::None => return Value::Null,
        };
        options["apiVersion"] = "meta.k8s.io/v1".into();
        if let Self::Delete(_) = self {
            options["kind"] = "DeleteOptions".into();
        } else if self.is_dry_run() {
            options["dryRun"] = json!(["All"]);
        }
        options
    }
}

/// One write on its way.
pub(crate) struct Attempt<'a> {
    pub(crate) operation: Operation,
    pub(crate) kind: Kind,
    pub(crate) key: &'a Key,
    /// Empty for the object itself.
    pub(crate) subresource: &'a str,
    pub(crate) user: &'a UserInfo,
    pub(crate) options: Options<'a>,
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
    /// For what the client and the audit log should know.
    pub(crate) notes: &'a Notes,
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

    /// Every object of a kind in a namespace.
    fn within<K: Resource>(&self, namespace: &str) -> Result<Vec<Arc<Object>>, ApiError> {
        let Some(cached) = self.state.caches.of(K::KIND) else { return Ok(Vec::new()) };
        let snapshot = cached.now(0);
        within(&snapshot, namespace).map(|it| it.object().map_err(ApiError::internal)).collect()
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
    /// May refuse what is sent to a subresource and not stored itself.
    fn posted(&self, _facts: &Facts<'_>, _sent: &dyn Any, _view: &View<'_>) -> Result<(), ApiError> {
        Ok(())
    }
    /// What the author of an object that this plugin lets in should know.
    fn warnings(&self, _attempt: &Attempt<'_>, _view: &View<'_>) -> Result<Vec<String>, ApiError> {
        Ok(Vec::new())
    }
}

/// Every plugin, in upstream's order.
const PLUGINS: &[&dyn Plugin] = &[
    &namespace::NamespaceLifecycle,
    &limit_ranger::LimitRanger,
    &service_account::ServiceAccounts,
    &node_restriction::NodeRestriction,
    &new_nodes::NotReady,
    &pod_security::PodSecurity,
    &priority::Priority,
    &tolerations::DefaultTolerations,
    &default_class::DefaultStorageClass,
    &in_use::StorageInUse,
    &claim_resize::ClaimResize,
    &runtime_class::RuntimeClasses,
    &signing::Requester,
    &signing::Contents,
    &signing::Signers,
    &signing::Subjects,
    &default_class::DefaultIngressClass,
    &rbac::Escalation,
    &definitions::Definitions,
    &quota::Recount,
    &crate::policies::check::Expressions,
];

/// The chain of plugins.
pub(crate) struct Admission;

impl Admission {
    /// The first phase: plugins that may change the object.
    pub(crate) fn mutate(
        &self,
        state: &State,
        attempt: &mut Attempt<'_>,
        notes: &Notes,
    ) -> Result<(), ApiError> {
        PLUGINS.iter().try_for_each(|it| it.mutate(attempt, &View { state, notes }))
    }

    /// Asks about what is sent to a subresource and not stored itself: bindings, evictions, token requests. `sent` is of
    /// the type that is sent.
    pub(crate) fn posted(
        &self,
        state: &State,
        facts: &Facts<'_>,
        sent: &dyn Any,
        notes: &Notes,
    ) -> Result<(), ApiError> {
        PLUGINS.iter().try_for_each(|it| it.posted(facts, sent, &View { state, notes }))
    }

    /// The second phase: plugins that only look. What one of them has to say that lets the object pass is said even when
    /// another does not.
    pub(crate) fn validate(
        &self,
        state: &State,
        attempt: &Attempt<'_>,
        notes: &Notes,
    ) -> Result<(), ApiError> {
        let view = View { state, notes };
        PLUGINS.iter().try_for_each(|it| {
            it.validate(attempt, &view)?;
            notes.warn(it.warnings(attempt, &view)?);
            Ok(())
        })
    }
}
