//! How an IPAddress, a ServiceCIDR and a ComponentStatus behave.

use crate::field::Errors;
use crate::strategies::cells::or_none;
use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ComponentStatus;
use k8s_openapi::api::networking::v1::{IPAddress, ServiceCIDR, ServiceCIDRStatus};
use serde_json::Value;

/// An IPAddress.
#[derive(Debug)]
pub struct IpAddressStrategy;
/// A ServiceCIDR.
#[derive(Debug)]
pub struct ServiceCidrStrategy;
/// A ComponentStatus.
#[derive(Debug)]
pub struct ComponentStatusStrategy;

impl Behaviour for IpAddressStrategy {
    type Object = IPAddress;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] =
        &[Column::NAME, Column::text("ParentRef", "Who uses the address."), Column::AGE];

    fn validate(object: &IPAddress) -> Errors {
        crate::validation::address::address(object)
    }

    fn validate_update(object: &IPAddress, old: &IPAddress) -> Errors {
        crate::validation::address::address_update(object, old)
    }

    fn cells(address: &IPAddress, now: Timestamp) -> Vec<Value> {
        let parent = &address.spec.parent_ref;
        let place = [
            parent.group.as_deref(),
            Some(&parent.resource),
            parent.namespace.as_deref(),
            Some(&parent.name),
        ];
        let place: Vec<&str> = place.into_iter().flatten().filter(|it| !it.is_empty()).collect();
        let parent = or_none(Some(&place.join("/")));
        vec![name_cell(&address.metadata), parent.into(), age_cell(&address.metadata, now)]
    }
}

impl Behaviour for ServiceCidrStrategy {
    type Object = ServiceCIDR;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] =
        &[Column::NAME, Column::text("CIDRs", "Ranges of service addresses."), Column::AGE];

    fn prepare_create(range: &mut ServiceCIDR) {
        range.status = Some(ServiceCIDRStatus::default());
    }

    fn validate(object: &ServiceCIDR) -> Errors {
        crate::validation::address::service_range(object)
    }

    fn validate_update(object: &ServiceCIDR, old: &ServiceCIDR) -> Errors {
        crate::validation::address::service_range_update(object, old)
    }

    fn cells(range: &ServiceCIDR, now: Timestamp) -> Vec<Value> {
        let ranges = range.spec.as_ref().and_then(|it| it.cidrs.clone()).unwrap_or_default();
        vec![name_cell(&range.metadata), ranges.join(",").into(), age_cell(&range.metadata, now)]
    }
}

impl Behaviour for ComponentStatusStrategy {
    type Object = ComponentStatus;
    const DEPRECATION: &'static str = "v1 ComponentStatus is deprecated in v1.19+";
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Status", "Whether the component is healthy."),
        Column::text("Message", "What it says."),
        Column::text("Error", "What went wrong."),
    ];

    fn cells(component: &ComponentStatus, _now: Timestamp) -> Vec<Value> {
        let health = component.conditions.iter().flatten().find(|it| it.type_ == "Healthy");
        let status = match health.map(|it| it.status.as_str()) {
            Some("True") => "Healthy",
            Some("False") => "Unhealthy",
            _ => "Unknown",
        };
        let text = |it: Option<&String>| Value::from(it.cloned().unwrap_or_default());
        vec![
            name_cell(&component.metadata),
            status.into(),
            text(health.and_then(|it| it.message.as_ref())),
            text(health.and_then(|it| it.error.as_ref())),
        ]
    }
}
