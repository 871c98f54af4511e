//! Keeps aggregated cluster roles the sum of the roles that their selectors match.

use crate::common::write;
use access::rbac::aggregate::aggregated_rules;
use api::Key;
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use runtime::{Change, Controller, Plan, Snapshot, Watch};
use serde_json::json;

/// The controller of aggregated ClusterRoles.
pub(crate) enum ClusterRoleController {}

/// A role and the rules that it should have.
pub(crate) struct Observed<'a> {
    role: &'a ClusterRole,
    rules: Vec<PolicyRule>,
}

impl Controller for ClusterRoleController {
    type Observed<'a> = Observed<'a>;
    const NAME: &'static str = "clusterrole-aggregation-controller";
    const WATCHES: &'static [Watch] = &[Watch::mapped::<ClusterRole>(role_wakes)];

    fn observe<'a>(caches: &'a Snapshot, key: &'a Key) -> Option<Observed<'a>> {
        let role = caches.at::<ClusterRole>(key)?;
        let rules = aggregated_rules(role, caches.all::<ClusterRole>()).ok()??;
        Some(Observed { role, rules })
    }

    fn reconcile(Observed { role, rules }: Observed<'_>, _now: Timestamp) -> Plan {
        if role.rules.as_deref().unwrap_or_default() == rules {
            return Plan::nothing();
        }
        let patch = json!({"rules": rules});
        Plan::of(vec![write::guarded_patch(write::key_of(role), &role.metadata, None, patch)])
    }
}

/// Any role may be a part of any sum.
fn role_wakes(_change: &Change, caches: &Snapshot) -> Vec<Key> {
    let sums = caches.all::<ClusterRole>().filter(|it| it.aggregation_rule.is_some());
    sums.map(write::key_of).collect()
}
