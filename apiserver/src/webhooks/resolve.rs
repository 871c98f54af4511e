//! Where the service of a webhook answers: at a ready endpoint, or lacking endpoints at a ready pod it selects.

use crate::cache::watcher;
use crate::proxy;
use crate::state::{State, cache_key};
use api::k8s::api::admissionregistration::v1::ServiceReference;
use api::k8s::api::core::v1::{EndpointAddress, EndpointSubset, Endpoints, Pod, Service, ServicePort};
use api::k8s::apimachinery::pkg::util::intstr::IntOrString;
use api::selector::Labels;
use api::{Key, Object, Resource};
use std::sync::Arc;

const HTTPS: i32 = 443;

/// A host and its port.
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Where a service answers at this moment.
pub(crate) fn service(state: &State, reference: &ServiceReference) -> Result<Place, String> {
    let (namespace, name) = (reference.namespace.as_str(), reference.name.as_str());
    let object = find::<Service>(state, namespace, name)?;
    let service = object.as_deref().and_then(|it| it.get::<Service>());
    let service = service.ok_or_else(|| format!("service {name:?} not found"))?;
    let (spec, wanted) = (service.spec.clone().unwrap_or_default(), reference.port.unwrap_or(HTTPS));
    if let (Some("ExternalName"), Some(host)) = (spec.type_.as_deref(), &spec.external_name) {
        let port = u16::try_from(wanted).map_err(|error| error.to_string())?;
        return Ok(Place { host: host.clone(), port });
    }
    let port = spec.ports.iter().flatten().find(|it| it.port == wanted);
    let port = port.ok_or_else(|| format!("no service port {wanted} found for service {name:?}"))?;
    if let Ok((address, port)) = proxy::service_address(state, service, Some(&wanted.to_string())) {
        return Ok(Place { host: address.to_string(), port });
    }
    let of_endpoints = find::<Endpoints>(state, namespace, name)?;
    let of_endpoints = of_endpoints.as_deref().and_then(|it| it.get::<Endpoints>());
    let found = of_endpoints.and_then(|it| endpoint(it, port));
    match found.or(pod_of(state, namespace, spec.selector.as_ref(), port)?) {
        Some(place) => Ok(place),
        None => Err(format!("no endpoints available for service {name:?}")),
    }
}

fn find<K: Resource>(state: &State, namespace: &str, name: &str) -> Result<Option<Arc<Object>>, String> {
    let cached = state.cached(K::KIND).map_err(|error| error.to_string())?;
    let entry = cached.get(&cache_key(&Key::of::<K>(namespace, name)));
    entry.map(|it| it.object()).transpose().map_err(|error| error.to_string())
}

fn endpoint(endpoints: &Endpoints, port: &ServicePort) -> Option<Place> {
    let place = |subset: &EndpointSubset| {
        let address: &EndpointAddress = subset.addresses.as_ref()?.first()?;
        let same = subset.ports.iter().flatten().find(|it| it.name == port.name)?;
        Some(Place { host: address.ip.clone(), port: u16::try_from(same.port).ok()? })
    };
    endpoints.subsets.iter().flatten().find_map(place)
}

/// The first ready pod that the service selects.
fn pod_of(
    state: &State,
    namespace: &str,
    selector: Option<&Labels>,
    port: &ServicePort,
) -> Result<Option<Place>, String> {
    let Some(selector) = selector.filter(|it| !it.is_empty()) else { return Ok(None) };
    let snapshot = state.cached(Pod::KIND).map_err(|error| error.to_string())?.now(state.caches.seen());
    for entry in watcher::within(&snapshot, namespace) {
        let labels = entry.labels();
        if !selector.iter().all(|(key, value)| labels.and_then(|it| it.get(key)) == Some(value)) {
            continue;
        }
        let object = entry.object().map_err(|error| error.to_string())?;
        if let Some(place) = object.get::<Pod>().and_then(|it| ready_place(it, port)) {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

fn ready_place(pod: &Pod, port: &ServicePort) -> Option<Place> {
    let status = pod.status.as_ref()?;
    if api::pod::deletion_requested(pod) || !api::pod::is_ready(pod) {
        return None;
    }
    let number = match port.target_port.as_ref() {
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(name)) => {
            let containers = &pod.spec.as_ref()?.containers;
            let mut ports = containers.iter().flat_map(|it| it.ports.iter().flatten());
            ports.find(|it| it.name.as_ref() == Some(name))?.container_port
        }
        None => port.port,
    };
    Some(Place { host: status.pod_ip.clone()?, port: u16::try_from(number).ok()? })
}
