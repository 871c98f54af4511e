//! What a caller says of the kinds it serves.

use serde_json::Value;

/// One group and version with the kinds that are served in it.
#[derive(Clone, Copy)]
pub struct GroupVersion<'a> {
    /// The group; empty for the core group.
    pub group: &'a str,
    /// The version.
    pub version: &'a str,
    /// Its resources.
    pub rows: &'a [PathRow<'a>],
}

/// One resource of a group and version.
#[derive(Clone, Copy)]
pub struct PathRow<'a> {
    /// The kind, such as `Pod`.
    pub kind: &'a str,
    /// The resource name in paths, such as `pods`.
    pub plural: &'a str,
    /// Whether its objects live in namespaces.
    pub scope: Scope,
    /// As in discovery: `create`, `delete`, `deletecollection`, `get`, `list`, `patch`, `update`, `watch`.
    pub verbs: &'a [&'a str],
    /// Its subresources.
    pub subresources: &'a [Subresource<'a>],
    /// Where its schema comes from.
    pub schema: Schema<'a>,
    /// What a delete of one object answers.
    pub deleted: Deleted,
}

/// What is answered when an object is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// That it went well.
    Status,
    /// The object as it last was.
    Object,
}

/// Whether objects live in namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// They belong to the cluster.
    Cluster,
    /// Each belongs to a namespace.
    Namespaced,
}

/// A resource below an object, such as `status`.
#[derive(Clone, Copy)]
pub struct Subresource<'a> {
    /// The last segment of its path.
    pub name: &'a str,
    /// As in discovery.
    pub verbs: &'a [&'a str],
    /// Group, version and kind of its body, where that is not the parent's.
    pub body: Option<(&'a str, &'a str, &'a str)>,
}

/// Where the schema of a kind comes from.
#[derive(Clone, Copy)]
pub enum Schema<'a> {
    /// It is embedded.
    BuiltIn,
    /// The `openAPIV3Schema` of a custom resource definition's version.
    Custom(&'a Value),
}

impl GroupVersion<'_> {
    /// The root of its paths without the leading slash: `api/v1`, `apis/apps/v1`.
    pub fn root(&self) -> String {
        match self.group {
            "" => format!("api/{}", self.version),
            group => format!("apis/{group}/{}", self.version),
        }
    }
}

impl PathRow<'_> {
    pub(crate) fn allows(&self, verb: &str) -> bool {
        self.verbs.contains(&verb)
    }

    pub(crate) fn is_custom(&self) -> bool {
        matches!(self.schema, Schema::Custom(_))
    }
}
