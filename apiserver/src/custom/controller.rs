//! Follows definitions: gives them their status, and removes the objects of those that are being deleted.
//!
//! Start at [`run`]. It looks at all definitions whenever one changes, since names are a matter between them; there are
//! tens of them, and they seldom change.

use super::status;
use crate::cache::resource::Cached;
use crate::handlers::change::{self, Part, Target};
use crate::handlers::delete::{Order, delete_object};
use crate::ownership::Manager;
use crate::state::State;
use access::UserInfo;
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition as Definition;
use api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use api::strategies::custom_resource_definition::{FINALIZER, TERMINATING};
use api::{ApiError, Key, Kind, Object, Resource, Time, meta};
use daemon::{Tasks, clock};
use futures::{StreamExt, stream};
use std::sync::Arc;
use std::time::Duration;

/// How soon what could not be finished is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// How many deletes wait for the disk together.
const AT_ONCE: usize = 64;

/// Follows definitions until the tasks are told to stop.
pub(crate) async fn run(state: Arc<State>, tasks: Tasks) {
    let Some(cached) = state.caches.of(Definition::KIND) else { return };
    let mut changed = cached.subscribe();
    let token = tasks.token();
    while !token.is_cancelled() {
        changed.mark_unchanged();
        let patience = if settle(&state, &cached).await { Duration::MAX } else { RETRY };
        tokio::select! {
            ended = changed.changed() => if ended.is_err() { return },
            () = clock::sleep(patience.min(Duration::from_secs(3600))) => {}
            () = token.cancelled() => return,
        }
    }
}

/// Brings every definition on its way; false when something is left to do that no change will tell of.
async fn settle(state: &State, cached: &Cached) -> bool {
    let snapshot = cached.now(state.caches.fresh().await);
    let objects: Vec<Arc<Object>> = snapshot.map.values().filter_map(|it| it.object().ok()).collect();
    let all: Vec<&Definition> = objects.iter().filter_map(|it| it.get()).collect();
    let mut settled = true;
    for definition in &all {
        let done = match definition.metadata.deletion_timestamp {
            None => publish(state, definition, &all).await.map(|()| true),
            Some(_) => finish(state, definition).await,
        };
        settled &= done.unwrap_or_else(|error| {
            tracing::warn!(name = meta::name(&definition.metadata), %error, "failed to follow a definition");
            false
        });
    }
    settled
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
async fn finish(state: &State, definition: &Definition) -> Result<bool, ApiError> {
    if !definition.metadata.finalizers.iter().flatten().any(|it| it == FINALIZER) {
        return Ok(true);
    }
    let contents = state.catalogue.now();
    let left = match contents.stored(meta::name(&definition.metadata)) {
        Some(kind) => remove_objects(state, kind).await?,
        None => 0,
    };
    let now = Time(crate::metadata::whole_seconds(state.now()));
    if left > 0 {
        let message =
            format!("CustomResource deletion is in progress; {left} objects wait for their finalizers");
        let why = ("InstanceDeletionInProgress", message);
        let mut status = definition.status.clone().unwrap_or_default();
        status::set_condition(&mut status, TERMINATING, true, why, &now);
        if definition.status.as_ref() != Some(&status) {
            edit(state, definition, Part::Status, &mut |it| it.status = Some(status.clone())).await?;
        }
        return Ok(false);
    }
    let release = &mut |it: &mut Definition| {
        it.metadata.finalizers.iter_mut().for_each(|it| it.retain(|it| it != FINALIZER))
    };
    edit(state, definition, Part::Main, release).await.map(|()| true)
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
            delete_object(state, &order, &mut Vec::new()).await
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
    let mut edit = |object: &Object| {
        let mut changed = object.clone();
        if let Some(definition) = changed.get_mut::<Definition>() {
            apply(definition);
        }
        Ok(changed)
    };
    match change::change(state, &target, &mut edit, &mut Vec::new()).await {
        Err(error) if error.is_not_found() => Ok(()),
        result => result.map(drop),
    }
}
