//! How a Service behaves, addresses and node ports apart: the API server allocates those.
//!
//! An update that leaves allocated values out keeps them; a change of type drops those that the new type has not.

use crate::field::Errors;
use crate::strategies::cells::{NONE, SELECTOR, UNKNOWN, labels, or_none};
use crate::strategies::defaults::{text, value};
use crate::strategy::{Behaviour, Column, SelectableField, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{LoadBalancerStatus, Service, ServicePort, ServiceSpec, ServiceStatus};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct ServiceStrategy;

/// How long a client keeps its pod: three hours.
const AFFINITY_SECONDS: i32 = 10_800;

impl Behaviour for ServiceStrategy {
    type Object = Service;
    const RETURNS_DELETED: bool = true;
    const CREATES: bool = true;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Type", "How the service is exposed."),
        Column::text("Cluster-IP", "The address of the service within the cluster."),
        Column::text("External-IP", "The addresses of the service outside of the cluster."),
        Column::text("Port(s)", "The ports that the service exposes."),
        Column::AGE,
        SELECTOR,
    ];
    const FIELDS: &'static [&'static str] = &["spec.clusterIP", "spec.type"];

    fn set_defaults(service: &mut Service) {
        default_spec(service.spec.get_or_insert_default());
    }

    fn prepare_create(service: &mut Service) {
        let load_balancer = Some(LoadBalancerStatus::default());
        service.status = Some(ServiceStatus { load_balancer, ..ServiceStatus::default() });
        let spec = service.spec.get_or_insert_default();
        if spec.cluster_ips.as_ref().is_none_or(Vec::is_empty) {
            spec.cluster_ips = given(spec.cluster_ip.as_deref()).map(|it| vec![it.to_owned()]);
        }
        choose_families(spec);
    }

    fn prepare_update(service: &mut Service, old: &Service) {
        let (Some(spec), Some(old)) = (service.spec.as_mut(), old.spec.as_ref()) else { return };
        follow_cluster_ip(spec, old);
        keep_allocated(spec, old);
        drop_what_the_type_has_not(spec, old);
        if needs_cluster_ip(spec) {
            if spec.ip_families.is_none() {
                spec.ip_families.clone_from(&old.ip_families);
            }
            if spec.ip_family_policy.is_none() {
                spec.ip_family_policy.clone_from(&old.ip_family_policy);
            }
            choose_families(spec);
        }
    }

    fn validate(object: &Service) -> Errors {
        crate::validation::service::validate(object)
    }

    fn validate_update(object: &Service, old: &Service) -> Errors {
        crate::validation::service::validate_update(object, old)
    }

    fn cells(service: &Service, now: Timestamp) -> Vec<Value> {
        let spec = service.spec.clone().unwrap_or_default();
        let address = spec.cluster_ips.as_ref().and_then(|it| it.first()).or(spec.cluster_ip.as_ref());
        vec![
            name_cell(&service.metadata),
            spec.type_.clone().unwrap_or_default().into(),
            or_none(address.map(String::as_str)).into(),
            external_address(service, &spec).into(),
            ports(spec.ports.as_deref().unwrap_or_default()).into(),
            age_cell(&service.metadata, now),
            labels(spec.selector.as_ref()).into(),
        ]
    }

    fn fields(service: &Service) -> Vec<SelectableField> {
        let text = |it: Option<&String>| it.cloned().unwrap_or_default();
        let spec = service.spec.as_ref();
        vec![
            ("spec.clusterIP", text(spec.and_then(|it| it.cluster_ip.as_ref()))),
            ("spec.type", text(spec.and_then(|it| it.type_.as_ref()))),
        ]
    }
}

fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|it| !it.is_empty())
}

fn type_of(spec: &ServiceSpec) -> &str {
    given(spec.type_.as_deref()).unwrap_or("ClusterIP")
}

/// Whether services of this type get an address; headless ones are told so by `clusterIP: None`.
pub fn needs_cluster_ip(spec: &ServiceSpec) -> bool {
    type_of(spec) != "ExternalName"
}

/// Whether services of this type get node ports.
pub fn needs_node_ports(spec: &ServiceSpec) -> bool {
    match type_of(spec) {
        "NodePort" => true,
        "LoadBalancer" => spec.allocate_load_balancer_node_ports != Some(false),
        _ => false,
    }
}

/// Whether the service wants no address.
pub fn is_headless(spec: &ServiceSpec) -> bool {
    spec.cluster_ip.as_deref() == Some("None")
        || spec.cluster_ips.as_ref().and_then(|it| it.first()).is_some_and(|it| it == "None")
}

fn default_spec(spec: &mut ServiceSpec) {
    text(&mut spec.session_affinity, "None");
    match spec.session_affinity.as_deref() {
        Some("None") => spec.session_affinity_config = None,
        Some("ClientIP") => {
            let client_ip =
                spec.session_affinity_config.get_or_insert_default().client_ip.get_or_insert_default();
            value(&mut client_ip.timeout_seconds, AFFINITY_SECONDS);
        }
        _ => {}
    }
    text(&mut spec.type_, "ClusterIP");
    spec.ports.iter_mut().flatten().for_each(default_port);
    if is_exposed(spec) {
        text(&mut spec.external_traffic_policy, "Cluster");
    }
    if matches!(type_of(spec), "NodePort" | "LoadBalancer" | "ClusterIP") {
        text(&mut spec.internal_traffic_policy, "Cluster");
    }
    if type_of(spec) == "LoadBalancer" {
        value(&mut spec.allocate_load_balancer_node_ports, true);
    }
}

fn default_port(port: &mut ServicePort) {
    text(&mut port.protocol, "TCP");
    match &port.target_port {
        Some(IntOrString::Int(number)) if *number != 0 => {}
        Some(IntOrString::String(name)) if !name.is_empty() => {}
        _ => port.target_port = Some(IntOrString::Int(port.port)),
    }
}

/// The cluster has one address family, IPv4, unless the user asks for addresses of another.
fn choose_families(spec: &mut ServiceSpec) {
    if !needs_cluster_ip(spec) {
        return;
    }
    let selectorless = spec.selector.as_ref().is_none_or(std::collections::BTreeMap::is_empty);
    let families = spec.ip_families.get_or_insert_default();
    if families.is_empty() {
        let is_v6 = spec.cluster_ips.iter().flatten().next().is_some_and(|it| it.contains(':'));
        families.push(if is_v6 { "IPv6" } else { "IPv4" }.to_owned());
    }
    let first = families[0].clone();
    if is_headless(spec) && selectorless && given(spec.ip_family_policy.as_deref()).is_none() {
        let other = if first == "IPv4" { "IPv6" } else { "IPv4" };
        spec.ip_families = Some(vec![first, other.to_owned()]);
        spec.ip_family_policy = Some("RequireDualStack".to_owned());
    }
    text(&mut spec.ip_family_policy, "SingleStack");
}

/// `clusterIP` and `clusterIPs[0]` are the same thing: whichever of them the user changed leads.
fn follow_cluster_ip(spec: &mut ServiceSpec, old: &ServiceSpec) {
    let (new_ip, old_ip) = (given(spec.cluster_ip.as_deref()), given(old.cluster_ip.as_deref()));
    if spec.cluster_ips != old.cluster_ips && spec.cluster_ips.is_some() {
        return;
    }
    match new_ip {
        None if old_ip.is_some() => spec.cluster_ips = None,
        Some(ip) if old_ip != Some(ip) => spec.cluster_ips = Some(vec![ip.to_owned()]),
        _ => {}
    }
}

fn keep_allocated(spec: &mut ServiceSpec, old: &ServiceSpec) {
    if needs_cluster_ip(old) && needs_cluster_ip(spec) {
        if given(spec.cluster_ip.as_deref()).is_none() {
            spec.cluster_ip.clone_from(&old.cluster_ip);
        }
        if spec.cluster_ips.as_ref().is_none_or(Vec::is_empty) && spec.cluster_ip == old.cluster_ip {
            spec.cluster_ips.clone_from(&old.cluster_ips);
        }
    }
    if needs_node_ports(old) && needs_node_ports(spec) {
        keep_node_ports(spec, old);
    }
    if spec.health_check_node_port.unwrap_or(0) == 0 && needs_health_check(old) && needs_health_check(spec) {
        spec.health_check_node_port = old.health_check_node_port;
    }
}

/// Whether load balancers ask each node for the service's health.
pub fn needs_health_check(spec: &ServiceSpec) -> bool {
    type_of(spec) == "LoadBalancer" && spec.external_traffic_policy.as_deref() == Some("Local")
}

fn keep_node_ports(spec: &mut ServiceSpec, old: &ServiceSpec) {
    let mut taken: Vec<i32> = spec.ports.iter().flatten().filter_map(|it| it.node_port).collect();
    for port in spec.ports.iter_mut().flatten().filter(|it| it.node_port.unwrap_or(0) == 0) {
        let same = |it: &&ServicePort| it.port == port.port && it.protocol == port.protocol;
        let before = old.ports.iter().flatten().find(same).and_then(|it| it.node_port);
        if let Some(before) = before.filter(|it| !taken.contains(it)) {
            port.node_port = Some(before);
            taken.push(before);
        }
    }
}

fn drop_what_the_type_has_not(spec: &mut ServiceSpec, old: &ServiceSpec) {
    if needs_cluster_ip(old) && !needs_cluster_ip(spec) {
        if spec.cluster_ips == old.cluster_ips || spec.cluster_ips.is_none() {
            drop_same(&mut spec.cluster_ip, &old.cluster_ip);
        }
        drop_same(&mut spec.cluster_ips, &old.cluster_ips);
        drop_same(&mut spec.ip_families, &old.ip_families);
        drop_same(&mut spec.ip_family_policy, &old.ip_family_policy);
        drop_same(&mut spec.internal_traffic_policy, &old.internal_traffic_policy);
    }
    if needs_node_ports(old) && !needs_node_ports(spec) && type_of(spec) != "LoadBalancer" {
        let was = |it: &ServicePort| old.ports.iter().flatten().any(|old| old.node_port == it.node_port);
        for port in spec.ports.iter_mut().flatten().filter(|it| was(it)) {
            port.node_port = None;
        }
    }
    if is_exposed(old) && !is_exposed(spec) {
        drop_same(&mut spec.external_traffic_policy, &old.external_traffic_policy);
    }
    if type_of(spec) != "LoadBalancer" && type_of(old) == "LoadBalancer" {
        drop_same(&mut spec.allocate_load_balancer_node_ports, &old.allocate_load_balancer_node_ports);
        drop_same(&mut spec.load_balancer_class, &old.load_balancer_class);
    }
    if needs_health_check(old) && !needs_health_check(spec) {
        drop_same(&mut spec.health_check_node_port, &old.health_check_node_port);
    }
}

/// Drops what the user did not change; what they did change is theirs to explain.
fn drop_same<T: PartialEq>(new: &mut Option<T>, old: &Option<T>) {
    if new == old {
        *new = None;
    }
}

/// Whether it can be reached from outside the cluster.
pub fn is_exposed(spec: &ServiceSpec) -> bool {
    let external = spec.external_ips.as_ref().is_some_and(|it| !it.is_empty());
    matches!(type_of(spec), "NodePort" | "LoadBalancer") || (type_of(spec) == "ClusterIP" && external)
}

fn external_address(service: &Service, spec: &ServiceSpec) -> String {
    let external: Vec<String> = spec.external_ips.clone().unwrap_or_default();
    match type_of(spec) {
        "ClusterIP" | "NodePort" => or_none(Some(&external.join(","))),
        "LoadBalancer" => {
            let status = service.status.as_ref().and_then(|it| it.load_balancer.as_ref());
            let ingress = status.and_then(|it| it.ingress.as_deref()).unwrap_or_default();
            let balancers = ingress.iter().filter_map(|it| it.ip.clone().or_else(|| it.hostname.clone()));
            let mut all: Vec<String> = balancers.collect();
            all.extend(external);
            if all.is_empty() { "<pending>".to_owned() } else { all.join(",") }
        }
        "ExternalName" => spec.external_name.clone().unwrap_or_default(),
        _ => UNKNOWN.to_owned(),
    }
}

fn ports(ports: &[ServicePort]) -> String {
    let one = |it: &ServicePort| {
        let protocol = it.protocol.as_deref().unwrap_or_default();
        match it.node_port {
            Some(node_port) if node_port > 0 => format!("{}:{node_port}/{protocol}", it.port),
            _ => format!("{}/{protocol}", it.port),
        }
    };
    let all: Vec<String> = ports.iter().map(one).collect();
    if all.is_empty() { NONE.to_owned() } else { all.join(",") }
}
