//! How a FlowSchema and a PriorityLevelConfiguration behave (KEP-1040). They are stored and checked; the server's own
//! fairness does not read them.

use crate::field::{Error, Errors, Path};
use crate::meta;
use crate::strategies::defaults::value;
use crate::strategy::{Behaviour, Column, StatusMeta, age_cell, name_cell};
use crate::validation::common::{not_negative, one_of, required};
use crate::validation::names;
use jiff::Timestamp;
use k8s_openapi::api::flowcontrol::v1::{
    ExemptPriorityLevelConfiguration, FlowSchema, LimitResponse, LimitedPriorityLevelConfiguration,
    PolicyRulesWithSubjects, PriorityLevelConfiguration, Subject,
};
use serde_json::Value;

/// The condition that says whether a flow schema's priority level is missing.
pub const DANGLING: &str = "Dangling";
/// The one level that may be exempt, and the one that takes what no other does. They are there in every cluster.
pub const EXEMPT: &str = "exempt";
/// See [`EXEMPT`].
pub const CATCH_ALL: &str = "catch-all";

const NONE: &str = "<none>";
/// Which schema is asked first: the least number.
const USUAL_PRECEDENCE: i32 = 1000;
const LAST_PRECEDENCE: i32 = 10_000;

/// A FlowSchema.
#[derive(Debug)]
pub struct FlowSchemaStrategy;
/// A PriorityLevelConfiguration.
#[derive(Debug)]
pub struct PriorityLevelConfigurationStrategy;

impl Behaviour for FlowSchemaStrategy {
    type Object = FlowSchema;
    const STATUS_META: StatusMeta = StatusMeta::Kept;
    /// The server's own come with it; whatever others say is replaced by the server at once.
    const KEEPS_STATUS: bool = true;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("PriorityLevel", "The level that its requests belong to."),
        Column::text("MatchingPrecedence", "Its place among the schemas: the least number is asked first."),
        Column::text("DistinguisherMethod", "How requests are told apart as flows."),
        Column::AGE,
        Column::text("MissingPL", "Whether the priority level is missing."),
    ];

    fn set_defaults(schema: &mut FlowSchema) {
        value(&mut schema.spec.matching_precedence, USUAL_PRECEDENCE);
    }

    fn validate(schema: &FlowSchema) -> Errors {
        let (mut errors, path, spec) = (Errors::new(), Path::new("spec"), &schema.spec);
        let precedence = spec.matching_precedence.unwrap_or(USUAL_PRECEDENCE);
        if !(1..=LAST_PRECEDENCE).contains(&precedence) {
            let detail = format!("must be between 1 and {LAST_PRECEDENCE}");
            errors.push(Error::invalid(&path.child("matchingPrecedence"), precedence, detail));
        }
        if precedence == 1 && meta::name(&schema.metadata) != EXEMPT {
            let detail = "only the schema named 'exempt' may have matchingPrecedence 1";
            errors.push(Error::invalid(&path.child("matchingPrecedence"), precedence, detail));
        }
        let level = &spec.priority_level_configuration.name;
        required(
            &mut errors,
            &path.child("priorityLevelConfiguration").child("name"),
            level,
            names::dns_subdomain,
        );
        if let Some(method) = &spec.distinguisher_method {
            let path = path.child("distinguisherMethod").child("type");
            one_of(&mut errors, &path, Some(&method.type_), &["ByNamespace", "ByUser"]);
        }
        for (index, rule) in spec.rules.iter().flatten().enumerate() {
            check_rule(&mut errors, &path.child("rules").index(index), rule);
        }
        errors
    }

    fn cells(schema: &FlowSchema, now: Timestamp) -> Vec<Value> {
        let spec = &schema.spec;
        let method = spec.distinguisher_method.as_ref().map_or(NONE, |it| it.type_.as_str());
        let mut conditions = schema.status.iter().flat_map(|it| it.conditions.iter().flatten());
        let dangling = conditions.find(|it| it.type_ == DANGLING).and_then(|it| it.status.clone());
        vec![
            name_cell(&schema.metadata),
            spec.priority_level_configuration.name.clone().into(),
            spec.matching_precedence.unwrap_or_default().into(),
            method.into(),
            age_cell(&schema.metadata, now),
            dangling.unwrap_or_else(|| "?".to_owned()).into(),
        ]
    }
}

fn check_rule(errors: &mut Errors, path: &Path, rule: &PolicyRulesWithSubjects) {
    if rule.subjects.is_empty() {
        errors.push(Error::required(&path.child("subjects"), "subjects must contain at least one value"));
    }
    for (index, subject) in rule.subjects.iter().enumerate() {
        check_subject(errors, &path.child("subjects").index(index), subject);
    }
    let is_empty = rule.resource_rules.as_ref().is_none_or(Vec::is_empty)
        && rule.non_resource_rules.as_ref().is_none_or(Vec::is_empty);
    if is_empty {
        errors.push(Error::required(
            path,
            "at least one of resourceRules and nonResourceRules has to be non-empty",
        ));
    }
    for (index, rule) in rule.resource_rules.iter().flatten().enumerate() {
        let path = path.child("resourceRules").index(index);
        for (field, values) in
            [("verbs", &rule.verbs), ("apiGroups", &rule.api_groups), ("resources", &rule.resources)]
        {
            not_empty(errors, &path.child(field), values);
        }
        if rule.namespaces.as_ref().is_none_or(Vec::is_empty) && rule.cluster_scope != Some(true) {
            let detail = "resource rules that are not cluster scoped must supply at least one namespace";
            errors.push(Error::required(&path.child("namespaces"), detail));
        }
    }
    for (index, rule) in rule.non_resource_rules.iter().flatten().enumerate() {
        let path = path.child("nonResourceRules").index(index);
        not_empty(errors, &path.child("verbs"), &rule.verbs);
        not_empty(errors, &path.child("nonResourceURLs"), &rule.non_resource_urls);
    }
}

fn not_empty(errors: &mut Errors, path: &Path, values: &[String]) {
    if values.is_empty() {
        errors.push(Error::required(path, "must contain at least one value"));
    }
}

fn check_subject(errors: &mut Errors, path: &Path, subject: &Subject) {
    one_of(errors, &path.child("kind"), Some(&subject.kind), &["Group", "ServiceAccount", "User"]);
    for (kind, field, is_there) in [
        ("Group", "group", subject.group.is_some()),
        ("ServiceAccount", "serviceAccount", subject.service_account.is_some()),
        ("User", "user", subject.user.is_some()),
    ] {
        match (subject.kind == kind, is_there) {
            (true, false) => {
                errors.push(Error::required(
                    &path.child(field),
                    format!("{field} is required when subject kind is '{kind}'"),
                ));
            }
            (false, true) => {
                let detail = format!("{field} is forbidden when subject kind is not '{kind}'");
                errors.push(Error::forbidden(&path.child(field), detail));
            }
            _ => {}
        }
    }
}

impl Behaviour for PriorityLevelConfigurationStrategy {
    type Object = PriorityLevelConfiguration;
    const STATUS_META: StatusMeta = StatusMeta::Kept;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Type", "Whether its requests are limited."),
        Column::text("NominalConcurrencyShares", "Its part of the server."),
        Column::text("Queues", "How many queues it has."),
        Column::text("HandSize", "Among how many queues a flow chooses."),
        Column::text("QueueLengthLimit", "How many requests wait in a queue."),
        Column::AGE,
    ];

    fn set_defaults(level: &mut PriorityLevelConfiguration) {
        let spec = &mut level.spec;
        if spec.type_ == "Exempt" {
            let exempt = spec.exempt.get_or_insert_with(ExemptPriorityLevelConfiguration::default);
            value(&mut exempt.nominal_concurrency_shares, 0);
            value(&mut exempt.lendable_percent, 0);
        }
        let Some(limited) = &mut spec.limited else { return };
        value(&mut limited.nominal_concurrency_shares, 30);
        value(&mut limited.lendable_percent, 0);
        if let Some(queuing) = &mut limited.limit_response.queuing {
            value(&mut queuing.queues, 64);
            value(&mut queuing.hand_size, 8);
            value(&mut queuing.queue_length_limit, 50);
        }
    }

    fn validate(level: &PriorityLevelConfiguration) -> Errors {
        let (mut errors, path, spec) = (Errors::new(), Path::new("spec"), &level.spec);
        one_of(&mut errors, &path.child("type"), Some(&spec.type_), &["Exempt", "Limited"]);
        let is_exempt = meta::name(&level.metadata) == EXEMPT;
        if is_exempt != (spec.type_ == "Exempt") {
            let detail = "must be 'Exempt' if and only if `name` is 'exempt'";
            errors.push(Error::invalid(&path.child("type"), spec.type_.clone(), detail));
        }
        match (spec.type_.as_str(), &spec.limited) {
            ("Limited", None) => {
                errors.push(Error::required(&path.child("limited"), "must not be empty when type is Limited"))
            }
            ("Limited", Some(limited)) => check_limited(&mut errors, &path.child("limited"), limited),
            (_, Some(_)) => {
                errors
                    .push(Error::forbidden(&path.child("limited"), "must be nil if the type is not Limited"));
            }
            (_, None) => {}
        }
        if spec.type_ == "Limited" && spec.exempt.is_some() {
            errors.push(Error::forbidden(&path.child("exempt"), "must be nil if the type is Limited"));
        }
        errors
    }

    fn cells(level: &PriorityLevelConfiguration, now: Timestamp) -> Vec<Value> {
        let limited = level.spec.limited.as_ref();
        let queuing = limited.and_then(|it| it.limit_response.queuing.as_ref());
        let number = |it: Option<i32>| it.map_or(NONE.into(), Value::from);
        vec![
            name_cell(&level.metadata),
            level.spec.type_.clone().into(),
            number(limited.and_then(|it| it.nominal_concurrency_shares)),
            number(queuing.and_then(|it| it.queues)),
            number(queuing.and_then(|it| it.hand_size)),
            number(queuing.and_then(|it| it.queue_length_limit)),
            age_cell(&level.metadata, now),
        ]
    }
}

fn check_limited(errors: &mut Errors, path: &Path, limited: &LimitedPriorityLevelConfiguration) {
    let shares = limited.nominal_concurrency_shares.map(i64::from);
    not_negative(errors, &path.child("nominalConcurrencyShares"), shares);
    if let Some(percent) = limited.lendable_percent.filter(|it| !(0..=100).contains(it)) {
        errors.push(Error::invalid(
            &path.child("lendablePercent"),
            percent,
            "must be between 0 and 100, inclusive",
        ));
    }
    not_negative(
        errors,
        &path.child("borrowingLimitPercent"),
        limited.borrowing_limit_percent.map(i64::from),
    );
    check_response(errors, &path.child("limitResponse"), &limited.limit_response);
}

fn check_response(errors: &mut Errors, path: &Path, response: &LimitResponse) {
    one_of(errors, &path.child("type"), Some(&response.type_), &["Queue", "Reject"]);
    let queuing = path.child("queuing");
    match (response.type_.as_str(), &response.queuing) {
        ("Queue", None) => {
            errors
                .push(Error::required(&queuing, "must not be empty if limited.limitResponse.type is Queue"));
        }
        ("Reject", Some(_)) => {
            errors.push(Error::forbidden(&queuing, "must be nil if limited.limitResponse.type is not Queue"));
        }
        (_, Some(given)) => {
            for (field, number) in [
                ("queues", given.queues),
                ("handSize", given.hand_size),
                ("queueLengthLimit", given.queue_length_limit),
            ] {
                if let Some(number) = number.filter(|it| *it <= 0) {
                    errors.push(Error::invalid(&queuing.child(field), number, "must be positive"));
                }
            }
            if given.hand_size > given.queues {
                let detail = "should not be greater than queues";
                errors.push(Error::invalid(&queuing.child("handSize"), given.hand_size, detail));
            }
        }
        _ => {}
    }
}
