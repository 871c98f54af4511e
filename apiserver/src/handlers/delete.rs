//! Deleting one object: at once, or by marking it and waiting for its finalizers, dependents or grace.

use super::Call;
use super::change::{storage_error, stored_key};
use crate::accept::Form;
use crate::admission::{Attempt, Operation, Options};
use crate::cache::entry::Entry;
use crate::deletion;
use crate::notes::Notes;
use crate::options::{delete_is_dry_run, delete_options, precondition_failure};
use crate::respond::{self, Answer};
use crate::state::{State, cache_key};
use crate::versions;
use crate::webhooks;
use access::UserInfo;
use api::delete::Deletion;
use api::k8s::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ListMeta, Status, StatusDetails};
use api::{ApiError, Key, Object, owner};
use http::StatusCode;
use std::sync::Arc;
use store::{Condition, Op, Txn};

const ATTEMPTS: usize = 6;

/// DELETE of one object.
pub(crate) async fn delete(state: &State, call: &mut Call) -> Answer {
    let content = call.content().await?;
    let options = delete_options(&call.query, &content)?;
    call.form()?;
    let order = Order { key: &call.key, options: &options, user: &call.user, admitted: false };
    match delete_object(state, &order, &call.notes).await? {
        Outcome::Removed(object) if call.kind.row().strategy.returns_deleted() => {
            call.answer(state, StatusCode::OK, last_seen(&call.key, *object)).await
        }
        Outcome::Removed(object) => respond::value(StatusCode::OK, Form::JSON, &success(&call.key, &object)),
        // Who asks for the dependents to go, in the words of old, is told that they have not gone yet.
        Outcome::Marked(entry) if options.orphan_dependents == Some(false) => {
            call.answer(state, StatusCode::ACCEPTED, entry).await
        }
        Outcome::Marked(entry) => call.answer(state, StatusCode::OK, entry).await,
    }
}

/// A removed object as an answer.
fn last_seen(key: &Key, mut object: Object) -> Arc<Entry> {
    let revision = object.meta_mut().resource_version.take().and_then(|it| it.parse().ok()).unwrap_or(0);
    let entry = Entry::answer(object.kind(), cache_key(key).as_str().into(), &object.to_json(), revision);
    Arc::new(entry)
}

/// What is to be deleted, how, and by whom.
pub(crate) struct Order<'a> {
    pub(crate) key: &'a Key,
    pub(crate) options: &'a DeleteOptions,
    pub(crate) user: &'a UserInfo,
    /// Webhooks and policies have let it pass in another form, such as an eviction.
    pub(crate) admitted: bool,
}

/// What a delete came to.
pub(crate) enum Outcome {
    /// The object is gone; this is how it last was.
    Removed(Box<Object>),
    /// It goes later; this is how it is.
    Marked(Arc<Entry>),
}

/// Deletes an object, once more from the start when somebody else writes in between.
pub(crate) async fn delete_object(
    state: &State,
    order: &Order<'_>,
    notes: &Notes,
) -> Result<Outcome, ApiError> {
    for _ in 0..ATTEMPTS {
        let found = Notes::default();
        let outcome = attempt(state, order, &found).await.transpose();
        if let Some(outcome) = outcome {
            notes.absorb(found);
            return outcome;
        }
    }
    Err(ApiError::modified(order.key.kind.row(), &order.key.name))
}

/// One attempt; nothing when somebody else wrote first.
async fn attempt(state: &State, order: &Order<'_>, notes: &Notes) -> Result<Option<Outcome>, ApiError> {
    let entry = state.current(order.key).await?;
    let object = entry.decode().map_err(ApiError::internal)?;
    check(state, order, (&object, entry.revision), notes)?;
    if !order.admitted {
        ask(state, order, &object, notes).await?;
    }
    let plan = deletion::plan(&object, order.options, state.now());
    execute(state, order.options, &entry, object, plan).await
}

/// Preconditions and plugins.
fn check(
    state: &State,
    order: &Order<'_>,
    (object, revision): (&Object, u64),
    notes: &Notes,
) -> Result<(), ApiError> {
    let (key, wanted) = (order.key, order.options.preconditions.as_ref());
    if let Some(failure) = wanted.and_then(|it| precondition_failure(it, owner::uid(object), revision)) {
        return Err(ApiError::conflict(key.kind.row(), &key.name, &failure));
    }
    state.admission.validate(state, &attempt_of(order, object), notes)
}

/// Webhooks and policies, which see the object in the version that is being deleted.
async fn ask(state: &State, order: &Order<'_>, object: &Object, notes: &Notes) -> Result<(), ApiError> {
    let converted = match object.kind() == order.key.kind {
        true => None,
        false => Some(versions::object(state, order.key.kind, object.clone()).await?),
    };
    let mut attempt = attempt_of(order, converted.as_ref().unwrap_or(object));
    webhooks::mutate(state, &mut attempt, notes).await?;
    webhooks::validate(state, &attempt, notes).await
}

fn attempt_of<'a>(order: &'a Order<'_>, object: &'a Object) -> Attempt<'a> {
    Attempt {
        operation: Operation::Delete,
        kind: order.key.kind,
        key: order.key,
        subresource: "",
        user: order.user,
        options: Options::Delete(order.options),
        object: None,
        old: Some(object),
    }
}

/// Writes what was planned; `None` when somebody else wrote first.
async fn execute(
    state: &State,
    options: &DeleteOptions,
    entry: &Arc<Entry>,
    object: Object,
    plan: Deletion,
) -> Result<Option<Outcome>, ApiError> {
    let key = stored_key(entry);
    let (op, outcome) = match plan {
        Deletion::Pending => return Ok(Some(Outcome::Marked(entry.clone()))),
        Deletion::Remove => (Op::Delete { key: key.clone() }, None),
        Deletion::Mark(mut marked) => {
            marked.meta_mut().resource_version = None;
            let stored = bytes::Bytes::from(marked.to_json());
            (Op::Put { key: key.clone(), value: stored.clone() }, Some(stored))
        }
    };
    let revision = match delete_is_dry_run(options) {
        true => entry.revision,
        false => {
            let txn = Txn { conditions: vec![Condition::Revision(key, entry.revision)], ops: vec![op] };
            match state.store.commit(txn).await {
                Ok(revision) => revision,
                Err(store::Error::Conflict { .. }) => return Ok(None),
                Err(error) => return Err(storage_error(&error)),
            }
        }
    };
    Ok(Some(match outcome {
        Some(stored) => {
            Outcome::Marked(Arc::new(Entry::answer(entry.kind, entry.key.clone(), &stored, revision)))
        }
        None => Outcome::Removed(Box::new(removed_at(object, revision))),
    }))
}

/// The object with the revision of its removal, as its DELETED event has it.
fn removed_at(mut object: Object, revision: u64) -> Object {
    object.meta_mut().resource_version = Some(revision.to_string());
    object
}

/// What a client reads when the object is gone. The revision is for our own controllers, which wait until their caches
/// have seen it; other clients take no notice.
fn success(key: &Key, object: &Object) -> Status {
    let row = key.kind.row();
    Status {
        status: Some("Success".to_owned()),
        metadata: ListMeta {
            resource_version: object.meta().resource_version.clone(),
            ..ListMeta::default()
        },
        details: Some(StatusDetails {
            name: Some(key.name.clone()),
            group: (!row.group.is_empty()).then(|| row.group.to_owned()),
            kind: Some(row.plural.to_owned()),
            uid: Some(owner::uid(object).to_owned()),
            ..StatusDetails::default()
        }),
        ..Status::default()
    }
}
