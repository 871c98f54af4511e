//! The scale of a workload: a small object of its own that stands for `spec.replicas`.

use super::Call;
use super::change::{self, Part};
use super::patch::Patch;
use crate::cache::entry::Entry;
use crate::options::WriteOptions;
use crate::request::Verb;
use crate::respond::{self, Answer};
use crate::state::State;
use crate::versions;
use api::k8s::api::autoscaling::v1::{Scale, ScaleSpec, ScaleStatus};
use api::{ApiError, Object, ObjectMeta};
use http::StatusCode;
use std::sync::Arc;

/// GET, PUT and PATCH of `scale`.
pub(crate) async fn handle(state: &State, call: &mut Call) -> Answer {
    let form = call.form()?;
    if call.path.verb == Verb::Get {
        let entry = state.current(&call.key).await?;
        return respond::value(StatusCode::OK, form, &shown(state, call, entry).await?);
    }
    let options = WriteOptions::of(&call.query)?;
    let wanted = Wanted::read(call).await?;
    let target = call.target(Part::Main, options.dry_run);
    let entry = change::change(state, &target, &mut |it| wanted.edit(it), &call.notes).await?;
    respond::value(StatusCode::OK, form, &shown(state, call, entry).await?)
}

/// What the client wants the scale to be.
enum Wanted {
    Whole(Box<Scale>),
    Patched(Patch),
}

impl Wanted {
    async fn read(call: &mut Call) -> Result<Self, ApiError> {
        match call.path.verb {
            Verb::Patch => Patch::read(call).await.map(Self::Patched),
            _ => call.content().await?.plain().map(|it| Self::Whole(Box::new(it))),
        }
    }

    fn edit(&self, object: &Object) -> Result<Object, ApiError> {
        let row = object.kind().row();
        let present = scale_of(object)?;
        let scale = match self {
            Self::Whole(scale) => (**scale).clone(),
            Self::Patched(patch) => {
                let document = serde_json::to_value(&present).map_err(ApiError::internal)?;
                let patched = patch.apply(("autoscaling", "v1", "Scale"), &document)?;
                serde_json::from_value(patched).map_err(|error| ApiError::bad_request(error.to_string()))?
            }
        };
        let replicas = scale.spec.as_ref().and_then(|it| it.replicas).unwrap_or(0);
        if replicas < 0 {
            let path = api::field::Path::new("spec").child("replicas");
            let error = api::field::Error::invalid(&path, replicas, "must be greater than or equal to 0");
            let name = object.meta().name.as_deref().unwrap_or_default();
            return Err(ApiError::invalid(row, name, &[error]));
        }
        let mut changed = object.clone();
        row.strategy.set_scale(&mut changed, replicas);
        let meta = changed.meta_mut();
        // What the client read decides whether it may write, as for the object itself.
        meta.resource_version = scale.metadata.resource_version.filter(|it| !it.is_empty());
        meta.uid = scale.metadata.uid.filter(|it| !it.is_empty()).or_else(|| meta.uid.take());
        Ok(changed)
    }
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
