//! How an autoscaler of v1 behaves: as the one of v2 that it encodes.

use super::{HorizontalPodAutoscalerStrategy as New, convert};
use crate::field::Errors;
use crate::strategies::defaults::value;
use crate::strategy::{Behaviour, Column, Encoding, StoredAs};
use jiff::Timestamp;
use k8s_openapi::api::autoscaling::{v1, v2};
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct OldAutoscalerStrategy;

impl Encoding for OldAutoscalerStrategy {
    type Served = v1::HorizontalPodAutoscaler;
    type Stored = v2::HorizontalPodAutoscaler;

    /// With what v2 adds where nothing is said, which v1 has no fields for.
    fn to_stored(served: v1::HorizontalPodAutoscaler) -> v2::HorizontalPodAutoscaler {
        let mut stored = convert::to_new(served);
        New::set_defaults(&mut stored);
        stored
    }

    fn to_served(stored: v2::HorizontalPodAutoscaler) -> v1::HorizontalPodAutoscaler {
        convert::to_old(stored)
    }
}

impl Behaviour for OldAutoscalerStrategy {
    type Object = v1::HorizontalPodAutoscaler;
    const STORED_AS: Option<StoredAs> = Some(StoredAs::by::<Self>());
    const GENERATION: bool = New::GENERATION;
    const COLUMNS: &'static [Column] = New::COLUMNS;

    fn set_defaults(scaler: &mut v1::HorizontalPodAutoscaler) {
        value(&mut scaler.spec.min_replicas, 1);
    }

    fn prepare_create(scaler: &mut v1::HorizontalPodAutoscaler) {
        let status = Some(v1::HorizontalPodAutoscalerStatus::default());
        convert::copy_status(scaler, &v1::HorizontalPodAutoscaler { status, ..Default::default() });
    }

    fn validate(scaler: &v1::HorizontalPodAutoscaler) -> Errors {
        New::validate(&convert::to_new(scaler.clone()))
    }

    fn validate_create(scaler: &v1::HorizontalPodAutoscaler) -> Errors {
        New::validate_create(&convert::to_new(scaler.clone()))
    }

    fn validate_update(scaler: &v1::HorizontalPodAutoscaler, old: &v1::HorizontalPodAutoscaler) -> Errors {
        New::validate_update(&convert::to_new(scaler.clone()), &convert::to_new(old.clone()))
    }

    fn cells(scaler: &v1::HorizontalPodAutoscaler, now: Timestamp) -> Vec<Value> {
        New::cells(&convert::to_new(scaler.clone()), now)
    }
}
