//! Objects about the server itself: an APIService for each group version that it serves, the flow schemas and priority
//! levels that every cluster has, and the range of service addresses. Start at [`run`].
//!
//! They are written when the server starts, with their status. From then on this follows them, and the definitions of
//! custom kinds: what is missing is made, what is no longer served goes, and the status of each says what is true. It is
//! what upstream's autoregistration, its availability controller and its flow controller (KEP-1040) do, as far as there
//! is something behind it: nobody asks the services of other API servers, and nobody reads flow schemas.

pub(crate) mod addresses;
mod flow;
mod range;
mod service;

use crate::bootstrap;
use crate::cache::resource::Cached;
use crate::handlers::change::{self, Part, Target};
use crate::handlers::delete::{Order, delete_object};
use crate::handlers::present::Present;
use crate::notes::Notes;
use crate::ownership::Manager;
use crate::state::State;
use access::UserInfo;
use api::k8s::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
use api::k8s::api::networking::v1::ServiceCIDR;
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use api::k8s::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use api::{ApiError, Key, Kind, Object, Resource, Time};
use daemon::{Tasks, clock};
use futures::future::{BoxFuture, FutureExt, select_all};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How soon what failed is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// The kinds whose objects are made here.
const MADE: [Kind; 4] =
    [PriorityLevelConfiguration::KIND, FlowSchema::KIND, APIService::KIND, ServiceCIDR::KIND];

/// What the statuses depend on.
struct View {
    levels: BTreeSet<String>,
    now: Time,
}

/// Everything that the server says of itself, with its status.
pub(crate) fn wanted(state: &State) -> Vec<Object> {
    let view = View { levels: flow::LEVELS.map(str::to_owned).into(), now: now(state) };
    let mut objects: Vec<Object> = flow::levels().into_iter().map(Object::from).collect();
    objects.extend(flow::schemas().into_iter().map(Object::from));
    objects.extend(service::of(&state.catalogue.now().discovery).into_iter().map(Object::from));
    objects.push(range::of(&state.allocators.range().to_string()).into());
    let told = |object: Object| with_status(&object, &view).unwrap_or(object);
    objects.into_iter().map(told).collect()
}

/// Follows them until the tasks are told to stop.
pub(crate) async fn run(state: Arc<State>, tasks: Tasks) {
    let kinds: Vec<Kind> = MADE.into_iter().chain([CustomResourceDefinition::KIND]).collect();
    follow(&state, &tasks, &kinds, |it| settle(it).boxed()).await;
}

/// Settles now, and whenever an object of these kinds has changed, until the tasks are told to stop.
async fn follow(
    state: &State,
    tasks: &Tasks,
    kinds: &[Kind],
    settle: impl Fn(&State) -> BoxFuture<'_, Result<(), ApiError>>,
) {
    let kinds = kinds.iter().filter_map(|it| state.caches.of(*it));
    let mut changes: Vec<watch::Receiver<u64>> = kinds.map(|it| it.subscribe()).collect();
    let token = tasks.token();
    while !token.is_cancelled() {
        changes.iter_mut().for_each(watch::Receiver::mark_unchanged);
        let settled = settle(state).await;
        if let Err(error) = &settled {
            tracing::warn!(%error, "failed to write what the server says of itself");
        }
        let changed = select_all(changes.iter_mut().map(|it| it.changed().boxed()));
        tokio::select! {
            (ended, ..) = changed => if ended.is_err() { return },
            () = clock::sleep(RETRY), if settled.is_err() => {}
            () = token.cancelled() => return,
        }
    }
}

/// Brings all of them to what they should be.
async fn settle(state: &State) -> Result<(), ApiError> {
    let revision = state.caches.fresh().await;
    let wanted = wanted(state);
    let names: BTreeSet<Key> = wanted.iter().map(Object::key).collect();
    for object in wanted {
        let key = object.key();
        if state.cached(key.kind)?.get(&key.name).is_none() {
            match bootstrap::create(state, &key, object).await {
                Err(error) if !error.is_already_exists() => return Err(error),
                _ => {}
            }
        }
    }
    let levels = state.cached(PriorityLevelConfiguration::KIND)?.now(revision);
    let view = View { levels: levels.map.values().map(|it| it.name().to_owned()).collect(), now: now(state) };
    for kind in MADE {
        for object in objects(&*state.cached(kind)?, state.caches.fresh().await) {
            let key = object.key();
            if service::is_ours(&object) && !names.contains(&key) {
                remove(state, &key).await?;
            } else if with_status(&object, &view).is_some() {
                write_status(state, &key, &view).await?;
            }
        }
    }
    Ok(())
}

fn objects(cached: &Cached, revision: u64) -> Vec<Arc<Object>> {
    cached.now(revision).map.values().filter_map(|it| it.object().ok()).collect()
}

fn now(state: &State) -> Time {
    Time(crate::metadata::whole_seconds(state.now()))
}

/// The object with the status that it should have, when it has another one.
fn with_status(object: &Object, view: &View) -> Option<Object> {
    if let Some(service) = object.get::<APIService>() {
        return service::with_status(service, &view.now).map(Object::from);
    }
    if let Some(range) = object.get::<ServiceCIDR>() {
        return range::with_status(range, &view.now).map(Object::from);
    }
    let schema = object.get::<FlowSchema>()?;
    flow::with_status(schema, &view.levels, &view.now).map(Object::from)
}

async fn write_status(state: &State, key: &Key, view: &View) -> Result<(), ApiError> {
    let (user, manager) = (UserInfo::api_server(), Manager::server());
    let target = Target {
        kind: key.kind,
        key,
        part: Part::Status,
        subresource: "status",
        user: &user,
        manager: &manager,
        dry_run: false,
    };
    let mut edit = |object: &Present| {
        let object = object.copy();
        Ok(with_status(&object, view).unwrap_or(object))
    };
    absent_is_fine(change::change(state, &target, &mut edit, &Notes::default()).await.map(drop))
}

async fn remove(state: &State, key: &Key) -> Result<(), ApiError> {
    let (user, options) = (UserInfo::api_server(), DeleteOptions::default());
    let order = Order { key, options: &options, user: &user, admitted: false };
    absent_is_fine(delete_object(state, &order, &Notes::default()).await.map(drop))
}

fn absent_is_fine(result: Result<(), ApiError>) -> Result<(), ApiError> {
    match result {
        Err(error) if error.is_not_found() => Ok(()),
        result => result,
    }
}
