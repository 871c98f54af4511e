//! Changing an object that exists: the one way for updates, patches, status, scale, bindings and approvals.
//!
//! Start at [`change`]. Read, edit, check, write on the condition that nobody wrote in between; when somebody did, do it
//! again from what is there now. An edit that carries a resourceVersion then fails by itself, since it no longer is
//! the object's; one that carries none goes through. An edit that changes nothing writes nothing.

use super::present::Present;
use super::stored;
use crate::admission::quota::{self, Charges};
use crate::admission::{Attempt, Operation, Options};
use crate::allocate::Reservation;
use crate::cache::entry::Entry;
use crate::metadata;
use crate::notes::Notes;
use crate::ownership::{self, Manager, Writing};
use crate::state::{State, cache_key};
use crate::versions;
use crate::webhooks;
use access::UserInfo;
use api::field::Errors;
use api::validation::meta;
use api::{ApiError, Key, Kind, Object, Subresource, delete, path};
use bytes::Bytes;
use std::sync::Arc;
use store::{Condition, Op, Txn};

/// How often an edit is tried again when others write in between.
pub(crate) const ATTEMPTS: usize = 6;

/// Which part of an object an edit may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything but the status.
    Main,
    /// The status and nothing else.
    Status,
    /// What the handler itself lets through, such as the node of a binding: rules for updates do not apply.
    Chosen,
}

/// What is being changed, by whom.
pub(crate) struct Target<'a> {
    pub(crate) kind: Kind,
    pub(crate) key: &'a Key,
    pub(crate) part: Part,
    pub(crate) subresource: &'a str,
    pub(crate) user: &'a UserInfo,
    pub(crate) manager: &'a Manager,
    pub(crate) dry_run: bool,
}

/// Makes the new object from the present one, in the version that is served.
pub(crate) type Edit<'a> = dyn FnMut(&Present) -> Result<Object, ApiError> + Send + 'a;

/// Changes an object; gives it as it is then, and notes what the client and the audit log should know.
pub(crate) async fn change(
    state: &State,
    target: &Target<'_>,
    edit: &mut Edit<'_>,
    notes: &Notes,
) -> Result<Arc<Entry>, ApiError> {
    for _ in 0..ATTEMPTS {
        let found = Notes::default();
        let outcome = attempt(state, target, edit, &found).await.transpose();
        if let Some(outcome) = outcome {
            notes.absorb(found);
            return outcome;
        }
    }
    Err(ApiError::modified(target.kind.row(), &target.key.name))
}

/// One attempt; nothing when somebody else wrote first.
async fn attempt(
    state: &State,
    target: &Target<'_>,
    edit: &mut Edit<'_>,
    notes: &Notes,
) -> Result<Option<Arc<Entry>>, ApiError> {
    let entry = state.current(target.key).await?;
    let seen = versions::entry(state, target.kind, entry.clone()).await?;
    let mut draft = draft(state, target, &seen, edit, notes).await?;
    if webhooks::mutate(state, &mut draft.attempt(target), notes).await? {
        revise(state, target, &mut draft)?;
    }
    let reservation = allocate(state, target, &mut draft)?;
    finish(state, target, &mut draft, notes)?;
    webhooks::validate(state, &draft.attempt(target), notes).await?;
    match plan(state, target, draft).await? {
        Next::Nothing => Ok(Some(entry)),
        Next::Write(write) => {
            let stays = !write.removes && !target.dry_run;
            let written = execute(state, target, &entry, write).await?;
            reservation.keep_if(stays && written.is_some());
            Ok(written)
        }
    }
}

/// The object as it is, and as it is to be.
struct Draft {
    old: Present,
    new: Object,
}

impl Draft {
    fn attempt<'a>(&'a mut self, target: &'a Target<'_>) -> Attempt<'a> {
        Attempt {
            operation: Operation::Update,
            kind: target.kind,
            key: target.key,
            subresource: target.subresource,
            user: target.user,
            options: Options::Write { dry_run: target.dry_run, manager: target.manager },
            object: Some(&mut self.new),
            old: Some(&self.old),
        }
    }
}

/// What an edit makes of an object, with what plugins add.
async fn draft(
    state: &State,
    target: &Target<'_>,
    entry: &Entry,
    edit: &mut Edit<'_>,
    notes: &Notes,
) -> Result<Draft, ApiError> {
    let old = Present::of(target.kind, entry)?;
    let mut new = edit(&old)?;
    metadata::check_identity(target.key, &new, &old)?;
    prepare(state, target, &mut new, &old);
    let writing = Writing { kind: target.kind, manager: target.manager, subresource: target.subresource };
    writing.after_write(state, Some(&old), &mut new).await?;
    let mut draft = Draft { old, new };
    state.admission.mutate(state, &mut draft.attempt(target), notes)?;
    Ok(draft)
}

/// What webhooks changed may be no more than the edit itself may change.
fn revise(state: &State, target: &Target<'_>, draft: &mut Draft) -> Result<(), ApiError> {
    metadata::check_identity(target.key, &draft.new, &draft.old)?;
    prepare(state, target, &mut draft.new, &draft.old);
    Ok(())
}

/// Addresses and ports that the object needs from now on.
fn allocate<'a>(
    state: &'a State,
    target: &Target<'_>,
    draft: &mut Draft,
) -> Result<Reservation<'a>, ApiError> {
    if target.part != Part::Main {
        return Ok(state.allocators.nothing());
    }
    state.allocators.allocate(target.kind.row(), &mut draft.new, Some(&draft.old))
}

/// The generation, and the checks that need nobody else.
fn finish(state: &State, target: &Target<'_>, draft: &mut Draft, notes: &Notes) -> Result<(), ApiError> {
    count_generation(target, &mut draft.new, &draft.old);
    validate(target, &draft.new, &draft.old)?;
    notes.warn(target.kind.row().strategy.warnings(&draft.new));
    state.admission.validate(state, &draft.attempt(target), notes)
}

/// What an edit comes to.
enum Next {
    /// The object stays as it is.
    Nothing,
    Write(Write),
}

/// What is to be written.
struct Write {
    stored: Bytes,
    /// What the object needs more of than before.
    charges: Charges,
    /// The edit took away the last thing that kept a deleted object.
    removes: bool,
}

/// What is to be done about a draft that everybody lets pass.
async fn plan(state: &State, target: &Target<'_>, mut draft: Draft) -> Result<Next, ApiError> {
    ownership::keep_times(&draft.old, &mut draft.new);
    let removes = delete::after_update(draft.new.meta()) && !crate::deletion::is_held(&draft.new);
    let stale = state.store.is_stale(&new_key(target.kind, target.key));
    if draft.new == *draft.old && !removes && !stale {
        return Ok(Next::Nothing);
    }
    let charges = quota::charges(state, &draft.attempt(target))?;
    let mut stored = versions::object(state, target.kind.stored(), draft.new).await?;
    stored.meta_mut().resource_version = None;
    let stored: Bytes = stored::bytes_of(stored)?.into();
    Ok(Next::Write(Write { stored, charges, removes }))
}

/// Gives the new object what the edit may not change.
fn prepare(state: &State, target: &Target<'_>, new: &mut Object, old: &Object) {
    let strategy = target.kind.row().strategy;
    if target.part == Part::Status {
        let mut merged = old.clone();
        merged.copy_status(new);
        metadata::write_beside_status(merged.meta_mut(), new.meta_mut(), strategy.status_meta());
        *new = merged;
        strategy.set_defaults(new);
        if let Some(below) = below(target) {
            strategy.prepare_below(new, old, below, state.now());
        }
        return;
    }
    metadata::keep(new.meta_mut(), old.meta());
    strategy.set_defaults(new);
    if target.part == Part::Main {
        new.copy_status(old);
        strategy.prepare_update(new, old);
    }
}

/// Which subresource of the status is written, if it is one.
fn below(target: &Target<'_>) -> Option<Subresource> {
    let status = target.part == Part::Status;
    status.then(|| target.kind.row().subresource(target.subresource)).flatten()
}

/// The generation counts changes of the desired state.
fn count_generation(target: &Target<'_>, new: &mut Object, old: &Object) {
    let counts = target.kind.row().strategy.counts_generation() && target.part != Part::Status;
    if counts && !new.same_spec(old) {
        let generation = old.meta().generation.unwrap_or(0) + 1;
        new.meta_mut().generation = Some(generation);
    }
}

fn validate(target: &Target<'_>, new: &Object, old: &Object) -> Result<(), ApiError> {
    let strategy = target.kind.row().strategy;
    let mut errors: Errors = meta::validate_meta(new);
    errors.extend(meta::validate_meta_update(new, old));
    errors.extend(match target.part {
        Part::Chosen => strategy.validate_anew(new, old),
        Part::Main | Part::Status => strategy.validate_change(new, old),
    });
    if let Some(below) = below(target) {
        errors.extend(strategy.validate_below(new, old, below));
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ApiError::invalid(target.kind.row(), &target.key.name, &errors))
    }
}

/// Writes; `None` when somebody else wrote first.
async fn execute(
    state: &State,
    target: &Target<'_>,
    entry: &Entry,
    write: Write,
) -> Result<Option<Arc<Entry>>, ApiError> {
    let written = |revision| {
        Some(Arc::new(Entry::answer(target.kind.stored(), entry.key.clone(), &write.stored, revision)))
    };
    if target.dry_run {
        return Ok(written(entry.revision));
    }
    let key = stored_key(entry);
    let op = match write.removes {
        true => Op::Delete { key: key.clone() },
        false => Op::Put { key: key.clone(), value: write.stored.clone() },
    };
    let (mut conditions, mut ops) = (vec![Condition::Revision(key, entry.revision)], vec![op]);
    let after = write.charges.ops.len() as u64;
    conditions.extend(write.charges.conditions);
    ops.extend(write.charges.ops);
    match state.store.commit(Txn { conditions, ops }).await {
        // Each write has its own revision, and the charges come last.
        Ok(revision) => Ok(written(revision - after)),
        Err(store::Error::Conflict { .. }) => Ok(None),
        Err(error) => Err(storage_error(&error)),
    }
}

/// The key under which an object is stored.
pub(crate) fn stored_key(entry: &Entry) -> Bytes {
    format!("{}{}", path::store_prefix(entry.kind.row()), entry.key).into()
}

/// The key under which a new object will be stored.
pub(crate) fn new_key(kind: Kind, key: &Key) -> Bytes {
    format!("{}{}", path::store_prefix(kind.stored().row()), cache_key(key)).into()
}

/// What a client is told when the store does not do its part.
pub(crate) fn storage_error(error: &store::Error) -> ApiError {
    tracing::error!(%error, "a write failed");
    match error {
        store::Error::TooLarge { limit, .. } => ApiError::too_large(*limit),
        store::Error::DiskFull { .. } => ApiError::new(
            507,
            api::status::reason::INTERNAL_ERROR,
            "the server's disk is full: make room and retry",
        ),
        store::Error::Closed => {
            ApiError::new(503, api::status::reason::SERVICE_UNAVAILABLE, "the server is stopping")
        }
        _ => ApiError::internal("the write could not be stored"),
    }
}
