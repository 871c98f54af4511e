//! OpenAPI documents for what the server serves, and the facts about merging that patches need.
//!
//! Start at [`facts`] for the types as patches see them, and at [`GroupVersion`] for what goes into a document:
//! [`v3_index`] lists the documents, [`v3_document`] makes one, [`v2_document`] and
//! [`v2_document_protobuf`] make the old one over all groups.
//! Schemas of built-in kinds are embedded compressed; a request reads through them once and keeps what its document
//! needs, so nothing large stays in memory. Refuses to know which kinds are served: the caller's rows say so.

mod embedded;
pub mod facts;
mod hash;
mod operations;
mod parameters;
mod paths;
mod rows;
mod schemas;
#[cfg(test)]
mod tests;
mod v2;
mod v2_protobuf;
mod v3;

pub use hash::document_hash;
pub use rows::{Deleted, GroupVersion, PathRow, Schema, Scope, Subresource};
pub use v2::v2_document;
pub use v2_protobuf::{V2_PROTOBUF_ACCEPT, V2_PROTOBUF_TYPE, v2_document_protobuf};
pub use v3::{v3_document, v3_index};

/// The schema name of a built-in kind: `io.k8s.api.apps.v1.Deployment` for `apps`, `v1`, `Deployment`.
pub fn type_name(group: &str, version: &str, kind: &str) -> Option<&'static str> {
    facts::type_of(group, version, kind).map(facts::Type::name)
}
