//! What each controller may do: a role per controller, bound to its service account and to the one user that our
//! controller manager is.

use super::row::{CORE, EVENTS, READ, Rule, Who, binding_of, meta, on};
use crate::identity::KUBE_CONTROLLER_MANAGER;
use api::k8s::api::rbac::v1::{ClusterRole, ClusterRoleBinding};

/// One controller: its name, which is also that of its service account, and its rules.
pub(super) struct Controller(&'static str, &'static [Rule]);

impl Controller {
    fn role_name(&self) -> String {
        format!("system:controller:{}", self.0)
    }

    pub(super) fn cluster_role(&self) -> ClusterRole {
        ClusterRole {
            metadata: meta("", &self.role_name()),
            rules: Some(self.1.iter().map(Rule::policy).collect()),
            aggregation_rule: None,
        }
    }

    pub(super) fn binding(&self) -> ClusterRoleBinding {
        let subjects = [Who::ServiceAccount(self.0), Who::User(KUBE_CONTROLLER_MANAGER)];
        binding_of(&self.role_name(), &subjects)
    }
}

pub(super) const CONTROLLERS: &[Controller] = &[
    Controller(
        "attachdetach-controller",
        &[
            on("list watch", CORE, "persistentvolumes persistentvolumeclaims pods"),
            on(READ, CORE, "nodes"),
            on("patch update", CORE, "nodes/status"),
            EVENTS,
            on("get create delete list watch", "storage.k8s.io", "volumeattachments"),
            on(READ, "storage.k8s.io", "csidrivers csinodes"),
        ],
    ),
    Controller(
        "certificate-controller",
        &[
            on("get list watch delete", "certificates.k8s.io", "certificatesigningrequests"),
            on(
                "update",
                "certificates.k8s.io",
                "certificatesigningrequests/status certificatesigningrequests/approval",
            ),
            on("approve", "certificates.k8s.io", "signers")
                .named("kubernetes.io/kube-apiserver-client-kubelet"),
            on("sign", "certificates.k8s.io", "signers").named(
                "kubernetes.io/legacy-unknown kubernetes.io/kube-apiserver-client \
                 kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving",
            ),
            on("create", "authorization.k8s.io", "subjectaccessreviews"),
            EVENTS,
        ],
    ),
    Controller(
        "clusterrole-aggregation-controller",
        &[on("escalate get list watch update patch", "rbac.authorization.k8s.io", "clusterroles")],
    ),
    Controller(
        "cronjob-controller",
        &[
            on("get list watch update", "batch", "cronjobs"),
            on("get list watch create update delete patch", "batch", "jobs"),
            on("update", "batch", "cronjobs/status cronjobs/finalizers"),
            on("list watch delete", CORE, "pods"),
            EVENTS,
        ],
    ),
    Controller(
        "daemon-set-controller",
        &[
            on(READ, "apps", "daemonsets"),
            on("update", "apps", "daemonsets/status daemonsets/finalizers"),
            on("list watch", CORE, "nodes"),
            on("list watch create delete patch", CORE, "pods"),
            on("create", CORE, "pods/binding"),
            on("get list watch create delete update patch", "apps", "controllerrevisions"),
            EVENTS,
        ],
    ),
    Controller(
        "deployment-controller",
        &[
            on("get list watch update", "apps", "deployments"),
            on("update", "apps", "deployments/status deployments/finalizers"),
            on("get list watch create update patch delete", "apps", "replicasets"),
            on("get list watch update", CORE, "pods"),
            EVENTS,
        ],
    ),
    Controller(
        "disruption-controller",
        &[
            on(READ, "apps", "deployments replicasets statefulsets"),
            on(READ, CORE, "replicationcontrollers"),
            on(READ, "policy", "poddisruptionbudgets"),
            on("update", "policy", "poddisruptionbudgets/status"),
            on("patch update", CORE, "pods/status"),
            on("get", "*", "*/scale"),
            EVENTS,
        ],
    ),
    Controller(
        "endpoint-controller",
        &[
            on(READ, CORE, "services pods"),
            on("get list watch create update delete", CORE, "endpoints"),
            on("create", CORE, "endpoints/restricted"),
            EVENTS,
        ],
    ),
    Controller(
        "endpointslice-controller",
        &[
            on(READ, CORE, "services pods nodes"),
            // A slice's owner reference blocks the deletion of its service.
            on("update", CORE, "services/finalizers"),
            on("get list watch create update delete", "discovery.k8s.io", "endpointslices"),
            on("create", "discovery.k8s.io", "endpointslices/restricted"),
            EVENTS,
        ],
    ),
    Controller(
        "endpointslicemirroring-controller",
        &[
            on(READ, CORE, "services endpoints"),
            on("update", CORE, "services/finalizers endpoints/finalizers"),
            on("get list watch create update delete", "discovery.k8s.io", "endpointslices"),
            on("create", "discovery.k8s.io", "endpointslices/restricted"),
            EVENTS,
        ],
    ),
    Controller(
        "ephemeral-volume-controller",
        &[
            on(READ, CORE, "pods"),
            on("update", CORE, "pods/finalizers"),
            on("get list watch create", CORE, "persistentvolumeclaims"),
            EVENTS,
        ],
    ),
    Controller(
        "expand-controller",
        &[
            on("get list watch update patch", CORE, "persistentvolumes"),
            on("update patch", CORE, "persistentvolumeclaims/status"),
            on(READ, CORE, "persistentvolumeclaims"),
            EVENTS,
        ],
    ),
    // Any resource can own any other.
    Controller("generic-garbage-collector", &[on("get list watch patch update delete", "*", "*"), EVENTS]),
    Controller(
        "horizontal-pod-autoscaler",
        &[
            on(READ, "autoscaling", "horizontalpodautoscalers"),
            on("update", "autoscaling", "horizontalpodautoscalers/status"),
            on("get update", "*", "*/scale"),
            on("list watch", CORE, "pods"),
            on("list watch", "metrics.k8s.io", "pods"),
            on(READ, "custom.metrics.k8s.io", "*"),
            on(READ, "external.metrics.k8s.io", "*"),
            EVENTS,
        ],
    ),
    Controller(
        "job-controller",
        &[
            on("get list watch update patch", "batch", "jobs"),
            on("update", "batch", "jobs/status jobs/finalizers"),
            on("list watch create delete patch", CORE, "pods"),
            EVENTS,
        ],
    ),
    Controller(
        "legacy-service-account-token-cleaner",
        &[
            on("get", CORE, "configmaps").named("kube-apiserver-legacy-service-account-token-tracking"),
            on("patch delete", CORE, "secrets"),
        ],
    ),
    Controller(
        "namespace-controller",
        &[
            on("get list watch delete", CORE, "namespaces"),
            on("update", CORE, "namespaces/finalize namespaces/status"),
            on("get list watch delete deletecollection", "*", "*"),
        ],
    ),
    Controller(
        "node-controller",
        &[
            on("get list watch update delete patch", CORE, "nodes"),
            on("patch update", CORE, "nodes/status"),
            on("patch update", CORE, "pods/status"),
            on("list watch get delete", CORE, "pods"),
            EVENTS,
            on(READ, "networking.k8s.io", "servicecidrs"),
        ],
    ),
    Controller(
        "persistent-volume-binder",
        &[
            on("get list watch update create delete", CORE, "persistentvolumes"),
            on("update", CORE, "persistentvolumes/status persistentvolumeclaims/status"),
            on("get list watch update", CORE, "persistentvolumeclaims"),
            on("list watch get create delete", CORE, "pods"),
            on(READ, "storage.k8s.io", "storageclasses"),
            on("list watch", CORE, "nodes"),
            EVENTS,
            on("watch", CORE, "events"),
        ],
    ),
    Controller(
        "pod-garbage-collector",
        &[on("list watch delete", CORE, "pods"), on(READ, CORE, "nodes"), on("patch", CORE, "pods/status")],
    ),
    Controller("pv-protection-controller", &[on("get list watch update", CORE, "persistentvolumes"), EVENTS]),
    Controller(
        "pvc-protection-controller",
        &[on("get list watch update", CORE, "persistentvolumeclaims"), on(READ, CORE, "pods"), EVENTS],
    ),
    Controller(
        "replicaset-controller",
        &[
            on("get list watch update", "apps", "replicasets"),
            on("update", "apps", "replicasets/status replicasets/finalizers"),
            on("list watch patch create delete", CORE, "pods"),
            EVENTS,
        ],
    ),
    Controller(
        "replication-controller",
        &[
            on("get list watch update", CORE, "replicationcontrollers"),
            on("update", CORE, "replicationcontrollers/status replicationcontrollers/finalizers"),
            on("list watch patch create delete", CORE, "pods"),
            EVENTS,
        ],
    ),
    Controller(
        "resourcequota-controller",
        &[on("list watch", "*", "*"), on("update", CORE, "resourcequotas/status"), EVENTS],
    ),
    Controller("root-ca-cert-publisher", &[on("create update", CORE, "configmaps"), EVENTS]),
    Controller(
        "route-controller",
        &[on("list watch", CORE, "nodes"), on("patch", CORE, "nodes/status"), EVENTS],
    ),
    Controller("service-account-controller", &[on("create", CORE, "serviceaccounts"), EVENTS]),
    Controller(
        "service-cidrs-controller",
        &[
            on("get list watch patch update", "networking.k8s.io", "servicecidrs"),
            on("patch update", "networking.k8s.io", "servicecidrs/finalizers servicecidrs/status"),
            on(READ, "networking.k8s.io", "ipaddresses"),
            EVENTS,
        ],
    ),
    Controller(
        "service-controller",
        &[
            on(READ, CORE, "services"),
            on("patch update", CORE, "services/status"),
            on("list watch", CORE, "nodes"),
            EVENTS,
        ],
    ),
    Controller(
        "statefulset-controller",
        &[
            on("get create delete update patch list watch", CORE, "pods"),
            on(READ, "apps", "statefulsets"),
            on("update", "apps", "statefulsets/status statefulsets/finalizers"),
            on("get create delete update patch list watch", "apps", "controllerrevisions"),
            on("get create list watch update delete", CORE, "persistentvolumeclaims"),
            on("update", CORE, "pods/finalizers"),
            EVENTS,
        ],
    ),
    Controller("ttl-after-finished-controller", &[on("get list watch delete", "batch", "jobs"), EVENTS]),
    Controller("ttl-controller", &[on("update patch list watch", CORE, "nodes"), EVENTS]),
    Controller(
        "validatingadmissionpolicy-status-controller",
        &[
            on(READ, "admissionregistration.k8s.io", "validatingadmissionpolicies"),
            on("get patch update", "admissionregistration.k8s.io", "validatingadmissionpolicies/status"),
            EVENTS,
        ],
    ),
    Controller(
        "volumeattributesclass-protection-controller",
        &[
            on(READ, CORE, "persistentvolumeclaims persistentvolumes"),
            on("get list watch update", "storage.k8s.io", "volumeattributesclasses"),
            EVENTS,
        ],
    ),
];
