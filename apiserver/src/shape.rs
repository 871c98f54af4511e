//! Objects in other shapes: tables as `kubectl get` prints them, and metadata alone.
//!
//! Start at [`Shaper`], which shapes single objects, lists' items and watch events alike.

use crate::accept::Shape;
use crate::cache::entry::Entry;
use crate::request::Query;
use crate::versions;
use api::{ApiError, Kind};
use bytes::Bytes;
use daemon::Clock;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// How much of its object a table's row carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Include {
    None,
    Metadata,
    Object,
}

/// Gives objects of one kind the shape that a client asked for.
#[derive(Clone, Debug)]
pub(crate) struct Shaper {
    kind: Kind,
    shape: Shape,
    include: Include,
    /// Asked for each row: a watch goes on for long.
    clock: Clock,
}

impl Shaper {
    pub(crate) fn new(kind: Kind, shape: Shape, query: &Query, clock: Clock) -> Result<Self, ApiError> {
        let include = match query.get("includeObject") {
            None | Some("Metadata") => Include::Metadata,
            Some("None") => Include::None,
            Some("Object") => Include::Object,
            Some(other) => {
                return Err(ApiError::bad_request(format!(
                    "unrecognized includeObject value: {other:?}, must be None, Metadata or Object"
                )));
            }
        };
        Ok(Self { kind, shape, include, clock })
    }

    /// The kind in the version that is served.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The shape that the answers have.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// One object as the whole answer.
    pub(crate) fn object(&self, entry: &Entry) -> Result<Bytes, ApiError> {
        match self.shape {
            Shape::Table => {
                let rows = vec![self.row(entry)?];
                self.table(&[], &entry.revision.to_string(), &rows, Header::Sent)
            }
            _ => self.item(entry),
        }
    }

    /// One object as an item of a list or in a watch event; not for tables.
    pub(crate) fn item(&self, entry: &Entry) -> Result<Bytes, ApiError> {
        let json = versions::json_of(self.kind, entry)?;
        if self.shape == Shape::Metadata { Ok(metadata_only(&json)?.into()) } else { Ok(json) }
    }

    /// One row of a table.
    pub(crate) fn row(&self, entry: &Entry) -> Result<Row, ApiError> {
        let json = versions::json_of(self.kind, entry)?;
        let object = self.kind.decode(&json).map_err(ApiError::internal)?;
        let carried = match self.include {
            Include::None => None,
            Include::Metadata => Some(metadata_only(&json)?),
            Include::Object => Some(json.to_vec()),
        };
        let raw = |json: Vec<u8>| RawValue::from_string(String::from_utf8(json).unwrap_or_default());
        Ok(Row {
            cells: self.kind.row().strategy.cells(&object, self.clock.now()),
            object: carried.map(raw).transpose().map_err(ApiError::internal)?,
        })
    }

    /// A whole table. `meta` are further fields of its metadata.
    pub(crate) fn table(
        &self,
        meta: &[(&str, Value)],
        revision: &str,
        rows: &[Row],
        header: Header,
    ) -> Result<Bytes, ApiError> {
        let mut metadata = json!({ "resourceVersion": revision });
        for (name, value) in meta {
            metadata[*name] = value.clone();
        }
        let columns = match header {
            Header::Sent => Some(self.columns()),
            Header::Omitted => None,
        };
        let table = Table { kind: "Table", api_version: "meta.k8s.io/v1", metadata, columns, rows };
        serde_json::to_vec(&table).map(Bytes::from).map_err(ApiError::internal)
    }

    fn columns(&self) -> Vec<Value> {
        let columns = self.kind.row().strategy.columns().iter();
        let shown = columns.map(|it| {
            json!({
                "name": it.name, "type": it.kind, "format": it.format,
                "description": it.description, "priority": it.priority,
            })
        });
        shown.collect()
    }
}

/// Whether a table names its columns: in a watch only the first does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    Sent,
    Omitted,
}

#[derive(Serialize)]
struct Table<'a> {
    kind: &'static str,
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    metadata: Value,
    #[serde(rename = "columnDefinitions")]
    columns: Option<Vec<Value>>,
    rows: &'a [Row],
}

/// One row of a table.
#[derive(Serialize)]
pub(crate) struct Row {
    cells: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<Box<RawValue>>,
}

/// The object's metadata and nothing else.
fn metadata_only(json: &[u8]) -> Result<Vec<u8>, ApiError> {
    #[derive(Deserialize)]
    struct Whole<'a> {
        #[serde(borrow)]
        metadata: &'a RawValue,
    }
    let whole: Whole<'_> = serde_json::from_slice(json).map_err(ApiError::internal)?;
    let head = r#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":"#;
    Ok([head.as_bytes(), whole.metadata.get().as_bytes(), b"}"].concat())
}
