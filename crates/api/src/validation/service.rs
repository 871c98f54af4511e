//! What is wrong with services. Whether an address or a node port is in range and free is the allocators' to say.

use crate::field::{Error, Errors, Path};
use crate::strategies::service::{is_headless, needs_cluster_ip, needs_health_check};
use crate::validation::common::{
    all, all_of_number, one_of, optional, optional_one_of, port, required, shown,
};
use crate::validation::{meta, names};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use std::collections::BTreeSet;

const TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const POLICIES: [&str; 2] = ["Cluster", "Local"];
const A_DAY: i64 = 86_400;

/// What is wrong with a Service.
pub fn validate(service: &Service) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let empty = ServiceSpec::default();
    let spec = service.spec.as_ref().unwrap_or(&empty);
    one_of(&mut errors, &path.child("type"), spec.type_.as_deref(), &TYPES);
    ports(&mut errors, &path.child("ports"), spec);
    meta::labels(&mut errors, &path.child("selector"), spec.selector.as_ref());
    one_of(
        &mut errors,
        &path.child("sessionAffinity"),
        spec.session_affinity.as_deref(),
        &["ClientIP", "None"],
    );
    affinity_seconds(&mut errors, &path, spec);
    addresses(&mut errors, &path, spec);
    if spec.type_.as_deref() == Some("ExternalName") {
        let name = spec.external_name.as_deref().unwrap_or_default();
        required(&mut errors, &path.child("externalName"), name.trim_end_matches('.'), names::dns_subdomain);
    }
    for (index, address) in spec.external_ips.iter().flatten().enumerate() {
        all(&mut errors, &path.child("externalIPs").index(index), address, names::ip(address));
    }
    for (index, range) in spec.load_balancer_source_ranges.iter().flatten().enumerate() {
        let path = path.child("loadBalancerSourceRanges").index(index);
        all(&mut errors, &path, range, names::cidr(range.trim()));
    }
    traffic(&mut errors, &path, spec);
    errors
}

/// What is wrong with a change of a Service: its address stays, unless its type gives addresses up.
pub fn validate_update(new: &Service, old: &Service) -> Errors {
    let mut errors = Errors::new();
    let (Some(new), Some(old)) = (&new.spec, &old.spec) else { return errors };
    let first = |spec: &ServiceSpec| spec.cluster_ip.clone().filter(|it| !it.is_empty());
    if needs_cluster_ip(new) && needs_cluster_ip(old) && first(old).is_some() && first(new) != first(old) {
        let path = Path::new("spec").child("clusterIPs").index(0);
        errors.push(Error::invalid(&path, shown(&first(new)), "may not change once set"));
    }
    let asked = needs_health_check(new) && needs_health_check(old);
    if asked && new.health_check_node_port != old.health_check_node_port {
        errors.push(Error::forbidden(&Path::new("spec").child("healthCheckNodePort"), "field is immutable"));
    }
    errors
}

fn ports(errors: &mut Errors, path: &Path, spec: &ServiceSpec) {
    let ports = spec.ports.as_deref().unwrap_or_default();
    if ports.is_empty() && !is_headless(spec) && spec.type_.as_deref() != Some("ExternalName") {
        errors.push(Error::required(path, ""));
    }
    let mut seen = Seen::default();
    for (index, it) in ports.iter().enumerate() {
        one_port(errors, &path.index(index), it, spec, ports.len() > 1, &mut seen);
    }
}

/// What earlier ports have taken.
#[derive(Default)]
struct Seen {
    names: BTreeSet<String>,
    ports: BTreeSet<(String, i32)>,
    node_ports: BTreeSet<(String, i32)>,
}

fn one_port(
    errors: &mut Errors,
    path: &Path,
    it: &ServicePort,
    spec: &ServiceSpec,
    needs_name: bool,
    seen: &mut Seen,
) {
    let protocol = it.protocol.clone().unwrap_or_default();
    match it.name.as_deref().unwrap_or_default() {
        "" if needs_name => errors.push(Error::required(&path.child("name"), "")),
        "" => {}
        name => {
            all(errors, &path.child("name"), name, names::dns_label(name));
            if !seen.names.insert(name.to_owned()) {
                errors.push(Error::duplicate(&path.child("name"), name));
            }
        }
    }
    all_of_number(errors, &path.child("port"), i64::from(it.port), names::port_number(it.port));
    one_of(errors, &path.child("protocol"), Some(&protocol), &PROTOCOLS);
    if let Some(target) = &it.target_port {
        port(errors, &path.child("targetPort"), target);
    }
    optional(errors, &path.child("appProtocol"), it.app_protocol.as_deref(), names::qualified_name);
    if !seen.ports.insert((protocol.clone(), it.port)) {
        errors.push(Error::duplicate(path, shown(it)));
    }
    let Some(node_port) = it.node_port.filter(|it| *it != 0) else { return };
    if matches!(spec.type_.as_deref(), Some("ClusterIP" | "ExternalName")) {
        let detail =
            format!("may not be used when `type` is '{}'", spec.type_.as_deref().unwrap_or_default());
        errors.push(Error::forbidden(&path.child("nodePort"), detail));
    } else if !seen.node_ports.insert((protocol, node_port)) {
        errors.push(Error::duplicate(&path.child("nodePort"), node_port));
    }
}

fn affinity_seconds(errors: &mut Errors, path: &Path, spec: &ServiceSpec) {
    let config = spec.session_affinity_config.as_ref();
    let seconds = config.and_then(|it| it.client_ip.as_ref()).and_then(|it| it.timeout_seconds);
    if let Some(seconds) = seconds.map(i64::from).filter(|it| !(1..=A_DAY).contains(it)) {
        let path = path.child("sessionAffinityConfig").child("clientIP").child("timeoutSeconds");
        let detail = format!("must be greater than 0 and less than {A_DAY}");
        errors.push(Error::invalid(&path, seconds, detail));
    }
}

fn addresses(errors: &mut Errors, path: &Path, spec: &ServiceSpec) {
    let cluster_ip = spec.cluster_ip.as_deref().unwrap_or_default();
    let addresses = spec.cluster_ips.as_deref().unwrap_or_default();
    if !needs_cluster_ip(spec) {
        if !addresses.is_empty() || !cluster_ip.is_empty() {
            let detail = "may not be set for ExternalName services";
            errors.push(Error::invalid(&path.child("clusterIPs"), shown(&addresses), detail));
        }
        return;
    }
    if let Some(first) = addresses.first()
        && first != cluster_ip
    {
        let detail = "first value must match `clusterIP`";
        errors.push(Error::invalid(&path.child("clusterIPs"), shown(&addresses), detail));
    }
    for (index, address) in addresses.iter().enumerate() {
        let path = path.child("clusterIPs").index(index);
        if address == "None" && addresses.len() > 1 {
            errors.push(Error::invalid(&path, address.as_str(), "'None' must be the first and only value"));
        } else if address != "None" {
            all(errors, &path, address, names::ip(address));
        }
    }
    if spec.type_.as_deref() != Some("ClusterIP") && is_headless(spec) {
        let detail =
            format!("may not be set to 'None' for {} services", spec.type_.as_deref().unwrap_or_default());
        errors.push(Error::invalid(&path.child("clusterIPs").index(0), "None", detail));
    }
    let policies = ["SingleStack", "PreferDualStack", "RequireDualStack"];
    optional_one_of(errors, &path.child("ipFamilyPolicy"), spec.ip_family_policy.as_deref(), &policies);
    for (index, family) in spec.ip_families.iter().flatten().enumerate() {
        one_of(errors, &path.child("ipFamilies").index(index), Some(family), &["IPv4", "IPv6"]);
    }
}

fn traffic(errors: &mut Errors, path: &Path, spec: &ServiceSpec) {
    let internal = spec.internal_traffic_policy.as_deref();
    optional_one_of(errors, &path.child("internalTrafficPolicy"), internal, &POLICIES);
    let external = spec.external_traffic_policy.as_deref();
    let (top, path) = (path, path.child("externalTrafficPolicy"));
    optional_one_of(errors, &path, external, &POLICIES);
    let exposed = matches!(spec.type_.as_deref(), Some("NodePort" | "LoadBalancer"))
        || spec.external_ips.as_ref().is_some_and(|it| !it.is_empty());
    if !exposed && let Some(policy) = external.filter(|it| !it.is_empty()) {
        errors.push(Error::invalid(&path, policy, "may only be set for externally-accessible services"));
    }
    let Some(number) = spec.health_check_node_port.filter(|it| *it != 0) else { return };
    if !needs_health_check(spec) {
        let detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        errors.push(Error::invalid(&top.child("healthCheckNodePort"), number, detail));
    }
}
