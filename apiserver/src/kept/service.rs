//! APIServices. Those of our own group versions carry upstream's label, by which they are known as ours. Pure.

use crate::discovery::{Discovery, GroupVersion, is_built_in, priorities};
use api::k8s::kube_aggregator::pkg::apis::apiregistration::v1::{
    APIService, APIServiceCondition, APIServiceSpec,
};
use api::strategies::api_service::AVAILABLE;
use api::{Object, ObjectMeta, Resource, Time, meta};

/// What marks those that follow what is served, and its values for groups that are always there and for custom ones.
const MANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";
const ON_START: &str = "onstart";
const ALWAYS: &str = "true";

/// One for each group version, but for that of APIServices themselves.
pub(super) fn of(discovery: &Discovery) -> Vec<APIService> {
    let own = APIService::KIND.row().group;
    discovery.versions.iter().filter(|it| it.group != own).map(service).collect()
}

fn service(served: &GroupVersion) -> APIService {
    let GroupVersion { group, version, .. } = served;
    let (group_priority_minimum, version_priority) = priorities(group, version);
    let mut metadata = ObjectMeta { name: Some(format!("{version}.{group}")), ..ObjectMeta::default() };
    meta::set_label(&mut metadata, MANAGED, if is_built_in(group) { ON_START } else { ALWAYS });
    APIService {
        metadata,
        spec: Some(APIServiceSpec {
            group: Some((*group).to_owned()).filter(|it| !it.is_empty()),
            version: Some((*version).to_owned()),
            group_priority_minimum,
            version_priority,
            ..APIServiceSpec::default()
        }),
        status: None,
    }
}

/// Whether it was made here.
pub(super) fn is_ours(object: &Object) -> bool {
    let labels = object.meta().labels.as_ref();
    let value = labels.and_then(|it| it.get(MANAGED)).map(String::as_str);
    object.kind() == APIService::KIND && matches!(value, Some(ALWAYS | ON_START))
}

/// See the module above.
pub(super) fn with_status(service: &APIService, now: &Time) -> Option<APIService> {
    let local = service.spec.as_ref().is_none_or(|it| it.service.is_none());
    let (status, reason, message) = match local {
        true => ("True", "Local", "Local APIServices are always available"),
        false => (
            "False",
            "AggregationNotSupported",
            "this server does not pass requests on to other API servers, so this group version is not served",
        ),
    };
    let before = service.status.iter().flat_map(|it| it.conditions.iter().flatten());
    let since = before.into_iter().find(|it| it.type_ == AVAILABLE && it.status == status);
    let condition = APIServiceCondition {
        type_: AVAILABLE.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_transition_time: since.and_then(|it| it.last_transition_time.clone()).or(Some(now.clone())),
    };
    let mut told = service.clone();
    told.status.get_or_insert_default().conditions = Some(vec![condition]);
    (told != *service).then_some(told)
}
