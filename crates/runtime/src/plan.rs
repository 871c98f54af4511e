//! What one reconcile decided: actions as plain data, in order.

use api::{Key, Kind, Object, OwnerReference, Subresource};
use client::PatchType;
use k8s_openapi::api::authorization::v1::SubjectAccessReviewSpec;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// Something to do to the cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Create this object. That it exists already is no failure when the name is its own: an earlier attempt won.
    Create(Object),
    /// Replace this object, or what hangs below it. Its resourceVersion guards against lost updates.
    Update {
        /// The object as it shall be.
        object: Object,
        /// Status, for most.
        below: Option<Subresource>,
    },
    /// Patch an object.
    Patch {
        /// Which.
        key: Key,
        /// What hangs below it, if that is meant.
        below: Option<Subresource>,
        /// How the patch is written.
        kind: PatchType,
        /// The patch.
        patch: Value,
    },
    /// Create what hangs below an object, such as a binding or an eviction.
    CreateBelow {
        /// Which object.
        key: Key,
        /// What.
        below: Subresource,
        /// The body.
        body: Value,
    },
    /// Delete an object. That it is gone already is no failure.
    Delete {
        /// Which.
        key: Key,
        /// Grace, propagation, preconditions.
        options: DeleteOptions,
    },
    /// Do something, but only if the server agrees that none of these objects exists any more.
    WhenGone {
        /// The objects that the cache says are gone: key and UID. Without a UID, any object of that name counts.
        gone: Vec<(Key, String)>,
        /// What to do then.
        then: Box<Action>,
    },
    /// End the plan here, to be planned again, if the server still has an object of this kind in the namespace.
    EnsureNone {
        /// The kind.
        kind: Kind,
        /// The namespace.
        namespace: String,
    },
    /// Delete every object of a kind in a namespace.
    DeleteAll {
        /// The kind.
        kind: Kind,
        /// The namespace.
        namespace: String,
    },
    /// Make `owner` the controller of an object, after reading the owner live: it must have this UID and not be on its
    /// way out.
    Adopt {
        /// Which object.
        key: Key,
        /// Its UID.
        uid: String,
        /// The owner's key.
        owner_key: Key,
        /// The reference to add.
        owner: OwnerReference,
    },
    /// Have the cluster's authority grant a signing request, and write the certificate into the request's status. Its
    /// resourceVersion guards against answering another question than was asked.
    Sign {
        /// The request, approved and found to be what its signer grants.
        request: Box<CertificateSigningRequest>,
        /// How long the certificate shall be valid.
        lifetime: Duration,
    },
    /// Have the cluster's signer of tokens fill a Secret with a token of a service account, and write the Secret. Its
    /// resourceVersion guards against filling another one than was seen.
    IssueToken {
        /// The Secret, with all but the token.
        secret: Box<Secret>,
        /// Name and UID of the service account.
        account: (String, String),
    },
    /// Ask the server what somebody may do, and do what stands beside the first thing that they may. That they may none
    /// of it ends the plan, to be planned again: rights change.
    FirstAllowed(Vec<(SubjectAccessReviewSpec, Action)>),
    /// Tell people that something happened to an object.
    Event(Note),
    /// Like actions in batches of 1, 2, 4 ...: the first failing batch ends them, so that a quota or a broken template
    /// costs few calls.
    SlowStart(Vec<Action>),
    /// Try something, then tell what came of it. A failure ends the plan after it was told.
    Told {
        /// What to try.
        attempt: Box<Action>,
        /// What to do when it went well. [`NAME`] in an event's message stands for the name that the server gave.
        well: Vec<Action>,
        /// What to do when it failed. [`ERROR`] in an event's message or in a patch stands for the reason.
        badly: Vec<Action>,
    },
}

/// Stands for the name of the object that [`Action::Told`] wrote.
pub const NAME: &str = "{name}";
/// Stands for why [`Action::Told`] failed.
pub const ERROR: &str = "{error}";

impl Action {
    /// Fills in what became known by doing: replaces `placeholder` in the texts of events and patches.
    pub fn filled(mut self, placeholder: &str, text: &str) -> Self {
        match &mut self {
            Self::Event(note) => note.message = note.message.replace(placeholder, text),
            Self::Patch { patch, .. } => fill(patch, placeholder, text),
            _ => {}
        }
        self
    }
}

fn fill(value: &mut Value, placeholder: &str, text: &str) {
    match value {
        Value::String(it) => *it = it.replace(placeholder, text),
        Value::Array(items) => items.iter_mut().for_each(|it| fill(it, placeholder, text)),
        Value::Object(fields) => fields.values_mut().for_each(|it| fill(it, placeholder, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// An event in the making. The recorder adds time, source and count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// About which object.
    pub about: Key,
    /// Its UID.
    pub uid: String,
    /// Which part of it, such as `spec.containers{web}`.
    pub field: String,
    /// Good or bad.
    pub kind: NoteKind,
    /// CamelCase, for machines.
    pub reason: String,
    /// A sentence, for people.
    pub message: String,
}

/// Good or bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoteKind {
    /// As it should be.
    Normal,
    /// Not as it should be.
    Warning,
}

impl NoteKind {
    /// As events spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

impl Note {
    /// A good event about an object.
    pub fn normal(about: &Object, reason: &str, message: impl Into<String>) -> Self {
        Self::new(about, NoteKind::Normal, reason, message)
    }

    /// A bad event about an object.
    pub fn warning(about: &Object, reason: &str, message: impl Into<String>) -> Self {
        Self::new(about, NoteKind::Warning, reason, message)
    }

    fn new(about: &Object, kind: NoteKind, reason: &str, message: impl Into<String>) -> Self {
        Self {
            about: about.key(),
            uid: api::owner::uid(about).to_owned(),
            field: String::new(),
            kind,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }
}

/// What one reconcile decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// In the order they must be tried; the first failure ends the plan.
    pub actions: Vec<Action>,
    /// Look again after this long even if nothing changes.
    pub requeue: Option<Duration>,
}

impl Plan {
    /// Nothing to do.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// These actions, in order.
    pub fn of(actions: Vec<Action>) -> Self {
        Self { actions, requeue: None }
    }

    /// Looks again after this long, or sooner if the plan said so already.
    pub fn again_after(mut self, wait: Duration) -> Self {
        self.requeue = Some(self.requeue.map_or(wait, |it| it.min(wait)));
        self
    }
}

/// One line for logs, traces and golden scripts.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = |it: &Option<Subresource>| it.map_or(String::new(), |it| format!("/{}", it.name()));
        match self {
            Self::Create(object) => write!(f, "create {}", named(object)),
            Self::Update { object, below: it } => write!(f, "update {}{}", object.key(), below(it)),
            Self::Patch { key, below: it, patch, .. } => write!(f, "patch {key}{} {patch}", below(it)),
            Self::CreateBelow { key, below: it, .. } => write!(f, "create {key}/{}", it.name()),
            Self::Delete { key, .. } => write!(f, "delete {key}"),
            Self::WhenGone { then, .. } => write!(f, "{then}"),
            Self::EnsureNone { kind, namespace } => write!(f, "ensure no {kind:?} in {namespace}"),
            Self::DeleteAll { kind, namespace } => write!(f, "delete all {kind:?} in {namespace}"),
            Self::Adopt { key, owner_key, .. } => write!(f, "adopt {key} for {owner_key}"),
            Self::Event(note) => write!(f, "event {} {}: {}", note.kind.name(), note.reason, note.message),
            Self::Sign { request, .. } => {
                write!(f, "sign {}", request.metadata.name.as_deref().unwrap_or_default())
            }
            Self::IssueToken { secret, account: (name, _) } => {
                let (namespace, secret) =
                    (api::meta::namespace(&secret.metadata), api::meta::name(&secret.metadata));
                write!(f, "issue a token of {namespace}/{name} into {secret}")
            }
            Self::FirstAllowed(choices) => {
                let lines: Vec<String> =
                    choices.iter().map(|(_, action)| format!("if allowed {action}")).collect();
                f.write_str(&lines.join("; else "))
            }
            Self::SlowStart(actions) => {
                let lines: Vec<String> = actions.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("; "))
            }
            Self::Told { attempt, .. } => write!(f, "{attempt}"),
        }
    }
}

/// The key of an object that may have no name yet.
fn named(object: &Object) -> String {
    match (&object.meta().name, &object.meta().generate_name) {
        (None, Some(prefix)) => format!("{}{prefix}*", object.key()),
        _ => object.key().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    #[test]
    fn what_became_known_is_filled_in() {
        let pod = Object::from(Pod::default());
        let Action::Event(note) =
            Action::Event(Note::normal(&pod, "Made", "made {name}")).filled(NAME, "web-1")
        else {
            panic!("it stays an event")
        };
        assert_eq!(note.message, "made web-1");
        let patch = json!({"status": {"conditions": [{"message": "failed: {error}", "count": 1}]}});
        let (key, kind) = (pod.key(), PatchType::Merge);
        let Action::Patch { patch, .. } =
            (Action::Patch { key, below: None, kind, patch }).filled(ERROR, "no")
        else {
            panic!("it stays a patch")
        };
        assert_eq!(patch, json!({"status": {"conditions": [{"message": "failed: no", "count": 1}]}}));
    }
}
