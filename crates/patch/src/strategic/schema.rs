//! Where a merge stands in the types.

use openapi::facts::{Field, Patch, Shape, Type};

use crate::error::Error;

/// The schema of an object that is being merged.
#[derive(Clone, Copy)]
pub(super) enum Schema {
    /// A struct.
    Type(&'static Type),
    /// A map whose keys are data; the field says what its values are.
    Values(&'static Field),
    /// Scalars, where no field can be.
    Scalar,
}

/// How a field merges.
pub(super) struct Lookup {
    /// The schema of the field's object, or of its items.
    pub(super) schema: Schema,
    pub(super) patch: Patch,
    pub(super) merge_key: Option<&'static str>,
}

impl Schema {
    /// Only fields that hold objects or lists are looked up.
    pub(super) fn field(self, name: &str) -> Result<Lookup, Error> {
        match self {
            Schema::Type(within) => {
                let unknown = || Error::NoSuchField { within: within.name(), field: name.into() };
                within.field(name).map(lookup_of).ok_or_else(unknown)
            }
            Schema::Values(field) => {
                let patch = Patch { merge: false, replace: false, retain_keys: false };
                Ok(Lookup { schema: element_of(field), patch, merge_key: None })
            }
            Schema::Scalar => Err(Error::NoSuchField { within: "of scalars", field: name.into() }),
        }
    }
}

fn lookup_of(field: &'static Field) -> Lookup {
    let schema = if field.shape() == Shape::Map { Schema::Values(field) } else { element_of(field) };
    Lookup { schema, patch: field.patch(), merge_key: field.merge_key() }
}

fn element_of(field: &'static Field) -> Schema {
    field.target().map_or(Schema::Scalar, Schema::Type)
}
