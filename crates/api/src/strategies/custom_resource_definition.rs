//! How a CustomResourceDefinition behaves. Establishing it and serving its kind is the API server's.

use crate::field::Errors;
use crate::resources::Scope;
use crate::strategies::cells::{CREATED_AT, created_at};
use crate::strategies::defaults::{text, value};
use crate::strategy::{Behaviour, Column, StatusMeta, name_cell};
use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceConversion, CustomResourceDefinition, CustomResourceDefinitionCondition,
    CustomResourceDefinitionStatus,
};
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct CustomResourceDefinitionStrategy;

/// Condition types.
pub const NAMES_ACCEPTED: &str = "NamesAccepted";
/// See [`NAMES_ACCEPTED`].
pub const ESTABLISHED: &str = "Established";
/// See [`NAMES_ACCEPTED`].
pub const TERMINATING: &str = "Terminating";

/// Whether the definition's kinds are served.
pub fn is_established(definition: &CustomResourceDefinition) -> bool {
    let conditions = definition.status.iter().flat_map(|it| it.conditions.iter().flatten());
    conditions.into_iter().any(|it| it.type_ == ESTABLISHED && it.status == "True")
}

/// Whether the definition's objects live in a namespace.
pub fn scope(definition: &CustomResourceDefinition) -> Scope {
    if definition.spec.scope == "Cluster" { Scope::Cluster } else { Scope::Namespaced }
}

/// Holds a deleted definition until its objects are gone.
pub const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

impl Behaviour for CustomResourceDefinitionStrategy {
    type Object = CustomResourceDefinition;
    const STATUS_META: StatusMeta = StatusMeta::Kept;
    const COLUMNS: &'static [Column] = &[Column::NAME, CREATED_AT];

    fn set_defaults(definition: &mut CustomResourceDefinition) {
        let names = &mut definition.spec.names;
        text(&mut names.singular, &names.kind.to_lowercase());
        text(&mut names.list_kind, &format!("{}List", names.kind));
        let none = || CustomResourceConversion { strategy: "None".to_owned(), webhook: None };
        let conversion = definition.spec.conversion.get_or_insert_with(none);
        let service = conversion.webhook.as_mut().and_then(|it| it.client_config.as_mut());
        if let Some(service) = service.and_then(|it| it.service.as_mut()) {
            value(&mut service.port, 443);
        }
    }

    fn prepare_create(definition: &mut CustomResourceDefinition) {
        definition.status = Some(CustomResourceDefinitionStatus::default());
        store_version(definition);
    }

    fn prepare_update(definition: &mut CustomResourceDefinition, _old: &CustomResourceDefinition) {
        store_version(definition);
    }

    fn validate(object: &CustomResourceDefinition) -> Errors {
        crate::validation::extension::definition(object)
    }

    fn validate_update(object: &CustomResourceDefinition, old: &CustomResourceDefinition) -> Errors {
        crate::validation::extension::definition_update(object, old)
    }

    fn is_held(definition: &CustomResourceDefinition) -> bool {
        let meta = &definition.metadata;
        meta.deletion_timestamp.is_none() || meta.finalizers.iter().flatten().any(|it| it == FINALIZER)
    }

    fn mark_held(definition: &mut CustomResourceDefinition) {
        let meta = &mut definition.metadata;
        let finalizers = meta.finalizers.get_or_insert_default();
        if finalizers.iter().any(|it| it == FINALIZER) {
            return;
        }
        finalizers.push(FINALIZER.to_owned());
        let terminating = CustomResourceDefinitionCondition {
            type_: TERMINATING.to_owned(),
            status: "True".to_owned(),
            reason: Some("InstanceDeletionPending".to_owned()),
            message: Some(
                "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon"
                    .to_owned(),
            ),
            last_transition_time: meta.deletion_timestamp.clone(),
            ..CustomResourceDefinitionCondition::default()
        };
        definition.status.get_or_insert_default().conditions.get_or_insert_default().push(terminating);
    }

    fn cells(definition: &CustomResourceDefinition, _now: Timestamp) -> Vec<Value> {
        vec![name_cell(&definition.metadata), created_at(&definition.metadata).into()]
    }
}

/// The version in which objects are stored is remembered for as long as there may be objects in it.
fn store_version(definition: &mut CustomResourceDefinition) {
    let Some(version) = definition.spec.versions.iter().find(|it| it.storage) else { return };
    let stored = definition.status.get_or_insert_default().stored_versions.get_or_insert_default();
    if !stored.contains(&version.name) {
        stored.push(version.name.clone());
    }
}
