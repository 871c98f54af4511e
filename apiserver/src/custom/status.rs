//! What a definition's status says: the names that it got, and whether its kinds are served.
//!
//! Start at [`status_of`]. Definitions of one group share the names of resources and of kinds; who came first keeps a
//! name, and a definition that wants a taken one is not established (or, once established, keeps what it had).

use api::Time;
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionCondition, CustomResourceDefinitionNames,
    CustomResourceDefinitionStatus,
};
use api::strategies::custom_resource_definition::{ESTABLISHED, NAMES_ACCEPTED, TERMINATING, is_established};
use std::collections::BTreeSet;

/// Why a condition is as it is, in one word and in a sentence.
type Why = (&'static str, String);

/// Names that other definitions of the group have.
#[derive(Default)]
struct Taken<'a> {
    resources: BTreeSet<&'a str>,
    kinds: BTreeSet<&'a str>,
}

/// The status of a definition beside all definitions (it may be among them).
pub(crate) fn status_of(
    definition: &CustomResourceDefinition,
    all: &[&CustomResourceDefinition],
    now: &Time,
) -> CustomResourceDefinitionStatus {
    let mut status = definition.status.clone().unwrap_or_default();
    let others = all
        .iter()
        .filter(|it| it.spec.group == definition.spec.group && it.metadata.name != definition.metadata.name);
    let (names, conflict) = accepted(definition, &Taken::of(others.copied()));
    status.accepted_names = Some(names);
    let accepts = conflict.is_none();
    let why = conflict.unwrap_or(("NoConflicts", "no conflicts found".to_owned()));
    set_condition(&mut status, NAMES_ACCEPTED, accepts, why, now);
    if !is_established(definition) {
        let why = match accepts {
            true => ("InitialNamesAccepted", "the initial names have been accepted"),
            false => ("NotAccepted", "not all names are accepted"),
        };
        set_condition(&mut status, ESTABLISHED, accepts, (why.0, why.1.to_owned()), now);
    }
    status
}

/// Sets a condition; its time changes with its value only.
pub(crate) fn set_condition(
    status: &mut CustomResourceDefinitionStatus,
    type_: &str,
    holds: bool,
    (reason, message): Why,
    now: &Time,
) {
    let value = if holds { "True" } else { "False" };
    let conditions = status.conditions.get_or_insert_default();
    let before = conditions.iter().position(|it| it.type_ == type_).map(|at| conditions.remove(at));
    let since = before.filter(|it| it.status == value).and_then(|it| it.last_transition_time);
    conditions.push(CustomResourceDefinitionCondition {
        type_: type_.to_owned(),
        status: value.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: since.or_else(|| Some(now.clone())),
        ..CustomResourceDefinitionCondition::default()
    });
    conditions.sort_by_key(|it| ORDER.iter().position(|name| *name == it.type_));
}

/// The order in which upstream comes to write them.
const ORDER: &[&str] = &[NAMES_ACCEPTED, ESTABLISHED, TERMINATING];

impl<'a> Taken<'a> {
    fn of(others: impl Iterator<Item = &'a CustomResourceDefinition>) -> Self {
        let mut taken = Self::default();
        for names in others.filter_map(|it| it.status.as_ref()?.accepted_names.as_ref()) {
            taken.resources.extend([names.plural.as_str()]);
            taken.resources.extend(names.singular.as_deref());
            taken.resources.extend(names.short_names.iter().flatten().map(String::as_str));
            taken.kinds.extend([names.kind.as_str()]);
            taken.kinds.extend(names.list_kind.as_deref());
        }
        taken.resources.remove("");
        taken.kinds.remove("");
        taken
    }
}

/// The names that a definition gets, and the last conflict among those it wants.
fn accepted(
    definition: &CustomResourceDefinition,
    taken: &Taken<'_>,
) -> (CustomResourceDefinitionNames, Option<Why>) {
    let wanted = &definition.spec.names;
    let before = definition.status.as_ref().and_then(|it| it.accepted_names.clone());
    let mut names = before.unwrap_or_default();
    let mut conflict = None;
    let mut free = |taken: &BTreeSet<&str>, name: &str, reason: &'static str| {
        let is_free = !taken.contains(name);
        if !is_free {
            conflict = Some((reason, format!("{name:?} is already in use")));
        }
        is_free
    };
    if free(&taken.resources, &wanted.plural, "PluralConflict") {
        names.plural.clone_from(&wanted.plural);
    }
    if free(&taken.resources, wanted.singular.as_deref().unwrap_or_default(), "SingularConflict") {
        names.singular.clone_from(&wanted.singular);
    }
    let short = wanted.short_names.as_deref().unwrap_or_default();
    if short.iter().all(|it| free(&taken.resources, it, "ShortNamesConflict")) {
        names.short_names.clone_from(&wanted.short_names);
    }
    if free(&taken.kinds, &wanted.kind, "KindConflict") {
        names.kind.clone_from(&wanted.kind);
    }
    if free(&taken.kinds, wanted.list_kind.as_deref().unwrap_or_default(), "ListKindConflict") {
        names.list_kind.clone_from(&wanted.list_kind);
    }
    names.categories.clone_from(&wanted.categories);
    (names, conflict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn definition(plural: &str, kind: &str, short: &[&str]) -> CustomResourceDefinition {
        let names = json!({ "plural": plural, "singular": kind.to_lowercase(), "kind": kind,
            "listKind": format!("{kind}List"), "shortNames": short });
        let value: Value = json!({
            "metadata": { "name": format!("{plural}.x.io") },
            "spec": { "group": "x.io", "scope": "Namespaced", "names": names, "versions": [] },
        });
        serde_json::from_value(value).expect("a definition")
    }

    fn time(second: i64) -> Time {
        Time(jiff::Timestamp::from_second(second).expect("a time"))
    }

    /// `expect` are the conditions, and the plural and short names that were accepted.
    #[track_caller]
    fn check(definition: &CustomResourceDefinition, others: &[&CustomResourceDefinition], expect: &str) {
        let status = status_of(definition, others, &time(1));
        let conditions = status.conditions.iter().flatten();
        let mut got: Vec<String> = conditions
            .map(|it| format!("{}={}/{}", it.type_, it.status, it.reason.clone().unwrap_or_default()))
            .collect();
        let names = status.accepted_names.expect("names are always there");
        got.push(format!("{} {:?}", names.plural, names.short_names.unwrap_or_default()));
        assert_eq!(got.join(" "), expect);
    }

    #[test]
    fn who_comes_first_keeps_the_name() {
        let mut first = definition("widgets", "Widget", &["w"]);
        check(
            &first,
            &[],
            r#"NamesAccepted=True/NoConflicts Established=True/InitialNamesAccepted widgets ["w"]"#,
        );
        first.status = Some(status_of(&first, &[], &time(1)));
        check(
            &first,
            &[&first],
            r#"NamesAccepted=True/NoConflicts Established=True/InitialNamesAccepted widgets ["w"]"#,
        );
        let short = definition("wheels", "Wheel", &["wh", "w"]);
        check(
            &short,
            &[&first],
            "NamesAccepted=False/ShortNamesConflict Established=False/NotAccepted wheels []",
        );
        let kind = definition("others", "Widget", &[]);
        check(
            &kind,
            &[&first],
            "NamesAccepted=False/ListKindConflict Established=False/NotAccepted others []",
        );
        // Once established it stays so, with what it had.
        first.spec.names.short_names = Some(vec!["wh".to_owned()]);
        let mut second = definition("wheels", "Wheel", &["wh"]);
        second.status = Some(status_of(&second, &[], &time(1)));
        check(
            &first,
            &[&second],
            r#"NamesAccepted=False/ShortNamesConflict Established=True/InitialNamesAccepted widgets ["w"]"#,
        );
    }

    #[test]
    fn times_change_with_values_only() {
        let mut it = definition("widgets", "Widget", &[]);
        it.status = Some(status_of(&it, &[], &time(1)));
        assert_eq!(Some(status_of(&it, &[], &time(2))), it.status);
    }
}
