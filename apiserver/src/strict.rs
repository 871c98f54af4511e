//! Field validation: the duplicate and unknown fields of a body, named by path as upstream names them.
//!
//! Start at [`findings`].

use api::Kind;
use openapi::facts::{self, Field, Shape, Type};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// What is odd about the fields of JSON text, such as `unknown field "spec.containers[0].x"`, in the text's order.
///
/// Text that is not JSON, or nested beyond reason, is an error; types that skip a field would not notice.
pub(crate) fn findings(kind: Kind, json: &[u8]) -> serde_json::Result<Vec<String>> {
    let row = kind.row();
    let within = facts::type_of(row.group, row.version, row.kind).map_or(Within::Anything, Within::of);
    let (mut found, mut path) = (Vec::new(), Path::default());
    let mut text = serde_json::Deserializer::from_slice(json);
    Walk { within, path: &mut path, found: &mut found }.deserialize(&mut text)?;
    Ok(found)
}

/// What may be where the walk is.
#[derive(Clone, Copy)]
enum Within {
    /// The fields of a type, also where it is the type of a list's items.
    Type(&'static Type),
    /// Keys that are data; the field says what their values are.
    Values(&'static Field),
    /// JSON of any form.
    Anything,
}

impl Within {
    fn of(found: &'static Type) -> Self {
        if found.is_open() { Self::Anything } else { Self::Type(found) }
    }

    /// What is under a key; `None` when the key is no field.
    fn under(self, key: &str) -> Option<Self> {
        let target = |field: &'static Field| field.target().map_or(Self::Anything, Self::of);
        match self {
            Self::Anything => Some(Self::Anything),
            Self::Values(field) => Some(target(field)),
            Self::Type(found) => match found.field(key) {
                Some(field) if field.shape() == Shape::Map => Some(Self::Values(field)),
                Some(field) => Some(target(field)),
                None => found.has(key).then_some(Self::Anything),
            },
        }
    }
}

/// The way to the value being read.
#[derive(Default)]
struct Path(String);

impl Path {
    fn push_key(&mut self, key: &str) -> usize {
        let length = self.0.len();
        if length > 0 {
            self.0.push('.');
        }
        self.0.push_str(key);
        length
    }

    fn push_index(&mut self, index: usize) -> usize {
        let length = self.0.len();
        self.0.push_str(&format!("[{index}]"));
        length
    }
}

struct Walk<'a> {
    within: Within,
    path: &'a mut Path,
    found: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            let length = self.path.push_key(&key);
            if seen.contains(&key) {
                self.found.push(format!("duplicate field {:?}", self.path.0));
                map.next_value_seed(Walk {
                    within: Within::Anything,
                    path: self.path,
                    found: &mut Vec::new(),
                })?;
            } else {
                let (within, mut unread) = (self.within.under(&key), Vec::new());
                if within.is_none() {
                    self.found.push(format!("unknown field {:?}", self.path.0));
                }
                // What is not read is walked all the same, so that its nesting has a bound, too.
                let found = if within.is_some() { &mut *self.found } else { &mut unread };
                let within = within.unwrap_or(Within::Anything);
                map.next_value_seed(Walk { within, path: self.path, found })?;
                // Beyond this an object is data, not fields, and looking through it would take quadratic time.
                if seen.len() < 256 {
                    seen.push(key);
                }
            }
            self.path.0.truncate(length);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0;
        loop {
            let length = self.path.push_index(index);
            let walk = Walk { within: self.within, path: self.path, found: self.found };
            let item = items.next_element_seed(walk)?;
            self.path.0.truncate(length);
            index += 1;
            if item.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A key, borrowed from the text when it has no escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Resource;
    use api::k8s::api::core::v1::{ConfigMap, Pod};
    use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

    #[track_caller]
    fn check(kind: Kind, json: &str, expect: &[&str]) {
        assert_eq!(findings(kind, json.as_bytes()).unwrap_or_default(), expect, "{json}");
    }

    #[test]
    fn duplicates_are_named_by_path() {
        let check = |json: &str, expect: &[&str]| check(ConfigMap::KIND, json, expect);
        check(r#"{"data":{"a":"b"},"metadata":{"name":"2"}}"#, &[]);
        check(r#"{"data":{},"data":null}"#, &[r#"duplicate field "data""#]);
        check(r#"{"data":{"a\n":"","a\n":""}}"#, &[r#"duplicate field "data.a\n""#]);
        check(r#"{"data":"#, &[]);
    }

    #[test]
    fn unknown_fields_are_named_by_path() {
        let check = |json: &str, expect: &[&str]| check(Pod::KIND, json, expect);
        check(r#"{"spec":{"containers":[{"name":"a","resources":{"limits":{"x":"1"}}}]}}"#, &[]);
        check(
            r#"{"extra":1,"metadata":{"x":null}}"#,
            &[r#"unknown field "extra""#, r#"unknown field "metadata.x""#],
        );
        check(
            r#"{"spec":{"containers":[{},{"ports":[{"port":1}],"image":"a","image":"b"}]}}"#,
            &[
                r#"unknown field "spec.containers[1].ports[0].port""#,
                r#"duplicate field "spec.containers[1].image""#,
            ],
        );
        check(r#"{"metadata":{"annotations":{"a":"b"},"managedFields":[{"fieldsV1":{"f:x":{}}}]}}"#, &[]);
    }

    #[test]
    fn what_has_any_form_is_left_alone() {
        let json = r#"{"spec":{"versions":[{"schema":{"openAPIV3Schema":{"default":{"anything":1}}}}]}}"#;
        check(CustomResourceDefinition::KIND, json, &[]);
    }
}
