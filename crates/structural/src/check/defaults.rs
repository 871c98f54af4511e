//! Whether defaults are values of their own schema: nothing of them would be pruned, and they validate.

use crate::cel::OBJECT_BUDGET;
use crate::correlate::Old;
use crate::schema::Structural;
use crate::validate::NO_FIELD;
use api::field::{Error, Errors, Path};

/// Everything that is wrong with the defaults of a schema. Map values cannot have defaults that stand alone.
pub(super) fn check(schema: &Structural, path: &Path) -> Errors {
    let mut errors = Errors::new();
    walk(&mut errors, schema, path, false);
    errors
}

fn walk(errors: &mut Errors, schema: &Structural, path: &Path, inside_meta: bool) {
    if let Some(default) = &schema.default {
        let path = path.child("default");
        let mut pruned = default.clone();
        if !inside_meta {
            schema.pruned(&mut pruned, schema.embedded);
        }
        if pruned != *default {
            errors.push(Error::invalid(&path, default.clone(), "must not have unknown fields"));
        }
        let found = schema.validate(default, Old::none(), OBJECT_BUDGET).errors;
        errors.extend(found.into_iter().map(|it| below(&path, it)));
    }
    if let Some(items) = schema.items() {
        walk(errors, items, &path.child("items"), inside_meta);
    }
    for (name, property) in schema.properties() {
        let meta = inside_meta || (schema.embedded && crate::prune::OBJECT_FIELDS.contains(&name));
        walk(errors, property, &path.child("properties").key(name), meta);
    }
}

/// An error of a default, at its place in the schema.
fn below(path: &Path, error: Error) -> Error {
    let field = match error.field.as_str() {
        NO_FIELD => path.to_string(),
        field if field.starts_with('[') => format!("{path}{field}"),
        field => format!("{path}.{field}"),
    };
    Error { field, ..error }
}
