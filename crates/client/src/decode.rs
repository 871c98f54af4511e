//! From bytes to objects: lists, and watches line by line.

use crate::error::Error;
use crate::frames::Frame;
use api::{ApiError, Kind, Object};
use bytes::{Buf, Bytes, BytesMut};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, Status};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

/// The longest line that a watch may send.
const LONGEST_LINE: usize = 64 << 20;

/// The refusal that an error answer carries, whatever its body is.
pub fn refusal(code: u16, body: &[u8]) -> ApiError {
    match serde_json::from_slice::<Status>(body) {
        Ok(status) if status.reason.is_some() || status.message.is_some() => ApiError(Box::new(status)),
        _ => {
            let text = String::from_utf8_lossy(&body[..body.len().min(200)]).trim().to_owned();
            ApiError::new(
                code,
                reason_of(code),
                if text.is_empty() { format!("the server answered {code}") } else { text },
            )
        }
    }
}

fn reason_of(code: u16) -> &'static str {
    use api::status::reason;
    match code {
        401 => reason::UNAUTHORIZED,
        403 => reason::FORBIDDEN,
        404 => reason::NOT_FOUND,
        410 => reason::EXPIRED,
        429 => reason::TOO_MANY_REQUESTS,
        503 => reason::SERVICE_UNAVAILABLE,
        _ => reason::INTERNAL_ERROR,
    }
}

#[derive(Deserialize)]
struct RawList<'a> {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

/// The metadata and the objects of a list. The items of a list carry no kind; they get that of the list.
pub fn list(kind: Kind, body: &[u8]) -> Result<(ListMeta, Vec<Object>), Error> {
    let what = || format!("a list of {}", kind.row().plural);
    let raw: RawList<'_> =
        serde_json::from_slice(body).map_err(|source| Error::Decode { what: what(), source })?;
    let items = raw.items.unwrap_or_default().into_iter().map(|it| object(kind, it.get().as_bytes()));
    Ok((raw.metadata, items.collect::<Result<_, _>>()?))
}

/// One object.
pub fn object(kind: Kind, body: &[u8]) -> Result<Object, Error> {
    kind.decode(body).map_err(|source| Error::Decode { what: kind.to_string(), source })
}

#[derive(Deserialize)]
struct RawFrame<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct OnlyMeta {
    metadata: OnlyVersion,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OnlyVersion {
    #[serde(default)]
    resource_version: String,
}

/// The resourceVersion of an answer: of an object, or of the Status that a removal returns.
pub fn revision(body: &[u8]) -> Option<u64> {
    let meta: OnlyMeta = serde_json::from_slice(body).ok()?;
    meta.metadata.resource_version.parse().ok()
}

/// One line of a watch.
pub fn frame(kind: Kind, line: &[u8]) -> Result<Frame, Error> {
    let wrong = |source| Error::Decode { what: format!("a change of {}", kind.row().plural), source };
    let raw: RawFrame<'_> = serde_json::from_slice(line).map_err(wrong)?;
    let body = raw.object.get().as_bytes();
    let shared = || object(kind, body).map(Arc::new);
    Ok(match raw.kind {
        "ADDED" => Frame::Added(shared()?),
        "MODIFIED" => Frame::Modified(shared()?),
        "DELETED" => Frame::Deleted(shared()?),
        "BOOKMARK" => {
            let meta: OnlyMeta = serde_json::from_slice(body).map_err(wrong)?;
            Frame::Bookmark(meta.metadata.resource_version.parse().unwrap_or(0))
        }
        _ => return Err(refusal(500, body).into()),
    })
}

/// Cuts a stream of pieces into lines.
#[derive(Debug, Default)]
pub struct Lines {
    buffer: BytesMut,
    searched: usize,
}

impl Lines {
    /// Adds a piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next whole line without its end.
    pub fn next_line(&mut self) -> Option<Bytes> {
        let Some(at) = self.buffer[self.searched..].iter().position(|it| *it == b'\n') else {
            self.searched = self.buffer.len();
            return None;
        };
        let line = self.buffer.split_to(self.searched + at).freeze();
        self.buffer.advance(1);
        self.searched = 0;
        Some(line)
    }

    /// Whether the line that has begun is longer than any honest one.
    pub fn is_too_long(&self) -> bool {
        self.buffer.len() > LONGEST_LINE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Resource;
    use k8s_openapi::api::core::v1::ConfigMap;

    #[test]
    fn lines_come_out_whole_however_they_arrive() {
        let mut lines = Lines::default();
        let mut got = Vec::new();
        for piece in ["a", "b\nc\n\nd", "", "e\n"] {
            lines.push(piece.as_bytes());
            got.extend(std::iter::from_fn(|| lines.next_line()));
        }
        assert_eq!(got, ["ab", "c", "", "de"]);
    }

    #[test]
    fn frames_and_errors_decode() {
        let line = br#"{"type":"BOOKMARK","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"resourceVersion":"7"}}}"#;
        assert!(matches!(frame(ConfigMap::KIND, line), Ok(Frame::Bookmark(7))));
        let line = br#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","code":410,"reason":"Expired","message":"too old"}}"#;
        assert!(frame(ConfigMap::KIND, line).is_err_and(|it| it.is_expired()));
        let (meta, items) = list(
            ConfigMap::KIND,
            br#"{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"9"},"items":[{"metadata":{"name":"a"}}]}"#,
        )
        .expect("it decodes");
        assert_eq!(meta.resource_version.as_deref(), Some("9"));
        assert_eq!(items[0].key().name, "a");
    }
}
