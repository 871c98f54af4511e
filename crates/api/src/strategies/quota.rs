//! How a ResourceQuota and a LimitRange behave.

use crate::field::Errors;
use crate::strategies::cells::{CREATED_AT, created_at};
use crate::strategies::quantities;
use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{LimitRange, LimitRangeItem, ResourceQuota, ResourceQuotaStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

/// A ResourceQuota.
#[derive(Debug)]
pub struct ResourceQuotaStrategy;

/// A LimitRange.
#[derive(Debug)]
pub struct LimitRangeStrategy;

impl Behaviour for ResourceQuotaStrategy {
    type Object = ResourceQuota;
    const RETURNS_DELETED: bool = true;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Request", "What is requested, of what may be."),
        Column::text("Limit", "What is limited to, of what may be."),
        Column::AGE,
    ];

    fn quantities(object: &mut ResourceQuota, visit: &mut dyn FnMut(&mut Quantity)) {
        quantities::list(object.spec.as_mut().and_then(|it| it.hard.as_mut()), visit);
        let Some(status) = &mut object.status else { return };
        quantities::list(status.hard.as_mut(), visit);
        quantities::list(status.used.as_mut(), visit);
    }

    fn prepare_create(quota: &mut ResourceQuota) {
        quota.status = Some(ResourceQuotaStatus::default());
    }

    fn validate(object: &ResourceQuota) -> Errors {
        crate::validation::quota::resource_quota(object)
    }

    fn validate_update(object: &ResourceQuota, old: &ResourceQuota) -> Errors {
        crate::validation::quota::resource_quota_update(object, old)
    }

    fn cells(quota: &ResourceQuota, now: Timestamp) -> Vec<Value> {
        let status = quota.status.clone().unwrap_or_default();
        let used = status.used.unwrap_or_default();
        let (mut requests, mut limits) = (Vec::new(), Vec::new());
        for (name, hard) in status.hard.iter().flatten() {
            let used = used.get(name).map_or("0", |it| it.0.as_str());
            let list = if name.starts_with("limits.") { &mut limits } else { &mut requests };
            list.push(format!("{name}: {used}/{}", hard.0));
        }
        vec![
            name_cell(&quota.metadata),
            requests.join(", ").into(),
            limits.join(", ").into(),
            age_cell(&quota.metadata, now),
        ]
    }
}

impl Behaviour for LimitRangeStrategy {
    type Object = LimitRange;
    const CREATES: bool = true;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = &[Column::NAME, CREATED_AT];

    fn quantities(object: &mut LimitRange, visit: &mut dyn FnMut(&mut Quantity)) {
        for item in object.spec.iter_mut().flat_map(|it| &mut it.limits) {
            quantities::limits(item, visit);
        }
    }

    fn set_defaults(range: &mut LimitRange) {
        range.spec.iter_mut().flat_map(|it| &mut it.limits).for_each(default_item);
    }

    fn validate(object: &LimitRange) -> Errors {
        crate::validation::quota::limit_range(object)
    }

    fn cells(range: &LimitRange, _now: Timestamp) -> Vec<Value> {
        vec![name_cell(&range.metadata), created_at(&range.metadata).into()]
    }
}

/// A container's default limit is the maximum, its default request the default limit or else the minimum.
fn default_item(item: &mut LimitRangeItem) {
    if item.type_ != "Container" {
        return;
    }
    let limits = item.default.get_or_insert_default();
    for (name, max) in item.max.iter().flatten() {
        limits.entry(name.clone()).or_insert_with(|| max.clone());
    }
    let requests = item.default_request.get_or_insert_default();
    for (name, limit) in limits.iter().chain(item.min.iter().flatten()) {
        requests.entry(name.clone()).or_insert_with(|| limit.clone());
    }
}
