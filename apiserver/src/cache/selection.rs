//! Which objects a list or a watch is about.

use super::entry::Entry;
use api::selector::{FieldSelector, Selector};
use api::{ApiError, Kind};

/// The scope and the selectors of a list or a watch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Empty for all namespaces.
    pub(crate) namespace: String,
    pub(crate) labels: Selector,
    pub(crate) fields: FieldSelector,
}

impl Selection {
    /// Parses the selectors of a query. Fields that the kind does not offer are refused, and the others get the names
    /// that they have in what is stored.
    pub(crate) fn parse(
        kind: Kind,
        namespace: &str,
        labels: Option<&str>,
        fields: Option<&str>,
    ) -> Result<Self, ApiError> {
        let refused = |error: api::selector::ParseError| ApiError::bad_request(error.to_string());
        let labels = labels.map(Selector::parse).transpose().map_err(refused)?.unwrap_or_default();
        let mut fields = fields.map(FieldSelector::parse).transpose().map_err(refused)?.unwrap_or_default();
        for it in &mut fields.0 {
            check_field(kind, &it.field)?;
            if let Some((_, stored)) =
                kind.row().strategy.stored_fields().iter().find(|(own, _)| *own == it.field)
            {
                (*stored).clone_into(&mut it.field);
            }
        }
        Ok(Self { namespace: namespace.to_owned(), labels, fields })
    }

    /// Whether an object is meant.
    pub(crate) fn matches(&self, entry: &Entry) -> bool {
        (self.namespace.is_empty() || entry.namespace() == self.namespace)
            && self.labels.matches(entry.labels())
            && self.fields.matches(|field| entry.field(field))
    }

    /// Whether the namespace alone decides.
    pub(crate) fn is_plain(&self) -> bool {
        self.labels.is_empty() && self.fields.0.is_empty()
    }

    /// Whether namespace and name alone decide, which are the same in every version of an object.
    pub(crate) fn is_by_key(&self) -> bool {
        let of_key = |field: &str| matches!(field, "metadata.name" | "metadata.namespace");
        self.labels.is_empty() && self.fields.0.iter().all(|it| of_key(&it.field))
    }

    /// Narrows the selection to one object.
    pub(crate) fn pin_name(&mut self, name: &str) {
        let field = "metadata.name".to_owned();
        self.fields.0.push(api::selector::FieldRequirement { field, value: name.to_owned(), equal: true });
    }
}

fn check_field(kind: Kind, field: &str) -> Result<(), ApiError> {
    let row = kind.row();
    let common = field == "metadata.name" || (field == "metadata.namespace" && row.namespaced());
    if common || row.strategy.field_names().contains(&field) {
        return Ok(());
    }
    Err(ApiError::bad_request(format!("field label not supported: {field}")))
}
