//! The scale of a workload: a small object of its own that stands for `spec.replicas`.

use super::Call;
use super::apply::Applied;
use super::change::{self, Part, Target};
use super::patch::{APPLY, Patch};
use super::present::Present;
use crate::accept::Form;
use crate::body;
use crate::cache::entry::Entry;
use crate::metadata;
use crate::options::WriteOptions;
use crate::ownership::Writing;
use crate::request::Verb;
use crate::respond::{self, Answer};
use crate::state::State;
use crate::versions;
use api::k8s::api::autoscaling::v1::{Scale, ScaleSpec, ScaleStatus};
use api::strategy::{Column, age_cell, name_cell};
use api::{ApiError, Object, ObjectMeta};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::Value;
use std::sync::Arc;

/// GET, PUT and PATCH of `scale`.
pub(crate) async fn handle(state: &State, call: &mut Call) -> Answer {
    let form = call.form()?;
    if call.path.verb == Verb::Get {
        let entry = state.current(&call.key).await?;
        return answer(state, call, form, entry).await;
    }
    let options = WriteOptions::of(call.path.verb, &call.query)?;
    let wanted = Wanted::read(call).await?;
    let mut target = call.target(Part::Main, options.dry_run);
    if let Wanted::Applied(applied) = &wanted {
        target = Target { manager: &applied.manager, ..target };
    }
    let entry = change::change(state, &target, &mut |it| wanted.edit(state, it), &call.notes).await?;
    answer(state, call, form, entry).await
}

/// What `kubectl get --subresource=scale` shows.
const COLUMNS: &[Column] = &[
    Column { format: "", ..Column::NAME },
    Column::number("Desired", "How many replicas are wanted."),
    Column::number("Available", "How many replicas there are."),
    Column::AGE,
];

/// The scale in the shape that the client asked for.
async fn answer(state: &State, call: &Call, form: Form, entry: Arc<Entry>) -> Answer {
    let scale = shown(state, call, entry).await?;
    let desired = scale.spec.as_ref().and_then(|it| it.replicas).unwrap_or(0);
    let available = scale.status.as_ref().map_or(0, |it| it.replicas);
    let age = age_cell(&scale.metadata, state.now());
    let cells = vec![name_cell(&scale.metadata), desired.into(), available.into(), age];
    let json = serde_json::to_vec(&scale).map_err(ApiError::internal)?;
    let revision = scale.metadata.resource_version.as_deref().unwrap_or_default();
    let body = call.shaper(state, form)?.lone(json, revision, COLUMNS, cells)?;
    respond::json(StatusCode::OK, form, body)
}

/// What the client wants the scale to be.
enum Wanted {
    Whole(Box<Scale>),
    Patched(Patch),
    Applied(Applied),
}

impl Wanted {
    async fn read(call: &mut Call) -> Result<Self, ApiError> {
        match call.path.verb {
            Verb::Patch if body::media_type(call.header(CONTENT_TYPE).unwrap_or_default()) == APPLY => {
                let bytes = call.bytes().await?;
                Applied::of(call, &bytes).map(Self::Applied)
            }
            Verb::Patch => Patch::read(call).await.map(Self::Patched),
            _ => {
                let scale: Scale = call.content().await?.plain()?;
                metadata::check_place(&call.key, &scale.metadata)?;
                Ok(Self::Whole(Box::new(scale)))
            }
        }
    }

    fn edit(&self, state: &State, object: &Present) -> Result<Object, ApiError> {
        match self {
            Self::Whole(scale) => scaled(object, (**scale).clone()),
            Self::Patched(patch) => {
                let document = serde_json::to_value(scale_of(object)?).map_err(ApiError::internal)?;
                let patched = patch.apply(("autoscaling", "v1", "Scale"), &document)?;
                scaled(object, decoded(patched)?)
            }
            Self::Applied(applied) => {
                let writing =
                    Writing { kind: object.kind(), manager: &applied.manager, subresource: "scale" };
                let live = scale_of(object)?;
                let Some((scale, owners)) =
                    writing.scale_applied(state, object, live, &applied.config, applied.force)?
                else {
                    return Ok(object.copy());
                };
                let mut changed = scaled(object, decoded(scale)?)?;
                changed.meta_mut().managed_fields = Some(owners).filter(|it| !it.is_empty());
                Ok(changed)
            }
        }
    }
}

fn decoded(scale: Value) -> Result<Scale, ApiError> {
    serde_json::from_value(scale).map_err(|error| ApiError::bad_request(error.to_string()))
}

/// The object as its scale wants it.
fn scaled(object: &Object, scale: Scale) -> Result<Object, ApiError> {
    let row = object.kind().row();
    let replicas = scale.spec.as_ref().and_then(|it| it.replicas).unwrap_or(0);
    if replicas < 0 {
        let path = api::field::Path::new("spec").child("replicas");
        let error = api::field::Error::invalid(&path, replicas, "must be greater than or equal to 0");
        let name = object.meta().name.as_deref().unwrap_or_default();
        return Err(ApiError::invalid_kind(("autoscaling", "Scale"), name, &[error]));
    }
    let mut changed = object.clone();
    row.strategy.set_scale(&mut changed, replicas);
    let meta = changed.meta_mut();
    // What the client read decides whether it may write, as for the object itself.
    meta.resource_version = scale.metadata.resource_version.filter(|it| !it.is_empty());
    meta.uid = scale.metadata.uid.filter(|it| !it.is_empty()).or_else(|| meta.uid.take());
    Ok(changed)
}

/// The scale as the version of the request has it.
async fn shown(state: &State, call: &Call, entry: Arc<Entry>) -> Result<Scale, ApiError> {
    let entry = versions::entry(state, call.kind, entry).await?;
    let object = entry.decode().map_err(ApiError::internal)?;
    scale_of(&versions::to_served(call.kind, object)?)
}

/// The scale of an object that can be scaled.
pub(crate) fn scale_of(object: &Object) -> Result<Scale, ApiError> {
    let view = object.kind().row().strategy.scale(object).ok_or_else(ApiError::no_route)?;
    let meta = object.meta();
    Ok(Scale {
        metadata: ObjectMeta {
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
            uid: meta.uid.clone(),
            resource_version: meta.resource_version.clone(),
            creation_timestamp: meta.creation_timestamp.clone(),
            ..ObjectMeta::default()
        },
        spec: Some(ScaleSpec { replicas: Some(view.desired) }),
        status: Some(ScaleStatus {
            replicas: view.current,
            selector: Some(view.selector).filter(|it| !it.is_empty()),
        }),
    })
}
