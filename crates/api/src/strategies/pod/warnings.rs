//! What is allowed in a pod and yet probably a mistake.

use crate::ObjectMeta;
use crate::field::Path;
use crate::quantity::amount;
use k8s_openapi::api::core::v1::{Container, NodeSelectorTerm, Pod, PodSpec, PodTemplateSpec, Volume};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::{BTreeMap, BTreeSet};

type Warnings = Vec<String>;

/// Labels of nodes that have been renamed.
const RENAMED: [(&str, &str); 5] = [
    ("beta.kubernetes.io/arch", r#"deprecated since v1.14; use "kubernetes.io/arch" instead"#),
    ("beta.kubernetes.io/os", r#"deprecated since v1.14; use "kubernetes.io/os" instead"#),
    (
        "beta.kubernetes.io/instance-type",
        r#"deprecated since v1.17; use "node.kubernetes.io/instance-type" instead"#,
    ),
    (
        "failure-domain.beta.kubernetes.io/region",
        r#"deprecated since v1.17; use "topology.kubernetes.io/region" instead"#,
    ),
    (
        "failure-domain.beta.kubernetes.io/zone",
        r#"deprecated since v1.17; use "topology.kubernetes.io/zone" instead"#,
    ),
];
/// Annotations that fields have replaced.
const REPLACED: [(&str, &str); 3] = [
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        r#"non-functional in v1.16+; use the "priorityClassName" field instead"#,
    ),
    ("security.alpha.kubernetes.io/sysctls", r#"non-functional in v1.11+; use the "sysctls" field instead"#),
    (
        "security.alpha.kubernetes.io/unsafe-sysctls",
        r#"non-functional in v1.11+; use the "sysctls" field instead"#,
    ),
];
const SECCOMP_OF_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_OF_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
const SECCOMP: &str = r#"non-functional in v1.27+; use the "seccompProfile" field instead"#;
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// Warnings about a pod.
pub(crate) fn pod(pod: &Pod) -> Warnings {
    let path = Path::new("");
    pod.spec.as_ref().map(|spec| all(&path, &pod.metadata, spec)).unwrap_or_default()
}

/// Warnings about the template of a workload.
pub(crate) fn template(path: &Path, template: &PodTemplateSpec) -> Warnings {
    let none = ObjectMeta::default();
    let meta = template.metadata.as_ref().unwrap_or(&none);
    template.spec.as_ref().map(|spec| all(path, meta, spec)).unwrap_or_default()
}

fn all(path: &Path, meta: &ObjectMeta, spec: &PodSpec) -> Warnings {
    let mut warnings = Warnings::new();
    let below = path.child("spec");
    places(&mut warnings, &below, spec);
    annotations(&mut warnings, &path.child("metadata").child("annotations"), meta, spec);
    for (index, it) in spec.volumes.iter().flatten().enumerate() {
        volume(&mut warnings, &below.child("volumes").index(index), it);
    }
    repeated(&mut warnings, &below, spec);
    fractions(&mut warnings, &below.child("overhead"), spec.overhead.as_ref());
    for (name, containers) in [
        ("initContainers", spec.init_containers.as_deref().unwrap_or_default()),
        ("containers", spec.containers.as_slice()),
    ] {
        for (index, it) in containers.iter().enumerate() {
            container(&mut warnings, &below.child(name).index(index), it);
        }
    }
    warnings
}

fn renamed(key: &str) -> Option<&'static str> {
    RENAMED.iter().find(|(old, _)| *old == key).map(|(_, message)| *message)
}

/// Labels of nodes, wherever a pod names them.
fn places(warnings: &mut Warnings, path: &Path, spec: &PodSpec) {
    for key in spec.node_selector.iter().flat_map(|it| it.keys()) {
        if let Some(message) = renamed(key) {
            warnings.push(format!("{}: {message}", path.child("nodeSelector").key(key)));
        }
    }
    let mut about = |path: &Path, key: &str| {
        if let Some(message) = renamed(key) {
            warnings.push(format!("{path}: {key} is {message}"));
        }
    };
    let mut term = |path: &Path, term: &NodeSelectorTerm| {
        for (index, it) in term.match_expressions.iter().flatten().enumerate() {
            about(&path.child("matchExpressions").index(index).child("key"), &it.key);
        }
    };
    if let Some(node) = spec.affinity.as_ref().and_then(|it| it.node_affinity.as_ref()) {
        let path = path.child("affinity").child("nodeAffinity");
        let required = node.required_during_scheduling_ignored_during_execution.as_ref();
        for (index, it) in required.iter().flat_map(|it| &it.node_selector_terms).enumerate() {
            let path = path.child("requiredDuringSchedulingIgnoredDuringExecution");
            term(&path.child("nodeSelectorTerms").index(index), it);
        }
        let preferred = node.preferred_during_scheduling_ignored_during_execution.as_ref();
        for (index, it) in preferred.into_iter().flatten().enumerate() {
            let path = path.child("preferredDuringSchedulingIgnoredDuringExecution").index(index);
            term(&path.child("preference"), &it.preference);
        }
    }
    for (index, it) in spec.topology_spread_constraints.iter().flatten().enumerate() {
        about(&path.child("topologySpreadConstraints").index(index).child("topologyKey"), &it.topology_key);
    }
    for (index, it) in spec.topology_spread_constraints.iter().flatten().enumerate() {
        if it.label_selector.is_none() {
            let path = path.child("topologySpreadConstraints").index(index).child("labelSelector");
            warnings.push(format!("{path}: a null labelSelector results in matching no pod"));
        }
    }
}

fn annotations(warnings: &mut Warnings, path: &Path, meta: &ObjectMeta, spec: &PodSpec) {
    let has = |key: &str| meta.annotations.as_ref().is_some_and(|it| it.contains_key(key));
    let mut warn = |key: &str, message: &str| {
        if has(key) {
            warnings.push(format!("{}: {message}", path.key(key)));
        }
    };
    for (key, message) in REPLACED {
        warn(key, message);
    }
    let context = spec.security_context.as_ref();
    if context.is_none_or(|it| it.seccomp_profile.is_none()) {
        warn(SECCOMP_OF_POD, SECCOMP);
    }
    for it in spec.init_containers.iter().flatten().chain(&spec.containers) {
        let own = it.security_context.as_ref();
        if own.is_none_or(|it| it.seccomp_profile.is_none()) {
            warn(&format!("{SECCOMP_OF_CONTAINER}{}", it.name), SECCOMP);
        }
        let armored = context.is_some_and(|it| it.app_armor_profile.is_some())
            || own.is_some_and(|it| it.app_armor_profile.is_some());
        if !armored {
            let message = r#"deprecated since v1.30; use the "appArmorProfile" field instead"#;
            warn(&format!("{APP_ARMOR}{}", it.name), message);
        }
    }
}

fn volume(warnings: &mut Warnings, path: &Path, volume: &Volume) {
    for (name, given, message) in [
        (
            "photonPersistentDisk",
            volume.photon_persistent_disk.is_some(),
            "deprecated in v1.11, non-functional in v1.16+",
        ),
        ("gitRepo", volume.git_repo.is_some(), "deprecated in v1.11, and disabled by default in v1.33+"),
        ("scaleIO", volume.scale_io.is_some(), "deprecated in v1.16, non-functional in v1.22+"),
        ("flocker", volume.flocker.is_some(), "deprecated in v1.22, non-functional in v1.25+"),
        ("storageOS", volume.storageos.is_some(), "deprecated in v1.22, non-functional in v1.25+"),
        ("quobyte", volume.quobyte.is_some(), "deprecated in v1.22, non-functional in v1.25+"),
        ("glusterfs", volume.glusterfs.is_some(), "deprecated in v1.25, non-functional in v1.26+"),
        ("cephfs", volume.cephfs.is_some(), "deprecated in v1.28, non-functional in v1.31+"),
        ("rbd", volume.rbd.is_some(), "deprecated in v1.28, non-functional in v1.31+"),
    ] {
        if given {
            warnings.push(format!("{}: {message}", path.child(name)));
        }
    }
    if let Some(limit) = volume.empty_dir.as_ref().and_then(|it| it.size_limit.as_ref()) {
        fraction(warnings, &path.child("emptyDir").child("sizeLimit"), limit);
    }
}

/// What stands twice, or names nothing.
fn repeated(warnings: &mut Warnings, path: &Path, spec: &PodSpec) {
    let mut seen = BTreeSet::new();
    for (index, it) in spec.host_aliases.iter().flatten().enumerate() {
        if !seen.insert(&it.ip) {
            let path = path.child("hostAliases").index(index).child("ip");
            warnings.push(format!("{path}: duplicate ip {:?}", it.ip));
        }
    }
    let (mut seen, list) = (BTreeSet::new(), path.child("imagePullSecrets"));
    for (index, it) in spec.image_pull_secrets.iter().flatten().enumerate() {
        if !seen.insert(&it.name) {
            warnings.push(format!("{}: duplicate name {:?}", list.index(index).child("name"), it.name));
        }
        if it.name.is_empty() {
            warnings.push(format!("{}: invalid empty name {:?}", list.index(index).child("name"), it.name));
        }
    }
}

fn container(warnings: &mut Warnings, path: &Path, container: &Container) {
    let mut variables = BTreeMap::new();
    for (index, variable) in container.env.iter().flatten().enumerate() {
        let hides = variables.insert(variable.name.as_str(), index).is_some();
        // A later value may build on the earlier one: `$(PATH):/more`.
        let uses = variable.value.as_deref().unwrap_or_default().contains(&format!("$({})", variable.name));
        if hides && !uses {
            let path = path.child("env").index(index);
            let name = &variable.name;
            warnings.push(format!(
                "{path}: hides previous definition of {name:?}, which may be dropped when using apply"
            ));
        }
    }
    let mut ports = BTreeMap::new();
    for (index, port) in container.ports.iter().flatten().enumerate() {
        let place = (port.container_port, port.host_port, port.protocol.as_deref(), port.host_ip.as_deref());
        if let Some(first) = ports.insert(place, index) {
            let list = path.child("ports");
            warnings.push(format!(
                "{}: duplicate port definition with {}",
                list.index(index),
                list.index(first)
            ));
        }
    }
    if let Some(resources) = &container.resources {
        let path = path.child("resources");
        fractions(warnings, &path.child("limits"), resources.limits.as_ref());
        fractions(warnings, &path.child("requests"), resources.requests.as_ref());
    }
}

fn fractions(warnings: &mut Warnings, path: &Path, list: Option<&BTreeMap<String, Quantity>>) {
    for resource in ["memory", "ephemeral-storage"] {
        if let Some(quantity) = list.and_then(|it| it.get(resource)) {
            fraction(warnings, &path.key(resource), quantity);
        }
    }
}

/// A fraction of a byte.
pub(crate) fn fraction(warnings: &mut Warnings, path: &Path, quantity: &Quantity) {
    if !amount(quantity).is_whole() {
        let text = &quantity.0;
        warnings.push(format!("{path}: fractional byte value {text:?} is invalid, must be an integer"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn mistakes_are_pointed_out() {
        let check = |value: serde_json::Value, expect: &[&str]| {
            let value = if value.get("spec").is_some() { value } else { json!({"spec": value}) };
            assert_eq!(pod(&serde_json::from_value(value).expect("it is a pod")), expect);
        };
        check(json!({"containers": []}), &[]);
        check(
            json!({"containers": [], "nodeSelector": {"beta.kubernetes.io/os": "linux"}}),
            &[
                r#"spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead"#,
            ],
        );
        let env = json!([{"name": "A", "value": "1"}, {"name": "A", "value": "$(A)2"}, {"name": "A", "value": "3"}]);
        check(
            json!({"containers": [{"name": "a", "env": env}]}),
            &[
                r#"spec.containers[0].env[2]: hides previous definition of "A", which may be dropped when using apply"#,
            ],
        );
        check(
            json!({"containers": [{"name": "a", "resources": {"limits": {"memory": "100m"}}}]}),
            &[
                r#"spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer"#,
            ],
        );
        check(
            json!({"containers": [], "imagePullSecrets": [{"name": ""}, {"name": "a"}, {"name": "a"}]}),
            &[
                r#"spec.imagePullSecrets[0].name: invalid empty name """#,
                r#"spec.imagePullSecrets[2].name: duplicate name "a""#,
            ],
        );
        check(
            json!({"containers": [], "hostAliases": [{"ip": "1.2.3.4"}, {"ip": "1.2.3.4"}]}),
            &[r#"spec.hostAliases[1].ip: duplicate ip "1.2.3.4""#],
        );
        check(
            json!({"containers": [], "volumes": [{"name": "v", "gitRepo": {"repository": "r"}},
                {"name": "w", "emptyDir": {"sizeLimit": "1500m"}}]}),
            &[
                "spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+",
                r#"spec.volumes[1].emptyDir.sizeLimit: fractional byte value "1500m" is invalid, must be an integer"#,
            ],
        );
        let zone = "failure-domain.beta.kubernetes.io/zone";
        check(
            json!({"containers": [], "topologySpreadConstraints":
                [{"topologyKey": zone, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}]}),
            &[
                r#"spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead"#,
                "spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod",
            ],
        );
        let key = "container.apparmor.security.beta.kubernetes.io/a";
        check(
            json!({"metadata": {"annotations": {key: "unconfined"}}, "spec": {"containers": [{"name": "a"}]}}),
            &[
                r#"metadata.annotations[container.apparmor.security.beta.kubernetes.io/a]: deprecated since v1.30; use the "appArmorProfile" field instead"#,
            ],
        );
    }
}
