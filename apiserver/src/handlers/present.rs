//! An object as it is before a change: typed, and as the tree that patches and field ownership look at.

use crate::cache::entry::Entry;
use crate::versions::to_served;
use api::{ApiError, Kind, Object};
use bytes::Bytes;
use serde_json::Value;
use std::ops::Deref;
use std::sync::OnceLock;

/// See the module.
#[derive(Debug)]
pub(crate) struct Present {
    object: Object,
    /// What the object was decoded from, unless it was read in another version.
    json: Option<Bytes>,
    /// Made once for all who look at it.
    tree: OnceLock<Value>,
}

impl Present {
    /// What an entry holds, in the version that is served.
    pub(crate) fn of(kind: Kind, entry: &Entry) -> Result<Self, ApiError> {
        let object = to_served(kind, entry.decode().map_err(ApiError::internal)?)?;
        let json = (entry.kind == kind).then(|| entry.json.clone());
        Ok(Self { object, json, tree: OnceLock::new() })
    }

    /// A copy, to change.
    pub(crate) fn copy(&self) -> Object {
        self.object.clone()
    }

    /// The object as a tree.
    pub(crate) fn tree(&self) -> &Value {
        self.tree.get_or_init(|| {
            let read = self.json.as_ref().and_then(|it| serde_json::from_slice(it).ok());
            read.unwrap_or_else(|| self.object.to_value())
        })
    }
}

impl Deref for Present {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.object
    }
}
