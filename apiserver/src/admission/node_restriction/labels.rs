//! Which labels of its own Node an agent may touch.

use api::ObjectMeta;
use std::collections::BTreeSet;

/// Labels that administrators keep from nodes.
const RESTRICTED: &str = "node-restriction.kubernetes.io";
/// The project's own domains: a node touches what is listed here of them.
const RESERVED: &[&str] = &["kubernetes.io", "k8s.io"];
const ALLOWED: &[&str] = &[
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
];
const ALLOWED_DOMAINS: &[&str] = &["kubelet.kubernetes.io", "node.kubernetes.io"];

/// The labels that are set, changed or removed from one to the other.
pub(super) fn modified<'a>(new: &'a ObjectMeta, old: &'a ObjectMeta) -> BTreeSet<&'a str> {
    let pairs = |meta: &'a ObjectMeta| -> BTreeSet<(&'a str, &'a str)> {
        meta.labels.iter().flatten().map(|(key, value)| (key.as_str(), value.as_str())).collect()
    };
    pairs(new).symmetric_difference(&pairs(old)).map(|(key, _)| *key).collect()
}

/// Those that are not for nodes.
pub(super) fn forbidden<'a>(labels: &BTreeSet<&'a str>) -> Vec<&'a str> {
    labels.iter().copied().filter(|it| is_forbidden(it)).collect()
}

fn is_forbidden(label: &str) -> bool {
    let domain = label.split_once('/').map_or("", |(domain, _)| domain);
    let allowed = ALLOWED.contains(&label) || ALLOWED_DOMAINS.iter().any(|it| is_within(domain, it));
    is_within(domain, RESTRICTED) || RESERVED.iter().any(|it| is_within(domain, it)) && !allowed
}

fn is_within(domain: &str, parent: &str) -> bool {
    domain.strip_suffix(parent).is_some_and(|it| it.is_empty() || it.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_domains_are_closed_but_for_a_list() {
        let check = |label: &str, expect: bool| assert_eq!(is_forbidden(label), expect, "{label}");
        for label in ALLOWED {
            check(label, false);
        }
        check("disk", false);
        check("example.com/tier", false);
        check("notkubernetes.io/tier", false);
        check("node.kubernetes.io/anything", false);
        check("custom.kubelet.kubernetes.io/anything", false);
        check("kubernetes.io/role", true);
        check("node-role.kubernetes.io/control-plane", true);
        check("topology.kubernetes.io/rack", true);
        check("cluster.x-k8s.io/owner", false);
        check("sub.k8s.io/owner", true);
        check("node-restriction.kubernetes.io/pci", true);
        check("site.node-restriction.kubernetes.io/pci", true);
    }
}
