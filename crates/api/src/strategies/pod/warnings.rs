//! What is allowed in a pod and yet probably a mistake.

use crate::field::Path;
use crate::quantity::amount;
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};
use std::collections::BTreeMap;

/// Labels of nodes that have been renamed.
const RENAMED: [(&str, &str); 4] = [
    ("beta.kubernetes.io/arch", "kubernetes.io/arch"),
    ("beta.kubernetes.io/os", "kubernetes.io/os"),
    ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"),
    ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
];

/// Warnings about the template of a workload.
pub(crate) fn template(path: &Path, template: &PodTemplateSpec) -> Vec<String> {
    template.spec.as_ref().map(|it| pod_spec(&path.child("spec"), it)).unwrap_or_default()
}

/// Warnings about a pod.
pub(crate) fn pod_spec(path: &Path, spec: &PodSpec) -> Vec<String> {
    let mut warnings = Vec::new();
    for key in spec.node_selector.iter().flat_map(|it| it.keys()) {
        if let Some((_, new)) = RENAMED.iter().find(|(old, _)| old == key) {
            let path = path.child("nodeSelector").key(key);
            warnings.push(format!("{path}: deprecated since v1.14; use {new:?} instead"));
        }
    }
    for (name, containers) in [
        ("initContainers", spec.init_containers.as_deref().unwrap_or_default()),
        ("containers", spec.containers.as_slice()),
    ] {
        for (index, it) in containers.iter().enumerate() {
            container(&mut warnings, &path.child(name).index(index), it);
        }
    }
    warnings
}

fn container(warnings: &mut Vec<String>, path: &Path, container: &Container) {
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
    fractions(warnings, &path.child("resources"), container);
}

fn fractions(warnings: &mut Vec<String>, path: &Path, container: &Container) {
    let Some(resources) = &container.resources else { return };
    for (name, list) in [("limits", &resources.limits), ("requests", &resources.requests)] {
        for resource in ["memory", "ephemeral-storage"] {
            let quantity = list.as_ref().and_then(|it| it.get(resource));
            if let Some(quantity) = quantity.filter(|it| !amount(it).is_whole()) {
                let path = path.child(name).key(resource);
                let text = &quantity.0;
                warnings
                    .push(format!("{path}: fractional byte value {text:?} is invalid, must be an integer"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn mistakes_are_pointed_out() {
        let check = |value: serde_json::Value, expect: &[&str]| {
            let spec = serde_json::from_value(value).expect("it is a pod spec");
            assert_eq!(pod_spec(&Path::new("spec"), &spec), expect);
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
    }
}
