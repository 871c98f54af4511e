//! OpenAPI of what the server serves: crate `openapi` makes the documents, this tells it what there is.

use crate::catalogue::Contents;
use crate::discovery::GroupVersion;
use crate::handlers::subresource;
use api::Kind;
use api::resources::Row;
use openapi::{Deleted, PathRow, Schema, Scope, Subresource};
use serde_json::Value;

/// `/openapi/v3`: where the documents are.
pub(crate) fn index(served: &Contents) -> Value {
    with_all(served, |versions| openapi::v3_index(versions.iter().copied()))
}

/// `/openapi/v3/api/v1` and its like; `root` is without the leading slash.
pub(crate) fn document(served: &Contents, root: &str) -> Option<Vec<u8>> {
    with_all(served, |versions| versions.iter().find(|it| it.root() == root).map(openapi::v3_document))
}

/// The fingerprint by which clients recognize that document, which costs less than the document.
pub(crate) fn tag(served: &Contents, root: &str) -> Option<String> {
    with_all(served, |versions| versions.iter().find(|it| it.root() == root).map(openapi::document_hash))
}

/// `/openapi/v2` as JSON.
pub(crate) fn whole(served: &Contents) -> Vec<u8> {
    with_all(served, openapi::v2_document)
}

/// `/openapi/v2` as protobuf, which some clients insist on.
pub(crate) fn whole_protobuf(served: &Contents) -> Vec<u8> {
    with_all(served, openapi::v2_document_protobuf)
}

/// Lends everything that is served to the makers of documents.
fn with_all<T>(served: &Contents, make: impl FnOnce(&[openapi::GroupVersion<'_>]) -> T) -> T {
    let discovery = &served.discovery;
    let below: Vec<Vec<Vec<Subresource<'_>>>> = discovery.versions.iter().map(subresources_of).collect();
    let rows: Vec<Vec<PathRow<'_>>> = discovery
        .versions
        .iter()
        .zip(&below)
        .map(|(version, below)| {
            version.kinds.iter().zip(below).map(|(it, below)| row_of(served, *it, below)).collect()
        })
        .collect();
    let versions: Vec<openapi::GroupVersion<'_>> = discovery
        .versions
        .iter()
        .zip(&rows)
        .map(|(it, rows)| openapi::GroupVersion { group: it.group, version: it.version, rows })
        .collect();
    make(&versions)
}

fn subresources_of(version: &GroupVersion) -> Vec<Vec<Subresource<'static>>> {
    let of = |row: &Row| -> Vec<Subresource<'static>> {
        let below = row.subresources.iter().map(|it| Subresource {
            name: it.name(),
            verbs: subresource::verbs(*it),
            body: subresource::kind(*it),
        });
        below.collect()
    };
    version.kinds.iter().map(|it| of(it.row())).collect()
}

fn row_of<'a>(served: &'a Contents, kind: Kind, subresources: &'a [Subresource<'a>]) -> PathRow<'a> {
    let row = kind.row();
    PathRow {
        kind: row.kind,
        plural: row.plural,
        scope: if row.namespaced() { Scope::Namespaced } else { Scope::Cluster },
        verbs: row.verbs.names(),
        subresources,
        schema: served.served(kind).map_or(Schema::BuiltIn, |it| Schema::Custom(&it.schema)),
        deleted: if row.strategy.returns_deleted() { Deleted::Object } else { Deleted::Status },
    }
}
