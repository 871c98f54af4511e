//! How `kubectl get` writes things that many kinds show. Text in angle brackets is upstream's.

use crate::ObjectMeta;
use crate::selector::{Selector, Test};
use crate::strategy::{Column, human_duration};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, Time};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;

/// What stands where there is nothing.
pub(crate) const NONE: &str = "<none>";
/// What stands where something is not known.
pub(crate) const UNKNOWN: &str = "<unknown>";
/// What stands where a field is not set.
pub(crate) const UNSET: &str = "<unset>";

/// The creation time itself, which kinds without columns of their own show.
pub(crate) const CREATED_AT: Column =
    Column { kind: "date", ..Column::text("Created At", "Time at which the object was created.") };
/// Names of a template's containers.
pub(crate) const CONTAINERS: Column = Column::text("Containers", "Names of the pod's containers.").wide();
/// Images of a template's containers.
pub(crate) const IMAGES: Column = Column::text("Images", "Images of the pod's containers.").wide();
/// A workload's selector.
pub(crate) const SELECTOR: Column = Column::text("Selector", "Labels of the pods that belong here.").wide();

/// The cell of [`CREATED_AT`].
pub(crate) fn created_at(meta: &ObjectMeta) -> String {
    let second = |it: &Time| it.0.round(jiff::Unit::Second).unwrap_or(it.0).to_string();
    meta.creation_timestamp.as_ref().map_or_else(String::new, second)
}

/// A text, or `<none>`.
pub(crate) fn or_none(text: Option<&str>) -> String {
    text.filter(|it| !it.is_empty()).unwrap_or(NONE).to_owned()
}

/// A list joined by commas, or `<none>`.
pub(crate) fn joined_or_none(list: &[String]) -> String {
    or_none(Some(&list.join(",")))
}

/// At most `most` items, then how many more there are.
pub(crate) fn some_of(list: &[String], most: usize, nothing: &str) -> String {
    let shown = list.iter().take(most).cloned().collect::<Vec<_>>().join(",");
    match list.len() {
        0 => nothing.to_owned(),
        length if length > most => format!("{shown} + {} more...", length - most),
        _ => shown,
    }
}

/// How long ago a time was.
pub(crate) fn since(time: Option<Timestamp>, now: Timestamp) -> String {
    time.map_or_else(|| UNKNOWN.to_owned(), |it| human_duration(now.duration_since(it).as_secs()))
}

/// `True`, `False` or `<unset>`.
pub(crate) fn tristate(value: Option<bool>) -> String {
    value.map_or(UNSET, |it| if it { "True" } else { "False" }).to_owned()
}

/// A number or a percentage.
pub(crate) fn int_or_string(value: &IntOrString) -> String {
    match value {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(text) => text.clone(),
    }
}

/// `key=value` pairs, or `<none>`.
pub(crate) fn labels(labels: Option<&BTreeMap<String, String>>) -> String {
    let pairs: Vec<String> =
        labels.into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    joined_or_none(&pairs)
}

/// A selector as a query string, or `<none>`.
pub(crate) fn selector(selector: Option<&LabelSelector>) -> String {
    match selector.map(sorted).unwrap_or_default() {
        text if text.is_empty() => NONE.to_owned(),
        text => text,
    }
}

/// A selector as upstream writes it: sorted by key, values sorted too.
pub(crate) fn sorted(selector: &LabelSelector) -> String {
    let Ok(mut selector) = Selector::of(selector) else { return "<error>".to_owned() };
    selector.0.sort_by(|a, b| a.key.cmp(&b.key));
    for requirement in &mut selector.0 {
        if let Test::In(values) | Test::NotIn(values) = &mut requirement.test {
            values.sort();
        }
    }
    selector.to_string()
}

/// The query string of a plain map.
pub(crate) fn map_selector(map: Option<&BTreeMap<String, String>>) -> String {
    let pairs: Vec<String> = map.into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(",")
}

/// The names and the images of a template's containers.
pub(crate) fn containers(template: Option<&PodTemplateSpec>) -> [String; 2] {
    let all: &[Container] =
        template.and_then(|it| it.spec.as_ref()).map(|it| it.containers.as_slice()).unwrap_or_default();
    let names: Vec<&str> = all.iter().map(|it| it.name.as_str()).collect();
    let images: Vec<&str> = all.iter().map(|it| it.image.as_deref().unwrap_or_default()).collect();
    [names.join(","), images.join(",")]
}
