//! Follows definitions: gives them their status, and removes the objects of those that are being deleted.
//!
//! Start at [`run`]. It looks at all definitions whenever one changes, since names are a matter between them; there are
//! tens of them, and they seldom change.

use super::status;
use crate::cache::resource::Cached;
use crate::handlers::change::{self, Part, Target};
use crate::handlers::delete::{Order, delete_object};
use crate::handlers::present::Present;
use crate::notes::Notes;
use crate::ownership::Manager;
use crate::state::State;
use access::UserInfo;
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition as Definition;
use api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use api::strategies::custom_resource_definition::{FINALIZER, TERMINATING};
use api::{ApiError, Key, Kind, Object, Resource, Time, meta};
use daemon::{Tasks, clock};
use futures::future::{BoxFuture, FutureExt, pending, select_all};
use futures::{StreamExt, stream};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How soon what could not be finished is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// How many deletes wait for the disk together.
const AT_ONCE: usize = 64;

/// What a definition waits for before it is looked at again.
enum Next {
    /// Only a change of a definition.
    Settled,
    /// A change among the objects of its kind, too.
    Objects(watch::Receiver<u64>),
    /// Time: something failed.
    Retry,
}

/// Follows definitions until the tasks are told to stop.
pub(crate) async fn run(state: Arc<State>, tasks: Tasks) {
    let Some(cached) = state.caches.of(Definition::KIND) else { return };
    let mut changed = cached.subscribe();
    let token = tasks.token();
    while !token.is_cancelled() {
        changed.mark_unchanged();
        let nexts = settle(&state, &cached).await;
        tokio::select! {
            ended = changed.changed() => if ended.is_err() { return },
            () = first_of(nexts) => {}
            () = token.cancelled() => return,
        }
    }
}

/// Waits until one of them is due; for ever when all have settled.
async fn first_of(nexts: Vec<Next>) {
    let mut waits: Vec<BoxFuture<'static, ()>> = vec![Box::pin(pending())];
    waits.extend(nexts.into_iter().filter_map(|next| match next {
        Next::Settled => None,
        Next::Objects(mut changed) => Some(async move { drop(changed.changed().await) }.boxed()),
        Next::Retry => Some(clock::sleep(RETRY).boxed()),
    }));
    select_all(waits).await;
}

/// Brings every definition on its way; says what each of them waits for then.
async fn settle(state: &State, cached: &Cached) -> Vec<Next> {
    let snapshot = cached.now(state.caches.fresh().await);
    let objects: Vec<Arc<Object>> = snapshot.map.values().filter_map(|it| it.object().ok()).collect();
    let all: Vec<&Definition> = objects.iter().filter_map(|it| it.get()).collect();
    let mut nexts = Vec::new();
    for definition in &all {
        let next = match definition.metadata.deletion_timestamp {
            None => publish(state, definition, &all).await.map(|()| Next::Settled),
            Some(_) => finish(state, definition).await,
        };
        nexts.push(next.unwrap_or_else(|error| {
            tracing::warn!(name = meta::name(&definition.metadata), %error, "failed to follow a definition");
            Next::Retry
        }));
    }
    nexts
}

/// Writes the status that a definition should have.
async fn publish(state: &State, definition: &Definition, all: &[&Definition]) -> Result<(), ApiError> {
    let now = Time(crate::metadata::whole_seconds(state.now()));
    let wanted = status::status_of(definition, all, &now);
    if definition.status.as_ref() == Some(&wanted) {
        return Ok(());
    }
    edit(state, definition, Part::Status, &mut |it| it.status = Some(wanted.clone())).await
}

/// Removes the objects of a definition that is being deleted, and lets it go when there are none left.
async fn finish(state: &State, definition: &Definition) -> Result<Next, ApiError> {
    if !definition.metadata.finalizers.iter().flatten().any(|it| it == FINALIZER) {
        return Ok(Next::Settled);
    }
    let contents = state.catalogue.now();
    if let Some(kind) = contents.stored(meta::name(&definition.metadata)) {
        // Subscribed before the objects are counted, so that no change after that is missed.
        let mut changed = state.cached(kind)?.subscribe();
        changed.mark_unchanged();
        let left = remove_objects(state, kind).await?;
        if left > 0 {
            return tell_what_is_left(state, definition, left).await.map(|()| Next::Objects(changed));
        }
    }
    let release = &mut |it: &mut Definition| {
        it.metadata.finalizers.iter_mut().for_each(|it| it.retain(|it| it != FINALIZER))
    };
    edit(state, definition, Part::Main, release).await.map(|()| Next::Settled)
}

async fn tell_what_is_left(state: &State, definition: &Definition, left: usize) -> Result<(), ApiError> {
    let now = Time(crate::metadata::whole_seconds(state.now()));
    let message = format!("CustomResource deletion is in progress; {left} objects wait for their finalizers");
    let mut status = definition.status.clone().unwrap_or_default();
    status::set_condition(&mut status, TERMINATING, true, ("InstanceDeletionInProgress", message), &now);
    if definition.status.as_ref() == Some(&status) {
        return Ok(());
    }
    edit(state, definition, Part::Status, &mut |it| it.status = Some(status.clone())).await
}

/// Deletes every object of a kind; says how many remain.
async fn remove_objects(state: &State, kind: Kind) -> Result<usize, ApiError> {
    let user = UserInfo::api_server();
    let options = DeleteOptions::default();
    let snapshot = state.cached(kind)?.now(state.caches.fresh().await);
    let keys = snapshot.map.values().map(|it| Key {
        kind,
        namespace: it.namespace().to_owned(),
        name: it.name().to_owned(),
    });
    let deletes = stream::iter(keys.collect::<Vec<_>>()).map(|key| {
        let (user, options) = (&user, &options);
        async move {
            let order = Order { key: &key, options, user, admitted: false };
            delete_object(state, &order, &Notes::default()).await
        }
    });
    let outcomes: Vec<_> = deletes.buffer_unordered(AT_ONCE).collect().await;
    for outcome in outcomes {
        match outcome {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
    }
    Ok(state.cached(kind)?.now(state.caches.fresh().await).map.len())
}

async fn edit(
    state: &State,
    definition: &Definition,
    part: Part,
    apply: &mut (dyn FnMut(&mut Definition) + Send),
) -> Result<(), ApiError> {
    let key = Key::of::<Definition>("", meta::name(&definition.metadata));
    let user = UserInfo::api_server();
    let subresource = if part == Part::Status { "status" } else { "" };
    let manager = Manager::server();
    let target = Target {
        kind: key.kind,
        key: &key,
        part,
        subresource,
        user: &user,
        manager: &manager,
        dry_run: false,
    };
    let mut edit = |object: &Present| {
        let mut changed = object.copy();
        if let Some(definition) = changed.get_mut::<Definition>() {
            apply(definition);
        }
        Ok(changed)
    };
    match change::change(state, &target, &mut edit, &Notes::default()).await {
        Err(error) if error.is_not_found() => Ok(()),
        result => result.map(drop),
    }
}
