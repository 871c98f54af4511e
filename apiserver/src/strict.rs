//! One walk through a body's text, along the types of its kind: duplicate and unknown fields, named by path as upstream
//! names them, and what Go's types read otherwise than ours.
//!
//! Start at [`walk`]. What Go's types leave out when it is empty is not stored upstream: an empty list or map in a field
//! of a built-in type is as good as none. A null among the items of a list or the values of a map is the empty value of
//! their type, and base64 may be broken into lines. [`mended`] writes a text as it means, where the walk has met one of
//! these.

use api::Kind;
use openapi::facts::{self, Field, Shape, Type};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";

/// Fields that hold bytes, and how the names of the types end that have them.
const BYTES: &[(&str, &str)] = &[
    ("binaryData", ".ConfigMap"),
    ("caBundle", ""),
    ("certificate", ".CertificateSigningRequestStatus"),
    ("data", ".Secret"),
    ("request", ".CertificateSigningRequestSpec"),
];

/// How many oddities are told, as upstream.
const MOST: usize = 100;

/// Lists that mean something when they are empty: no managed fields are a wish, the object is to forget its owners; the
/// others upstream's types never leave out, and there are clients that miss them when they are not there.
const KEPT: &[(&str, &str)] = &[
    (META, "managedFields"),
    ("io.k8s.api.discovery.v1.EndpointSlice", "endpoints"),
    ("io.k8s.api.discovery.v1.EndpointSlice", "ports"),
    ("io.k8s.api.rbac.v1.ClusterRole", "rules"),
    ("io.k8s.api.rbac.v1.Role", "rules"),
];

/// What a walk has met.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// What is odd about the fields, such as `unknown field "spec.containers[0].x"`, in the text's order.
    pub(crate) odd: Vec<String>,
    /// Whether there is something that Go's types read otherwise.
    pub(crate) is_to_mend: bool,
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

/// Keys that stand twice in JSON of which no type is known, such as a merge patch. Text that is no JSON has none.
pub(crate) fn duplicates(json: &[u8]) -> Vec<String> {
    oddities(Within::Anything, json)
}

/// What is odd about the operations of a JSON patch.
pub(crate) fn oddities_of_operations(json: &[u8]) -> Vec<String> {
    oddities(Within::Operation, json).iter().map(|it| format!("json patch {it}")).collect()
}

fn oddities(within: Within, json: &[u8]) -> Vec<String> {
    let (mut found, mut path) = (Findings::default(), Path::default());
    let mut text = serde_json::Deserializer::from_slice(json);
    let walked = Walk { within, path: &mut path, found: &mut found }.deserialize(&mut text);
    walked.map(|_| found.odd).unwrap_or_default()
}

/// The same text as Go's types read it.
pub(crate) fn mended(kind: Kind, json: &[u8]) -> serde_json::Result<Vec<u8>> {
    let mut tree = serde_json::from_slice(json)?;
    mend(&mut tree, Within::root(kind));
    serde_json::to_vec(&tree)
}

fn mend(value: &mut Value, within: Within) {
    match (value, within) {
        (_, Within::Anything) => {}
        (Value::String(text), Within::Leaf(Leaf::Bytes)) => text.retain(|it| !matches!(it, '\r' | '\n')),
        (Value::Array(items), _) => items.iter_mut().for_each(|it| mend_held(it, within)),
        (Value::Object(fields), _) => {
            fields.retain(|key, value| !(is_empty(value) && within.omits(key)));
            let holds = matches!(within, Within::Values(..));
            for (key, value) in fields {
                let below = within.under(key).unwrap_or(Within::Anything);
                if holds { mend_held(value, below) } else { mend(value, below) }
            }
        }
        _ => {}
    }
}

/// Mends an item of a list or a value of a map.
fn mend_held(value: &mut Value, within: Within) {
    match within.nothing().filter(|_| value.is_null()) {
        Some(nothing) => *value = nothing,
        None => mend(value, within),
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
    /// Keys that are data; the field says what their values are, and the leaf what they are otherwise.
    Values(&'static Field, Leaf),
    /// A scalar, or a list of them.
    Leaf(Leaf),
    /// An object of a custom kind, of which only the metadata has a type.
    Custom,
    /// An operation of a JSON patch, or a list of them.
    Operation,
    /// JSON of any form.
    Anything,
}

/// What a scalar is written in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaf {
    /// Anything of which decoders know best.
    Text,
    /// Base64.
    Bytes,
    /// A number with a unit.
    Quantity,
}

impl Leaf {
    fn of(found: &Type, key: &str) -> Self {
        let is_bytes = BYTES.iter().any(|(name, end)| *name == key && found.name().ends_with(end));
        if is_bytes { Self::Bytes } else { Self::Text }
    }
}

impl Within {
    fn root(kind: Kind) -> Self {
        let row = kind.row();
        facts::type_of(row.group, row.version, row.kind).map_or(Self::Custom, Self::of)
    }

    fn of(found: &'static Type) -> Self {
        match found.name() {
            QUANTITY => Self::Leaf(Leaf::Quantity),
            _ if found.is_open() => Self::Anything,
            _ => Self::Type(found),
        }
    }

    /// What null stands for among items and values of this form; `None` where null is a value of its own.
    fn nothing(self) -> Option<Value> {
        match self {
            Self::Type(_) => Some(Value::Object(serde_json::Map::new())),
            Self::Leaf(Leaf::Quantity) => Some("0".into()),
            Self::Leaf(_) => Some("".into()),
            Self::Values(..) | Self::Custom | Self::Operation | Self::Anything => None,
        }
    }

    /// What is under a key; `None` when the key is no field.
    fn under(self, key: &str) -> Option<Self> {
        let target = |field: &'static Field, leaf| field.target().map_or(Self::Leaf(leaf), Self::of);
        match self {
            Self::Custom if key == "metadata" => Some(Type::named(META).map_or(Self::Anything, Self::of)),
            Self::Anything | Self::Custom | Self::Leaf(_) => Some(Self::Anything),
            Self::Operation => match key {
                "op" | "path" | "from" => Some(Self::Leaf(Leaf::Text)),
                "value" => Some(Self::Anything),
                _ => None,
            },
            Self::Values(field, leaf) => Some(target(field, leaf)),
            Self::Type(found) => match (found.field(key), Leaf::of(found, key)) {
                (Some(field), leaf) if field.shape() == Shape::Map => Some(Self::Values(field, leaf)),
                (Some(field), leaf) => Some(target(field, leaf)),
                (None, leaf) => found.has(key).then_some(Self::Leaf(leaf)),
            },
        }
    }

    /// Whether the key holds a list or a map that upstream leaves out when it is empty.
    fn omits(self, key: &str) -> bool {
        let Self::Type(found) = self else { return false };
        let is_kept = || KEPT.contains(&(found.name(), key));
        found.field(key).is_some_and(|it| it.shape() != Shape::One) && !is_kept()
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

/// What a value turned out to be, as far as it matters to what holds it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Null,
    /// A list or a map without anything in it.
    Empty,
    Something,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Seen;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Seen, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Walk<'_> {
    /// Reads the value of a key that has not been there before.
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let Some(within) = self.within.under(key) else {
            self.tell("unknown");
            return self.skip(map);
        };
        let seen = map.next_value_seed(Walk { within, path: self.path, found: self.found })?;
        self.found.is_to_mend |= match seen {
            Seen::Empty => self.within.omits(key),
            Seen::Null => matches!(self.within, Within::Values(..)) && within.nothing().is_some(),
            Seen::Something => false,
        };
        Ok(())
    }

    fn tell(&mut self, what: &str) {
        if self.found.odd.len() < MOST {
            self.found.odd.push(format!("{what} field {:?}", self.path.0));
        }
    }

    /// What is not read is walked all the same, so that its nesting has a bound, too.
    fn skip<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        let unread = Walk { within: Within::Anything, path: self.path, found: &mut Findings::default() };
        map.next_value_seed(unread).map(drop)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Seen, A::Error> {
        let mut seen: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            let length = self.path.push_key(&key);
            if seen.contains(&key) {
                self.tell("duplicate");
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
        Ok(if seen.is_empty() { Seen::Empty } else { Seen::Something })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Seen, A::Error> {
        let mut index = 0;
        loop {
            let length = self.path.push_index(index);
            let walk = Walk { within: self.within, path: self.path, found: self.found };
            let item = items.next_element_seed(walk)?;
            self.path.0.truncate(length);
            match item {
                None => return Ok(if index == 0 { Seen::Empty } else { Seen::Something }),
                Some(Seen::Null) => self.found.is_to_mend |= self.within.nothing().is_some(),
                Some(_) => {}
            }
            index += 1;
        }
    }

    fn visit_bool<E>(self, _: bool) -> Result<Seen, E> {
        Ok(Seen::Something)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Seen, E> {
        Ok(Seen::Something)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Seen, E> {
        Ok(Seen::Something)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Seen, E> {
        Ok(Seen::Something)
    }
    fn visit_str<E>(self, text: &str) -> Result<Seen, E> {
        let is_bytes = matches!(self.within, Within::Leaf(Leaf::Bytes));
        self.found.is_to_mend |= is_bytes && text.contains(['\r', '\n']);
        Ok(Seen::Something)
    }
    fn visit_unit<E>(self) -> Result<Seen, E> {
        Ok(Seen::Null)
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
    use api::k8s::api::core::v1::{ConfigMap, Pod, Secret};
    use api::k8s::api::rbac::v1::ClusterRole;
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
    fn patches_have_keys_once() {
        assert_eq!(
            duplicates(br#"{"data":{"a":"1","a":"2"},"x":[{"y":1}]}"#),
            [r#"duplicate field "data.a""#]
        );
        assert_eq!(duplicates(b"{"), [""; 0]);
        let operations =
            br#"[{"op":"add","path":"/a","value":{"b":1},"foo":1},{"op":"add","path":"/a","path":"/b"}]"#;
        let expect = [r#"json patch unknown field "[0].foo""#, r#"json patch duplicate field "[1].path""#];
        assert_eq!(oddities_of_operations(operations), expect);
    }

    #[test]
    fn what_has_any_form_is_left_alone() {
        let json = r#"{"spec":{"versions":[{"schema":{"openAPIV3Schema":{"default":{"anything":1}}}}]}}"#;
        check(CustomResourceDefinition::KIND, json, &[]);
    }

    /// `expect` is what stays; the walk has to say beforehand whether anything goes.
    #[track_caller]
    fn check_mended(kind: Kind, json: &str, expect: &str) {
        let (json, expect): (Value, Value) =
            (serde_json::from_str(json).unwrap(), serde_json::from_str(expect).unwrap());
        let text = serde_json::to_vec(&json).unwrap();
        assert_eq!(walk(kind, &text).unwrap().is_to_mend, json != expect, "{json}");
        let kept: Value = serde_json::from_slice(&mended(kind, &text).unwrap()).unwrap();
        assert_eq!(kept, expect);
    }

    #[test]
    fn empty_lists_and_maps_of_types_go_and_everything_else_stays() {
        let check = |json: &str, expect: &str| check_mended(Pod::KIND, json, expect);
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
    fn null_among_items_and_values_is_the_empty_value_of_their_type() {
        let maps = |json: &str, expect: &str| check_mended(ConfigMap::KIND, json, expect);
        maps(r#"{"data":{"a":null,"b":"c"}}"#, r#"{"data":{"a":"","b":"c"}}"#);
        maps(r#"{"metadata":{"labels":{"a":null}}}"#, r#"{"metadata":{"labels":{"a":""}}}"#);
        maps(r#"{"data":null}"#, r#"{"data":null}"#);
        let pods = |json: &str, expect: &str| check_mended(Pod::KIND, json, expect);
        pods(
            r#"{"spec":{"containers":[null,{"args":[null],"resources":{"limits":{"cpu":null}}}]}}"#,
            r#"{"spec":{"containers":[{},{"args":[""],"resources":{"limits":{"cpu":"0"}}}]}}"#,
        );
        let any =
            r#"{"spec":{"versions":[{"schema":{"openAPIV3Schema":{"enum":[null],"default":{"a":null}}}}]}}"#;
        check_mended(CustomResourceDefinition::KIND, any, any);
    }

    #[test]
    fn base64_may_be_broken_into_lines() {
        let check = |json: &str, expect: &str| check_mended(Secret::KIND, json, expect);
        check(r#"{"data":{"a":"YWJj\nZGVm\r\n"}}"#, r#"{"data":{"a":"YWJjZGVm"}}"#);
        check(r#"{"stringData":{"a":"b\nc"}}"#, r#"{"stringData":{"a":"b\nc"}}"#);
        let text = r#"{"data":{"a":"b\nc"}}"#;
        check_mended(ConfigMap::KIND, text, text);
    }

    #[test]
    fn no_more_is_told_than_anybody_reads() {
        let fields: Vec<String> = (0..5_000).map(|it| format!(r#""x{it}":1"#)).collect();
        let found = walk(ConfigMap::KIND, format!("{{{}}}", fields.join(",")).as_bytes()).unwrap();
        assert_eq!(found.odd.len(), MOST);
    }

    #[test]
    fn lists_that_upstream_never_leaves_out_stay() {
        for (type_name, field) in KEPT {
            let found = Type::named(type_name).and_then(|it| it.field(field));
            assert!(found.is_some_and(|it| it.shape() == Shape::List), "{type_name} has no list {field}");
        }
        let role = r#"{"rules":[],"metadata":{"labels":{}}}"#;
        check_mended(ClusterRole::KIND, role, r#"{"rules":[],"metadata":{}}"#);
    }

    #[test]
    fn empty_json_of_any_form_stays() {
        let of = |schema: &str| {
            format!(r#"{{"spec":{{"versions":[{{"schema":{{"openAPIV3Schema":{schema}}}}}]}}}}"#)
        };
        let check = |schema: &str, expect: &str| {
            check_mended(CustomResourceDefinition::KIND, &of(schema), &of(expect));
        };
        check(
            r#"{"default":{},"example":[],"enum":[{},[]]}"#,
            r#"{"default":{},"example":[],"enum":[{},[]]}"#,
        );
        check(r#"{"properties":{"a":{"items":{},"required":[]}}}"#, r#"{"properties":{"a":{"items":{}}}}"#);
        check(r#"{"properties":{},"enum":[]}"#, "{}");
    }
}
