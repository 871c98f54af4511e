//! How a NetworkPolicy behaves.

use crate::field::Errors;
use crate::strategies::cells::selector;
use crate::strategies::defaults::text;
use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicySpec};
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct NetworkPolicyStrategy;

impl Behaviour for NetworkPolicyStrategy {
    type Object = NetworkPolicy;
    const COLUMNS: &'static [Column] =
        &[Column::NAME, Column::text("Pod-Selector", "Labels of the pods it applies to."), Column::AGE];

    fn set_defaults(policy: &mut NetworkPolicy) {
        default_spec(policy.spec.get_or_insert_default());
    }

    fn validate(object: &NetworkPolicy) -> Errors {
        crate::validation::network::network_policy(object)
    }

    fn cells(policy: &NetworkPolicy, now: Timestamp) -> Vec<Value> {
        let pods = policy.spec.as_ref().and_then(|it| it.pod_selector.as_ref());
        vec![name_cell(&policy.metadata), selector(pods).into(), age_cell(&policy.metadata, now)]
    }
}

fn default_spec(spec: &mut NetworkPolicySpec) {
    spec.pod_selector.get_or_insert_default();
    let ingress = spec.ingress.iter_mut().flatten().flat_map(|it| it.ports.iter_mut().flatten());
    let egress = spec.egress.iter_mut().flatten().flat_map(|it| it.ports.iter_mut().flatten());
    for port in ingress.chain(egress) {
        text(&mut port.protocol, "TCP");
    }
    let types = spec.policy_types.get_or_insert_default();
    if types.is_empty() {
        types.push("Ingress".to_owned());
        if spec.egress.as_ref().is_some_and(|it| !it.is_empty()) {
            types.push("Egress".to_owned());
        }
    }
}
