//! Where quantities stand in the objects of each kind, so that decoding can refuse and normalize them.

use k8s_openapi::api::autoscaling::v2::{MetricSpec, MetricTarget};
use k8s_openapi::api::core::v1::{
    Container, DownwardAPIVolumeFile, EnvVar, EphemeralContainer, LimitRangeItem, PersistentVolumeClaimSpec,
    PodSpec, PodTemplateSpec, ResourceFieldSelector, ResourceRequirements, Volume,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

/// Sees each quantity of an object.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(&mut Quantity);

/// Amounts by resource.
pub(crate) fn list(list: Option<&mut BTreeMap<String, Quantity>>, visit: Visit<'_>) {
    list.into_iter().flat_map(|it| it.values_mut()).for_each(visit);
}

/// Requests and limits.
pub(crate) fn requirements(requirements: Option<&mut ResourceRequirements>, visit: Visit<'_>) {
    let Some(requirements) = requirements else { return };
    list(requirements.requests.as_mut(), visit);
    list(requirements.limits.as_mut(), visit);
}

/// A pod.
pub(crate) fn pod(spec: Option<&mut PodSpec>, visit: Visit<'_>) {
    let Some(spec) = spec else { return };
    for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
        of_container(container, visit);
    }
    for EphemeralContainer { resources, env, .. } in spec.ephemeral_containers.iter_mut().flatten() {
        requirements(resources.as_mut(), visit);
        variables(env.as_deref_mut(), visit);
    }
    requirements(spec.resources.as_mut(), visit);
    list(spec.overhead.as_mut(), visit);
    for volume in spec.volumes.iter_mut().flatten() {
        of_volume(volume, visit);
    }
}

fn of_container(container: &mut Container, visit: Visit<'_>) {
    requirements(container.resources.as_mut(), visit);
    variables(container.env.as_deref_mut(), visit);
}

fn variables(env: Option<&mut [EnvVar]>, visit: Visit<'_>) {
    let sources = env.into_iter().flatten().filter_map(|it| it.value_from.as_mut());
    sources.filter_map(|it| it.resource_field_ref.as_mut()).for_each(|it| divisor(it, visit));
}

/// In Go a divisor that is not given is the quantity 0, and is written as such.
fn divisor(selector: &mut ResourceFieldSelector, visit: Visit<'_>) {
    visit(selector.divisor.get_or_insert_with(|| Quantity("0".to_owned())));
}

fn files(items: Option<&mut [DownwardAPIVolumeFile]>, visit: Visit<'_>) {
    let selectors = items.into_iter().flatten().filter_map(|it| it.resource_field_ref.as_mut());
    selectors.for_each(|it| divisor(it, visit));
}

fn of_volume(volume: &mut Volume, visit: Visit<'_>) {
    if let Some(source) = &mut volume.downward_api {
        files(source.items.as_deref_mut(), visit);
    }
    let projected = volume.projected.iter_mut().flat_map(|it| it.sources.iter_mut().flatten());
    projected.filter_map(|it| it.downward_api.as_mut()).for_each(|it| files(it.items.as_deref_mut(), visit));
    volume.empty_dir.iter_mut().filter_map(|it| it.size_limit.as_mut()).for_each(&mut *visit);
    if let Some(template) = volume.ephemeral.as_mut().and_then(|it| it.volume_claim_template.as_mut()) {
        claim(Some(&mut template.spec), visit);
    }
}

/// The template of a workload.
pub(crate) fn template(template: Option<&mut PodTemplateSpec>, visit: Visit<'_>) {
    pod(template.and_then(|it| it.spec.as_mut()), visit);
}

/// A claim.
pub(crate) fn claim(spec: Option<&mut PersistentVolumeClaimSpec>, visit: Visit<'_>) {
    let Some(resources) = spec.and_then(|it| it.resources.as_mut()) else { return };
    list(resources.requests.as_mut(), visit);
    list(resources.limits.as_mut(), visit);
}

/// One item of a LimitRange.
pub(crate) fn limits(item: &mut LimitRangeItem, visit: Visit<'_>) {
    let lists = [
        &mut item.default,
        &mut item.default_request,
        &mut item.max,
        &mut item.min,
        &mut item.max_limit_request_ratio,
    ];
    for it in lists {
        list(it.as_mut(), visit);
    }
}

/// A metric of an autoscaler.
pub(crate) fn metric(metric: &mut MetricSpec, visit: Visit<'_>) {
    let targets = [
        metric.resource.as_mut().map(|it| &mut it.target),
        metric.container_resource.as_mut().map(|it| &mut it.target),
        metric.pods.as_mut().map(|it| &mut it.target),
        metric.object.as_mut().map(|it| &mut it.target),
        metric.external.as_mut().map(|it| &mut it.target),
    ];
    for MetricTarget { average_value, value, .. } in targets.into_iter().flatten() {
        average_value.iter_mut().chain(value).for_each(&mut *visit);
    }
}
