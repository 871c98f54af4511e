//! What is wrong with services. Whether an address or a node port is in range and free is the allocators' to say.

use crate::field::{Error, Errors, Path};
use crate::strategies::service::{is_headless, needs_cluster_ip, needs_health_check};
use crate::validation::common::{
    IMMUTABLE, all, all_of_number, non_special_ip, one_of, optional, optional_one_of, port, required, shown,
};
use crate::validation::{meta, names};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use std::collections::{BTreeMap, BTreeSet};

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
    errors.extend(addresses(spec));
    match spec.type_.as_deref() {
        Some("ExternalName") => external_name(&mut errors, &path, spec),
        Some(type_ @ ("LoadBalancer" | "NodePort")) if is_headless(spec) => {
            let detail = format!("may not be set to 'None' for {type_} services");
            errors.push(Error::invalid(&path.child("clusterIPs").index(0), "None", detail));
        }
        _ => {}
    }
    for (index, address) in spec.external_ips.iter().flatten().enumerate() {
        let path = path.child("externalIPs").index(index);
        match names::ip(address) {
            good if good.is_empty() => non_special_ip(&mut errors, &path, address),
            messages => all(&mut errors, &path, address, messages),
        }
    }
    load_balancer(&mut errors, &path, spec);
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
        errors.push(Error::invalid(&path, shown(&new.cluster_ips), "may not change once set"));
    }
    let balanced = |it: &ServiceSpec| it.type_.as_deref() == Some("LoadBalancer");
    if balanced(new) && balanced(old) && new.load_balancer_class != old.load_balancer_class {
        let path = Path::new("spec").child("loadBalancerClass");
        errors.push(Error::invalid(&path, shown(&new.load_balancer_class), "may not change once set"));
    }
    let port = |it: &ServiceSpec| it.health_check_node_port.unwrap_or(0);
    if needs_health_check(new) && needs_health_check(old) && port(new) != port(old) {
        let path = Path::new("spec").child("healthCheckNodePort");
        errors.push(Error::forbidden(&path, IMMUTABLE));
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

fn external_name(errors: &mut Errors, path: &Path, spec: &ServiceSpec) {
    let given = |it: Option<&Vec<String>>| it.is_some_and(|it| !it.is_empty());
    let cluster_ip = spec.cluster_ip.as_ref().is_some_and(|it| !it.is_empty());
    for (name, given) in [
        ("clusterIPs", cluster_ip || given(spec.cluster_ips.as_ref())),
        ("ipFamilies", given(spec.ip_families.as_ref())),
        ("ipFamilyPolicy", spec.ip_family_policy.is_some()),
    ] {
        if given {
            errors.push(Error::forbidden(&path.child(name), "may not be set for ExternalName services"));
        }
    }
    let name = spec.external_name.as_deref().unwrap_or_default();
    required(errors, &path.child("externalName"), name.trim_end_matches('.'), names::dns_subdomain);
}

/// What is wrong with the addresses that a service asks for, and their families: to be asked before it gets some.
pub fn addresses(spec: &ServiceSpec) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    if !needs_cluster_ip(spec) {
        return errors;
    }
    let addresses = spec.cluster_ips.as_deref().unwrap_or_default();
    match (spec.cluster_ip.as_deref().unwrap_or_default(), addresses.first()) {
        ("", Some(_)) => {
            let detail = "must be empty when `clusterIP` is not specified";
            errors.push(Error::invalid(&path.child("clusterIPs"), shown(&addresses), detail));
        }
        (cluster_ip, Some(first)) if first != cluster_ip => {
            let detail = "first value must match `clusterIP`";
            errors.push(Error::invalid(&path.child("clusterIPs"), shown(&addresses), detail));
        }
        _ => {}
    }
    families(&mut errors, &path, spec);
    let before = errors.len();
    addresses_alone(&mut errors, &path.child("clusterIPs"), addresses);
    if errors.len() == before {
        configured_families(&mut errors, &path, spec);
    }
    errors
}

fn families(errors: &mut Errors, path: &Path, spec: &ServiceSpec) {
    let mut seen = BTreeSet::new();
    for (index, family) in spec.ip_families.iter().flatten().enumerate() {
        let path = path.child("ipFamilies").index(index);
        if !matches!(family.as_str(), "IPv4" | "IPv6") {
            errors.push(Error::not_supported(&path, family.as_str(), &["IPv4", "IPv6"]));
        }
        if !seen.insert(family) {
            errors.push(Error::duplicate(&path, family.as_str()));
        }
    }
    let policies = ["SingleStack", "PreferDualStack", "RequireDualStack"];
    if let Some(policy) = spec.ip_family_policy.as_deref().filter(|it| !policies.contains(it)) {
        errors.push(Error::not_supported(&path.child("ipFamilyPolicy"), policy, &policies));
    }
}

fn addresses_alone(errors: &mut Errors, path: &Path, addresses: &[String]) {
    for (index, address) in addresses.iter().enumerate() {
        if index == 0 && address == "None" {
            if addresses.len() > 1 {
                let detail = "'None' must be the first and only value";
                errors.push(Error::invalid(path, shown(&addresses), detail));
            }
            continue;
        }
        all(errors, &path.index(index), address, names::ip(address));
    }
    if addresses.len() > 2 {
        errors.push(Error::invalid(path, shown(&addresses), "may only hold up to 2 values"));
    }
    if let [first, second] = addresses
        && first.contains(':') == second.contains(':')
    {
        let detail = "may specify no more than one IP for each IP family";
        errors.push(Error::invalid(path, shown(&addresses), detail));
    }
}

/// The cluster has addresses of one family, IPv4. A headless service without a selector has none of its own.
fn configured_families(errors: &mut Errors, path: &Path, spec: &ServiceSpec) {
    if is_headless(spec) && spec.selector.as_ref().is_none_or(BTreeMap::is_empty) {
        return;
    }
    let families = spec.ip_families.as_deref().unwrap_or_default();
    let addresses = spec.cluster_ips.as_deref().unwrap_or_default();
    let policy = spec.ip_family_policy.as_deref().unwrap_or_default();
    let policy_path = path.child("ipFamilyPolicy");
    if matches!(policy, "" | "SingleStack") {
        for (name, count) in [("clusterIPs", addresses.len()), ("ipFamilies", families.len())] {
            if count == 2 {
                let detail = format!(
                    "must be RequireDualStack or PreferDualStack when multiple '{name}' are specified"
                );
                errors.push(Error::invalid(&policy_path, policy, detail));
            }
        }
    } else if policy == "RequireDualStack" {
        let detail = "this cluster is not configured for dual-stack services";
        errors.push(Error::invalid(&policy_path, policy, detail));
    }
    for (index, family) in families.iter().enumerate() {
        let address = addresses.get(index).filter(|it| it.as_str() != "None");
        let is_v6 = address.map(|it| it.contains(':'));
        if is_v6.is_some_and(|it| it != (family == "IPv6")) {
            let detail = format!("expected an {family} value as indicated by `ipFamilies[{index}]`");
            let path = path.child("clusterIPs").index(index);
            errors.push(Error::invalid(&path, address.cloned().unwrap_or_default(), detail));
        }
        if family == "IPv6" {
            let path = path.child("ipFamilies").index(index);
            errors.push(Error::invalid(&path, family.as_str(), "not configured on this cluster"));
        }
    }
}

fn traffic(errors: &mut Errors, path: &Path, spec: &ServiceSpec) {
    let internal = spec.internal_traffic_policy.as_deref();
    optional_one_of(errors, &path.child("internalTrafficPolicy"), internal, &POLICIES);
    let external = spec.external_traffic_policy.as_deref();
    let policy_path = path.child("externalTrafficPolicy");
    optional_one_of(errors, &policy_path, external, &POLICIES);
    let exposed = matches!(spec.type_.as_deref(), Some("NodePort" | "LoadBalancer"))
        || spec.external_ips.as_ref().is_some_and(|it| !it.is_empty());
    if !exposed && let Some(policy) = external.filter(|it| !it.is_empty()) {
        let detail = "may only be set for externally-accessible services";
        errors.push(Error::invalid(&policy_path, policy, detail));
    }
    if let Some(port) = spec.health_check_node_port.filter(|it| *it != 0) {
        let path = path.child("healthCheckNodePort");
        if needs_health_check(spec) {
            all_of_number(errors, &path, i64::from(port), names::port_number(port));
        } else {
            let detail =
                "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
            errors.push(Error::invalid(&path, port, detail));
        }
    }
    let distributions = ["PreferClose", "PreferSameNode", "PreferSameZone"];
    let distribution = spec.traffic_distribution.as_deref();
    if let Some(other) = distribution.filter(|it| !distributions.contains(it)) {
        errors.push(Error::not_supported(&path.child("trafficDistribution"), other, &distributions));
    }
}

/// What only load balancers have. The field of the ranges is spelled as upstream does.
fn load_balancer(errors: &mut Errors, path: &Path, spec: &ServiceSpec) {
    let ranges = spec.load_balancer_source_ranges.as_deref().unwrap_or_default();
    if spec.type_.as_deref() != Some("LoadBalancer") {
        for (name, given) in [
            ("LoadBalancerSourceRanges", !ranges.is_empty()),
            ("allocateLoadBalancerNodePorts", spec.allocate_load_balancer_node_ports.is_some()),
            ("loadBalancerClass", spec.load_balancer_class.is_some()),
        ] {
            if given {
                let detail = "may only be used when `type` is 'LoadBalancer'";
                errors.push(Error::forbidden(&path.child(name), detail));
            }
        }
    } else if let Some(class) = &spec.load_balancer_class {
        all(errors, &path.child("loadBalancerClass"), class, names::qualified_name(class));
    }
    for (index, range) in ranges.iter().enumerate() {
        let path = path.child("LoadBalancerSourceRanges").index(index);
        all(errors, &path, range, names::cidr(range.trim()));
    }
}
