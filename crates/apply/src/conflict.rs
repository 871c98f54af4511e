//! Conflicts: fields that an apply would change and that others own.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::StatusCause;

use crate::managers::{Id, Operation};

/// A field that somebody else owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Who owns it, as messages name them: `"kube-controller-manager" with subresource "status" using apps/v1`.
    pub manager: String,
    /// The field, such as `.spec.replicas`.
    pub path: String,
}

/// All conflicts of an apply, by manager; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflicts(pub Vec<Conflict>);

impl Conflicts {
    /// The causes for a Status of reason Conflict and code 409, which has no other details.
    pub fn causes(&self) -> Vec<StatusCause> {
        let cause = |conflict: &Conflict| StatusCause {
            field: Some(conflict.path.clone()),
            message: Some(format!("conflict with {}", conflict.manager)),
            reason: Some("FieldManagerConflict".into()),
        };
        self.0.iter().map(cause).collect()
    }
}

/// The Status' message.
impl Display for Conflicts {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        if let [Conflict { manager, path }] = self.0.as_slice() {
            return write!(formatter, "Apply failed with 1 conflict: conflict with {manager}: {path}");
        }
        let mut managers = BTreeMap::<&str, Vec<&str>>::new();
        for Conflict { manager, path } in &self.0 {
            managers.entry(manager).or_default().push(path);
        }
        let lines = managers.iter().flat_map(|(manager, paths)| {
            let heading = format!("conflicts with {manager}:");
            std::iter::once(heading).chain(paths.iter().map(|path| format!("- {path}")))
        });
        let lines: Vec<String> = lines.collect();
        write!(formatter, "Apply failed with {} conflicts: {}", self.0.len(), lines.join("\n"))
    }
}

impl std::error::Error for Conflicts {}

/// A manager as messages name it.
pub(crate) fn describe(id: &Id<'_>) -> String {
    let mut text = format!("{:?}", id.manager);
    if !id.subresource.is_empty() {
        text += &format!(" with subresource {:?}", id.subresource);
    }
    if id.operation == Operation::Update {
        text += &format!(" using {}", id.api_version);
    }
    text
}
