//! Ownership after a plain write: who changes a field owns it, and nobody else does.

use std::sync::LazyLock;

use serde_json::Value;

use crate::Write;
use crate::error::Unfit;
use crate::managed_fields::cap;
use crate::managers::{Id, Manager, Managers, Operation};
use crate::schema::Schema;
use crate::set::Set;
use crate::typed::compare;
use crate::versions::Changes;

/// What nobody owns: the object's identity, and what the server alone writes.
pub(crate) static UNOWNED: LazyLock<Set<'static>> = LazyLock::new(|| {
    let metadata = [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ];
    let mut set = Set::of_fields(&[&["apiVersion"], &["kind"], &["metadata"]]);
    for name in metadata {
        set = set.union(Set::of_fields(&[&["metadata", name]]));
    }
    set
});

/// What a write did to an object.
pub(crate) struct Change<'a> {
    /// Paths that are new or have another value: the writer owns them from now on.
    pub(crate) written: Set<'a>,
    /// Those, and the paths that are gone: nobody else owns them from now on.
    pub(crate) touched: Set<'a>,
}

impl<'a> Change<'a> {
    /// Compares the object before and after the write.
    pub(crate) fn between<S: Schema>(
        before: &'a Value,
        after: &'a Value,
        schema: S,
        ignored: Option<&Set<'_>>,
    ) -> Result<Self, Unfit> {
        let mut comparison = compare(before, after, schema)?;
        if let Some(ignored) = ignored {
            comparison = comparison.without(ignored);
        }
        let written = comparison.modified.union(comparison.added).difference(&UNOWNED);
        let touched = comparison.removed.difference(&UNOWNED).union(written.clone());
        Ok(Change { written, touched })
    }
}

/// Enters a plain write into the managers.
pub(crate) fn update<'a>(
    managers: &mut Managers<'a>,
    changes: Changes<'a>,
    writer: &'a str,
    write: &Write<'a>,
) {
    managers.lose(&changes, None);
    let change = changes.own;
    if !change.written.is_empty() {
        let id = Id::new(writer, Operation::Update, write.api_version, write.subresource);
        let previous = managers.find(&id).map(|manager| manager.set.clone()).unwrap_or_default();
        managers.put(Manager {
            id,
            api_version: write.api_version.into(),
            set: previous.union(change.written),
            time: Some(write.now.clone()),
            entry: None,
        });
    }
    cap(managers);
}
