//! What is wrong with a field, in Kubernetes' words: paths such as `spec.containers[0].name` and the messages of
//! upstream's `field.Error`.

use serde_json::Value;
use std::fmt;

/// Where a field is, spelled as upstream spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(String);

impl Path {
    /// A top-level field.
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// A field below this one.
    pub fn child(&self, name: &str) -> Self {
        if self.0.is_empty() { Self::new(name) } else { Self(format!("{}.{name}", self.0)) }
    }

    /// An item of this list.
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// An entry of this map.
    pub fn key(&self, key: &str) -> Self {
        Self(format!("{}[{key}]", self.0))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The ways in which a field can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the upstream field error type of that name")]
pub enum ErrorType {
    NotFound,
    Required,
    Duplicate,
    Invalid,
    /// Invalid, where upstream leaves the value out: its parts do not go together.
    InvalidTogether,
    TypeInvalid,
    NotSupported,
    Forbidden,
    TooLong,
    TooMany,
    Internal,
}

impl ErrorType {
    /// The cause's `reason` on the wire.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotFound => "FieldValueNotFound",
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid | Self::InvalidTogether => "FieldValueInvalid",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::Internal => "InternalError",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::NotFound => "Not found",
            Self::Required => "Required value",
            Self::Duplicate => "Duplicate value",
            Self::Invalid | Self::InvalidTogether | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::Internal => "Internal error",
        }
    }

    const fn shows_value(self) -> bool {
        matches!(
            self,
            Self::NotFound | Self::Duplicate | Self::Invalid | Self::TypeInvalid | Self::NotSupported
        )
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// In which way.
    pub kind: ErrorType,
    /// Where.
    pub field: String,
    /// What stood there; shown for some types only.
    pub value: Value,
    /// What would be right.
    pub detail: String,
}

/// Everything that is wrong with an object; empty when it is valid.
pub type Errors = Vec<Error>;

impl Error {
    fn new(kind: ErrorType, field: &Path, value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self { kind, field: field.to_string(), value: value.into(), detail: detail.into() }
    }

    /// The field must be set.
    pub fn required(field: &Path, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Required, field, Value::Null, detail)
    }

    /// The field's value breaks a rule.
    pub fn invalid(field: &Path, value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Invalid, field, value, detail)
    }

    /// Parts of the field do not go together; its value is not shown.
    pub fn invalid_as_a_whole(field: &Path, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::InvalidTogether, field, Value::Null, detail)
    }

    /// The value stands elsewhere already.
    pub fn duplicate(field: &Path, value: impl Into<Value>) -> Self {
        Self::new(ErrorType::Duplicate, field, value, "")
    }

    /// The field may not be set here.
    pub fn forbidden(field: &Path, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Forbidden, field, Value::Null, detail)
    }

    /// The value names something that isn't there.
    pub fn not_found(field: &Path, value: impl Into<Value>) -> Self {
        Self::new(ErrorType::NotFound, field, value, "")
    }

    /// The value is none of the known ones.
    pub fn not_supported(field: &Path, value: impl Into<Value>, supported: &[&str]) -> Self {
        let mut supported: Vec<String> = supported.iter().map(|it| format!("{it:?}")).collect();
        supported.sort();
        Self::new(
            ErrorType::NotSupported,
            field,
            value,
            format!("supported values: {}", supported.join(", ")),
        )
    }

    /// The value has more than `most` bytes.
    pub fn too_long(field: &Path, most: usize) -> Self {
        Self::new(ErrorType::TooLong, field, Value::Null, format!("may not be more than {most} bytes"))
    }

    /// The list has more than `most` items.
    pub fn too_many(field: &Path, actual: usize, most: usize) -> Self {
        Self::new(ErrorType::TooMany, field, actual, format!("must have at most {most} items"))
    }

    /// The message without the field: what a cause carries.
    pub fn message(&self) -> String {
        let mut message = self.kind.title().to_owned();
        if self.kind.shows_value() {
            message.push_str(&format!(": {}", shown(&self.value)));
        } else if self.kind == ErrorType::TooMany {
            message.push_str(&format!(": {}", self.value));
        }
        if !self.detail.is_empty() {
            message.push_str(&format!(": {}", self.detail));
        }
        message
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        value => value.to_string(),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_upstreams() {
        let name = Path::new("spec").child("containers").index(0).child("name");
        let check = |error: Error, expect: &str| assert_eq!(error.to_string(), expect);
        check(Error::required(&name, ""), "spec.containers[0].name: Required value");
        check(Error::invalid(&name, "A", "no"), r#"spec.containers[0].name: Invalid value: "A": no"#);
        check(Error::duplicate(&name, "a"), r#"spec.containers[0].name: Duplicate value: "a""#);
        check(
            Error::not_supported(&Path::new("x"), "y", &["b", "a"]),
            r#"x: Unsupported value: "y": supported values: "a", "b""#,
        );
        check(Error::invalid_as_a_whole(&Path::new("x"), "no"), "x: Invalid value: no");
        check(Error::too_long(&Path::new("x"), 63), "x: Too long: may not be more than 63 bytes");
    }
}
