//! The ServiceCIDR `kubernetes` (KEP-1880): the range that addresses of services are taken from. Pure.

use api::k8s::api::networking::v1::{ServiceCIDR, ServiceCIDRSpec};
use api::k8s::apimachinery::pkg::apis::meta::v1::Condition;
use api::{ObjectMeta, Time, meta};

const NAME: &str = "kubernetes";
/// Upstream's controller keeps ranges by it as long as an address of theirs is in use.
const FINALIZER: &str = "networking.k8s.io/service-cidr-finalizer";
const READY: &str = "Ready";

pub(super) fn of(range: &str) -> ServiceCIDR {
    let metadata = ObjectMeta {
        name: Some(NAME.to_owned()),
        finalizers: Some(vec![FINALIZER.to_owned()]),
        ..ObjectMeta::default()
    };
    let spec = ServiceCIDRSpec { cidrs: Some(vec![range.to_owned()]) };
    ServiceCIDR { metadata, spec: Some(spec), ..ServiceCIDR::default() }
}

/// See the module above. Ranges that others add are not used, so nothing is said of them.
pub(super) fn with_status(range: &ServiceCIDR, now: &Time) -> Option<ServiceCIDR> {
    let conditions = range.status.as_ref().and_then(|it| it.conditions.as_deref());
    let ready = meta::condition(conditions, READY).is_some_and(|it| it.status == "True");
    if ready || meta::name(&range.metadata) != NAME {
        return None;
    }
    let condition = Condition {
        type_: READY.to_owned(),
        status: "True".to_owned(),
        message: "Kubernetes default Service CIDR is ready".to_owned(),
        last_transition_time: now.clone(),
        reason: String::new(),
        observed_generation: None,
    };
    let mut told = range.clone();
    told.status.get_or_insert_default().conditions = Some(vec![condition]);
    Some(told)
}
