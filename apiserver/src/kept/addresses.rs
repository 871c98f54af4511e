//! An IPAddress for each address that a service has (KEP-1880), so that it can be looked up whose an address is.
//!
//! Who holds what is the allocators' to say; these objects follow.

use super::{follow, remove};
use crate::bootstrap;
use crate::state::State;
use api::k8s::api::core::v1::Service;
use api::k8s::api::networking::v1::{IPAddress, IPAddressSpec, ParentReference};
use api::{ApiError, Object, ObjectMeta, Resource, meta};
use daemon::Tasks;
use futures::future::FutureExt;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What marks those that are made here.
const MANAGED_BY: (&str, &str) = ("ipaddress.kubernetes.io/managed-by", "ipallocator.k8s.io");
const FAMILY: (&str, &str) = ("ipaddress.kubernetes.io/ip-family", "IPv4");

/// Follows the services until the tasks are told to stop.
pub(crate) async fn run(state: Arc<State>, tasks: Tasks) {
    follow(&state, &tasks, &[Service::KIND, IPAddress::KIND], |it| settle(it).boxed()).await;
}

async fn settle(state: &State) -> Result<(), ApiError> {
    state.caches.fresh().await;
    let mut missing: BTreeMap<String, IPAddress> = state
        .allocators
        .given()
        .into_iter()
        .map(|(address, service)| (address.to_string(), of(&address.to_string(), &service)))
        .collect();
    for entry in state.cached(IPAddress::KIND)?.now(0).map.values() {
        let object = entry.object().map_err(ApiError::internal)?;
        let Some(address) = object.get::<IPAddress>() else { continue };
        let name = meta::name(&address.metadata);
        let right = missing.get(name).is_some_and(|it| it.spec == address.spec);
        if right {
            missing.remove(name);
        } else if meta::label(&address.metadata, MANAGED_BY.0) == Some(MANAGED_BY.1) {
            remove(state, &object.key()).await?;
        }
    }
    for address in missing.into_values() {
        let object = Object::from(address);
        match bootstrap::create(state, &object.key(), object).await {
            Err(error) if !error.is_already_exists() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The object of an address, and of the service (`namespace/name`) that has it.
fn of(address: &str, service: &str) -> IPAddress {
    let (namespace, name) = service.split_once('/').unwrap_or(("", service));
    let mut metadata = ObjectMeta { name: Some(address.to_owned()), ..ObjectMeta::default() };
    meta::set_label(&mut metadata, MANAGED_BY.0, MANAGED_BY.1);
    meta::set_label(&mut metadata, FAMILY.0, FAMILY.1);
    let parent_ref = ParentReference {
        group: None,
        resource: Service::KIND.row().plural.to_owned(),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
    };
    IPAddress { metadata, spec: IPAddressSpec { parent_ref } }
}
