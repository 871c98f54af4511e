//! What every cluster has from its first start: namespaces, roles, priority classes, the service `kubernetes`, and what the
//! server says of itself.
//!
//! Start at [`bootstrap`]. Objects are created through the handlers' own code, as the API server's identity; what is there
//! already is left as it is, but for default roles, which get the rules they lack.

use crate::handlers::change::{self, Part, Target};
use crate::handlers::create::{self, Request};
use crate::kept;
use crate::notes::Notes;
use crate::ownership::Manager;
use crate::server::Error;
use crate::state::{State, cache_key};
use access::UserInfo;
use api::k8s::api::core::v1::{
    EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Namespace, Service, ServicePort, ServiceSpec,
};
use api::k8s::api::rbac::v1::ClusterRoleBinding;
use api::k8s::api::scheduling::v1::PriorityClass;
use api::k8s::apimachinery::pkg::util::intstr::IntOrString;
use api::{ApiError, Key, Object, ObjectMeta, Resource};
use futures::future::try_join_all;
use std::net::{Ipv4Addr, SocketAddr};

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
const HTTPS_PORT: i32 = 443;

/// Creates what is missing.
pub(crate) async fn bootstrap(
    state: &State,
    first: Ipv4Addr,
    advertise: Option<SocketAddr>,
) -> Result<(), Error> {
    let namespaces = NAMESPACES.iter().map(|name| named::<Namespace>(name).into());
    ensure_all(state, namespaces.collect()).await?;
    let mut objects = access::bootstrap::objects();
    // The node authorizer grants the same, narrowed to what a node's own pods need.
    objects.retain(|it| it.key() != Key::of::<ClusterRoleBinding>("", access::bootstrap::NODE_BINDING));
    objects.extend(PRIORITIES.iter().map(|it| priority_class(it).into()));
    objects.extend(kept::wanted(state));
    ensure_all(state, objects).await?;
    ensure_all(state, vec![kubernetes_service(first, advertise).into()]).await?;
    // Endpoints may not be loopback addresses: nobody but this machine could use them.
    match advertise.filter(|it| !it.ip().is_loopback()) {
        Some(address) => publish(state, address).await.map_err(Error::Bootstrap),
        None => Ok(()),
    }
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

fn kubernetes_meta() -> ObjectMeta {
    let mut meta = ObjectMeta {
        name: Some("kubernetes".to_owned()),
        namespace: Some("default".to_owned()),
        ..ObjectMeta::default()
    };
    api::meta::set_label(&mut meta, "component", "apiserver");
    api::meta::set_label(&mut meta, "provider", "kubernetes");
    meta
}

/// How pods find the API server: the first address of the service range.
fn kubernetes_service(first: Ipv4Addr, advertise: Option<SocketAddr>) -> Service {
    let target = advertise.map_or(HTTPS_PORT, |it| i32::from(it.port()));
    let port = ServicePort {
        name: Some("https".to_owned()),
        port: HTTPS_PORT,
        target_port: Some(IntOrString::Int(target)),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    };
    Service {
        metadata: kubernetes_meta(),
        spec: Some(ServiceSpec {
            cluster_ip: Some(first.to_string()),
            cluster_ips: Some(vec![first.to_string()]),
            ports: Some(vec![port]),
            type_: Some("ClusterIP".to_owned()),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// Says where the API server listens; it may be somewhere else than at the last start.
async fn publish(state: &State, address: SocketAddr) -> Result<(), ApiError> {
    let port = EndpointPort {
        name: Some("https".to_owned()),
        port: i32::from(address.port()),
        protocol: Some("TCP".to_owned()),
        ..EndpointPort::default()
    };
    let subset = EndpointSubset {
        addresses: Some(vec![EndpointAddress { ip: address.ip().to_string(), ..EndpointAddress::default() }]),
        ports: Some(vec![port]),
        ..EndpointSubset::default()
    };
    let endpoints: Object = Endpoints { metadata: kubernetes_meta(), subsets: Some(vec![subset]) }.into();
    let key = endpoints.key();
    match create(state, &key, endpoints.clone()).await {
        Err(error) if error.is_already_exists() => replace(state, &key, &endpoints).await,
        result => result,
    }
}
