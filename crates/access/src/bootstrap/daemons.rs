//! What the scheduler, the controller manager as such, and cluster add-ons may do.

use super::row::{BindingRow, CORE, EVENTS, READ, RoleRow, Rule, Who, bind, bind_role, on, role};
use crate::identity::{KUBE_CONTROLLER_MANAGER, KUBE_SCHEDULER, NODES};

const READ_UPDATE: &str = "get list watch update patch";
const LEASES: &str = "coordination.k8s.io";

pub(super) const CLUSTER_ROLES: &[RoleRow] = &[
    role("system:kube-scheduler", SCHEDULER),
    role(
        "system:volume-scheduler",
        &[
            on(READ_UPDATE, CORE, "persistentvolumes"),
            on(READ, "storage.k8s.io", "storageclasses"),
            on(READ_UPDATE, CORE, "persistentvolumeclaims"),
        ],
    ),
    role("system:kube-controller-manager", CONTROLLER_MANAGER),
    role(
        "system:kube-dns",
        &[
            on("list watch", CORE, "endpoints services"),
            on("list watch", "discovery.k8s.io", "endpointslices"),
        ],
    ),
    role(
        "system:persistent-volume-provisioner",
        &[
            on("get list watch create delete", CORE, "persistentvolumes"),
            on("get list watch update", CORE, "persistentvolumeclaims"),
            on(READ, "storage.k8s.io", "storageclasses"),
            on("watch", CORE, "events"),
            EVENTS,
        ],
    ),
];

/// In `kube-system`.
pub(super) const ROLES: &[RoleRow] = &[
    role(
        "extension-apiserver-authentication-reader",
        &[on(READ, CORE, "configmaps").named("extension-apiserver-authentication")],
    ),
    role("system:controller:token-cleaner", &[on("get list watch delete", CORE, "secrets"), EVENTS]),
    role(
        "system::leader-locking-kube-controller-manager",
        &[
            on("watch", CORE, "configmaps"),
            on("get update", CORE, "configmaps").named("kube-controller-manager"),
            on("list watch", LEASES, "leases"),
            on("get update patch", LEASES, "leases").named("kube-controller-manager"),
        ],
    ),
    role(
        "system::leader-locking-kube-scheduler",
        &[
            on("watch", CORE, "configmaps"),
            on("get update", CORE, "configmaps").named("kube-scheduler"),
            on("list watch", LEASES, "leases"),
            on("get update patch", LEASES, "leases").named("kube-scheduler"),
        ],
    ),
];

pub(super) const BINDINGS: &[BindingRow] = &[
    bind("system:kube-scheduler", &[Who::User(KUBE_SCHEDULER)]),
    bind("system:volume-scheduler", &[Who::User(KUBE_SCHEDULER)]),
    bind("system:kube-controller-manager", &[Who::User(KUBE_CONTROLLER_MANAGER)]),
    // Our name server runs in the node agent.
    bind("system:kube-dns", &[Who::ServiceAccount("kube-dns"), Who::Group(NODES)]),
    bind_role(
        "system::extension-apiserver-authentication-reader",
        "extension-apiserver-authentication-reader",
        &[Who::User(KUBE_CONTROLLER_MANAGER), Who::User(KUBE_SCHEDULER)],
    ),
    bind_role(
        "system:controller:token-cleaner",
        "system:controller:token-cleaner",
        &[Who::User(KUBE_CONTROLLER_MANAGER), Who::ServiceAccount("token-cleaner")],
    ),
    bind_role(
        "system::leader-locking-kube-controller-manager",
        "system::leader-locking-kube-controller-manager",
        &[Who::User(KUBE_CONTROLLER_MANAGER), Who::ServiceAccount("kube-controller-manager")],
    ),
    bind_role(
        "system::leader-locking-kube-scheduler",
        "system::leader-locking-kube-scheduler",
        &[Who::User(KUBE_SCHEDULER), Who::ServiceAccount("kube-scheduler")],
    ),
];

const SCHEDULER: &[Rule] = &[
    EVENTS,
    // Leader election.
    on("create", LEASES, "leases"),
    on("get update", LEASES, "leases").named("kube-scheduler"),
    on(READ, CORE, "nodes"),
    // Preemption deletes.
    on("get list watch delete", CORE, "pods"),
    on("create", CORE, "pods/binding bindings"),
    on("patch update", CORE, "pods/status"),
    // What selects pods, and so spreads them.
    on(READ, CORE, "services replicationcontrollers"),
    on(READ, "apps", "replicasets statefulsets"),
    on(READ, "policy", "poddisruptionbudgets"),
    on(READ, CORE, "persistentvolumeclaims persistentvolumes"),
    // Affinity may select namespaces by their labels.
    on(READ, CORE, "namespaces"),
    on("create", "authentication.k8s.io", "tokenreviews"),
    on("create", "authorization.k8s.io", "subjectaccessreviews"),
    on(READ, "storage.k8s.io", "csinodes csidrivers csistoragecapacities volumeattachments"),
];

/// Beside the controllers' own roles.
const CONTROLLER_MANAGER: &[Rule] = &[
    EVENTS,
    // Leader election.
    on("create", LEASES, "leases"),
    on("get update", LEASES, "leases").named("kube-controller-manager"),
    on("create", CORE, "secrets serviceaccounts"),
    on("delete", CORE, "secrets"),
    on("get", CORE, "namespaces secrets serviceaccounts configmaps"),
    on("update", CORE, "secrets serviceaccounts"),
    on("create", "authentication.k8s.io", "tokenreviews"),
    on("create", "authorization.k8s.io", "subjectaccessreviews"),
    // Caches of everything.
    on("list watch", "*", "*"),
    on("create", CORE, "serviceaccounts/token"),
];
