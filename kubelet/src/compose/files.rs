//! The two files that every pod gets of its network: who it is (`/etc/hosts`) and whom it asks (`/etc/resolv.conf`).

use std::{fmt::Write, net::IpAddr};

use api::k8s::api::core::v1::{Pod, PodSpec};

use super::{NodeFacts, hostname_of};

const HOSTS_HEADER: &str = "# Managed by the node agent; changes are lost when the pod is.\n";

const LOCAL_HOSTS: &str = "127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
";

/// The pod's `/etc/hosts`.
pub fn hosts_file(pod: &Pod, spec: &PodSpec, node: &NodeFacts, addresses: &[IpAddr]) -> String {
    let mut text = format!("{HOSTS_HEADER}{LOCAL_HOSTS}");
    let hostname = hostname_of(pod, spec);
    let domain = spec.subdomain.as_deref().filter(|it| !it.is_empty()).map(|subdomain| {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        format!("{hostname}.{subdomain}.{namespace}.svc.{}", node.cluster_domain)
    });
    for address in addresses {
        let names =
            domain.as_ref().map_or_else(|| hostname.clone(), |domain| format!("{domain}\t{hostname}"));
        let _infallible = writeln!(text, "{address}\t{names}");
    }
    for alias in spec.host_aliases.iter().flatten() {
        let names = alias.hostnames.iter().flatten().cloned().collect::<Vec<_>>().join("\t");
        let _infallible = writeln!(text, "{}\t{names}", alias.ip);
    }
    text
}

/// Name servers, search domains and options, as `resolv.conf` has them.
#[derive(Default)]
struct Resolver {
    nameservers: Vec<String>,
    searches: Vec<String>,
    options: Vec<(String, Option<String>)>,
}

/// The pod's `/etc/resolv.conf`.
pub fn resolv_file(pod: &Pod, spec: &PodSpec, node: &NodeFacts) -> String {
    let mut resolver = match policy_of(spec, node) {
        Policy::Nothing => Resolver::default(),
        Policy::Host => Resolver::parse(&node.host_resolv_conf),
        Policy::Cluster => Resolver::of_cluster(pod, node),
    };
    resolver.add(spec);
    resolver.print()
}

enum Policy {
    Nothing,
    Host,
    Cluster,
}

fn policy_of(spec: &PodSpec, node: &NodeFacts) -> Policy {
    let cluster = if node.cluster_dns.is_empty() { Policy::Host } else { Policy::Cluster };
    match spec.dns_policy.as_deref() {
        Some("None") => Policy::Nothing,
        Some("Default") => Policy::Host,
        Some("ClusterFirstWithHostNet") => cluster,
        _ if spec.host_network == Some(true) => Policy::Host,
        _ => cluster,
    }
}

impl Resolver {
    fn of_cluster(pod: &Pod, node: &NodeFacts) -> Resolver {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let domain = &node.cluster_domain;
        let mut searches = vec![format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.clone()];
        searches.extend(Resolver::parse(&node.host_resolv_conf).searches);
        Resolver {
            nameservers: node.cluster_dns.iter().map(ToString::to_string).collect(),
            searches,
            options: vec![("ndots".to_owned(), Some("5".to_owned()))],
        }
    }

    fn parse(text: &str) -> Resolver {
        let mut resolver = Resolver::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => resolver.nameservers.extend(words.next().map(str::to_owned)),
                Some("search") => resolver.searches = words.map(str::to_owned).collect(),
                Some("options") => resolver.options = words.map(option).collect(),
                _ => {}
            }
        }
        resolver
    }

    /// Adds what the pod asks for itself; its options replace those of the same name.
    fn add(&mut self, spec: &PodSpec) {
        let Some(config) = &spec.dns_config else { return };
        self.nameservers.extend(config.nameservers.iter().flatten().cloned());
        self.searches.extend(config.searches.iter().flatten().cloned());
        for added in config.options.iter().flatten() {
            let name = added.name.clone().unwrap_or_default();
            self.options.retain(|(other, _)| *other != name);
            self.options.push((name, added.value.clone()));
        }
    }

    fn print(self) -> String {
        let mut lines: Vec<String> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        let unique = |it: &String| seen.insert(it.clone());
        let searches: Vec<String> = self.searches.into_iter().filter(unique).collect();
        if !searches.is_empty() {
            lines.push(format!("search {}", searches.join(" ")));
        }
        lines.extend(self.nameservers.iter().map(|it| format!("nameserver {it}")));
        let options: Vec<String> = self.options.into_iter().map(print_option).collect();
        if !options.is_empty() {
            lines.push(format!("options {}", options.join(" ")));
        }
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

fn option(text: &str) -> (String, Option<String>) {
    match text.split_once(':') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (text.to_owned(), None),
    }
}

fn print_option((name, value): (String, Option<String>)) -> String {
    match value {
        Some(value) => format!("{name}:{value}"),
        None => name,
    }
}
