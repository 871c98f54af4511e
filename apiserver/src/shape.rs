//! Objects in other shapes: tables as `kubectl get` prints them, and metadata alone.
//!
//! Start at [`Shaper`], which shapes single objects, lists' items and watch events alike.

use crate::accept::{Form, Shape};
use crate::cache::entry::Entry;
use crate::request::Query;
use crate::versions;
use api::strategy::Column;
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
    form: Form,
    include: Include,
    /// Asked for each row: a watch goes on for long.
    clock: Clock,
}

impl Shaper {
    pub(crate) fn new(kind: Kind, form: Form, query: &Query, clock: Clock) -> Result<Self, ApiError> {
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
        Ok(Self { kind, form, include, clock })
    }

    /// The kind in the version that is served.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The shape that the answers have.
    pub(crate) fn shape(&self) -> Shape {
        self.form.shape
    }

    /// The group and version that the shape is in, for tables and metadata.
    pub(crate) fn shape_version(&self) -> &'static str {
        self.form.shape_version
    }

    /// One object as the whole answer.
    pub(crate) fn object(&self, entry: &Entry) -> Result<Bytes, ApiError> {
        match self.shape() {
            Shape::Table => {
                let rows = vec![self.row(entry)?];
                self.table(&[], &entry.revision.to_string(), &rows, Header::Sent)
            }
            _ => self.item(entry),
        }
    }

    /// What is no object of the table of kinds as the whole answer, with its own columns.
    pub(crate) fn lone(
        &self,
        json: Vec<u8>,
        revision: &str,
        columns: &[Column],
        cells: Vec<Value>,
    ) -> Result<Bytes, ApiError> {
        match self.shape() {
            Shape::Table => self.table_of(Some(columns), &[], revision, &[self.row_of(cells, &json)?]),
            Shape::Metadata => self.metadata_only(&json).map(Bytes::from),
            _ => Ok(json.into()),
        }
    }

    /// One object as an item of a list or in a watch event; not for tables.
    pub(crate) fn item(&self, entry: &Entry) -> Result<Bytes, ApiError> {
        let json = versions::json_of(self.kind, entry)?;
        if self.shape() == Shape::Metadata { self.metadata_only(&json).map(Bytes::from) } else { Ok(json) }
    }

    /// One row of a table.
    pub(crate) fn row(&self, entry: &Entry) -> Result<Row, ApiError> {
        let json = versions::json_of(self.kind, entry)?;
        let object = self.kind.decode(&json).map_err(ApiError::internal)?;
        self.row_of(self.kind.row().strategy.cells(&object, self.clock.now()), &json)
    }

    fn row_of(&self, cells: Vec<Value>, json: &[u8]) -> Result<Row, ApiError> {
        let carried = match self.include {
            Include::None => None,
            Include::Metadata => Some(self.metadata_only(json)?),
            Include::Object => Some(json.to_vec()),
        };
        let raw = |json: Vec<u8>| RawValue::from_string(String::from_utf8(json).unwrap_or_default());
        Ok(Row { cells, object: carried.map(raw).transpose().map_err(ApiError::internal)? })
    }

    /// A whole table. `meta` are further fields of its metadata.
    pub(crate) fn table(
        &self,
        meta: &[(&str, Value)],
        revision: &str,
        rows: &[Row],
        header: Header,
    ) -> Result<Bytes, ApiError> {
        let columns = match header {
            Header::Sent => Some(self.kind.row().strategy.columns()),
            Header::Omitted => None,
        };
        self.table_of(columns, meta, revision, rows)
    }

    fn table_of(
        &self,
        columns: Option<&[Column]>,
        meta: &[(&str, Value)],
        revision: &str,
        rows: &[Row],
    ) -> Result<Bytes, ApiError> {
        let mut metadata = json!({ "resourceVersion": revision });
        for (name, value) in meta {
            metadata[*name] = value.clone();
        }
        let columns = columns.map(|it| it.iter().map(shown).collect());
        let table = Table { kind: "Table", api_version: self.shape_version(), metadata, columns, rows };
        serde_json::to_vec(&table).map(Bytes::from).map_err(ApiError::internal)
    }

    /// The object's metadata and nothing else.
    fn metadata_only(&self, json: &[u8]) -> Result<Vec<u8>, ApiError> {
        #[derive(Deserialize)]
        struct Whole<'a> {
            #[serde(borrow)]
            metadata: &'a RawValue,
        }
        let whole: Whole<'_> = serde_json::from_slice(json).map_err(ApiError::internal)?;
        let (version, metadata) = (self.shape_version(), whole.metadata.get());
        let text =
            format!(r#"{{"kind":"PartialObjectMetadata","apiVersion":"{version}","metadata":{metadata}}}"#);
        Ok(text.into_bytes())
    }
}

fn shown(column: &Column) -> Value {
    json!({
        "name": column.name, "type": column.kind, "format": column.format,
        "description": column.description, "priority": column.priority,
    })
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
