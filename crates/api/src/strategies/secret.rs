//! How a Secret behaves. `stringData` is a way of writing `data`: it is never stored.

use crate::field::Errors;
use crate::strategies::defaults::text;
use crate::strategy::{Behaviour, Column, SelectableField, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct SecretStrategy;

impl Behaviour for SecretStrategy {
    type Object = Secret;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Type", "What kind of secret it is."),
        Column::text("Data", "How many keys there are."),
        Column::AGE,
    ];
    const FIELDS: &'static [&'static str] = &["type"];

    fn set_defaults(secret: &mut Secret) {
        for (key, value) in secret.string_data.take().into_iter().flatten() {
            secret.data.get_or_insert_default().insert(key, ByteString(value.into_bytes()));
        }
        text(&mut secret.type_, "Opaque");
    }

    /// An update without a type keeps the old one: it cannot change anyway.
    fn prepare_update(secret: &mut Secret, old: &Secret) {
        if secret.type_.as_deref().is_none_or(str::is_empty) {
            secret.type_.clone_from(&old.type_);
        }
    }

    fn validate(object: &Secret) -> Errors {
        crate::validation::config::secret(object)
    }

    fn validate_update(object: &Secret, old: &Secret) -> Errors {
        crate::validation::config::secret_update(object, old)
    }

    fn cells(secret: &Secret, now: Timestamp) -> Vec<Value> {
        vec![
            name_cell(&secret.metadata),
            secret.type_.clone().unwrap_or_default().into(),
            secret.data.as_ref().map_or(0, |it| it.len()).into(),
            age_cell(&secret.metadata, now),
        ]
    }

    fn fields(secret: &Secret) -> Vec<SelectableField> {
        vec![("type", secret.type_.clone().unwrap_or_default())]
    }
}
