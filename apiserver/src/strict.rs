//! Field validation: the duplicate and unknown fields of a body, named by path as upstream names them.
//!
//! Start at [`duplicates`] and [`dotted`].

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// The paths of the fields that JSON text holds more than once, such as `spec.containers[0].name`.
///
/// Text that is not JSON, or nested beyond reason, is an error; types that skip a field would not notice.
pub(crate) fn duplicates(json: &[u8]) -> serde_json::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut path = Path::default();
    let mut text = serde_json::Deserializer::from_slice(json);
    Walk { path: &mut path, found: &mut found }.deserialize(&mut text)?;
    Ok(found)
}

/// The path that serde_ignored prints, in upstream's notation: `spec.?.containers.0.x` is `spec.containers[0].x`.
pub(crate) fn dotted(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for segment in path.split('.').filter(|it| *it != "?") {
        if !out.is_empty() && !segment.is_empty() && segment.bytes().all(|it| it.is_ascii_digit()) {
            out.push_str(&format!("[{segment}]"));
        } else {
            if !out.is_empty() {
                out.push('.');
            }
            out.push_str(segment);
        }
    }
    out
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
                self.found.push(self.path.0.clone());
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(Walk { path: self.path, found: self.found })?;
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
            let item = items.next_element_seed(Walk { path: self.path, found: self.found })?;
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

    #[test]
    fn duplicates_are_named_by_path() {
        let check = |json: &str, expect: &[&str]| {
            assert_eq!(duplicates(json.as_bytes()).ok().as_deref().unwrap_or_default(), expect, "{json}")
        };
        check(r#"{"a":1,"b":{"a":2}}"#, &[]);
        check(r#"{"a":1,"a":2}"#, &["a"]);
        check(r#"{"a":[{"b":1},{"c":1,"c":"x","c":null}]}"#, &["a[1].c", "a[1].c"]);
        check(r#"{"a\n":{},"a\n":[]}"#, &["a\n"]);
        check(r#"{"a":"#, &[]);
    }

    #[test]
    fn unknown_fields_read_as_upstreams() {
        assert_eq!(dotted("spec.?.containers.0.x"), "spec.containers[0].x");
        assert_eq!(dotted("extra"), "extra");
    }
}
