//! What is printed, made by pure functions from objects to text.
//!
//! Start at [`format`](mod@format), which says how objects are shown, and at [`table`], which lays out rows as
//! `kubectl get` does. Nothing here talks to the server or reads a clock.

pub(crate) mod columns;
pub(crate) mod config;
pub(crate) mod describe;
pub(crate) mod explain;
pub(crate) mod format;
pub(crate) mod jsonpath;
pub(crate) mod rollout;
pub(crate) mod sort;
pub(crate) mod table;
pub(crate) mod tabs;

use serde_json::Value;

/// A field by its path of names, such as `metadata.name`; nothing where it isn't there.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, name| &value[name])
}

/// The text of a field, empty where it isn't there.
pub(crate) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    at(value, path).as_str().unwrap_or_default()
}

/// The items of a list field, none where it isn't there.
pub(crate) fn items<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    at(value, path).as_array().map_or(&[], Vec::as_slice)
}
