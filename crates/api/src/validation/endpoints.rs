//! What is wrong with endpoint slices, and with the older endpoints.

use crate::field::{Error, Errors, Path};
use crate::validation::common::{all, all_of_number, immutable, non_special_ip, one_of, optional, required};
use crate::validation::names;
use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, Endpoints};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointHints, EndpointSlice};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const MOST_ENDPOINTS: usize = 1000;
const MOST_ADDRESSES: usize = 100;
const MOST_PORTS: usize = 20_000;
/// Most zones, or nodes, that an endpoint is meant for.
const MOST_HINTS: usize = 8;
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

/// What is wrong with an EndpointSlice.
pub fn slice(slice: &EndpointSlice) -> Errors {
    let mut errors = Errors::new();
    one_of(&mut errors, &Path::new("addressType"), Some(&slice.address_type), &["FQDN", "IPv4", "IPv6"]);
    let endpoints = slice.endpoints.as_deref().unwrap_or_default();
    if endpoints.len() > MOST_ENDPOINTS {
        errors.push(Error::too_many(&Path::new("endpoints"), endpoints.len(), MOST_ENDPOINTS));
    } else {
        for (index, it) in endpoints.iter().enumerate() {
            endpoint(&mut errors, &Path::new("endpoints").index(index), it, &slice.address_type);
        }
    }
    slice_ports(&mut errors, &Path::new("ports"), slice);
    errors
}

/// What is wrong with a change of an EndpointSlice.
pub fn slice_update(new: &EndpointSlice, old: &EndpointSlice) -> Errors {
    let mut errors = Errors::new();
    immutable(&mut errors, &Path::new("addressType"), &new.address_type, &old.address_type);
    errors
}

fn endpoint(errors: &mut Errors, path: &Path, it: &Endpoint, type_: &str) {
    let below = path.child("addresses");
    if it.addresses.is_empty() {
        errors.push(Error::required(&below, "must contain at least 1 address"));
    } else if it.addresses.len() > MOST_ADDRESSES {
        errors.push(Error::too_many(&below, it.addresses.len(), MOST_ADDRESSES));
    }
    for (index, text) in it.addresses.iter().enumerate() {
        address(errors, &below.index(index), text, type_);
    }
    if let Some(name) = &it.node_name {
        all(errors, &path.child("nodeName"), name, names::dns_subdomain(name));
    }
    if let Some(name) = &it.hostname {
        all(errors, &path.child("hostname"), name, names::dns_label(name));
    }
    if let Some(it) = &it.hints {
        hints(errors, &path.child("hints"), it);
    }
}

fn address(errors: &mut Errors, path: &Path, text: &str, type_: &str) {
    let (good, detail) = match type_ {
        "IPv4" => (text.parse::<Ipv4Addr>().is_ok(), "must be a valid IPv4 address"),
        "IPv6" => (text.parse::<Ipv6Addr>().is_ok(), "must be a valid IPv6 address"),
        "FQDN" => return required(errors, path, text, names::full_domain),
        _ => return,
    };
    if !good {
        errors.push(Error::invalid(path, text, detail));
    }
    endpoint_ip(errors, path, text);
}

/// Upstream refuses loopback addresses, too. Here nodes share one where the host lets them have none of their own, and
/// what runs on their network serves there.
fn endpoint_ip(errors: &mut Errors, path: &Path, text: &str) {
    if !text.parse::<IpAddr>().is_ok_and(|it| it.is_loopback()) {
        non_special_ip(errors, path, text);
    }
}

fn hints(errors: &mut Errors, path: &Path, hints: &EndpointHints) {
    let zones = hints.for_zones.iter().flatten().map(|it| it.name.as_str()).collect::<Vec<_>>();
    let nodes = hints.for_nodes.iter().flatten().map(|it| it.name.as_str()).collect::<Vec<_>>();
    let zone: fn(&str) -> names::Messages = names::label_value;
    for (list, found, check) in [("forZones", zones, zone), ("forNodes", nodes, names::dns_subdomain)] {
        let path = path.child(list);
        if found.len() > MOST_HINTS {
            errors.push(Error::too_many(&path, found.len(), MOST_HINTS));
            continue;
        }
        let mut seen = BTreeSet::new();
        for (index, name) in found.iter().enumerate() {
            let path = path.index(index).child("name");
            if !seen.insert(name) {
                errors.push(Error::duplicate(&path, *name));
            }
            required(errors, &path, name, check);
        }
    }
}

fn slice_ports(errors: &mut Errors, path: &Path, slice: &EndpointSlice) {
    let ports = slice.ports.as_deref().unwrap_or_default();
    if ports.len() > MOST_PORTS {
        errors.push(Error::too_many(path, ports.len(), MOST_PORTS));
        return;
    }
    let mut seen = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        let name = port.name.as_deref().unwrap_or_default();
        optional(errors, &path.child("name"), Some(name), names::dns_label);
        if !seen.insert(name) {
            errors.push(Error::duplicate(&path.child("name"), name));
        }
        if let Some(number) = port.port {
            all_of_number(errors, &path.child("port"), i64::from(number), names::port_number(number));
        }
        one_of(errors, &path.child("protocol"), port.protocol.as_deref(), &PROTOCOLS);
        if let Some(protocol) = &port.app_protocol {
            all(errors, &path.child("appProtocol"), protocol, names::qualified_name(protocol));
        }
    }
}

/// What is wrong with Endpoints.
pub fn endpoints(endpoints: &Endpoints) -> Errors {
    let mut errors = Errors::new();
    for (index, subset) in endpoints.subsets.iter().flatten().enumerate() {
        let path = Path::new("subsets").index(index);
        let ready = subset.addresses.as_deref().unwrap_or_default();
        let others = subset.not_ready_addresses.as_deref().unwrap_or_default();
        if ready.is_empty() && others.is_empty() {
            errors.push(Error::required(&path, "must specify `addresses` or `notReadyAddresses`"));
        }
        for (name, list) in [("addresses", ready), ("notReadyAddresses", others)] {
            for (at, it) in list.iter().enumerate() {
                endpoint_address(&mut errors, &path.child(name).index(at), it);
            }
        }
        let ports = subset.ports.as_deref().unwrap_or_default();
        for (at, it) in ports.iter().enumerate() {
            endpoint_port(&mut errors, &path.child("ports").index(at), it);
            if ports.len() > 1 && it.name.as_deref().is_none_or(str::is_empty) {
                errors.push(Error::required(&path.child("ports").index(at).child("name"), ""));
            }
        }
    }
    errors
}

fn endpoint_address(errors: &mut Errors, path: &Path, it: &EndpointAddress) {
    all(errors, &path.child("ip"), &it.ip, names::ip(&it.ip));
    optional(errors, &path.child("hostname"), it.hostname.as_deref(), names::dns_label);
    if let Some(name) = &it.node_name {
        all(errors, &path.child("nodeName"), name, names::dns_subdomain(name));
    }
    endpoint_ip(errors, &path.child("ip"), &it.ip);
}

fn endpoint_port(errors: &mut Errors, path: &Path, it: &EndpointPort) {
    optional(errors, &path.child("name"), it.name.as_deref(), names::dns_label);
    all_of_number(errors, &path.child("port"), i64::from(it.port), names::port_number(it.port));
    one_of(errors, &path.child("protocol"), it.protocol.as_deref(), &PROTOCOLS);
    if let Some(protocol) = &it.app_protocol {
        all(errors, &path.child("appProtocol"), protocol, names::qualified_name(protocol));
    }
}
