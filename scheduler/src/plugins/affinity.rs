//! nodeSelector and node affinity: what a pod wants of a node's labels.

use crate::framework::{Plugin, Reject, normalize};
use crate::queue::Cause;
use crate::{NodeInfo, PodInfo, Snapshot};
use api::k8s::api::core::v1::{NodeAffinity as Affinity, NodeSelectorRequirement, NodeSelectorTerm};
use api::selector::{Labels, Requirement, test_of};
use std::sync::Arc;

pub(super) struct NodeAffinity;

impl Plugin for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }
    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Vec<Reject>> {
        if selected(pod, node) && required(pod, node) {
            return Ok(());
        }
        Err(vec![Reject::because("node(s) didn't match Pod's node affinity/selector")])
    }
    fn score(&self, pod: &PodInfo, nodes: &[Arc<NodeInfo>], _: &Snapshot) -> Option<Vec<i64>> {
        let preferred = affinity_of(pod)?.preferred_during_scheduling_ignored_during_execution.as_ref()?;
        let liked = |node: &NodeInfo| {
            let terms = preferred.iter().filter(|it| matches(&it.preference, node));
            terms.map(|it| i64::from(it.weight)).sum()
        };
        Some(normalize(nodes.iter().map(|it| liked(it)).collect(), false))
    }
    fn weight(&self) -> i64 {
        2
    }
    fn wakes_on(&self) -> &'static [Cause] {
        &[Cause::NodeAdded, Cause::NodeChanged]
    }
}

fn affinity_of(pod: &PodInfo) -> Option<&Affinity> {
    pod.spec().affinity.as_ref()?.node_affinity.as_ref()
}

fn selected(pod: &PodInfo, node: &NodeInfo) -> bool {
    let wanted = pod.spec().node_selector.iter().flatten();
    wanted.into_iter().all(|(key, value)| node.labels().and_then(|it| it.get(key)) == Some(value))
}

fn required(pod: &PodInfo, node: &NodeInfo) -> bool {
    let required =
        affinity_of(pod).and_then(|it| it.required_during_scheduling_ignored_during_execution.as_ref());
    required.is_none_or(|it| it.node_selector_terms.iter().any(|term| matches(term, node)))
}

/// Whether all of a term holds. A term that asks for nothing matches no node.
fn matches(term: &NodeSelectorTerm, node: &NodeInfo) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    let name = Labels::from([("metadata.name".to_owned(), node.name().to_owned())]);
    expressions.iter().all(|it| holds(it, node.labels())) && fields.iter().all(|it| holds(it, Some(&name)))
}

/// A requirement that makes no sense holds for no node.
fn holds(requirement: &NodeSelectorRequirement, labels: Option<&Labels>) -> bool {
    let values = requirement.values.clone().unwrap_or_default();
    let test = test_of(&requirement.operator, values);
    test.is_ok_and(|test| Requirement { key: requirement.key.clone(), test }.matches(labels))
}

#[cfg(test)]
mod tests {
    use crate::plugins::fixtures::{check, cluster, node, pod};
    use serde_json::{Value, json};

    const REFUSED: &str = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.";

    fn zones() -> crate::Snapshot {
        let zone = |it: &str| json!({"metadata": {"labels": {"zone": it, "size": if it == "x" { "5" } else { "7" }}}});
        cluster([node("a", zone("x")), node("b", zone("y"))])
    }

    fn requiring(terms: Value) -> Value {
        json!({"affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}})
    }

    #[test]
    fn selectors_must_match() {
        check(&pod("p", json!({"nodeSelector": {"zone": "y"}})), &zones(), "b");
        check(&pod("p", json!({"nodeSelector": {"zone": "z"}})), &zones(), REFUSED);
    }

    #[test]
    fn required_terms_are_alternatives_and_their_parts_are_not() {
        let zone = |it: &str| json!({"key": "zone", "operator": "In", "values": [it]});
        let big = json!({"key": "size", "operator": "Gt", "values": ["6"]});
        let term = |it: &[&Value]| json!({"matchExpressions": it});
        check(&pod("p", requiring(json!([term(&[&zone("z")]), term(&[&big])]))), &zones(), "b");
        check(&pod("p", requiring(json!([term(&[&zone("x"), &big])]))), &zones(), REFUSED);
        check(&pod("p", requiring(json!([{}]))), &zones(), REFUSED);
        let field = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]});
        check(&pod("p", requiring(json!([field]))), &zones(), "a");
    }

    #[test]
    fn preferred_terms_only_weigh() {
        let term = |zone: &str, weight: i32| {
            let preference =
                json!({"matchExpressions": [{"key": "zone", "operator": "In", "values": [zone]}]});
            json!({"weight": weight, "preference": preference})
        };
        let preferring = json!({"affinity": {"nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [term("x", 10), term("y", 90)]}}});
        check(&pod("p", preferring), &zones(), "b");
    }
}
