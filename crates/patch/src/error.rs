//! What can be wrong with a patch. Messages of strategic merge patch are upstream's, since clients' users know them.

use std::fmt::{Display, Formatter, Result};

use serde_json::{Map, Value};

use crate::json::{MAX_COPIED_BYTES, MAX_DEPTH, MAX_OPERATIONS};

/// Why a patch was not applied.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes of a JSON patch are not a list of operations.
    #[error("failed to decode the JSON patch")]
    Decode(#[source] serde_json::Error),
    /// The patch, or the document, is not a JSON object.
    #[error("a merge patch must be a JSON object, not {0}")]
    NotAnObject(&'static str),
    /// More operations than the server is ready to apply.
    #[error("the allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {0}")]
    TooManyOperations(usize),
    /// Copies that would grow the document without bound.
    #[error("the copy operations of the JSON patch add more than {MAX_COPIED_BYTES} bytes")]
    CopiesTooLarge,
    /// Moves and copies into each other that would nest without bound.
    #[error("the JSON patch nests the document deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// An operation failed: a path that does not exist, or a test that does not hold.
    #[error("the JSON patch does not apply")]
    Operation(#[source] json_patch::PatchError),
    /// A `$patch` that is none of the known ones.
    #[error("unknown patch type: {} in map: {}", Go(directive), GoMap(within))]
    UnknownDirective {
        /// The directive's value.
        directive: Value,
        /// The object that carries it.
        within: Map<String, Value>,
    },
    /// `$patch: merge` in an item of a list.
    #[error("merging lists cannot yet be specified in the patch")]
    MergeInList,
    /// `$deleteFromPrimitiveList` of another shape.
    #[error("invalid patch format of primitive list")]
    PrimitiveListFormat,
    /// `$retainKeys` of another shape, or without a key that the patch sets.
    #[error("invalid patch format of retainKeys")]
    RetainKeysFormat,
    /// `$setElementOrder` of another shape.
    #[error("invalid patch format of setElementOrder list")]
    ElementOrderFormat,
    /// The items of the patch stand in another order than `$setElementOrder` says, or are missing in it.
    #[error(
        "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
        GoList(list),
        GoList(order)
    )]
    OrderMismatch {
        /// The patch's items.
        list: Vec<Value>,
        /// The order that came with them.
        order: Vec<Value>,
    },
    /// An item without the key by which its list is merged.
    #[error("map: {} does not contain declared merge key: {key}", GoMap(item))]
    NoMergeKey {
        /// The item.
        item: Map<String, Value>,
        /// The key it lacks.
        key: &'static str,
    },
    /// Objects in a list that upstream merges as scalars.
    #[error("cannot merge lists without merge key for {field}")]
    NoDeclaredMergeKey {
        /// The list's field.
        field: String,
    },
    /// Objects and scalars, or different scalars, in one list.
    #[error("list element types are not identical: {}", GoList(lists))]
    MixedList {
        /// Both lists.
        lists: Vec<Value>,
    },
    /// A list in a list.
    #[error("lists of lists are not supported")]
    ListOfLists,
    /// A list stands where the patch has something else, or the other way round.
    #[error("expected a list for {field}, but received {found}")]
    NotAList {
        /// The field.
        field: String,
        /// What was there instead.
        found: &'static str,
    },
    /// A field that its type does not have.
    #[error("unable to find api field in struct {within} for the json field \"{field}\"")]
    NoSuchField {
        /// The type's name.
        within: &'static str,
        /// The unknown field.
        field: String,
    },
}

/// Which kind of answer an [`Error`] calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 400: the patch is not well formed.
    Malformed,
    /// 413: the patch is too large to be applied.
    TooLarge,
    /// 422: the patch is well formed and does not fit this document. Upstream's answer hides the reason and says
    /// `the server rejected our request due to an error in our request`.
    DoesNotApply,
    /// 500 upstream, with the error's own message: a strategic merge patch that contradicts the schema.
    Contradiction,
}

impl Error {
    /// Which kind of answer this calls for.
    pub fn class(&self) -> Class {
        match self {
            Error::Decode(_)
            | Error::NotAnObject(_)
            | Error::PrimitiveListFormat
            | Error::RetainKeysFormat
            | Error::ElementOrderFormat => Class::Malformed,
            Error::TooManyOperations(_) => Class::TooLarge,
            Error::CopiesTooLarge | Error::TooDeep | Error::Operation(_) | Error::ListOfLists => {
                Class::DoesNotApply
            }
            Error::UnknownDirective { .. }
            | Error::MergeInList
            | Error::OrderMismatch { .. }
            | Error::NoMergeKey { .. }
            | Error::NoDeclaredMergeKey { .. }
            | Error::MixedList { .. }
            | Error::NotAList { .. }
            | Error::NoSuchField { .. } => Class::Contradiction,
        }
    }
}

/// A JSON type's name for messages.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value as Go's `%v` prints it, which is how upstream's messages show patches.
pub fn go_text(value: &Value) -> String {
    Go(value).to_string()
}

/// Prints a value as Go's `%v` does, which is how upstream's messages show it.
struct Go<'a>(&'a Value);
struct GoMap<'a>(&'a Map<String, Value>);
struct GoList<'a>(&'a [Value]);

impl Display for Go<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self.0 {
            Value::Null => formatter.write_str("<nil>"),
            Value::String(text) => formatter.write_str(text),
            Value::Array(items) => GoList(items).fmt(formatter),
            Value::Object(fields) => GoMap(fields).fmt(formatter),
            scalar => scalar.fmt(formatter),
        }
    }
}

impl Display for GoMap<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        let mut keys: Vec<_> = self.0.iter().collect();
        keys.sort_by_key(|(key, _)| *key);
        formatter.write_str("map[")?;
        for (at, (key, value)) in keys.into_iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(formatter, "{space}{key}:{}", Go(value))?;
        }
        formatter.write_str("]")
    }
}

impl Display for GoList<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter.write_str("[")?;
        for (at, value) in self.0.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(formatter, "{space}{}", Go(value))?;
        }
        formatter.write_str("]")
    }
}
