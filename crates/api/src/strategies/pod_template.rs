//! How a PodTemplate behaves.

use crate::field::Errors;
use crate::strategies::cells::{containers, labels};
use crate::strategies::pod;
use crate::strategies::quantities;
use crate::strategy::{Behaviour, Column, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::PodTemplate;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct PodTemplateStrategy;

impl Behaviour for PodTemplateStrategy {
    type Object = PodTemplate;
    const RETURNS_DELETED: bool = true;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Containers", "Names of the pod's containers."),
        Column::text("Images", "Images of the pod's containers."),
        Column::text("Pod Labels", "Labels of the pod."),
    ];

    fn quantities(object: &mut PodTemplate, visit: &mut dyn FnMut(&mut Quantity)) {
        quantities::template(object.template.as_mut(), visit);
    }

    fn set_defaults(object: &mut PodTemplate) {
        pod::defaults::template(object.template.get_or_insert_default());
    }

    fn validate(object: &PodTemplate) -> Errors {
        crate::validation::workload::pod_template(object)
    }

    fn cells(object: &PodTemplate, _now: Timestamp) -> Vec<Value> {
        let [names, images] = containers(object.template.as_ref());
        let meta = object.template.as_ref().and_then(|it| it.metadata.as_ref());
        let labels = labels(meta.and_then(|it| it.labels.as_ref()));
        vec![name_cell(&object.metadata), names.into(), images.into(), labels.into()]
    }
}
