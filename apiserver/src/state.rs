//! What all requests share.

use crate::admission::Admission;
use crate::allocate::Allocators;
use crate::audit::Audit;
use crate::body::room::Room;
use crate::cache::entry::Entry;
use crate::cache::resource::Cached;
use crate::cache::{Caches, Observer};
use crate::catalogue::Catalogue;
use crate::fairness::Fairness;
use crate::metrics::Metrics;
use crate::vault::Vault;
use crate::{policies, webhooks};
use access::identity::NODES;
use access::node::NodeAuthorizer;
use access::node::index::NodeIndex;
use access::{Attributes, Authorizer, Decision, UserInfo};
use api::k8s::api::core::v1::{PersistentVolumeClaim, Pod};
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use api::{ApiError, Key, Kind, Resource};
use daemon::{Clock, Random, Tasks};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What all requests share. Everything in it is either immutable or guards itself.
pub(crate) struct State {
    pub(crate) caches: Arc<Caches>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) store: Vault,
    pub(crate) rights: Arc<Rights>,
    pub(crate) admission: Admission,
    /// None without a policy for it.
    pub(crate) audit: Option<Arc<Audit>>,
    pub(crate) webhooks: Arc<Latest<webhooks::index::Index>>,
    pub(crate) policies: Arc<Latest<policies::index::Index>>,
    pub(crate) allocators: Arc<Allocators>,
    pub(crate) tokens: Arc<pki::tokens::Signer>,
    pub(crate) static_tokens: HashMap<String, UserInfo>,
    /// How to reach nodes; none when no certificate for that was given.
    pub(crate) nodes: Option<Arc<rustls::ClientConfig>>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) metrics: Metrics,
    pub(crate) fairness: Fairness,
    pub(crate) room: Arc<Room>,
    /// How long a request may take that is no watch and no stream.
    pub(crate) request_timeout: Duration,
    /// Cancelled when the server stops: ends watches.
    pub(crate) shutdown: CancellationToken,
    /// Owns what outlives the request that began it, such as tunnels to nodes.
    pub(crate) tasks: Tasks,
}

impl State {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The cache of a kind that is stored.
    pub(crate) fn cached(&self, kind: Kind) -> Result<Arc<Cached>, ApiError> {
        self.caches.of(kind).ok_or_else(ApiError::no_route)
    }

    /// An object as it is now, or the 404.
    pub(crate) async fn current(&self, key: &Key) -> Result<Arc<Entry>, ApiError> {
        self.caches.fresh().await;
        let found = self.cached(key.kind)?.get(&cache_key(key));
        found.ok_or_else(|| ApiError::not_found(key.kind.row(), &key.name))
    }
}

/// How caches call an object.
pub(crate) fn cache_key(key: &Key) -> String {
    if key.namespace.is_empty() { key.name.clone() } else { format!("{}/{}", key.namespace, key.name) }
}

/// Who may do what, as the roles and bindings, and for nodes the pods, say at this moment.
#[derive(Default)]
pub(crate) struct Rights {
    roles: Latest<Authorizer>,
    pods: Latest<NodeIndex>,
    nodes: NodeAuthorizer,
}

impl Rights {
    /// The roles and bindings.
    pub(crate) fn roles(&self) -> Arc<Authorizer> {
        self.roles.now()
    }

    /// Whether a user may: first as a node's agent, then by role.
    pub(crate) fn decide(&self, attributes: &Attributes<'_>) -> Decision {
        let by_role = || self.roles.now().authorize(attributes);
        match attributes.user.is_in(NODES) {
            true => self.nodes.authorize(&*self.pods.now(), attributes).or_else(by_role),
            false => by_role(),
        }
    }
}

/// A persistent value that is replaced as a whole.
#[derive(Default)]
pub(crate) struct Latest<T> {
    /// Held only to copy or replace the pointer. One task writes.
    now: RwLock<Arc<T>>,
}

impl<T: Clone> Latest<T> {
    pub(crate) fn now(&self) -> Arc<T> {
        self.now.read().expect("nobody panics while holding this lock").clone()
    }

    fn change(&self, change: impl FnOnce(&mut T)) {
        let mut next = (*self.now()).clone();
        change(&mut next);
        *self.now.write().expect("nobody panics while holding this lock") = Arc::new(next);
    }
}

/// Keeps what is derived from objects in step with the cache: rights, the addresses that services hold, the webhooks and
/// policies that are asked.
#[derive(Clone)]
pub(crate) struct Derived {
    pub(crate) rights: Arc<Rights>,
    pub(crate) allocators: Arc<Allocators>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) webhooks: Arc<Latest<webhooks::index::Index>>,
    pub(crate) policies: Arc<Latest<policies::index::Index>>,
}

impl Derived {
    /// Takes in what was there when the server started.
    pub(crate) fn load(&self, caches: &Caches) {
        for cached in caches.all().filter(|it| concerns(it.kind)) {
            for entry in cached.now(0).map.values() {
                self.observe(caches, (cached.kind, &entry.key), Some(entry), caches.seen());
            }
        }
    }
}

impl Observer for Derived {
    fn observe(&self, caches: &Caches, (kind, key): (Kind, &str), entry: Option<&Entry>, revision: u64) {
        if !concerns(kind) {
            return;
        }
        let object = match entry.map(Entry::object).transpose() {
            Ok(object) => object,
            Err(error) => {
                tracing::error!(%error, "an object is not taken into account");
                return;
            }
        };
        if kind == CustomResourceDefinition::KIND {
            let definition = object.as_ref().and_then(|it| it.get());
            self.catalogue.observe(caches, key, definition, revision);
        } else if Allocators::concerns(kind) {
            self.allocators.observe(key, object.as_deref());
        } else if webhooks::index::Index::concerns(kind) {
            self.webhooks.change(|index| index.observe(kind, key, object.as_deref()));
        } else if policies::index::Index::concerns(kind) {
            self.policies.change(|index| index.observe(kind, key, object.as_deref()));
        } else if is_rbac(kind) {
            self.rights.roles.change(|roles| match &object {
                Some(object) => roles.apply(object),
                None => roles.remove(&key_of(kind, key)),
            });
        } else {
            self.rights.pods.change(|pods| match &object {
                Some(object) => pods.apply(object),
                None => pods.remove(&key_of(kind, key)),
            });
        }
    }
}

fn key_of(kind: Kind, key: &str) -> Key {
    let (namespace, name) = key.rsplit_once('/').unwrap_or(("", key));
    Key { kind, namespace: namespace.to_owned(), name: name.to_owned() }
}

fn concerns(kind: Kind) -> bool {
    is_rbac(kind)
        || Allocators::concerns(kind)
        || webhooks::index::Index::concerns(kind)
        || policies::index::Index::concerns(kind)
        || [Pod::KIND, PersistentVolumeClaim::KIND, CustomResourceDefinition::KIND].contains(&kind)
}

fn is_rbac(kind: Kind) -> bool {
    kind.row().group == "rbac.authorization.k8s.io"
}
