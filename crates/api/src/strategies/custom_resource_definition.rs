//! How a CustomResourceDefinition behaves. Establishing it and serving its kind is the API server's.

use crate::field::Errors;
use crate::strategies::cells::{CREATED_AT, created_at};
use crate::strategies::defaults::{text, value};
use crate::strategy::{Behaviour, Column, name_cell};
use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceConversion, CustomResourceDefinition,
};
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct CustomResourceDefinitionStrategy;

impl Behaviour for CustomResourceDefinitionStrategy {
    type Object = CustomResourceDefinition;
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

    fn validate(object: &CustomResourceDefinition) -> Errors {
        crate::validation::extension::definition(object)
    }

    fn validate_update(object: &CustomResourceDefinition, old: &CustomResourceDefinition) -> Errors {
        crate::validation::extension::definition_update(object, old)
    }

    fn cells(definition: &CustomResourceDefinition, _now: Timestamp) -> Vec<Value> {
        vec![name_cell(&definition.metadata), created_at(&definition.metadata).into()]
    }
}
