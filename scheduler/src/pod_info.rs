//! What the scheduler needs to know of a pod, worked out once.

use api::k8s::api::core::v1::{Pod, PodSpec};
use api::pod::Amounts;
use api::{Key, Resource};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Amounts of resources. CPU is in thousandths, the rest in whole units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Thousandths of a core.
    pub cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// Every other resource by name.
    pub other: BTreeMap<String, i64>,
}

impl Resources {
    /// From Kubernetes' map of quantities.
    pub fn of(amounts: &Amounts) -> Self {
        let mut resources = Self::default();
        for (name, amount) in amounts {
            match name.as_str() {
                "cpu" => resources.cpu = amount.milli_value(),
                "memory" => resources.memory = amount.value(),
                _ => drop(resources.other.insert(name.clone(), amount.value())),
            }
        }
        resources
    }

    /// Adds another amount, or takes it away.
    pub(crate) fn add(&mut self, other: &Self, sign: i64) {
        self.cpu += sign * other.cpu;
        self.memory += sign * other.memory;
        for (name, value) in &other.other {
            *self.other.entry(name.clone()).or_default() += sign * value;
        }
    }
}

/// A pod, as the scheduler sees it.
#[derive(Clone, Debug)]
pub struct PodInfo {
    /// Which pod.
    pub key: Key,
    /// Its UID.
    pub uid: String,
    /// The pod itself, shared with the cache.
    pub pod: Arc<api::Object>,
    /// What it asks for.
    pub requests: Resources,
    /// What scoring assumes it uses: its requests, or upstream's small defaults where it asks for nothing.
    pub likely: Resources,
    /// Ports of the host that it wants: address, protocol, port.
    pub host_ports: Vec<(String, String, i32)>,
    /// Higher goes first.
    pub priority: i32,
}

/// What a pod without requests is assumed to use, so that it does not look like nothing.
const LIKELY_CPU: i64 = 100;
const LIKELY_MEMORY: i64 = 200 << 20;

impl PodInfo {
    /// `None` for an object that is no pod.
    pub fn of(object: &Arc<api::Object>) -> Option<Self> {
        let pod: &Pod = object.get()?;
        let spec = pod.spec.as_ref()?;
        let requests = Resources::of(&api::pod::requests(spec));
        let mut likely = requests.clone();
        likely.cpu = if requests.cpu == 0 { LIKELY_CPU } else { requests.cpu };
        likely.memory = if requests.memory == 0 { LIKELY_MEMORY } else { requests.memory };
        Some(Self {
            key: object.key(),
            uid: pod.meta().uid.clone().unwrap_or_default(),
            pod: Arc::clone(object),
            requests,
            likely,
            host_ports: host_ports_of(spec),
            priority: spec.priority.unwrap_or(0),
        })
    }

    /// The pod's spec.
    pub fn spec(&self) -> &PodSpec {
        self.pod().spec.as_ref().expect("a pod without a spec makes no PodInfo")
    }

    /// The pod.
    pub fn pod(&self) -> &Pod {
        self.pod.get().expect("only pods make a PodInfo")
    }

    /// The node it is bound to.
    pub fn node(&self) -> Option<&str> {
        self.spec().node_name.as_deref().filter(|it| !it.is_empty())
    }
}

fn host_ports_of(spec: &PodSpec) -> Vec<(String, String, i32)> {
    let ports = spec.containers.iter().flat_map(|it| it.ports.iter().flatten());
    let wanted = ports.filter_map(|it| {
        let port = it.host_port.filter(|port| *port > 0)?;
        let address = it.host_ip.clone().filter(|it| !it.is_empty()).unwrap_or_else(|| "0.0.0.0".to_owned());
        Some((address, it.protocol.clone().unwrap_or_else(|| "TCP".to_owned()), port))
    });
    wanted.collect()
}
