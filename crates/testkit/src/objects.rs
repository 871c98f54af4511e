//! Objects to put into a cluster, whole and valid: change what a test is about, leave the rest.

use api::ObjectMeta;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Container, Node, NodeStatus, Pod, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::BTreeMap;

/// The image of containers that a fake engine runs: any will do.
pub const IMAGE: &str = "skiff/hello:v1";

/// Metadata in the namespace `default`, with the label `app`.
pub fn meta(name: &str) -> ObjectMeta {
    ObjectMeta {
        namespace: Some("default".to_owned()),
        name: Some(name.to_owned()),
        labels: Some(app(name)),
        ..ObjectMeta::default()
    }
}

/// The labels of what belongs to `name`.
pub fn app(name: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("app".to_owned(), name.to_owned())])
}

/// A container named `main`. What its command means to an engine that runs nothing, `kubelet::container_runtime::fake`
/// says; with an empty one it runs until it is stopped.
pub fn container(command: &[&str]) -> Container {
    let command = command.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    Container {
        name: "main".to_owned(),
        image: Some(IMAGE.to_owned()),
        command: Some(command).filter(|it| !it.is_empty()),
        ..Container::default()
    }
}

/// What a pod with this one container is told.
pub fn pod_spec(container: Container) -> PodSpec {
    PodSpec { containers: vec![container], ..PodSpec::default() }
}

/// A pod that runs until it is stopped.
pub fn pod(name: &str) -> Pod {
    Pod { metadata: meta(name), spec: Some(pod_spec(container(&[]))), ..Pod::default() }
}

/// A deployment of pods that run until they are stopped.
pub fn deployment(name: &str, replicas: i32) -> Deployment {
    Deployment {
        metadata: meta(name),
        spec: DeploymentSpec {
            replicas: Some(replicas),
            selector: LabelSelector { match_labels: Some(app(name)), ..LabelSelector::default() },
            template: template(name, pod_spec(container(&[]))),
            ..DeploymentSpec::default()
        },
        ..Deployment::default()
    }
}

/// A job whose pods run this command, and are not started again when it fails.
pub fn job(name: &str, completions: i32, command: &[&str]) -> Job {
    let spec = PodSpec { restart_policy: Some("Never".to_owned()), ..pod_spec(container(command)) };
    Job {
        metadata: meta(name),
        spec: Some(JobSpec {
            completions: Some(completions),
            template: template(name, spec),
            ..JobSpec::default()
        }),
        ..Job::default()
    }
}

/// A node that has so much to offer, as quantities, and room for 110 pods.
pub fn node(name: &str, cpu: &str, memory: &str) -> Node {
    let offer = [("cpu", cpu), ("memory", memory), ("pods", "110")];
    let offer = offer.map(|(resource, amount)| (resource.to_owned(), Quantity(amount.to_owned())));
    let offer = BTreeMap::from(offer);
    Node {
        metadata: ObjectMeta { namespace: None, ..meta(name) },
        status: Some(NodeStatus {
            capacity: Some(offer.clone()),
            allocatable: Some(offer),
            ..NodeStatus::default()
        }),
        ..Node::default()
    }
}

fn template(name: &str, spec: PodSpec) -> PodTemplateSpec {
    let metadata = ObjectMeta { labels: Some(app(name)), ..ObjectMeta::default() };
    PodTemplateSpec { metadata: Some(metadata), spec: Some(spec) }
}
