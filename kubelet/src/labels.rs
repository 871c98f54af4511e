//! The labels on containers: the only memory that outlives the agent.
//!
//! [`sandbox_labels`] and [`container_labels`] write them, [`Identity`] reads them back. Names that other tools know
//! (`io.kubernetes.*`) are used where there are some.

use api::k8s::api::core::v1::Pod;

use crate::container_runtime::{ContainerId, Labels};

/// The cluster a container belongs to; whoever takes a cluster down removes all that carry its name.
pub const CLUSTER: &str = "skiff.cluster";
/// The node whose agent made the container.
pub const NODE: &str = "skiff.node";
/// UID of its pod.
pub const POD_UID: &str = "io.kubernetes.pod.uid";
/// Name of its pod.
pub const POD_NAME: &str = "io.kubernetes.pod.name";
/// Namespace of its pod.
pub const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
/// Name of the container in its pod; [`SANDBOX_NAME`] for the pause container.
pub const CONTAINER_NAME: &str = "io.kubernetes.container.name";
/// How many containers of that name the pod had before.
pub const ATTEMPT: &str = "skiff.attempt";
/// The image as the pod names it: a changed one asks for a restart.
pub const IMAGE: &str = "skiff.image";
/// The pause container whose namespaces it joined.
pub const SANDBOX: &str = "skiff.sandbox";
/// Seconds to wait after this attempt has ended before the next one starts.
pub const BACKOFF: &str = "skiff.backoff";
/// The signal that asks it to stop.
pub const STOP_SIGNAL: &str = "skiff.stop-signal";
/// The pod's address, on the pause container.
pub const ADDRESS: &str = "skiff.address";
/// Grace period of the pod in seconds, for containers whose pod is gone.
pub const GRACE: &str = "skiff.grace";

/// The container name of pause containers, as other tools know it.
pub const SANDBOX_NAME: &str = "POD";

/// What tells one node's containers from all others on the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The cluster's name.
    pub cluster: String,
    /// The node's name.
    pub node: String,
}

impl Owner {
    /// The labels that all of the node's containers carry.
    pub fn labels(&self) -> Labels {
        labels([(CLUSTER, &self.cluster), (NODE, &self.node)])
    }
}

/// What the labels of one container say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// UID of its pod.
    pub pod_uid: String,
    /// Name of the container in its pod.
    pub container: String,
    /// How many containers of that name came before.
    pub attempt: u32,
    /// The image as the pod named it.
    pub image: String,
    /// The pause container it joined.
    pub sandbox: Option<ContainerId>,
    /// Seconds to wait before the next attempt.
    pub backoff: u32,
    /// The signal that asks it to stop.
    pub stop_signal: String,
}

impl Identity {
    /// Reads a container's labels; `None` when it is no container of a pod.
    pub fn read(labels: &Labels) -> Option<Identity> {
        let text = |name: &str| labels.get(name).cloned();
        let number = |name: &str| text(name).and_then(|it| it.parse().ok()).unwrap_or(0);
        Some(Identity {
            pod_uid: text(POD_UID)?,
            container: text(CONTAINER_NAME)?,
            attempt: number(ATTEMPT),
            image: text(IMAGE).unwrap_or_default(),
            sandbox: text(SANDBOX).map(ContainerId::from),
            backoff: number(BACKOFF),
            stop_signal: text(STOP_SIGNAL).unwrap_or_else(|| DEFAULT_STOP_SIGNAL.to_owned()),
        })
    }

    /// Whether it is the pod's pause container.
    pub fn is_sandbox(&self) -> bool {
        self.container == SANDBOX_NAME
    }
}

/// The signal that asks a container to stop when neither pod nor image name one.
pub const DEFAULT_STOP_SIGNAL: &str = "SIGTERM";

/// The labels of a pod's pause container.
pub fn sandbox_labels(owner: &Owner, pod: &Pod) -> Labels {
    let meta = &pod.metadata;
    let grace = pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds).unwrap_or(30);
    let mut all = owner.labels();
    all.extend(labels([
        (POD_UID, meta.uid.as_deref().unwrap_or_default()),
        (POD_NAME, meta.name.as_deref().unwrap_or_default()),
        (POD_NAMESPACE, meta.namespace.as_deref().unwrap_or_default()),
        (CONTAINER_NAME, SANDBOX_NAME),
        (GRACE, &grace.to_string()),
    ]));
    all
}

/// What [`container_labels`] adds to the pod's own labels.
pub struct Attempt<'a> {
    /// Name of the container in its pod.
    pub container: &'a str,
    /// How many containers of that name came before.
    pub number: u32,
    /// The image as the pod names it.
    pub image: &'a str,
    /// The pause container it joins.
    pub sandbox: &'a ContainerId,
    /// Seconds to wait after this attempt.
    pub backoff: u32,
    /// The signal that asks it to stop.
    pub stop_signal: &'a str,
}

/// The labels of an application container.
pub fn container_labels(owner: &Owner, pod: &Pod, attempt: &Attempt<'_>) -> Labels {
    let mut all = sandbox_labels(owner, pod);
    all.extend(labels([
        (CONTAINER_NAME, attempt.container),
        (ATTEMPT, &attempt.number.to_string()),
        (IMAGE, attempt.image),
        (SANDBOX, attempt.sandbox.as_str()),
        (BACKOFF, &attempt.backoff.to_string()),
        (STOP_SIGNAL, attempt.stop_signal),
    ]));
    all
}

fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let owner = Owner { cluster: "c".into(), node: "n".into() };
        let mut pod = Pod::default();
        pod.metadata.uid = Some("u1".into());
        let sandbox = ContainerId::from("s");
        let attempt = Attempt {
            container: "main",
            number: 3,
            image: "web:1",
            sandbox: &sandbox,
            backoff: 40,
            stop_signal: "SIGINT",
        };
        let identity = Identity::read(&container_labels(&owner, &pod, &attempt)).unwrap();
        assert_eq!((identity.container.as_str(), identity.attempt, identity.backoff), ("main", 3, 40));
        assert_eq!((identity.sandbox, identity.stop_signal.as_str()), (Some(sandbox), "SIGINT"));
        assert!(Identity::read(&sandbox_labels(&owner, &pod)).unwrap().is_sandbox());
        assert_eq!(Identity::read(&owner.labels()), None);
    }
}
