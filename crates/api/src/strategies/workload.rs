//! What the kinds that make pods from a template have in common.

use crate::ObjectMeta;
use crate::strategies::cells;
use crate::strategies::defaults::value;
use crate::validation::names;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

/// Cells of the columns Containers, Images and Selector.
pub(crate) fn wide_cells(template: Option<&PodTemplateSpec>, selector: &str) -> [Value; 3] {
    let [names, images] = cells::containers(template);
    [names.into(), images.into(), selector.into()]
}

/// What the name of most workloads is used for.
pub(crate) const NAMES_PODS: &str = "Pod names and hostnames";

/// A hostname has no dots: what is named with one works, and yet surprises.
pub(crate) fn name_warning(meta: &ObjectMeta, used_in: &str) -> Vec<String> {
    let messages = names::dns_label(meta.name.as_deref().unwrap_or_default());
    if messages.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "metadata.name: this is used in {used_in}, which can result in surprising behavior; a DNS label is recommended: [{}]",
        messages.join(" ")
    )]
}

/// The selector as `scale` shows it.
pub(crate) fn scale_selector(selector: &LabelSelector) -> String {
    cells::sorted(selector)
}

/// A share of the pods.
pub(crate) fn percent(slot: &mut Option<IntOrString>, percent: u8) {
    value(slot, IntOrString::String(format!("{percent}%")));
}
