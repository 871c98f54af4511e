//! How a Namespace behaves: it carries a finalizer of its own in the spec, which only `finalize` may remove.

use crate::field::Errors;
use crate::meta;
use crate::resources::Subresource;
use crate::strategy::{Behaviour, Column, SelectableField, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, NamespaceStatus};
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct NamespaceStrategy;

/// The label that always holds the namespace's name, for selectors.
pub const NAME_LABEL: &str = "kubernetes.io/metadata.name";
/// The finalizer in the spec.
pub const FINALIZER: &str = "kubernetes";

impl Behaviour for NamespaceStrategy {
    type Object = Namespace;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] =
        &[Column::NAME, Column::text("Status", "The phase of the namespace."), Column::AGE];
    const FIELDS: &'static [&'static str] = &["status.phase"];

    fn set_defaults(namespace: &mut Namespace) {
        label(namespace);
    }

    fn prepare_create(namespace: &mut Namespace) {
        label(namespace);
        let finalizers = namespace.spec.get_or_insert_default().finalizers.get_or_insert_default();
        if !finalizers.iter().any(|it| it == FINALIZER) {
            finalizers.push(FINALIZER.to_owned());
        }
        let phase = Some("Active".to_owned());
        namespace.status = Some(NamespaceStatus { phase, ..NamespaceStatus::default() });
    }

    fn prepare_update(namespace: &mut Namespace, old: &Namespace) {
        namespace.spec.clone_from(&old.spec);
    }

    fn validate_below(new: &Namespace, _old: &Namespace, _below: Subresource) -> Errors {
        crate::validation::cluster::namespace_status(new)
    }

    fn is_held(namespace: &Namespace) -> bool {
        let finalizers = namespace.spec.as_ref().and_then(|it| it.finalizers.as_ref());
        finalizers.is_some_and(|it| !it.is_empty())
    }

    fn mark_held(namespace: &mut Namespace) {
        namespace.status.get_or_insert_default().phase = Some("Terminating".to_owned());
    }

    fn cells(namespace: &Namespace, now: Timestamp) -> Vec<Value> {
        let phase = namespace.status.as_ref().and_then(|it| it.phase.clone());
        vec![
            name_cell(&namespace.metadata),
            phase.unwrap_or_default().into(),
            age_cell(&namespace.metadata, now),
        ]
    }

    fn fields(namespace: &Namespace) -> Vec<SelectableField> {
        let phase = namespace.status.as_ref().and_then(|it| it.phase.clone());
        vec![("status.phase", phase.unwrap_or_default())]
    }
}

/// A generated name is not known before the server makes it.
fn label(namespace: &mut Namespace) {
    let name = meta::name(&namespace.metadata).to_owned();
    if !name.is_empty() {
        meta::set_label(&mut namespace.metadata, NAME_LABEL, &name);
    }
}
