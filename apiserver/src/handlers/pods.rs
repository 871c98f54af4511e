//! Subresources that only some kinds have: binding and eviction of pods, their containers, a namespace's finalizers.

use super::Call;
use super::change::{self, Part, Target};
use super::delete::{Order, Outcome, delete_object};
use super::patch::Patch;
use super::present::Present;
use crate::accept::Form;
use crate::admission::{Operation, Options};
use crate::body;
use crate::notes::Notes;
use crate::options::{WriteOptions, delete_is_dry_run};
use crate::request::Verb;
use crate::respond::{self, Answer};
use crate::state::State;
use crate::webhooks::{self, subject::Facts};
use access::UserInfo;
use api::k8s::api::core::v1::{Binding, Namespace, Pod, PodCondition};
use api::k8s::api::policy::v1::{Eviction, PodDisruptionBudget};
use api::k8s::apimachinery::pkg::apis::meta::v1::Status;
use api::selector::Selector;
use api::{ApiError, Key, Kind, Object, Resource, Subresource, Time};
use http::StatusCode;
use std::sync::Arc;

/// POST of `pods/NAME/binding`, and of `bindings`: gives a pod its node.
pub(crate) async fn bind(state: &State, call: &mut Call) -> Answer {
    let options = WriteOptions::of(call.path.verb, &call.query)?;
    let binding: Binding = call.content().await?.plain()?;
    let name = binding.metadata.name.clone().unwrap_or_default();
    let key =
        Key::of::<Pod>(&call.key.namespace, if call.key.name.is_empty() { &name } else { &call.key.name });
    if name != key.name {
        return Err(ApiError::bad_request("name in URL does not match name in Binding object"));
    }
    check_target(&binding)?;
    let facts = posted(call, Pod::KIND, &key.name, Subresource::Binding, options.dry_run);
    let binding = webhooks::posted(state, facts, binding, &call.notes).await?;
    let server = UserInfo::api_server();
    let target = Target {
        kind: Pod::KIND,
        key: &key,
        part: Part::Chosen,
        subresource: "binding",
        user: &server,
        manager: &call.manager,
        dry_run: options.dry_run,
    };
    let now = state.now();
    let mut edit = |pod: &Present| bound(pod, &binding, &key, now);
    change::change(state, &target, &mut edit, &call.notes).await?;
    let created = Status { status: Some("Success".to_owned()), code: Some(201), ..Status::default() };
    respond::value(StatusCode::CREATED, Form::JSON, &created)
}

/// Only nodes take pods. Upstream tells this in an error without a reason.
fn check_target(binding: &Binding) -> Result<(), ApiError> {
    let path = api::field::Path::new("target");
    let kind = binding.target.kind.as_deref().unwrap_or_default();
    let mut errors = Vec::new();
    if !matches!(kind, "" | "Node") {
        // Not sorted, unlike such lists elsewhere.
        let known = r#"supported values: "Node", "<empty>""#;
        errors.push(format!("{}: Unsupported value: {kind:?}: {known}", path.child("kind")));
    }
    if binding.target.name.as_deref().unwrap_or_default().is_empty() {
        errors.push(api::field::Error::required(&path.child("name"), "").to_string());
    }
    match errors.as_slice() {
        [] => Ok(()),
        [one] => Err(ApiError::new(500, "", one.as_str())),
        all => Err(ApiError::new(500, "", format!("[{}]", all.join(", ")))),
    }
}

/// What is posted to a subresource of a pod, as webhooks and policies know it. What comes of it is then the server's doing.
fn posted<'a>(
    call: &'a Call,
    kind: Kind,
    name: &'a str,
    subresource: Subresource,
    dry_run: bool,
) -> Facts<'a> {
    Facts {
        operation: Operation::Create,
        resource: kind,
        subresource: subresource.name(),
        namespace: &call.key.namespace,
        name,
        user: &call.user,
        options: Options::Write { dry_run, manager: &call.manager },
        sent: super::subresource::kind(subresource),
    }
}

/// The pod with its node.
fn bound(object: &Object, binding: &Binding, key: &Key, now: jiff::Timestamp) -> Result<Object, ApiError> {
    let mut changed = object.clone();
    let Some(pod) = changed.get_mut::<Pod>() else { return Ok(changed) };
    let refused = |why: &str| Err(ApiError::conflict(Pod::KIND.row(), &key.name, why));
    if pod.metadata.deletion_timestamp.is_some() {
        return refused(&format!("pod {} is being deleted, cannot be assigned to a host", key.name));
    }
    let spec = pod.spec.get_or_insert_default();
    if let Some(node) = spec.node_name.as_deref().filter(|it| !it.is_empty()) {
        return refused(&format!("pod {} is already assigned to node {node:?}", key.name));
    }
    if api::pod::is_gated(spec) {
        return refused(&format!("pod {} has non-empty .spec.schedulingGates", key.name));
    }
    spec.node_name.clone_from(&binding.target.name);
    if let Some(uid) = binding.metadata.uid.as_ref().filter(|it| !it.is_empty()) {
        pod.metadata.uid = Some(uid.clone());
    }
    for (name, value) in binding.metadata.annotations.iter().flatten() {
        api::meta::set_annotation(&mut pod.metadata, name, value);
    }
    set_scheduled(pod, now);
    Ok(changed)
}

fn set_scheduled(pod: &mut Pod, now: jiff::Timestamp) {
    let conditions = pod.status.get_or_insert_default().conditions.get_or_insert_default();
    conditions.retain(|it| it.type_ != "PodScheduled");
    conditions.push(PodCondition {
        type_: "PodScheduled".to_owned(),
        status: "True".to_owned(),
        last_transition_time: Some(Time(crate::metadata::whole_seconds(now))),
        ..PodCondition::default()
    });
}

/// POST of `pods/NAME/eviction`: a delete that a disruption budget may refuse.
pub(crate) async fn evict(state: &State, call: &mut Call) -> Answer {
    let options = WriteOptions::of(call.path.verb, &call.query)?;
    let eviction: Eviction = call.content().await?.plain()?;
    check_eviction(&call.key, &eviction)?;
    let facts = posted(call, call.kind, &call.key.name, Subresource::Eviction, options.dry_run);
    let eviction = webhooks::posted(state, facts, eviction, &call.notes).await?;
    let mut delete = eviction.delete_options.unwrap_or_default();
    if options.dry_run {
        delete.dry_run = Some(vec!["All".to_owned()]);
    }
    let entry = state.current(&call.key).await?;
    let object = entry.decode().map_err(ApiError::internal)?;
    if let Some(pod) = object.get::<Pod>().filter(|it| is_protected(it)) {
        spend_budget(state, call, pod, delete_is_dry_run(&delete)).await?;
        announce(state, call, delete_is_dry_run(&delete)).await?;
    }
    let order = Order { key: &call.key, options: &delete, user: &call.user, admitted: true };
    match delete_object(state, &order, &call.notes).await? {
        Outcome::Removed(_) | Outcome::Marked(_) => {
            let created = Status { status: Some("Success".to_owned()), code: Some(201), ..Status::default() };
            respond::value(StatusCode::CREATED, Form::JSON, &created)
        }
    }
}

/// Whoever evicts says twice which pod, so that none goes by mistake.
fn check_eviction(key: &Key, eviction: &Eviction) -> Result<(), ApiError> {
    if eviction.metadata.name.as_deref().unwrap_or_default() != key.name {
        return Err(ApiError::bad_request("name in URL does not match name in Eviction object"));
    }
    crate::metadata::check_place(key, &eviction.metadata)
}

/// Writes into the pod why it goes, for whoever counts its failure.
async fn announce(state: &State, call: &Call, dry_run: bool) -> Result<(), ApiError> {
    let now = Time(crate::metadata::whole_seconds(state.now()));
    let server = UserInfo::api_server();
    let target = Target {
        kind: call.kind,
        key: &call.key,
        part: Part::Status,
        subresource: "status",
        user: &server,
        manager: &call.manager,
        dry_run,
    };
    let mut edit = |object: &Present| {
        let mut changed = object.copy();
        if let Some(pod) = changed.get_mut::<Pod>() {
            let conditions = pod.status.get_or_insert_default().conditions.get_or_insert_default();
            conditions.retain(|it| it.type_ != "DisruptionTarget");
            conditions.push(PodCondition {
                type_: "DisruptionTarget".to_owned(),
                status: "True".to_owned(),
                reason: Some("EvictionByEvictionAPI".to_owned()),
                message: Some("Eviction API: evicting".to_owned()),
                last_transition_time: Some(now.clone()),
                ..PodCondition::default()
            });
        }
        Ok(changed)
    };
    change::change(state, &target, &mut edit, &Notes::default()).await.map(drop)
}

/// Pods that have not started, or that are over or on their way out, may always go.
fn is_protected(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|it| it.phase.as_deref()).unwrap_or_default();
    pod.metadata.deletion_timestamp.is_none() && !matches!(phase, "Succeeded" | "Failed" | "Pending")
}

/// Takes one disruption from the pod's budget, or refuses.
async fn spend_budget(state: &State, call: &Call, pod: &Pod, dry_run: bool) -> Result<(), ApiError> {
    let budgets = budgets_of(state, &call.key.namespace, pod)?;
    let budget = match budgets.as_slice() {
        [] => return Ok(()),
        [one] => one,
        _ => {
            return Err(ApiError::internal(
                "this pod has more than one PodDisruptionBudget, which the eviction subresource does not support",
            ));
        }
    };
    let name = budget.meta().name.clone().unwrap_or_default();
    let key = Key::of::<PodDisruptionBudget>(&call.key.namespace, &name);
    let server = UserInfo::api_server();
    let target = Target {
        kind: key.kind,
        key: &key,
        part: Part::Status,
        subresource: "status",
        user: &server,
        manager: &call.manager,
        dry_run,
    };
    let pod_name = call.key.name.clone();
    let now = Time(crate::metadata::whole_seconds(state.now()));
    let mut edit = |object: &Present| {
        let mut changed = object.copy();
        if let Some(budget) = changed.get_mut::<PodDisruptionBudget>() {
            let generation = budget.metadata.generation;
            let status = budget.status.get_or_insert_default();
            let (outdated, left) =
                (status.observed_generation < generation, status.disruptions_allowed.unwrap_or(0));
            if outdated || left < 1 {
                return Err(no_budget(&name, outdated));
            }
            status.disruptions_allowed = Some(left - 1);
            status.disrupted_pods.get_or_insert_default().insert(pod_name.clone(), now.clone());
        }
        Ok(changed)
    };
    change::change(state, &target, &mut edit, &Notes::default()).await.map(drop)
}

fn no_budget(name: &str, unknown: bool) -> ApiError {
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    let why = match unknown {
        true => format!("The disruption budget {name} is still being processed by the server."),
        false => format!("The disruption budget {name} does not allow another disruption"),
    };
    ApiError::too_many_requests(message, if unknown { 10 } else { 0 }).with_cause(
        "DisruptionBudget",
        "",
        &why,
    )
}

fn budgets_of(state: &State, namespace: &str, pod: &Pod) -> Result<Vec<Arc<Object>>, ApiError> {
    let cached = state.cached(PodDisruptionBudget::KIND)?;
    let snapshot = cached.now(0);
    let mut found = Vec::new();
    for entry in crate::cache::watcher::within(&snapshot, namespace) {
        let object = entry.object().map_err(ApiError::internal)?;
        let selector = object.get::<PodDisruptionBudget>().and_then(|it| it.spec.as_ref()?.selector.as_ref());
        let selector = selector.map(Selector::of).and_then(Result::ok);
        if selector.is_some_and(|it| it.matches(pod.metadata.labels.as_ref())) {
            found.push(object);
        }
    }
    Ok(found)
}

/// PUT of `namespaces/NAME/finalize`: the one way to the finalizers in a namespace's spec.
pub(crate) async fn finalize(state: &State, call: &mut Call) -> Answer {
    let options = WriteOptions::of(call.path.verb, &call.query)?;
    let wanted: Namespace = call.content().await?.plain()?;
    crate::metadata::check_place(&call.key, &wanted.metadata)?;
    let edit = |object: &Present| {
        let mut changed = object.copy();
        if let Some(namespace) = changed.get_mut::<Namespace>() {
            let finalizers = wanted.spec.as_ref().and_then(|it| it.finalizers.clone());
            namespace.spec.get_or_insert_default().finalizers = finalizers;
            namespace.metadata.resource_version.clone_from(&wanted.metadata.resource_version);
        }
        Ok(changed)
    };
    chosen(state, call, options.dry_run, edit).await
}

/// PUT and PATCH of `ephemeralcontainers` and `resize`: the containers' one part that may change in place.
pub(crate) async fn change_containers(state: &State, call: &mut Call, subresource: Subresource) -> Answer {
    let options = WriteOptions::of(call.path.verb, &call.query)?;
    let kind = call.kind;
    let (whole, patch) = match call.path.verb {
        Verb::Patch => (None, Some(Patch::read(call).await?)),
        _ => (Some(call.object(options.validation).await?), None),
    };
    let edit = |object: &Present| {
        let wanted = match (&whole, &patch) {
            (Some(whole), _) => whole.clone(),
            (None, Some(patch)) => patched(kind, patch, object)?,
            (None, None) => object.copy(),
        };
        merged(object, &wanted, subresource)
    };
    chosen(state, call, options.dry_run, edit).await
}

fn patched(kind: Kind, patch: &Patch, object: &Present) -> Result<Object, ApiError> {
    let row = kind.row();
    let document = patch.apply((row.group, row.version, row.kind), object.tree())?;
    let json = serde_json::to_vec(&document).map_err(ApiError::internal)?;
    body::decode(kind, &json, body::FieldValidation::Ignore, &mut Vec::new())
}

/// The present pod with the part of the wanted one that the subresource may change.
fn merged(object: &Object, wanted: &Object, subresource: Subresource) -> Result<Object, ApiError> {
    let mut changed = object.clone();
    let (Some(pod), Some(wanted)) = (changed.get_mut::<Pod>(), wanted.get::<Pod>()) else {
        return Ok(changed);
    };
    pod.metadata.resource_version.clone_from(&wanted.metadata.resource_version);
    let (Some(spec), Some(wanted)) = (pod.spec.as_mut(), wanted.spec.as_ref()) else { return Ok(changed) };
    if subresource == Subresource::Resize {
        let containers = spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten());
        for container in containers {
            let all = wanted.containers.iter().chain(wanted.init_containers.iter().flatten());
            if let Some(it) = all.into_iter().find(|it| it.name == container.name) {
                container.resources.clone_from(&it.resources);
            }
        }
        return resized(changed, object);
    }
    let present = spec.ephemeral_containers.as_deref().unwrap_or_default();
    let next = wanted.ephemeral_containers.as_deref().unwrap_or_default();
    if present.iter().any(|it| !next.contains(it)) {
        let path = api::field::Path::new("spec").child("ephemeralContainers");
        let why = "existing ephemeral containers may not be changed or removed";
        let name = object.meta().name.as_deref().unwrap_or_default();
        return Err(ApiError::invalid(Pod::KIND.row(), name, &[api::field::Error::forbidden(&path, why)]));
    }
    spec.ephemeral_containers.clone_from(&wanted.ephemeral_containers);
    Ok(changed)
}

fn resized(changed: Object, object: &Object) -> Result<Object, ApiError> {
    let pods = changed.get::<Pod>().zip(object.get::<Pod>());
    let errors = pods.map(|(new, old)| api::validation::pod::validate_resize(new, old)).unwrap_or_default();
    let name = object.meta().name.as_deref().unwrap_or_default();
    if errors.is_empty() { Ok(changed) } else { Err(ApiError::invalid(Pod::KIND.row(), name, &errors)) }
}

async fn chosen(
    state: &State,
    call: &mut Call,
    dry_run: bool,
    mut edit: impl FnMut(&Present) -> Result<Object, ApiError> + Send,
) -> Answer {
    let target = call.target(Part::Chosen, dry_run);
    let entry = change::change(state, &target, &mut edit, &call.notes).await?;
    call.answer(state, StatusCode::OK, entry).await
}
