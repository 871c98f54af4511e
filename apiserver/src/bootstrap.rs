//! What every cluster has from its first start: namespaces, roles, priority classes, the service `kubernetes`, and what the
//! server says of itself.
//!
//! Start at [`bootstrap`]. Objects are created through the handlers' own code, as the API server's identity; what is there
//! already is left as it is, but for default roles, which get the rules they lack.

mod itself;

use crate::handlers::change::{self, Part, Target};
use crate::handlers::create::{self, Request};
use crate::kept;
use crate::notes::Notes;
use crate::ownership::Manager;
use crate::server::Error;
use crate::state::{State, cache_key};
use access::UserInfo;
use api::k8s::api::core::v1::Namespace;
use api::k8s::api::rbac::v1::ClusterRoleBinding;
use api::k8s::api::scheduling::v1::PriorityClass;
use api::{ApiError, Key, Object, Resource};
use futures::future::try_join_all;
pub(crate) use itself::Itself;

const NAMESPACES: &[&str] = &["default", "kube-system", "kube-public", "kube-node-lease"];
const PRIORITIES: &[(&str, i32, &str)] = &[
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
];
/// Creates what is missing.
pub(crate) async fn bootstrap(state: &State, itself: &Itself<'_>) -> Result<(), Error> {
    let namespaces = NAMESPACES.iter().map(|name| named::<Namespace>(name).into());
    ensure_all(state, namespaces.collect()).await?;
    let mut objects = access::bootstrap::objects();
    // The node authorizer grants the same, narrowed to what a node's own pods need.
    objects.retain(|it| it.key() != Key::of::<ClusterRoleBinding>("", access::bootstrap::NODE_BINDING));
    objects.extend(PRIORITIES.iter().map(|it| priority_class(it).into()));
    objects.extend(kept::wanted(state));
    ensure_all(state, objects).await?;
    ensure_all(state, vec![itself.service()]).await?;
    for object in itself.changing() {
        put(state, object).await.map_err(Error::Bootstrap)?;
    }
    Ok(())
}

async fn ensure_all(state: &State, objects: Vec<Object>) -> Result<(), Error> {
    let all = objects.into_iter().map(|it| ensure(state, it));
    try_join_all(all).await.map(drop).map_err(Error::Bootstrap)
}

async fn ensure(state: &State, object: Object) -> Result<(), ApiError> {
    let key = object.key();
    match state.cached(key.kind)?.get(&cache_key(&key)) {
        None => match create(state, &key, object).await {
            Err(error) if error.is_already_exists() => Ok(()),
            result => result,
        },
        Some(entry) => {
            let existing = entry.decode().map_err(ApiError::internal)?;
            match access::bootstrap::reconciled(&existing, &object) {
                Some(reconciled) => replace(state, &key, &reconciled).await,
                None => Ok(()),
            }
        }
    }
}

/// Creates an object as the server.
pub(crate) async fn create(state: &State, key: &Key, object: Object) -> Result<(), ApiError> {
    let user = UserInfo::api_server();
    let manager = Manager::server();
    let request =
        Request { kind: key.kind, namespace: &key.namespace, user: &user, manager: &manager, dry_run: false };
    create::create_object(state, &request, object, &Notes::default()).await.map(drop)
}

/// Creates an object, or makes the one that is there like it.
async fn put(state: &State, object: Object) -> Result<(), ApiError> {
    let key = object.key();
    match create(state, &key, object.clone()).await {
        Err(error) if error.is_already_exists() => replace(state, &key, &object).await,
        result => result,
    }
}

async fn replace(state: &State, key: &Key, object: &Object) -> Result<(), ApiError> {
    let user = UserInfo::api_server();
    let manager = Manager::server();
    let target = Target {
        kind: key.kind,
        key,
        part: Part::Main,
        subresource: "",
        user: &user,
        manager: &manager,
        dry_run: false,
    };
    change::change(state, &target, &mut |_| Ok(object.clone()), &Notes::default()).await.map(drop)
}

fn named<K: Resource + Default>(name: &str) -> K {
    let mut object = K::default();
    object.meta_mut().name = Some(name.to_owned());
    object
}

fn priority_class((name, value, description): &(&str, i32, &str)) -> PriorityClass {
    PriorityClass {
        value: Some(*value),
        description: Some((*description).to_owned()),
        preemption_policy: Some("PreemptLowerPriority".to_owned()),
        ..named(name)
    }
}
