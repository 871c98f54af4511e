//! Cluster roles that are the sum of others.
//!
//! A pure function for whoever keeps the sum written in the role; an [`Authorizer`](super::Authorizer) only reads
//! what is written.

use api::k8s::api::rbac::v1::{ClusterRole, PolicyRule};
use api::selector::{ParseError, Selector};

/// The rules that an aggregated role must have: those of every other role that one of its selectors matches, in
/// order of name and without repetition. `None` when the role does not aggregate. A selector that makes no sense is
/// an error: taking it for one that matches nothing would drop rules.
pub fn aggregated_rules<'a>(
    role: &ClusterRole,
    all: impl IntoIterator<Item = &'a ClusterRole>,
) -> Result<Option<Vec<PolicyRule>>, ParseError> {
    let Some(rule) = &role.aggregation_rule else { return Ok(None) };
    let selectors = rule.cluster_role_selectors.iter().flatten().map(Selector::of);
    let selectors = selectors.collect::<Result<Vec<_>, _>>()?;
    let mut parts: Vec<&ClusterRole> = all
        .into_iter()
        .filter(|it| it.metadata.name != role.metadata.name)
        .filter(|it| selectors.iter().any(|selector| selector.matches(it.metadata.labels.as_ref())))
        .collect();
    parts.sort_by_key(|it| &it.metadata.name);
    Ok(Some(distinct(parts.into_iter().flat_map(|it| it.rules.iter().flatten()))))
}

fn distinct<'a>(rules: impl Iterator<Item = &'a PolicyRule>) -> Vec<PolicyRule> {
    let mut distinct: Vec<PolicyRule> = Vec::new();
    for rule in rules {
        if !distinct.contains(rule) {
            distinct.push(rule.clone());
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::ObjectMeta;
    use api::k8s::api::rbac::v1::AggregationRule;
    use api::k8s::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

    fn role(name: &str, label: &str, verbs: &[&str]) -> ClusterRole {
        let rule = |verb: &&str| PolicyRule { verbs: vec![(*verb).to_owned()], ..PolicyRule::default() };
        ClusterRole {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                labels: Some([(label.to_owned(), "true".to_owned())].into()),
                ..ObjectMeta::default()
            },
            rules: Some(verbs.iter().map(rule).collect()),
            ..ClusterRole::default()
        }
    }

    fn aggregating(name: &str, labels: &[&str]) -> ClusterRole {
        let selector = |label: &&str| LabelSelector {
            match_labels: Some([((*label).to_owned(), "true".to_owned())].into()),
            ..LabelSelector::default()
        };
        let selectors = Some(labels.iter().map(selector).collect());
        let aggregation_rule = Some(AggregationRule { cluster_role_selectors: selectors });
        ClusterRole { aggregation_rule, ..role(name, "to-a", &["stale"]) }
    }

    fn verbs(role: &ClusterRole, all: &[ClusterRole]) -> Option<String> {
        let rules = aggregated_rules(role, all).expect("the selectors parse")?;
        Some(rules.iter().map(|it| it.verbs.join("+")).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_sum_is_sorted_distinct_and_without_itself() {
        let sum = aggregating("sum", &["to-a", "to-b"]);
        let all = [
            role("z", "to-a", &["one"]),
            role("b", "to-b", &["two", "one"]),
            role("c", "to-c", &["no"]),
            sum.clone(),
        ];
        assert_eq!(verbs(&sum, &all).as_deref(), Some("two one"));
        assert_eq!(verbs(&aggregating("sum", &[]), &all).as_deref(), Some(""));
        assert_eq!(verbs(&all[0], &all), None);
    }

    #[test]
    fn nonsense_is_an_error() {
        let mut sum = aggregating("sum", &["to-a"]);
        let selectors = sum.aggregation_rule.as_mut().and_then(|it| it.cluster_role_selectors.as_mut());
        selectors.expect("it has selectors")[0].match_expressions =
            Some(vec![LabelSelectorRequirement { operator: "Near".to_owned(), ..Default::default() }]);
        assert!(aggregated_rules(&sum, []).is_err());
    }
}
