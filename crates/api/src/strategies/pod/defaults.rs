//! What the API server fills into pods and pod templates.

use crate::quantity::Format;
use crate::strategies::defaults::{nonzero, text, value};
use crate::strategies::persistent_volume_claim;
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, DownwardAPIVolumeFile, EmptyDirVolumeSource, EnvVar, EphemeralContainer,
    HTTPGetAction, Lifecycle, ObjectFieldSelector, PodSpec, PodTemplateSpec, Probe, ResourceRequirements,
    Volume, VolumeProjection,
};

/// The mode of files in configuration volumes: 0644.
const FILE_MODE: i32 = 0o644;
const TOKEN_SECONDS: i64 = 3600;

/// A pod. It gets more than a template does: requests from limits, service links, host ports.
pub(crate) fn pod(spec: &mut PodSpec) {
    let host_network = spec.host_network == Some(true);
    let init = spec.init_containers.iter_mut().flatten();
    for container in spec.containers.iter_mut().chain(init) {
        requests_from_limits(container.resources.get_or_insert_default());
        for port in container.ports.iter_mut().flatten().filter(|_| host_network) {
            nonzero(&mut port.host_port, port.container_port);
        }
    }
    pod_requests(spec);
    value(&mut spec.enable_service_links, true);
    pod_spec(spec);
}

/// The template of a workload.
pub(crate) fn template(template: &mut PodTemplateSpec) {
    template.metadata.get_or_insert_default();
    pod_spec(template.spec.get_or_insert_default());
}

/// The older name of the service account is kept equal to the newer one.
fn service_account(spec: &mut PodSpec) {
    let given = |it: &Option<String>| it.clone().filter(|it| !it.is_empty());
    let name = given(&spec.service_account_name).or_else(|| given(&spec.service_account));
    spec.service_account_name.clone_from(&name);
    spec.service_account = name;
}

fn pod_spec(spec: &mut PodSpec) {
    text(&mut spec.dns_policy, "ClusterFirst");
    text(&mut spec.restart_policy, "Always");
    text(&mut spec.scheduler_name, "default-scheduler");
    value(&mut spec.termination_grace_period_seconds, 30);
    spec.security_context.get_or_insert_default();
    service_account(spec);
    let init = spec.init_containers.iter_mut().flatten();
    spec.containers.iter_mut().chain(init).for_each(container);
    spec.ephemeral_containers.iter_mut().flatten().for_each(ephemeral_container);
    spec.volumes.iter_mut().flatten().for_each(volume);
    for constraint in spec.topology_spread_constraints.iter_mut().flatten() {
        text(&mut constraint.node_affinity_policy, "Honor");
        text(&mut constraint.node_taints_policy, "Ignore");
    }
}

fn requests_from_limits(resources: &mut ResourceRequirements) {
    let Some(limits) = resources.limits.as_ref().filter(|it| !it.is_empty()) else { return };
    let requests = resources.requests.get_or_insert_default();
    for (name, limit) in limits {
        requests.entry(name.clone()).or_insert_with(|| limit.clone());
    }
}

/// A pod that asks for resources as a whole asks for what its containers do, or else for its limits (KEP-2837).
fn pod_requests(spec: &mut PodSpec) {
    let together = crate::pod::aggregate_requests(spec);
    let Some(resources) = &mut spec.resources else { return };
    for (name, sum) in together.into_iter().filter(|(name, _)| crate::pod::is_pod_level(name)) {
        let format = if name == "cpu" { Format::Decimal } else { Format::Binary };
        let requests = resources.requests.get_or_insert_default();
        requests.entry(name).or_insert_with(|| sum.written(format));
    }
    requests_from_limits(resources);
}

/// Both kinds of container have the same fields under different types.
macro_rules! fill_container {
    ($container:expr) => {{
        let it = $container;
        it.resources.get_or_insert_default();
        text(&mut it.image_pull_policy, pull_policy(it.image.as_deref().unwrap_or_default()));
        text(&mut it.termination_message_path, "/dev/termination-log");
        text(&mut it.termination_message_policy, "File");
        it.ports.iter_mut().flatten().for_each(port);
        it.env.iter_mut().flatten().for_each(variable);
        let probes = [&mut it.liveness_probe, &mut it.readiness_probe, &mut it.startup_probe];
        probes.into_iter().flatten().for_each(probe);
        it.lifecycle.iter_mut().for_each(lifecycle);
    }};
}

fn container(container: &mut Container) {
    fill_container!(container);
}

fn ephemeral_container(container: &mut EphemeralContainer) {
    fill_container!(container);
}

/// `Always` for `latest` and for images without a tag or digest.
pub(crate) fn pull_policy(image: &str) -> &'static str {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let last = name.rsplit_once('/').map_or(name, |(_, last)| last);
    match (last.split_once(':'), digest) {
        (Some((_, "latest")), _) | (None, None) => "Always",
        _ => "IfNotPresent",
    }
}

fn port(port: &mut ContainerPort) {
    text(&mut port.protocol, "TCP");
}

fn variable(variable: &mut EnvVar) {
    if let Some(field) = variable.value_from.as_mut().and_then(|it| it.field_ref.as_mut()) {
        field_ref(field);
    }
}

fn field_ref(field: &mut ObjectFieldSelector) {
    text(&mut field.api_version, "v1");
}

fn probe(probe: &mut Probe) {
    nonzero(&mut probe.timeout_seconds, 1);
    nonzero(&mut probe.period_seconds, 10);
    nonzero(&mut probe.success_threshold, 1);
    nonzero(&mut probe.failure_threshold, 3);
    probe.http_get.iter_mut().for_each(http_get);
    if let Some(grpc) = &mut probe.grpc {
        value(&mut grpc.service, String::new());
    }
}

fn http_get(action: &mut HTTPGetAction) {
    text(&mut action.path, "/");
    text(&mut action.scheme, "HTTP");
}

fn lifecycle(lifecycle: &mut Lifecycle) {
    let handlers = [&mut lifecycle.post_start, &mut lifecycle.pre_stop];
    handlers.into_iter().flatten().filter_map(|it| it.http_get.as_mut()).for_each(http_get);
}

fn volume(volume: &mut Volume) {
    if (Volume { name: volume.name.clone(), ..Volume::default() }) == *volume {
        volume.empty_dir = Some(EmptyDirVolumeSource::default());
    }
    if let Some(source) = &mut volume.secret {
        value(&mut source.default_mode, FILE_MODE);
    }
    if let Some(source) = &mut volume.config_map {
        value(&mut source.default_mode, FILE_MODE);
    }
    if let Some(source) = &mut volume.downward_api {
        value(&mut source.default_mode, FILE_MODE);
        source.items.iter_mut().flatten().for_each(downward_file);
    }
    if let Some(source) = &mut volume.projected {
        value(&mut source.default_mode, FILE_MODE);
        source.sources.iter_mut().flatten().for_each(projection);
    }
    if let Some(source) = &mut volume.host_path {
        value(&mut source.type_, String::new());
    }
    if let Some(source) = &mut volume.image {
        text(&mut source.pull_policy, pull_policy(source.reference.as_deref().unwrap_or_default()));
    }
    if let Some(claim) = volume.ephemeral.as_mut().and_then(|it| it.volume_claim_template.as_mut()) {
        persistent_volume_claim::default_spec(&mut claim.spec);
    }
}

fn downward_file(file: &mut DownwardAPIVolumeFile) {
    file.field_ref.iter_mut().for_each(field_ref);
}

fn projection(projection: &mut VolumeProjection) {
    if let Some(token) = &mut projection.service_account_token {
        value(&mut token.expiration_seconds, TOKEN_SECONDS);
    }
    if let Some(downward) = &mut projection.downward_api {
        downward.items.iter_mut().flatten().for_each(downward_file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn pull_policies_follow_the_tag() {
        let check = |image, expect| assert_eq!(pull_policy(image), expect, "{image}");
        check("nginx", "Always");
        check("nginx:latest", "Always");
        check("nginx:1.27", "IfNotPresent");
        check("localhost:5000/nginx", "Always");
        check("localhost:5000/nginx:1", "IfNotPresent");
        check("nginx@sha256:00", "IfNotPresent");
    }

    #[test]
    fn pods_are_filled() {
        let check = |given: Value, pointer: &str, expect: Value| {
            let mut spec: PodSpec = serde_json::from_value(given).expect("it is a pod spec");
            pod(&mut spec);
            let value = serde_json::to_value(spec).expect("it serializes");
            assert_eq!(value.pointer(pointer), Some(&expect), "{pointer}");
        };
        let one = |fields: Value| {
            let mut container = json!({"name": "a", "image": "b"});
            container
                .as_object_mut()
                .expect("it is a map")
                .extend(fields.as_object().cloned().unwrap_or_default());
            json!({"containers": [container]})
        };
        check(one(json!({})), "/restartPolicy", json!("Always"));
        check(one(json!({})), "/securityContext", json!({}));
        check(one(json!({})), "/containers/0/resources", json!({}));
        let probe = json!({"livenessProbe": {"httpGet": {"port": 80}}});
        let wanted = json!({"failureThreshold": 3, "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
            "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1});
        check(one(probe), "/containers/0/livenessProbe", wanted);
        let limits =
            json!({"resources": {"limits": {"cpu": "1", "memory": "2"}, "requests": {"cpu": "500m"}}});
        check(one(limits), "/containers/0/resources/requests", json!({"cpu": "500m", "memory": "2"}));
        let mut whole = one(json!({"resources": {"requests": {"memory": "1Gi"}}}));
        whole["resources"] = json!({"limits": {"cpu": "2", "memory": "3Gi"}});
        check(whole, "/resources/requests", json!({"cpu": "2", "memory": "1Gi"}));
        let field =
            json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]});
        check(one(field), "/containers/0/env/0/valueFrom/fieldRef/apiVersion", json!("v1"));
        let volume = |source: Value| json!({"containers": [], "volumes": [source]});
        check(volume(json!({"name": "v"})), "/volumes/0/emptyDir", json!({}));
        check(volume(json!({"name": "v", "configMap": {}})), "/volumes/0/configMap/defaultMode", json!(420));
        check(volume(json!({"name": "v", "hostPath": {"path": "/"}})), "/volumes/0/hostPath/type", json!(""));
    }
}
