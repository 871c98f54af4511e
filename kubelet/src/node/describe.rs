//! What a Node object says. All of it is pure.

use std::collections::BTreeMap;

use api::{
    ObjectMeta, Time,
    k8s::{
        api::core::v1::{
            ContainerImage, DaemonEndpoint, Node as NodeObject, NodeAddress, NodeCondition,
            NodeDaemonEndpoints, NodeSpec, NodeStatus, NodeSystemInfo, Taint,
        },
        apimachinery::pkg::api::resource::Quantity,
    },
    quantity,
};
use jiff::Timestamp;

use crate::{
    Capacity, Config,
    container_runtime::{Facts, Image},
};

use super::Ready;

/// As many pods as a node takes when nobody says otherwise.
const PODS: u32 = 110;
/// As many images as a status tells of.
const IMAGES: usize = 50;
/// The API's version, which is the agent's.
const VERSION: &str = "v1.37.0";

/// Amounts of resources by name.
type Amounts = BTreeMap<String, Quantity>;

/// What a status is made from.
pub(super) struct Inputs<'a> {
    pub(super) config: &'a Config,
    pub(super) facts: &'a Facts,
    pub(super) port: u16,
    pub(super) images: &'a [Image],
    pub(super) ready: Ready,
    pub(super) now: Timestamp,
}

/// The Node object of a node that registers.
pub(super) fn object_of(config: &Config, status: NodeStatus) -> NodeObject {
    let name = &config.node_name;
    let mut labels = config.labels.clone();
    let usual = [
        ("kubernetes.io/hostname", name.as_str()),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", architecture()),
        ("beta.kubernetes.io/os", "linux"),
        ("beta.kubernetes.io/arch", architecture()),
    ];
    for (label, value) in usual {
        labels.entry(label.to_owned()).or_insert_with(|| value.to_owned());
    }
    let taints: Vec<Taint> = config.taints.iter().filter_map(|it| taint(it)).collect();
    let cidr = config.pod_cidr.to_string();
    NodeObject {
        metadata: ObjectMeta { name: Some(name.clone()), labels: Some(labels), ..ObjectMeta::default() },
        spec: Some(NodeSpec {
            pod_cidr: Some(cidr.clone()),
            pod_cidrs: Some(vec![cidr]),
            taints: Some(taints).filter(|it| !it.is_empty()),
            ..NodeSpec::default()
        }),
        status: Some(status),
    }
}

/// `KEY=VALUE:EFFECT` or `KEY:EFFECT`.
fn taint(text: &str) -> Option<Taint> {
    let (rest, effect) = text.rsplit_once(':')?;
    let (key, value) =
        rest.split_once('=').map_or((rest, None), |(key, value)| (key, Some(value.to_owned())));
    Some(Taint { key: key.to_owned(), value, effect: effect.to_owned(), time_added: None })
}

/// The architecture in Go's words.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// What the node offers.
pub(super) fn capacity_of(asked: &Capacity, facts: &Facts) -> Amounts {
    let cpu = asked.cpu.clone().unwrap_or_else(|| facts.cpus.to_string());
    let memory = asked.memory.clone().unwrap_or_else(|| format!("{}Ki", facts.memory / 1024));
    let pods = asked.pods.unwrap_or(PODS).to_string();
    [("cpu", cpu), ("memory", memory), ("pods", pods)]
        .into_iter()
        .map(|(name, amount)| (name.to_owned(), Quantity(amount)))
        .collect()
}

/// The status that holds; `before` is the one that the server has.
pub(super) fn status_of(before: &NodeStatus, inputs: &Inputs<'_>) -> NodeStatus {
    let capacity = capacity_of(&inputs.config.capacity, inputs.facts);
    let address = |type_: &str, address: String| NodeAddress { type_: type_.to_owned(), address };
    NodeStatus {
        addresses: Some(vec![
            address("InternalIP", inputs.config.node_address.to_string()),
            address("Hostname", inputs.config.node_name.clone()),
        ]),
        allocatable: Some(capacity.clone()),
        capacity: Some(capacity),
        conditions: Some(conditions_of(before, inputs)),
        daemon_endpoints: Some(NodeDaemonEndpoints {
            kubelet_endpoint: Some(DaemonEndpoint { port: inputs.port.into() }),
        }),
        images: Some(images_of(inputs.images)),
        node_info: Some(info_of(inputs.config, inputs.facts)),
        ..NodeStatus::default()
    }
}

fn info_of(config: &Config, facts: &Facts) -> NodeSystemInfo {
    NodeSystemInfo {
        architecture: architecture().to_owned(),
        container_runtime_version: facts.version.clone(),
        kernel_version: facts.kernel.clone(),
        kubelet_version: VERSION.to_owned(),
        kube_proxy_version: String::new(),
        machine_id: config.node_name.clone(),
        operating_system: "linux".to_owned(),
        os_image: facts.os_image.clone(),
        system_uuid: config.node_name.clone(),
        ..NodeSystemInfo::default()
    }
}

/// The largest images first, as upstream lists them.
fn images_of(images: &[Image]) -> Vec<ContainerImage> {
    let mut named: Vec<&Image> = images.iter().filter(|it| !it.names.is_empty()).collect();
    named.sort_by(|one, other| other.size.cmp(&one.size).then_with(|| one.names.cmp(&other.names)));
    named
        .into_iter()
        .take(IMAGES)
        .map(|it| ContainerImage { names: Some(it.names.clone()), size_bytes: Some(it.size) })
        .collect()
}

/// What a condition says: status, reason, message.
type Verdict = (&'static str, &'static str, String);

fn conditions_of(before: &NodeStatus, inputs: &Inputs<'_>) -> Vec<NodeCondition> {
    let no = |reason, message: &str| ("False", reason, message.to_owned());
    let ready: Verdict = match &inputs.ready {
        Ready::Yes => ("True", "KubeletReady", "the agent and its container engine are ready".to_owned()),
        Ready::No(why) => ("False", "KubeletNotReady", format!("container runtime is down: {why}")),
    };
    let verdicts = [
        ("MemoryPressure", no("KubeletHasSufficientMemory", "kubelet has sufficient memory available")),
        ("DiskPressure", no("KubeletHasNoDiskPressure", "kubelet has no disk pressure")),
        ("PIDPressure", no("KubeletHasSufficientPID", "kubelet has sufficient PID available")),
        ("Ready", ready),
    ];
    verdicts.into_iter().map(|(type_, verdict)| condition(before, type_, verdict, inputs.now)).collect()
}

fn condition(before: &NodeStatus, type_: &str, verdict: Verdict, now: Timestamp) -> NodeCondition {
    let (status, reason, message) = verdict;
    let old = before.conditions.iter().flatten().find(|it| it.type_ == type_ && it.status == status);
    NodeCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_heartbeat_time: Some(Time(now)),
        last_transition_time: old.and_then(|it| it.last_transition_time.clone()).or(Some(Time(now))),
    }
}

/// Whether the server's status says what ours does, apart from the time of the heartbeat. What others have added, such as
/// resources and conditions of their own, stays, and so it is no difference.
pub(super) fn says(server: &NodeStatus, ours: &NodeStatus) -> bool {
    says_amounts(&server.capacity, &ours.capacity)
        && says_amounts(&server.allocatable, &ours.allocatable)
        && contains(&server.addresses, &ours.addresses, |one, other| one == other)
        && contains(&server.conditions, &ours.conditions, same_condition)
        && server.images.iter().flatten().eq(ours.images.iter().flatten())
        && server.daemon_endpoints == ours.daemon_endpoints
        && server.node_info == ours.node_info
}

fn contains<T>(all: &Option<Vec<T>>, some: &Option<Vec<T>>, same: impl Fn(&T, &T) -> bool) -> bool {
    some.iter().flatten().all(|wanted| all.iter().flatten().any(|it| same(it, wanted)))
}

/// The server may write an amount in another way.
fn says_amounts(server: &Option<Amounts>, ours: &Option<Amounts>) -> bool {
    let amount = |amounts: &Amounts, name: &String| amounts.get(name).map(quantity::amount);
    let Some(ours) = ours else { return true };
    ours.keys().all(|name| server.as_ref().and_then(|it| amount(it, name)) == amount(ours, name))
}

fn same_condition(one: &NodeCondition, other: &NodeCondition) -> bool {
    let said = |it: &NodeCondition| NodeCondition { last_heartbeat_time: None, ..it.clone() };
    said(one) == said(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(config: &Config, ready: Ready, at: i64) -> NodeStatus {
        let facts = Facts { cpus: 4, memory: 8 << 30, ..Facts::default() };
        let now = Timestamp::from_second(at).unwrap();
        let inputs = Inputs { config, facts: &facts, port: 10250, images: &[], ready, now };
        status_of(&NodeStatus::default(), &inputs)
    }

    /// Whether a status still says what it said after a change, also when it has been the server's meanwhile.
    #[track_caller]
    fn check(what: &str, change: impl FnOnce(&mut NodeStatus), expect: bool) {
        let config = Config::new("c", "n", [127, 0, 0, 1].into(), "10.1.0.0/24".parse().unwrap());
        let ours = inputs(&config, Ready::Yes, 100);
        let mut server = ours.clone();
        change(&mut server);
        assert_eq!(says(&server, &ours), expect, "{what}");
    }

    #[test]
    fn what_others_add_is_no_difference_and_what_they_change_is() {
        let amounts = |it: &mut NodeStatus, name: &str, amount: &str| {
            let capacity = it.capacity.get_or_insert_default();
            capacity.insert(name.to_owned(), Quantity(amount.to_owned()));
        };
        let ready = |it: &mut NodeStatus, change: fn(&mut NodeCondition)| {
            change(&mut it.conditions.as_mut().unwrap()[3]);
        };
        check("nothing", |_| {}, true);
        check("a heartbeat", |it| ready(it, |ready| ready.last_heartbeat_time = None), true);
        check("Ready", |it| ready(it, |ready| "Unknown".clone_into(&mut ready.status)), false);
        check("a message", |it| ready(it, |ready| ready.message = None), false);
        check("a lost condition", |it| drop(it.conditions.as_mut().unwrap().pop()), false);
        let other = NodeCondition { type_: "NetworkUnavailable".into(), ..NodeCondition::default() };
        check("another condition", |it| it.conditions.as_mut().unwrap().push(other), true);
        check("another spelling", |it| amounts(it, "memory", "8Gi"), true);
        check("another amount", |it| amounts(it, "memory", "9Gi"), false);
        check("another resource", |it| amounts(it, "example.com/dongle", "4"), true);
        check("a lost resource", |it| drop(it.allocatable.as_mut().unwrap().remove("cpu")), false);
        check("no images at all", |it| it.images = None, true);
        check("no address", |it| it.addresses = None, false);
        check("everything", |it| *it = NodeStatus::default(), false);
    }

    #[test]
    fn a_node_offers_what_its_host_has() {
        let config = Config::new("c", "n", [127, 0, 0, 1].into(), "10.1.0.0/24".parse().unwrap());
        let offered = inputs(&config, Ready::Yes, 100).allocatable.unwrap();
        assert_eq!((offered["cpu"].0.as_str(), offered["memory"].0.as_str()), ("4", "8388608Ki"));
        assert_eq!(offered["pods"].0, "110");
    }

    #[test]
    fn taints_and_labels_register_with_the_node() {
        let mut config = Config::new("c", "n", [127, 0, 0, 1].into(), "10.1.0.0/24".parse().unwrap());
        config.taints = vec!["dedicated=db:NoSchedule".to_owned(), "busy:NoExecute".to_owned()];
        let node = object_of(&config, NodeStatus::default());
        let taints = node.spec.unwrap().taints.unwrap();
        assert_eq!((taints[0].value.as_deref(), taints[0].effect.as_str()), (Some("db"), "NoSchedule"));
        assert_eq!((taints[1].key.as_str(), taints[1].value.as_deref()), ("busy", None));
        assert_eq!(node.metadata.labels.unwrap()["kubernetes.io/hostname"], "n");
    }
}
