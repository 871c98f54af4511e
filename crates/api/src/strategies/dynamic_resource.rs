//! How the kinds of dynamic resource allocation behave (KEP-4381): claims, their templates, device classes and slices.
//! They are stored and checked; the scheduler allocates nothing.

use crate::field::{Error, Errors, Path};
use crate::strategies::defaults::{text, value};
use crate::strategies::quantities::Visit;
use crate::strategy::{Behaviour, Column, SelectableField, StatusMeta, age_cell, name_cell};
use crate::validation::common::{immutable, one_of, required};
use crate::validation::names;
use jiff::Timestamp;
use k8s_openapi::api::resource::v1::{
    Counter, DeviceClass, DeviceRequest, DeviceToleration, ResourceClaim, ResourceClaimSpec,
    ResourceClaimTemplate, ResourceSlice,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;
use std::collections::BTreeMap;

/// How many of a device a request gets, unless it wants all.
const EXACT: &str = "ExactCount";
const MODES: &[&str] = &["All", EXACT];

/// A ResourceClaim.
#[derive(Debug)]
pub struct ResourceClaimStrategy;
/// A ResourceClaimTemplate.
#[derive(Debug)]
pub struct ResourceClaimTemplateStrategy;
/// A DeviceClass.
#[derive(Debug)]
pub struct DeviceClassStrategy;
/// A ResourceSlice.
#[derive(Debug)]
pub struct ResourceSliceStrategy;

impl Behaviour for ResourceClaimStrategy {
    type Object = ResourceClaim;
    const RETURNS_DELETED: bool = true;
    const STATUS_META: StatusMeta = StatusMeta::Kept;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] =
        &[Column::NAME, Column::text("State", "What has become of the claim."), Column::AGE];

    fn quantities(claim: &mut ResourceClaim, visit: Visit<'_>) {
        claim_quantities(claim.spec.as_mut(), visit);
    }

    fn set_defaults(claim: &mut ResourceClaim) {
        claim_defaults(claim.spec.as_mut());
    }

    fn validate(claim: &ResourceClaim) -> Errors {
        claim_errors(&Path::new("spec"), claim.spec.as_ref())
    }

    fn validate_update(new: &ResourceClaim, old: &ResourceClaim) -> Errors {
        let mut errors = Errors::new();
        immutable(&mut errors, &Path::new("spec"), &new.spec, &old.spec);
        errors
    }

    fn cells(claim: &ResourceClaim, now: Timestamp) -> Vec<Value> {
        vec![name_cell(&claim.metadata), state_of(claim).into(), age_cell(&claim.metadata, now)]
    }
}

fn state_of(claim: &ResourceClaim) -> String {
    let is_deleted = claim.metadata.deletion_timestamp.is_some();
    let status = claim.status.as_ref();
    let is_allocated = status.is_some_and(|it| it.allocation.is_some());
    let is_reserved = status.is_some_and(|it| it.reserved_for.as_ref().is_some_and(|it| !it.is_empty()));
    let states = [
        (is_deleted, "deleted"),
        (!is_allocated && !is_deleted, "pending"),
        (is_allocated, "allocated"),
        (is_allocated && is_reserved, "reserved"),
    ];
    states.into_iter().filter_map(|(holds, state)| holds.then_some(state)).collect::<Vec<_>>().join(",")
}

impl Behaviour for ResourceClaimTemplateStrategy {
    type Object = ResourceClaimTemplate;
    const RETURNS_DELETED: bool = true;
    const GENERATION: bool = false;

    fn quantities(template: &mut ResourceClaimTemplate, visit: Visit<'_>) {
        claim_quantities(template.spec.as_mut().and_then(|it| it.spec.as_mut()), visit);
    }

    fn set_defaults(template: &mut ResourceClaimTemplate) {
        claim_defaults(template.spec.as_mut().and_then(|it| it.spec.as_mut()));
    }

    fn validate(template: &ResourceClaimTemplate) -> Errors {
        let spec = template.spec.as_ref().and_then(|it| it.spec.as_ref());
        claim_errors(&Path::new("spec").child("spec"), spec)
    }

    fn validate_update(new: &ResourceClaimTemplate, old: &ResourceClaimTemplate) -> Errors {
        let mut errors = Errors::new();
        immutable(&mut errors, &Path::new("spec"), &new.spec, &old.spec);
        errors
    }
}

impl Behaviour for DeviceClassStrategy {
    type Object = DeviceClass;
    const RETURNS_DELETED: bool = true;
}

impl Behaviour for ResourceSliceStrategy {
    type Object = ResourceSlice;
    const RETURNS_DELETED: bool = true;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Node", "The node that has the devices."),
        Column::text("Driver", "Who manages the devices."),
        Column::text("Pool", "What they belong to."),
        Column::AGE,
    ];
    const FIELDS: &'static [&'static str] = &["spec.nodeName", "spec.driver"];

    fn fields(slice: &ResourceSlice) -> Vec<SelectableField> {
        let node = slice.spec.node_name.clone().unwrap_or_default();
        vec![("spec.nodeName", node), ("spec.driver", slice.spec.driver.clone())]
    }

    fn quantities(slice: &mut ResourceSlice, visit: Visit<'_>) {
        for device in slice.spec.devices.iter_mut().flatten() {
            device.capacity.iter_mut().flat_map(|it| it.values_mut()).for_each(|it| visit(&mut it.value));
            for consumption in device.consumes_counters.iter_mut().flatten() {
                counters(&mut consumption.counters, visit);
            }
        }
        for set in slice.spec.shared_counters.iter_mut().flatten() {
            counters(&mut set.counters, visit);
        }
    }

    fn validate(slice: &ResourceSlice) -> Errors {
        let (mut errors, path, spec) = (Errors::new(), Path::new("spec"), &slice.spec);
        required(&mut errors, &path.child("driver"), &spec.driver, names::dns_subdomain);
        if spec.pool.name.is_empty() {
            errors.push(Error::required(&path.child("pool").child("name"), ""));
        }
        let count = spec.pool.resource_slice_count;
        if count < 1 {
            let path = path.child("pool").child("resourceSliceCount");
            errors.push(Error::invalid(&path, count, "must be greater than zero"));
        }
        let places = [
            spec.node_name.as_ref().is_some_and(|it| !it.is_empty()),
            spec.node_selector.is_some(),
            spec.all_nodes == Some(true),
            spec.per_device_node_selection == Some(true),
        ];
        let places = places.into_iter().filter(|it| *it).count();
        // A slice of counters alone is nowhere.
        if places > 1 || (places == 0 && spec.shared_counters.is_none()) {
            let detail =
                "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
            errors.push(Error::invalid(&path, places, detail));
        }
        for (index, device) in spec.devices.iter().flatten().enumerate() {
            required(
                &mut errors,
                &path.child("devices").index(index).child("name"),
                &device.name,
                names::dns_label,
            );
        }
        errors
    }

    fn validate_update(new: &ResourceSlice, old: &ResourceSlice) -> Errors {
        let (mut errors, path) = (Errors::new(), Path::new("spec"));
        immutable(&mut errors, &path.child("driver"), &new.spec.driver, &old.spec.driver);
        immutable(&mut errors, &path.child("nodeName"), &new.spec.node_name, &old.spec.node_name);
        let path = path.child("pool").child("name");
        immutable(&mut errors, &path, &new.spec.pool.name, &old.spec.pool.name);
        errors
    }

    fn cells(slice: &ResourceSlice, now: Timestamp) -> Vec<Value> {
        vec![
            name_cell(&slice.metadata),
            slice.spec.node_name.clone().unwrap_or_default().into(),
            slice.spec.driver.clone().into(),
            slice.spec.pool.name.clone().into(),
            age_cell(&slice.metadata, now),
        ]
    }
}

fn counters(counters: &mut BTreeMap<String, Counter>, visit: Visit<'_>) {
    counters.values_mut().for_each(|it| visit(&mut it.value));
}

fn requests(spec: Option<&mut ResourceClaimSpec>) -> impl Iterator<Item = &mut DeviceRequest> {
    let devices = spec.and_then(|it| it.devices.as_mut());
    devices.into_iter().flat_map(|it| it.requests.iter_mut().flatten())
}

fn claim_quantities(spec: Option<&mut ResourceClaimSpec>, visit: Visit<'_>) {
    for request in requests(spec) {
        let exactly = request.exactly.iter_mut().filter_map(|it| it.capacity.as_mut());
        let others = request.first_available.iter_mut().flatten().filter_map(|it| it.capacity.as_mut());
        let amounts =
            exactly.chain(others).flat_map(|it| it.requests.iter_mut().flat_map(|it| it.values_mut()));
        amounts.for_each(|it: &mut Quantity| visit(it));
    }
}

fn claim_defaults(spec: Option<&mut ResourceClaimSpec>) {
    for request in requests(spec) {
        if let Some(exactly) = &mut request.exactly {
            request_defaults(
                &mut exactly.allocation_mode,
                &mut exactly.count,
                exactly.tolerations.as_deref_mut(),
            );
        }
        for other in request.first_available.iter_mut().flatten() {
            request_defaults(&mut other.allocation_mode, &mut other.count, other.tolerations.as_deref_mut());
        }
    }
}

fn request_defaults(
    mode: &mut Option<String>,
    count: &mut Option<i64>,
    tolerations: Option<&mut [DeviceToleration]>,
) {
    text(mode, EXACT);
    if mode.as_deref() == Some(EXACT) {
        value(count, 1);
    }
    tolerations.into_iter().flatten().for_each(|it| text(&mut it.operator, "Equal"));
}

fn claim_errors(path: &Path, spec: Option<&ResourceClaimSpec>) -> Errors {
    let (mut errors, path) = (Errors::new(), path.child("devices").child("requests"));
    let devices = spec.and_then(|it| it.devices.as_ref());
    for (index, request) in devices.iter().flat_map(|it| it.requests.iter().flatten()).enumerate() {
        request_errors(&mut errors, &path.index(index), request);
    }
    errors
}

fn request_errors(errors: &mut Errors, path: &Path, request: &DeviceRequest) {
    required(errors, &path.child("name"), &request.name, names::dns_label);
    let others = request.first_available.as_deref().unwrap_or_default();
    match (&request.exactly, others) {
        (None, []) => {
            errors.push(Error::required(path, "exactly one of `exactly` or `firstAvailable` is required"))
        }
        (Some(_), [_, ..]) => {
            let detail =
                "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set";
            errors.push(Error::invalid(path, request.name.clone(), detail));
        }
        _ => {}
    }
    if let Some(exactly) = &request.exactly {
        let wanted = (exactly.allocation_mode.as_deref(), exactly.count);
        wanted_errors(errors, &path.child("exactly"), &exactly.device_class_name, wanted);
    }
    for (index, other) in others.iter().enumerate() {
        let path = path.child("firstAvailable").index(index);
        required(errors, &path.child("name"), &other.name, names::dns_label);
        let wanted = (other.allocation_mode.as_deref(), other.count);
        wanted_errors(errors, &path, &other.device_class_name, wanted);
    }
}

fn wanted_errors(errors: &mut Errors, path: &Path, class: &str, (mode, count): (Option<&str>, Option<i64>)) {
    required(errors, &path.child("deviceClassName"), class, names::dns_subdomain);
    one_of(errors, &path.child("allocationMode"), mode, MODES);
    match (mode, count) {
        (Some(EXACT), Some(count)) if count <= 0 => {
            errors.push(Error::invalid(&path.child("count"), count, "must be greater than zero"));
        }
        (Some("All"), Some(count)) if count != 0 => {
            let detail = "must not be specified when allocationMode is 'All'";
            errors.push(Error::invalid(&path.child("count"), count, detail));
        }
        _ => {}
    }
}
