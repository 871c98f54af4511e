//! What is wrong with ingresses and network policies.

use crate::field::{Error, Errors, Path};
use crate::validation::common::{
    all, all_of_number, domain_prefixed_path, immutable, label_selector, one_of, optional, optional_one_of,
    port, required, shown,
};
use crate::validation::names;
use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, IPBlock, Ingress, IngressBackend, IngressClass, IngressClassParametersReference,
    NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// Most bytes of the name of a controller of ingresses.
const MOST_OF_CONTROLLER: usize = 250;
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

/// What is wrong with an Ingress.
pub fn ingress(ingress: &Ingress) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let spec = ingress.spec.clone().unwrap_or_default();
    let rules = spec.rules.as_deref().unwrap_or_default();
    if rules.is_empty() && spec.default_backend.is_none() {
        let detail = "either `defaultBackend` or `rules` must be specified";
        errors.push(Error::invalid(&path, shown(&rules), detail));
    }
    if let Some(it) = &spec.default_backend {
        backend(&mut errors, &path.child("defaultBackend"), it);
    }
    for (index, rule) in rules.iter().enumerate() {
        let path = path.child("rules").index(index);
        host(&mut errors, &path.child("host"), rule.host.as_deref().unwrap_or_default());
        let Some(http) = &rule.http else { continue };
        let path = path.child("http").child("paths");
        if http.paths.is_empty() {
            errors.push(Error::required(&path, ""));
        }
        for (at, it) in http.paths.iter().enumerate() {
            http_path(&mut errors, &path.index(at), it);
        }
    }
    for (index, tls) in spec.tls.iter().flatten().enumerate() {
        let path = path.child("tls").index(index);
        for (at, name) in tls.hosts.iter().flatten().enumerate() {
            host(&mut errors, &path.child("hosts").index(at), name);
        }
        optional(&mut errors, &path.child("secretName"), tls.secret_name.as_deref(), names::dns_subdomain);
    }
    let class = spec.ingress_class_name.as_deref();
    optional(&mut errors, &path.child("ingressClassName"), class, names::dns_subdomain);
    errors
}

/// What is wrong with a new Ingress: its class, given in two ways, must be one.
pub fn ingress_create(ingress: &Ingress) -> Errors {
    let annotation = "kubernetes.io/ingress.class";
    let class = ingress.spec.as_ref().and_then(|it| it.ingress_class_name.as_deref());
    let old = crate::meta::annotation(&ingress.metadata, annotation);
    match (old, class) {
        (Some(old), Some(class)) if old != class => {
            let path = Path::new("annotations").child(annotation);
            vec![Error::invalid(&path, old, "must match `ingressClassName` when both are specified")]
        }
        _ => Errors::new(),
    }
}

fn host(errors: &mut Errors, path: &Path, host: &str) {
    if host.is_empty() {
        return;
    }
    if names::ip(host).is_empty() {
        errors.push(Error::invalid(path, host, "must be a DNS name, not an IP address"));
    } else if host.contains('*') {
        all(errors, path, host, names::wildcard_subdomain(host));
    } else {
        all(errors, path, host, names::dns_subdomain(host));
    }
}

fn http_path(errors: &mut Errors, path: &Path, it: &HTTPIngressPath) {
    let types = ["Exact", "ImplementationSpecific", "Prefix"];
    if it.path_type.is_empty() {
        errors.push(Error::required(&path.child("pathType"), "pathType must be specified"));
    } else {
        one_of(errors, &path.child("pathType"), Some(&it.path_type), &types);
    }
    let value = it.path.as_deref().unwrap_or_default();
    let strict = matches!(it.path_type.as_str(), "Exact" | "Prefix");
    if (strict || !value.is_empty()) && !value.starts_with('/') {
        errors.push(Error::invalid(&path.child("path"), value, "must be an absolute path"));
    }
    for bad in ["//", "/./", "/../", "%2f", "%2F"].iter().filter(|bad| strict && value.contains(**bad)) {
        errors.push(Error::invalid(&path.child("path"), value, format!("must not contain '{bad}'")));
    }
    backend(errors, &path.child("backend"), &it.backend);
}

fn backend(errors: &mut Errors, path: &Path, backend: &IngressBackend) {
    let Some(service) = &backend.service else {
        if backend.resource.is_none() {
            errors.push(Error::required(path, "cannot be empty; must specify one of: service, resource"));
        }
        return;
    };
    if backend.resource.is_some() {
        errors.push(Error::invalid(path, "", "cannot set both resource and service backends"));
    }
    let path = path.child("service");
    required(errors, &path.child("name"), &service.name, names::dns_1035_label);
    let given = service.port.clone().unwrap_or_default();
    let (name, number) = (given.name.unwrap_or_default(), given.number.unwrap_or(0));
    let path = path.child("port");
    if !name.is_empty() && number != 0 {
        errors.push(Error::invalid(&path, "", "cannot set both port name & port number"));
    } else if !name.is_empty() {
        all(errors, &path.child("name"), &name, names::port_name(&name));
    } else if number == 0 {
        errors.push(Error::required(&path, "port name or number is required"));
    } else {
        all_of_number(errors, &path.child("number"), i64::from(number), names::port_number(number));
    }
}

/// What is wrong with an IngressClass.
pub fn ingress_class(class: &IngressClass) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let spec = class.spec.clone().unwrap_or_default();
    let controller = spec.controller.unwrap_or_default();
    if controller.len() > MOST_OF_CONTROLLER {
        errors.push(Error::too_long(&path.child("controller"), MOST_OF_CONTROLLER));
    }
    domain_prefixed_path(&mut errors, &path.child("controller"), &controller);
    if let Some(it) = &spec.parameters {
        parameters(&mut errors, &path.child("parameters"), it);
    }
    errors
}

/// Where the settings of a class are: in the cluster, or in a namespace.
fn parameters(errors: &mut Errors, path: &Path, it: &IngressClassParametersReference) {
    if let Some(group) = &it.api_group {
        all(errors, &path.child("apiGroup"), group, names::dns_subdomain(group));
    }
    for (name, value) in [("kind", &it.kind), ("name", &it.name)] {
        match value.as_str() {
            "" => errors.push(Error::required(&path.child(name), format!("{name} is required"))),
            value => all(errors, &path.child(name), value, names::path_segment(value)),
        }
    }
    let (scope, path) = (path.child("scope"), path.child("namespace"));
    match (it.scope.as_deref(), &it.namespace) {
        (None, _) => errors.push(Error::required(&scope, "")),
        (Some("Namespace"), None) => {
            errors.push(Error::required(&path, "`parameters.scope` is set to 'Namespace'"));
        }
        (Some("Namespace"), Some(namespace)) => {
            all(errors, &path, namespace, names::dns_label(namespace));
        }
        (Some("Cluster"), Some(_)) => {
            errors.push(Error::forbidden(&path, "`parameters.scope` is set to 'Cluster'"));
        }
        (Some("Cluster"), None) => {}
        (Some(other), _) => errors.push(Error::not_supported(&scope, other, &["Cluster", "Namespace"])),
    }
}

/// What is wrong with a change of an IngressClass.
pub fn ingress_class_update(new: &IngressClass, old: &IngressClass) -> Errors {
    let mut errors = Errors::new();
    let controller = |it: &IngressClass| it.spec.as_ref().and_then(|it| it.controller.clone());
    immutable(&mut errors, &Path::new("spec").child("controller"), &controller(new), &controller(old));
    errors
}

/// What is wrong with a NetworkPolicy.
pub fn network_policy(policy: &NetworkPolicy) -> Errors {
    let (mut errors, path) = (Errors::new(), Path::new("spec"));
    let spec: NetworkPolicySpec = policy.spec.clone().unwrap_or_default();
    if let Some(selector) = &spec.pod_selector {
        label_selector(&mut errors, &path.child("podSelector"), selector);
    }
    for (index, rule) in spec.ingress.iter().flatten().enumerate() {
        let path = path.child("ingress").index(index);
        peers(&mut errors, &path.child("from"), rule.from.as_deref());
        policy_ports(&mut errors, &path.child("ports"), rule.ports.as_deref());
    }
    for (index, rule) in spec.egress.iter().flatten().enumerate() {
        let path = path.child("egress").index(index);
        peers(&mut errors, &path.child("to"), rule.to.as_deref());
        policy_ports(&mut errors, &path.child("ports"), rule.ports.as_deref());
    }
    let types = spec.policy_types.as_deref().unwrap_or_default();
    let path = path.child("policyTypes");
    if types.len() > 2 {
        errors.push(Error::invalid(&path, shown(&types), "may not specify more than two policyTypes"));
        return errors;
    }
    for (index, type_) in types.iter().enumerate() {
        if !matches!(type_.as_str(), "Egress" | "Ingress") {
            errors.push(Error::not_supported(&path.index(index), type_.as_str(), &["Egress", "Ingress"]));
        }
    }
    errors
}

fn policy_ports(errors: &mut Errors, path: &Path, ports: Option<&[NetworkPolicyPort]>) {
    for (index, it) in ports.into_iter().flatten().enumerate() {
        let path = path.index(index);
        optional_one_of(errors, &path.child("protocol"), it.protocol.as_deref(), &PROTOCOLS);
        if let Some(value) = &it.port {
            port(errors, &path.child("port"), value);
        }
        match (it.end_port, &it.port) {
            (Some(end), Some(IntOrString::Int(start))) if end < *start => {
                let detail = "must be greater than or equal to `port`";
                errors.push(Error::invalid(&path.child("endPort"), end, detail));
            }
            (Some(end), Some(IntOrString::String(_))) => {
                let detail = "may not be specified when `port` is non-numeric";
                errors.push(Error::invalid(&path.child("endPort"), end, detail));
            }
            (Some(end), None) => {
                let detail = "may not be specified when `port` is not specified";
                errors.push(Error::invalid(&path.child("endPort"), end, detail));
            }
            _ => {}
        }
    }
}

fn peers(errors: &mut Errors, path: &Path, peers: Option<&[NetworkPolicyPeer]>) {
    for (index, peer) in peers.into_iter().flatten().enumerate() {
        let path = path.index(index);
        let selectors =
            [("podSelector", &peer.pod_selector), ("namespaceSelector", &peer.namespace_selector)];
        let any = selectors.iter().any(|(_, it)| it.is_some());
        for (name, selector) in selectors {
            if let Some(selector) = selector {
                label_selector(errors, &path.child(name), selector);
            }
        }
        match &peer.ip_block {
            Some(block) => {
                ip_block(errors, &path.child("ipBlock"), block);
                if any {
                    let detail = "may not specify both ipBlock and another peer";
                    errors.push(Error::forbidden(&path, detail));
                }
            }
            None if !any => errors.push(Error::required(&path, "must specify a peer")),
            None => {}
        }
    }
}

fn ip_block(errors: &mut Errors, path: &Path, block: &IPBlock) {
    required(errors, &path.child("cidr"), &block.cidr, names::cidr);
    if !names::cidr(&block.cidr).is_empty() {
        return;
    }
    for (index, range) in block.except.iter().flatten().enumerate() {
        let path = path.child("except").index(index);
        let messages = names::cidr(range);
        if messages.is_empty() && !names::is_strict_part(range, &block.cidr) {
            errors.push(Error::invalid(&path, range.as_str(), "must be a strict subset of `cidr`"));
        }
        all(errors, &path, range, messages);
    }
}
