//! One walk through a body's text, along the types of its kind: duplicate and unknown fields, named by path as upstream
//! names them, and lists and maps that hold nothing.
//!
//! Start at [`walk`]. What Go's types leave out when it is empty is not stored upstream: an empty list or map in a field
//! of a built-in type is as good as none. [`without_empties`] takes those away, where the walk has met one.

use api::Kind;
use openapi::facts::{self, Field, Shape, Type};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// What a walk has met.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// What is odd about the fields, such as `unknown field "spec.containers[0].x"`, in the text's order.
    pub(crate) odd: Vec<String>,
    /// Whether a list or map that would be left out upstream is empty.
    pub(crate) has_empties: bool,
}

/// Walks through JSON text.
///
/// Text that is not JSON, or nested beyond reason, is an error; types that skip a field would not notice.
pub(crate) fn walk(kind: Kind, json: &[u8]) -> serde_json::Result<Findings> {
    let (mut found, mut path) = (Findings::default(), Path::default());
    let mut text = serde_json::Deserializer::from_slice(json);
    Walk { within: Within::root(kind), path: &mut path, found: &mut found }.deserialize(&mut text)?;
    Ok(found)
}

/// The same text without lists and maps that are empty where a type has a list or a map.
pub(crate) fn without_empties(kind: Kind, json: &[u8]) -> serde_json::Result<Vec<u8>> {
    let mut tree = serde_json::from_slice(json)?;
    drop_empties(&mut tree, Within::root(kind));
    serde_json::to_vec(&tree)
}

fn drop_empties(value: &mut Value, within: Within) {
    match (value, within) {
        (_, Within::Anything) => {}
        (Value::Array(items), _) => items.iter_mut().for_each(|it| drop_empties(it, within)),
        (Value::Object(fields), _) => {
            fields.retain(|key, value| !(is_empty(value) && within.omits(key)));
            for (key, value) in fields {
                drop_empties(value, within.under(key).unwrap_or(Within::Anything));
            }
        }
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// What may be where the walk is.
#[derive(Clone, Copy)]
enum Within {
    /// The fields of a type, also where it is the type of a list's items.
    Type(&'static Type),
    /// Keys that are data; the field says what their values are.
    Values(&'static Field),
    /// An object of a custom kind, of which only the metadata has a type.
    Custom,
    /// JSON of any form.
    Anything,
}

impl Within {
    fn root(kind: Kind) -> Self {
        let row = kind.row();
        facts::type_of(row.group, row.version, row.kind).map_or(Self::Custom, Self::of)
    }

    fn of(found: &'static Type) -> Self {
        if found.is_open() { Self::Anything } else { Self::Type(found) }
    }

    /// What is under a key; `None` when the key is no field.
    fn under(self, key: &str) -> Option<Self> {
        let target = |field: &'static Field| field.target().map_or(Self::Anything, Self::of);
        match self {
            Self::Custom if key == "metadata" => Some(Type::named(META).map_or(Self::Anything, Self::of)),
            Self::Anything | Self::Custom => Some(Self::Anything),
            Self::Values(field) => Some(target(field)),
            Self::Type(found) => match found.field(key) {
                Some(field) if field.shape() == Shape::Map => Some(Self::Values(field)),
                Some(field) => Some(target(field)),
                None => found.has(key).then_some(Self::Anything),
            },
        }
    }

    /// Whether the key holds a list or a map that upstream leaves out when it is empty. An empty list of managed fields
    /// is a wish: the object is to forget its owners.
    fn omits(self, key: &str) -> bool {
        let Self::Type(found) = self else { return false };
        let is_wish = key == "managedFields" && found.name() == META;
        !is_wish && found.field(key).is_some_and(|it| it.shape() != Shape::One)
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
    found: &'a mut Findings,
}

/// Whether what was read is a list or a map without anything in it.
type IsEmpty = bool;

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = IsEmpty;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<IsEmpty, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Walk<'_> {
    /// Reads the value of a key that has not been there before.
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let Some(within) = self.within.under(key) else {
            self.found.odd.push(format!("unknown field {:?}", self.path.0));
            return self.skip(map);
        };
        let is_empty = map.next_value_seed(Walk { within, path: self.path, found: self.found })?;
        self.found.has_empties |= is_empty && self.within.omits(key);
        Ok(())
    }

    /// What is not read is walked all the same, so that its nesting has a bound, too.
    fn skip<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        let unread = Walk { within: Within::Anything, path: self.path, found: &mut Findings::default() };
        map.next_value_seed(unread).map(drop)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = IsEmpty;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<IsEmpty, A::Error> {
        let mut seen: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            let length = self.path.push_key(&key);
            if seen.contains(&key) {
                self.found.odd.push(format!("duplicate field {:?}", self.path.0));
                self.skip(&mut map)?;
            } else {
                self.field(&key, &mut map)?;
                // Beyond this an object is data, not fields, and looking through it would take quadratic time.
                if seen.len() < 256 {
                    seen.push(key);
                }
            }
            self.path.0.truncate(length);
        }
        Ok(seen.is_empty())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<IsEmpty, A::Error> {
        let mut index = 0;
        loop {
            let length = self.path.push_index(index);
            let walk = Walk { within: self.within, path: self.path, found: self.found };
            let item = items.next_element_seed(walk)?;
            self.path.0.truncate(length);
            if item.is_none() {
                return Ok(index == 0);
            }
            index += 1;
        }
    }

    fn visit_bool<E>(self, _: bool) -> Result<IsEmpty, E> {
        Ok(false)
    }
    fn visit_i64<E>(self, _: i64) -> Result<IsEmpty, E> {
        Ok(false)
    }
    fn visit_u64<E>(self, _: u64) -> Result<IsEmpty, E> {
        Ok(false)
    }
    fn visit_f64<E>(self, _: f64) -> Result<IsEmpty, E> {
        Ok(false)
    }
    fn visit_str<E>(self, _: &str) -> Result<IsEmpty, E> {
        Ok(false)
    }
    fn visit_unit<E>(self) -> Result<IsEmpty, E> {
        Ok(false)
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
        assert_eq!(walk(kind, json.as_bytes()).unwrap_or_default().odd, expect, "{json}");
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

    /// `expect` is what stays; the walk has to say beforehand whether anything goes.
    #[track_caller]
    fn check_empties(kind: Kind, json: &str, expect: &str) {
        let (json, expect): (Value, Value) =
            (serde_json::from_str(json).unwrap(), serde_json::from_str(expect).unwrap());
        let text = serde_json::to_vec(&json).unwrap();
        assert_eq!(walk(kind, &text).unwrap().has_empties, json != expect, "{json}");
        let kept: Value = serde_json::from_slice(&without_empties(kind, &text).unwrap()).unwrap();
        assert_eq!(kept, expect);
    }

    #[test]
    fn empty_lists_and_maps_of_types_go_and_everything_else_stays() {
        let check = |json: &str, expect: &str| check_empties(Pod::KIND, json, expect);
        check(r#"{"spec":{"nodeSelector":{},"tolerations":[]}}"#, r#"{"spec":{}}"#);
        check(
            r#"{"metadata":{"labels":{},"finalizers":[],"annotations":{"a":""}}}"#,
            r#"{"metadata":{"annotations":{"a":""}}}"#,
        );
        check(
            r#"{"spec":{"containers":[{"env":[],"command":[],"resources":{"limits":{}}}]}}"#,
            r#"{"spec":{"containers":[{"resources":{}}]}}"#,
        );
        for kept in [
            r#"{"spec":{"volumes":[{"emptyDir":{}}],"securityContext":{},"containers":[{}]}}"#,
            r#"{"metadata":{"managedFields":[]}}"#,
            r#"{"metadata":{"managedFields":[{"fieldsV1":{"f:metadata":{}}}]}}"#,
            r#"{"unknown":{},"spec":{"unknown":[]}}"#,
        ] {
            check(kept, kept);
        }
    }

    #[test]
    fn empty_json_of_any_form_stays() {
        let of = |schema: &str| {
            format!(r#"{{"spec":{{"versions":[{{"schema":{{"openAPIV3Schema":{schema}}}}}]}}}}"#)
        };
        let check = |schema: &str, expect: &str| {
            check_empties(CustomResourceDefinition::KIND, &of(schema), &of(expect));
        };
        check(
            r#"{"default":{},"example":[],"enum":[{},[]]}"#,
            r#"{"default":{},"example":[],"enum":[{},[]]}"#,
        );
        check(r#"{"properties":{"a":{"items":{},"required":[]}}}"#, r#"{"properties":{"a":{"items":{}}}}"#);
        check(r#"{"properties":{},"enum":[]}"#, "{}");
    }
}
