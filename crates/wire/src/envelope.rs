//! The envelope around every body: the magic `k8s\0`, then a `runtime.Unknown` that names the kind and carries the
//! object's own bytes.

use serde_json::{Map, Value};

use crate::MEDIA_TYPE;
use crate::descriptor;
use crate::error::{Error, Problem};
use crate::reader::Reader;
use crate::transcode::{self, Fault};

const MAGIC: &[u8] = b"k8s\0";

/// `runtime.Unknown`, borrowed from the body.
#[derive(Default)]
struct Unknown<'a> {
    api_version: &'a str,
    kind: &'a str,
    raw: &'a [u8],
    content_encoding: &'a str,
    content_type: &'a str,
}

/// Decodes a `k8s\0` envelope to the JSON that the same Go object would have been sent as, with `apiVersion` and `kind`
/// from the envelope.
///
/// Fields that the table does not know are passed over, as upstream does. Memory is bounded by a small multiple of the
/// body's length, and the depth of nesting is limited.
pub fn decode(body: &[u8]) -> Result<Value, Error> {
    let unknown =
        Unknown::read(body.strip_prefix(MAGIC).ok_or(Error::NotProtobuf)?).map_err(Error::Envelope)?;
    unknown.refuse_foreign_content()?;
    if unknown.api_version.is_empty() || unknown.kind.is_empty() {
        return Err(Error::NoKind);
    }
    let (api_version, kind) = (unknown.api_version.to_owned(), unknown.kind.to_owned());
    let Some(message) = descriptor::message_of(&api_version, &kind) else {
        return Err(Error::UnknownKind { api_version, kind });
    };
    let mut object = Map::new();
    if let Err(Fault { path, problem }) = transcode::object(message, unknown.raw, &mut object) {
        return Err(Error::Object { kind, path, problem });
    }
    object.insert("apiVersion".to_owned(), Value::String(api_version));
    object.insert("kind".to_owned(), Value::String(kind));
    Ok(Value::Object(object))
}

impl<'a> Unknown<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Problem> {
        let mut unknown = Unknown::default();
        let mut reader = Reader::new(bytes);
        while let Some((number, wire)) = reader.next_field()? {
            match number {
                1 => unknown.read_type_meta(wire.bytes()?)?,
                2 => unknown.raw = wire.bytes()?,
                3 => unknown.content_encoding = wire.text()?,
                4 => unknown.content_type = wire.text()?,
                _ => {}
            }
        }
        Ok(unknown)
    }

    fn read_type_meta(&mut self, bytes: &'a [u8]) -> Result<(), Problem> {
        let mut reader = Reader::new(bytes);
        while let Some((number, wire)) = reader.next_field()? {
            match number {
                1 => self.api_version = wire.text()?,
                2 => self.kind = wire.text()?,
                _ => {}
            }
        }
        Ok(())
    }

    fn refuse_foreign_content(&self) -> Result<(), Error> {
        if !self.content_encoding.is_empty() {
            return Err(Error::ForeignContent(self.content_encoding.to_owned()));
        }
        if !matches!(self.content_type, "" | MEDIA_TYPE) {
            return Err(Error::ForeignContent(self.content_type.to_owned()));
        }
        Ok(())
    }
}
