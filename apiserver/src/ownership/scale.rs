//! Server-side apply to a scale: conflicts are those over the replicas of its parent.
//!
//! Which of the parent's owners a scale shows, and how they come back, is `apply::scale`'s.

use super::{Writing, refusal, version_of};
use crate::handlers::present::Present;
use crate::state::State;
use api::k8s::api::autoscaling::v1::Scale;
use api::k8s::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use api::{ApiError, Subresource, Time};
use apply::scale::{API_VERSION, owners_of_parent, owners_of_scale};
use apply::{Apply, BuiltIn, Force, Write};
use serde_json::Value;

impl Writing<'_> {
    /// What comes of applying a configuration to an object's scale, with the managed fields that the object then has;
    /// `None` when that changes nothing.
    pub(crate) fn scale_applied(
        &self,
        state: &State,
        object: &Present,
        mut live: Scale,
        config: &Value,
        force: Force,
    ) -> Result<Option<(Value, Vec<ManagedFieldsEntry>)>, ApiError> {
        let path_in = |version: &str| {
            let row = version_of(state, self.kind, version)?.row();
            if row.has(Subresource::Scale) { row.strategy.replicas_path() } else { None }
        };
        let unreadable = |error| refusal(&apply::Error::from(error));
        let owners = object.meta().managed_fields.as_deref().unwrap_or_default();
        let shown = owners_of_scale(owners, &path_in).map_err(unreadable)?;
        live.metadata.managed_fields = Some(shown).filter(|it| !it.is_empty());
        let live = serde_json::to_value(live).map_err(ApiError::internal)?;
        let Some(scale) = self.merged_scale(state, &live, config, force)? else { return Ok(None) };
        let written = apply::managed_fields::entries_of(&scale).map_err(unreadable)?.unwrap_or_default();
        let version = self.kind.row().api_version();
        let owners = owners_of_parent(owners, &written, &version, &path_in).map_err(unreadable)?;
        Ok(Some((scale, owners)))
    }

    fn merged_scale(
        &self,
        state: &State,
        live: &Value,
        config: &Value,
        force: Force,
    ) -> Result<Option<Value>, ApiError> {
        let write = Write {
            manager: &self.manager.name,
            subresource: self.subresource,
            api_version: API_VERSION,
            now: Time(crate::metadata::whole_seconds(state.now())),
            ignored: None,
            served: &|version| version == API_VERSION,
        };
        let schema = BuiltIn::kind("autoscaling", "v1", "Scale").expect("scales are built in");
        let request = Apply { write, kind: "Scale", force };
        apply::apply(Some(live), config, schema, &request).map_err(|error| refusal(&error))
    }
}
