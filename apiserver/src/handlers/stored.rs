//! What goes into the store: an object's bytes, if they are neither too deep nor too many.

use crate::cache::entry::check_depth;
use api::custom::Custom;
use api::{ApiError, Object};

/// How large a stored object may be: the most that etcd takes in one request.
const MOST: usize = 3 << 19;
/// What else an etcd request for one object holds: its key, the condition, the frames.
const OVERHEAD: usize = 512;

/// The bytes of an object. One that is too large is stored without managed fields if that helps, as upstream does.
pub(crate) fn bytes_of(mut object: Object) -> Result<Vec<u8>, ApiError> {
    let escapes = if object.downcast_ref::<Custom>().is_some() { Escapes::Stored } else { Escapes::Undone };
    let json = object.to_json();
    if fits(&json, escapes) {
        check_depth(&json)?;
        return Ok(json);
    }
    object.meta_mut().managed_fields = None;
    let json = object.to_json();
    if !fits(&json, escapes) {
        return Err(too_large());
    }
    check_depth(&json)?;
    Ok(json)
}

/// What becomes of a text's escapes in etcd.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    /// Custom kinds are stored as JSON.
    Stored,
    /// Built-in kinds are stored as protobuf, where nothing is escaped.
    Undone,
}

/// Whether etcd would take it.
fn fits(json: &[u8], escapes: Escapes) -> bool {
    let most = MOST - OVERHEAD;
    json.len() <= most || (escapes == Escapes::Undone && unescaped(json) <= most)
}

/// How long the text is when an escaped character counts once.
fn unescaped(json: &[u8]) -> usize {
    let (mut at, mut length) = (0, 0);
    while let Some(byte) = json.get(at) {
        at += match (byte, json.get(at + 1)) {
            (b'\\', Some(b'u')) => 6,
            (b'\\', _) => 2,
            _ => 1,
        };
        length += 1;
    }
    length
}

/// The words in which etcd refuses, passed on by upstream as they are.
fn too_large() -> ApiError {
    ApiError::new(500, "", "etcdserver: request is too large")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_count_once() {
        let check = |text: &str, expect: usize| assert_eq!(unescaped(text.as_bytes()), expect, "{text}");
        check("", 0);
        check(r#"{"a":"b"}"#, 9);
        check(r#""\n\"\\""#, 5);
        check(r#""\u0001x""#, 4);
        check("\\", 1);
    }
}
