//! Objects that expressions make (KEP-3962): `Object{spec: Object.spec{replicas: 1}}`, whose types are named by the path to
//! them, and `JSONPatch{op: "add", path: "/a", value: 1}`. Pure.

use super::types::Type;

/// Which objects an expression may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Messages {
    /// None: it judges.
    None,
    /// Parts of the object that is changed, and patches.
    Mutations,
}

const OBJECT: &str = "Object";
const PATCH: &str = "JSONPatch";

/// Whether there is a type of that name.
pub(crate) fn exists(name: &str, messages: Messages) -> bool {
    let is_object = name == OBJECT || name.strip_prefix(OBJECT).is_some_and(|it| it.starts_with('.'));
    messages == Messages::Mutations && (is_object || name == PATCH)
}

/// Refuses a field that the type does not have, or not of that type.
pub(crate) fn check_field(name: &str, field: &str, kind: &Type) -> Result<(), String> {
    if name == PATCH {
        return match (field, kind) {
            ("value", _) | ("op" | "path" | "from", Type::String(_) | Type::Dyn) => Ok(()),
            ("op" | "path" | "from", other) => {
                Err(format!("expected type of field '{field}' is 'string' but provided type is '{other}'"))
            }
            _ => Err(format!("undefined field '{field}'")),
        };
    }
    let made = match kind {
        Type::Message(made) => made,
        Type::List(item, _) => match &**item {
            Type::Message(made) => made,
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    let expected = format!("{name}.{field}");
    if **made == *expected {
        return Ok(());
    }
    Err(format!(
        "type mismatch: unexpected type name {made:?}, expected {expected:?}, which matches field name path from root \
         Object type"
    ))
}

pub(crate) fn may_be_object(kind: &Type) -> bool {
    matches!(kind, Type::Dyn) || matches!(kind, Type::Message(name) if **name == *OBJECT)
}

pub(crate) fn may_be_patch(kind: &Type) -> bool {
    let is_patch =
        |it: &Type| matches!(it, Type::Dyn) || matches!(it, Type::Message(name) if **name == *PATCH);
    matches!(kind, Type::Dyn) || matches!(kind, Type::List(item, _) if is_patch(item))
}
