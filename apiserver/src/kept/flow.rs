//! The flow schemas and priority levels that every cluster has, as upstream's mandatory ones: one for those that never wait,
//! and one for everything else. Pure.

use access::identity::{AUTHENTICATED, MASTERS, UNAUTHENTICATED};
use api::k8s::api::flowcontrol::v1::{
    ExemptPriorityLevelConfiguration, FlowDistinguisherMethod, FlowSchema, FlowSchemaCondition,
    FlowSchemaSpec, GroupSubject, LimitResponse, LimitedPriorityLevelConfiguration, NonResourcePolicyRule,
    PolicyRulesWithSubjects, PriorityLevelConfiguration, PriorityLevelConfigurationReference,
    PriorityLevelConfigurationSpec, ResourcePolicyRule, Subject,
};
use api::strategies::flow_control::{CATCH_ALL, DANGLING, EXEMPT};
use api::{ObjectMeta, Time};
use std::collections::{BTreeMap, BTreeSet};

/// The levels of every cluster.
pub(super) const LEVELS: [&str; 2] = [EXEMPT, CATCH_ALL];
/// Upstream keeps objects with this annotation up to date.
const AUTOUPDATE: &str = "apf.kubernetes.io/autoupdate-spec";

fn named(name: &str) -> ObjectMeta {
    let annotations = BTreeMap::from([(AUTOUPDATE.to_owned(), "true".to_owned())]);
    ObjectMeta { name: Some(name.to_owned()), annotations: Some(annotations), ..ObjectMeta::default() }
}

pub(super) fn levels() -> [PriorityLevelConfiguration; 2] {
    let exempt = PriorityLevelConfigurationSpec {
        type_: "Exempt".to_owned(),
        exempt: Some(ExemptPriorityLevelConfiguration {
            nominal_concurrency_shares: Some(0),
            lendable_percent: Some(0),
        }),
        limited: None,
    };
    let rest = PriorityLevelConfigurationSpec {
        type_: "Limited".to_owned(),
        exempt: None,
        limited: Some(LimitedPriorityLevelConfiguration {
            nominal_concurrency_shares: Some(5),
            lendable_percent: Some(0),
            limit_response: LimitResponse { type_: "Reject".to_owned(), queuing: None },
            borrowing_limit_percent: None,
        }),
    };
    [(EXEMPT, exempt), (CATCH_ALL, rest)].map(|(name, spec)| PriorityLevelConfiguration {
        metadata: named(name),
        spec,
        status: None,
    })
}

pub(super) fn schemas() -> [FlowSchema; 2] {
    let by_user = FlowDistinguisherMethod { type_: "ByUser".to_owned() };
    [
        schema(EXEMPT, 1, None, &[MASTERS]),
        schema(CATCH_ALL, 10_000, Some(by_user), &[UNAUTHENTICATED, AUTHENTICATED]),
    ]
}

/// Everything that these groups ask for.
fn schema(name: &str, precedence: i32, by: Option<FlowDistinguisherMethod>, groups: &[&str]) -> FlowSchema {
    let everything = || vec!["*".to_owned()];
    let subject = |group: &&str| Subject {
        kind: "Group".to_owned(),
        group: Some(GroupSubject { name: (*group).to_owned() }),
        ..Subject::default()
    };
    let rule = PolicyRulesWithSubjects {
        subjects: groups.iter().map(subject).collect(),
        resource_rules: Some(vec![ResourcePolicyRule {
            verbs: everything(),
            api_groups: everything(),
            resources: everything(),
            cluster_scope: Some(true),
            namespaces: Some(everything()),
        }]),
        non_resource_rules: Some(vec![NonResourcePolicyRule {
            verbs: everything(),
            non_resource_urls: everything(),
        }]),
    };
    FlowSchema {
        metadata: named(name),
        spec: FlowSchemaSpec {
            priority_level_configuration: PriorityLevelConfigurationReference { name: name.to_owned() },
            matching_precedence: Some(precedence),
            distinguisher_method: by,
            rules: Some(vec![rule]),
        },
        status: None,
    }
}

/// See the module above.
pub(super) fn with_status(schema: &FlowSchema, levels: &BTreeSet<String>, now: &Time) -> Option<FlowSchema> {
    let level = &schema.spec.priority_level_configuration.name;
    let names = format!("This FlowSchema references the PriorityLevelConfiguration object named {level:?}");
    let (status, reason, message) = match levels.contains(level) {
        true => ("False", "Found", format!("{names} and it exists")),
        false => ("True", "NotFound", format!("{names} but there is no such object")),
    };
    let before = schema.status.iter().flat_map(|it| it.conditions.iter().flatten());
    let since = before.into_iter().find(|it| it.type_ == DANGLING && it.status.as_deref() == Some(status));
    let condition = FlowSchemaCondition {
        type_: DANGLING.to_owned(),
        status: Some(status.to_owned()),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: since.and_then(|it| it.last_transition_time.clone()).or(Some(now.clone())),
    };
    let mut told = schema.clone();
    told.status.get_or_insert_default().conditions = Some(vec![condition]);
    (told != *schema).then_some(told)
}
