//! What node agents and the programs around them may do.

use super::NODE_BINDING;
use super::row::{BindingRow, CORE, EVENTS, READ, RoleRow, Rule, Who, bind, on, role};
use crate::identity::{API_SERVER, KUBE_PROXY, NODES};

pub(super) const CLUSTER_ROLES: &[RoleRow] = &[
    role("system:node", NODE),
    role(
        "system:node-bootstrapper",
        &[on("create get list watch", "certificates.k8s.io", "certificatesigningrequests")],
    ),
    role(
        "system:node-proxier",
        &[
            on("list watch", CORE, "services endpoints"),
            on(READ, CORE, "nodes"),
            EVENTS,
            on("list watch", "discovery.k8s.io", "endpointslices"),
            on(READ, "networking.k8s.io", "servicecidrs"),
        ],
    ),
    role(
        "system:node-problem-detector",
        &[on("get", CORE, "nodes"), on("patch", CORE, "nodes/status"), EVENTS],
    ),
    role(
        "system:kubelet-api-admin",
        &[
            on(READ, CORE, "nodes"),
            on("proxy", CORE, "nodes"),
            on(
                "*",
                CORE,
                "nodes/proxy nodes/metrics nodes/stats nodes/log nodes/spec nodes/checkpoint nodes/configz \
                 nodes/healthz nodes/pods",
            ),
        ],
    ),
    role(
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
        &[on("create", "certificates.k8s.io", "certificatesigningrequests/nodeclient")],
    ),
    role(
        "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
        &[on("create", "certificates.k8s.io", "certificatesigningrequests/selfnodeclient")],
    ),
];

pub(super) const BINDINGS: &[BindingRow] = &[
    // Upstream's has no subjects; see the module above.
    bind(NODE_BINDING, &[Who::Group(NODES)]),
    bind("system:node-proxier", &[Who::User(KUBE_PROXY), Who::Group(NODES)]),
    // Nodes ask by SubjectAccessReview whether the API server's own certificate may call them.
    bind("system:kubelet-api-admin", &[Who::User(API_SERVER)]),
];

/// What any node agent needs. The node authorizer grants these, each for a node's own objects only.
pub(super) const NODE: &[Rule] = &[
    // A node's own server asks who calls it and what they may do.
    on("create", "authentication.k8s.io", "tokenreviews"),
    on("create", "authorization.k8s.io", "subjectaccessreviews localsubjectaccessreviews"),
    // Environment variables of services.
    on(READ, CORE, "services"),
    on("create get list watch", CORE, "nodes"),
    on("update patch", CORE, "nodes/status"),
    on("update patch", CORE, "nodes"),
    EVENTS,
    on(READ, CORE, "pods"),
    // Mirror pods.
    on("create delete", CORE, "pods"),
    on("update patch", CORE, "pods/status"),
    on("create", CORE, "pods/eviction"),
    on(READ, CORE, "secrets configmaps"),
    on("get", CORE, "persistentvolumeclaims persistentvolumes"),
    on("get", CORE, "endpoints"),
    on("create get list watch", "certificates.k8s.io", "certificatesigningrequests"),
    on("get create update patch delete", "coordination.k8s.io", "leases"),
    on("get", "storage.k8s.io", "volumeattachments"),
    on("get update patch", CORE, "persistentvolumeclaims/status"),
    on("create", CORE, "serviceaccounts/token"),
    on(READ, "storage.k8s.io", "csidrivers"),
    on("get create update patch delete", "storage.k8s.io", "csinodes"),
    on(READ, "node.k8s.io", "runtimeclasses"),
];
