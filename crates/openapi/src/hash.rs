//! Names a document's content without making the document.

use crate::{
    facts::DIGEST,
    rows::{Deleted, GroupVersion, PathRow, Schema, Scope},
};

/// FNV-1a: the hash is a name for caches, no defence.
struct Hash(u64);

impl Hash {
    fn text(&mut self, text: &str) {
        // A byte that no UTF-8 text has keeps neighbours apart.
        for byte in text.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn row(&mut self, row: &PathRow) {
        [row.kind, row.plural].into_iter().chain(row.verbs.iter().copied()).for_each(|text| self.text(text));
        self.text(if row.scope == Scope::Namespaced { "namespaced" } else { "cluster" });
        self.text(if row.deleted == Deleted::Object { "object" } else { "status" });
        for subresource in row.subresources {
            self.text(subresource.name);
            subresource.verbs.iter().for_each(|verb| self.text(verb));
            if let Some((group, version, kind)) = subresource.body {
                [group, version, kind].into_iter().for_each(|text| self.text(text));
            }
        }
        if let Schema::Custom(schema) = row.schema {
            self.text(&schema.to_string());
        }
    }
}

/// The hash of a group version's document, for ETags and for the index; it changes when the document would.
pub fn document_hash(group_version: &GroupVersion) -> String {
    let mut hash = Hash(DIGEST);
    hash.text(group_version.group);
    hash.text(group_version.version);
    group_version.rows.iter().for_each(|row| hash.row(row));
    format!("{:016X}", hash.0)
}
