//! What people may do, and programs that ask on their behalf.

use super::row::{ALL_VERBS, BindingRow, CORE, READ, RoleRow, Rule, WRITE, Who, at, bind, on, role};
use crate::identity::{AUTHENTICATED, MASTERS, MONITORING, SERVICE_ACCOUNTS, UNAUTHENTICATED};

pub(super) const CLUSTER_ROLES: &[RoleRow] = &[
    role("cluster-admin", &[on("*", "*", "*"), at("*", "*")]),
    role("admin", &[]).sum_of("admin"),
    role("edit", &[]).sum_of("edit").part_of("admin"),
    role("view", &[]).sum_of("view").part_of("edit"),
    role("system:aggregate-to-admin", ADMIN).part_of("admin"),
    role("system:aggregate-to-edit", EDIT).part_of("edit"),
    role("system:aggregate-to-view", VIEW).part_of("view"),
    role(
        "system:discovery",
        &[at(
            "get",
            "/livez /readyz /healthz /version /version/ /openapi /openapi/* /api /api/* /apis /apis/*",
        )],
    ),
    role(
        "system:basic-user",
        &[
            on("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
            on("create", "authentication.k8s.io", "selfsubjectreviews"),
        ],
    ),
    role("system:public-info-viewer", &[at("get", "/livez /readyz /healthz /version /version/")]),
    role(
        "system:monitoring",
        &[at("get", "/metrics /metrics/slis /livez /readyz /healthz /livez/* /readyz/* /healthz/*")],
    ),
    role(
        "system:auth-delegator",
        &[
            on("create", "authentication.k8s.io", "tokenreviews"),
            on("create", "authorization.k8s.io", "subjectaccessreviews"),
        ],
    ),
    role(
        "system:service-account-issuer-discovery",
        &[at(
            "get",
            "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/",
        )],
    ),
    role("system:kube-aggregator", &[on(READ, CORE, "services endpoints")]),
    role(
        "system:certificates.k8s.io:legacy-unknown-approver",
        &[on("approve", "certificates.k8s.io", "signers").named("kubernetes.io/legacy-unknown")],
    ),
    role(
        "system:certificates.k8s.io:kubelet-serving-approver",
        &[on("approve", "certificates.k8s.io", "signers").named("kubernetes.io/kubelet-serving")],
    ),
    role(
        "system:certificates.k8s.io:kube-apiserver-client-approver",
        &[on("approve", "certificates.k8s.io", "signers").named("kubernetes.io/kube-apiserver-client")],
    ),
    role(
        "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver",
        &[on("approve", "certificates.k8s.io", "signers")
            .named("kubernetes.io/kube-apiserver-client-kubelet")],
    ),
];

pub(super) const BINDINGS: &[BindingRow] = &[
    bind("cluster-admin", &[Who::Group(MASTERS)]),
    bind("system:discovery", &[Who::Group(AUTHENTICATED)]),
    bind("system:basic-user", &[Who::Group(AUTHENTICATED)]),
    bind("system:public-info-viewer", &[Who::Group(AUTHENTICATED), Who::Group(UNAUTHENTICATED)]),
    bind("system:monitoring", &[Who::Group(MONITORING)]),
    bind("system:service-account-issuer-discovery", &[Who::Group(SERVICE_ACCOUNTS)]),
];

/// What the owner of a namespace may do beyond editing: share it.
const ADMIN: &[Rule] = &[
    on("create", "authorization.k8s.io", "localsubjectaccessreviews"),
    on(ALL_VERBS, "rbac.authorization.k8s.io", "roles rolebindings"),
];

/// Everything a user does in a namespace. Secrets are here and not in `view`, because reading them lets one act as
/// any service account; quotas, limits and status belong to the system.
const EDIT: &[Rule] = &[
    on(READ, CORE, "pods/attach pods/proxy pods/exec pods/portforward secrets services/proxy"),
    on("impersonate", CORE, "serviceaccounts"),
    on(WRITE, CORE, "pods pods/attach pods/proxy pods/exec pods/portforward"),
    on("create", CORE, "pods/eviction"),
    on(
        WRITE,
        CORE,
        "replicationcontrollers replicationcontrollers/scale serviceaccounts services services/proxy \
         persistentvolumeclaims configmaps secrets events",
    ),
    on("create", CORE, "serviceaccounts/token"),
    on(
        WRITE,
        "apps",
        "statefulsets statefulsets/scale daemonsets deployments deployments/scale deployments/rollback \
         replicasets replicasets/scale",
    ),
    on(WRITE, "autoscaling", "horizontalpodautoscalers"),
    on(WRITE, "batch", "jobs cronjobs"),
    on(WRITE, "policy", "poddisruptionbudgets"),
    on(WRITE, "networking.k8s.io", "networkpolicies ingresses"),
    on(WRITE, "resource.k8s.io", "resourceclaims resourceclaimtemplates"),
    on(ALL_VERBS, "coordination.k8s.io", "leases"),
];

/// Everything in a namespace that lets nobody do more than they may.
const VIEW: &[Rule] = &[
    on(
        READ,
        CORE,
        "pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status \
         endpoints persistentvolumeclaims persistentvolumeclaims/status configmaps",
    ),
    on(
        READ,
        CORE,
        "limitranges resourcequotas bindings events pods/status resourcequotas/status namespaces/status \
         replicationcontrollers/status pods/log",
    ),
    // Bound in a namespace, this reads that namespace's object.
    on(READ, CORE, "namespaces"),
    on(READ, "discovery.k8s.io", "endpointslices"),
    on(
        READ,
        "apps",
        "controllerrevisions statefulsets statefulsets/status statefulsets/scale daemonsets daemonsets/status \
         deployments deployments/status deployments/scale replicasets replicasets/status replicasets/scale",
    ),
    on(READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
    on(READ, "batch", "jobs cronjobs cronjobs/status jobs/status"),
    on(READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
    on(READ, "networking.k8s.io", "networkpolicies ingresses ingresses/status"),
    on(READ, "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates"),
];
