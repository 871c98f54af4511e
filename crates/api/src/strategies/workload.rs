//! What the kinds that make pods from a template have in common.

use crate::strategies::cells;
use crate::strategies::defaults::value;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

/// Cells of the columns Containers, Images and Selector.
pub(crate) fn wide_cells(template: Option<&PodTemplateSpec>, selector: &str) -> [Value; 3] {
    let [names, images] = cells::containers(template);
    [names.into(), images.into(), selector.into()]
}

/// The selector as `scale` shows it.
pub(crate) fn scale_selector(selector: &LabelSelector) -> String {
    cells::sorted(selector)
}

/// A share of the pods.
pub(crate) fn percent(slot: &mut Option<IntOrString>, percent: u8) {
    value(slot, IntOrString::String(format!("{percent}%")));
}
