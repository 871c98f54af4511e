//! Custom kinds: rows that are added to the table at run time, and their objects.
//!
//! Start at [`Custom`], an object whose metadata is typed while everything else is as it was sent. Who acts on whole
//! objects decodes them with [`decode`], who only needs to know what is there with [`decode_metadata`]. What a
//! definition means is not known here.

use crate::object::AnyObject;
use crate::{Kind, ObjectMeta};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::any::Any;

/// An object of a custom kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Custom {
    kind: Kind,
    meta: ObjectMeta,
    /// What stands beside `apiVersion`, `kind` and `metadata`.
    pub fields: Map<String, Value>,
}

/// The object that is written, with the fields that make it one of its kind in front.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a> {
    api_version: String,
    kind: &'a str,
    metadata: &'a ObjectMeta,
    #[serde(flatten)]
    fields: &'a Map<String, Value>,
}

/// Decodes an object of a custom kind. `apiVersion` and `kind` must be those of the kind where they are given.
///
/// # Errors
///
/// When it is no JSON object, is of another kind, or has metadata that is none.
pub fn decode(kind: Kind, json: &[u8]) -> serde_json::Result<Box<dyn AnyObject>> {
    let mut fields: Map<String, Value> = serde_json::from_slice(json)?;
    fields.values_mut().for_each(write_whole);
    let row = kind.row();
    for (name, expected) in [("apiVersion", row.api_version()), ("kind", row.kind.to_owned())] {
        match fields.remove(name) {
            None => {}
            Some(Value::String(text)) if text == expected => {}
            Some(other) => {
                return Err(serde_json::Error::custom(format!("{name} is {other}, not {expected:?}")));
            }
        }
    }
    let meta = match fields.remove("metadata") {
        None | Some(Value::Null) => ObjectMeta::default(),
        Some(meta) => serde_json::from_value(meta)?,
    };
    Ok(Box::new(Custom { kind, meta, fields }))
}

/// Numbers without a fraction are written without one, as Go writes them: `1.0` becomes `1`.
fn write_whole(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(write_whole),
        Value::Object(fields) => fields.values_mut().for_each(write_whole),
        Value::Number(number) => {
            // Beyond this a float has no room for a fraction, and Go writes an exponent.
            let exact = -9e15..9e15;
            let float = number.as_f64().filter(|it| number.is_f64() && it.fract() == 0.0);
            if let Some(float) = float.filter(|it| exact.contains(it)) {
                *number = (float as i64).into();
            }
        }
        _ => {}
    }
}

/// Decodes the metadata of an object of a custom kind, and skips the rest.
///
/// # Errors
///
/// When it is no JSON object or has metadata that is none.
pub fn decode_metadata(kind: Kind, json: &[u8]) -> serde_json::Result<Box<dyn AnyObject>> {
    #[derive(Deserialize)]
    struct Partial {
        #[serde(default)]
        metadata: ObjectMeta,
    }
    let Partial { metadata: meta } = serde_json::from_slice(json)?;
    Ok(Box::new(Custom { kind, meta, fields: Map::new() }))
}

/// A text that lives as long as the process, as rows of the table do.
pub fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// Texts that live as long as the process.
pub fn leak_all(texts: &[impl AsRef<str>]) -> &'static [&'static str] {
    let leaked: Vec<&'static str> = texts.iter().map(|it| leak(it.as_ref())).collect();
    Box::leak(leaked.into_boxed_slice())
}

impl Custom {
    /// The same object as another version of its kind, when nothing but `apiVersion` differs.
    #[must_use]
    pub fn relabeled(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// The object as schemas see it.
    pub fn value(&self) -> Value {
        AnyObject::to_value(self)
    }

    /// Edits the object as schemas see it. What becomes of its metadata there is dropped.
    pub fn edit<T>(&mut self, edit: impl FnOnce(&mut Value) -> T) -> T {
        let mut value = self.value();
        let result = edit(&mut value);
        if let Value::Object(mut fields) = value {
            for name in ["apiVersion", "kind", "metadata"] {
                fields.remove(name);
            }
            self.fields = fields;
        }
        result
    }

    fn whole(&self) -> Whole<'_> {
        let row = self.kind.row();
        Whole { api_version: row.api_version(), kind: row.kind, metadata: &self.meta, fields: &self.fields }
    }

    fn without_status(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.fields.iter().filter(|(name, _)| *name != "status")
    }
}

impl AnyObject for Custom {
    fn kind(&self) -> Kind {
        self.kind
    }
    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.whole()).expect("JSON that was read can be written")
    }
    fn to_value(&self) -> Value {
        serde_json::to_value(self.whole()).expect("JSON that was read can be written")
    }
    fn copy_status(&mut self, from: &dyn AnyObject) {
        let Some(from) = (from as &dyn Any).downcast_ref::<Self>() else { return };
        match from.fields.get("status") {
            Some(status) => drop(self.fields.insert("status".to_owned(), status.clone())),
            None => drop(self.fields.remove("status")),
        }
    }
    fn same_spec(&self, other: &dyn AnyObject) -> bool {
        let other = (other as &dyn Any).downcast_ref::<Self>();
        other.is_some_and(|other| self.without_status().eq(other.without_status()))
    }
    fn equals(&self, other: &dyn AnyObject) -> bool {
        (other as &dyn Any).downcast_ref() == Some(self)
    }
    fn boxed_clone(&self) -> Box<dyn AnyObject> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_no_fraction() {
        let check = |text: &str, expect: &str| {
            let mut value: Value = serde_json::from_str(text).expect("it is JSON");
            write_whole(&mut value);
            assert_eq!(value.to_string(), expect);
        };
        check("[1.0, -2.0, 1e2, 1.5, 3]", "[1,-2,100,1.5,3]");
        check(r#"{"a": {"b": 0.0}}"#, r#"{"a":{"b":0}}"#);
        check("1e300", "1e+300");
    }
}
