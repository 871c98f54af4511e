//! THE table of kinds.
//!
//! Routes, discovery, OpenAPI, storage keys, RBAC names, command-line names and printer columns are derived from
//! it. A newcomer adds a built-in kind by one row here and, if it behaves, one strategy file.

use crate::object::{AnyObject, Resource};
use crate::quantity;
use crate::strategies;
use crate::strategy::{Plain, Strategy, Typed};
use k8s_openapi::api::{
    admissionregistration::v1 as admission, apps::v1 as apps, authentication::v1 as authentication,
    authorization::v1 as authorization, autoscaling::v1 as autoscaling_v1, autoscaling::v2 as autoscaling,
    batch::v1 as batch, certificates::v1 as certificates, coordination::v1 as coordination, core::v1 as core,
    discovery::v1 as discovery, events::v1 as events, flowcontrol::v1 as flow_control,
    networking::v1 as networking, node::v1 as node, policy::v1 as policy, rbac::v1 as rbac,
    resource::v1 as dynamic, scheduling::v1 as scheduling, storage::v1 as storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1 as apiregistration;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Whether objects of a kind live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In a namespace.
    Namespaced,
    /// In none.
    Cluster,
}

/// What may be done to the objects of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbs {
    /// Stored, listed, watched, changed.
    All,
    /// What the server knows and nobody may change.
    ReadOnly,
    /// Answered and forgotten, as reviews and bindings are.
    CreateOnly,
}

impl Verbs {
    /// The verbs as discovery names them.
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::All => &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
            Self::ReadOnly => &["get", "list"],
            Self::CreateOnly => &["create"],
        }
    }
}

/// What hangs below an object's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the upstream subresource of that name")]
pub enum Subresource {
    Status,
    Scale,
    Binding,
    Eviction,
    Token,
    EphemeralContainers,
    Resize,
    Approval,
    Finalize,
    Log,
    Exec,
    Attach,
    PortForward,
    Proxy,
}

impl Subresource {
    /// The path segment.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Scale => "scale",
            Self::Binding => "binding",
            Self::Eviction => "eviction",
            Self::Token => "token",
            Self::EphemeralContainers => "ephemeralcontainers",
            Self::Resize => "resize",
            Self::Approval => "approval",
            Self::Finalize => "finalize",
            Self::Log => "log",
            Self::Exec => "exec",
            Self::Attach => "attach",
            Self::PortForward => "portforward",
            Self::Proxy => "proxy",
        }
    }
}

/// How JSON becomes an object of a kind.
pub type Decode = fn(Kind, &[u8]) -> serde_json::Result<Box<dyn AnyObject>>;

/// One row: what everybody needs to know of a kind.
pub struct Row {
    /// Empty for the core group.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// Kind, as in `kind: Pod`.
    pub kind: &'static str,
    /// Path segment, store prefix and command-line argument.
    pub plural: &'static str,
    /// Command-line argument.
    pub singular: &'static str,
    /// Command-line arguments.
    pub short_names: &'static [&'static str],
    /// Groups of kinds on the command line, such as `all`.
    pub categories: &'static [&'static str],
    /// Whether objects live in a namespace.
    pub scope: Scope,
    /// What may be done.
    pub verbs: Verbs,
    /// What hangs below an object.
    pub subresources: &'static [Subresource],
    /// How the kind behaves.
    pub strategy: &'static dyn Strategy,
    /// How JSON becomes an object.
    pub decode: Decode,
}

impl Row {
    /// `apps/v1`, or `v1` for the core group: what stands in `apiVersion`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `deployments.apps`, or `pods`: how errors and RBAC name the resource.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Whether the subresource exists.
    pub fn has(&self, subresource: Subresource) -> bool {
        self.subresources.contains(&subresource)
    }

    /// The subresource of this name, if the kind has it.
    pub fn subresource(&self, name: &str) -> Option<Subresource> {
        self.subresources.iter().copied().find(|it| it.name() == name)
    }

    /// Whether objects live in a namespace.
    pub fn namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }
}

/// A kind: an interned reference to its row, cheap to copy and compare.
#[derive(Clone, Copy)]
pub struct Kind(&'static Row);

impl Kind {
    /// Interns a row. Built-in rows are in the table; custom resources add theirs at run time.
    pub const fn new(row: &'static Row) -> Self {
        Self(row)
    }

    /// What the table says of this kind.
    pub const fn row(self) -> &'static Row {
        self.0
    }

    /// Every built-in kind, in discovery order.
    pub fn all() -> impl Iterator<Item = Kind> {
        ROWS.iter().copied().map(Kind)
    }

    /// The rows of every built-in kind, for tables that are made when the program is compiled.
    pub const fn rows() -> &'static [&'static Row] {
        ROWS
    }

    /// The built-in kind with this group, version and plural.
    pub fn find(group: &str, version: &str, plural: &str) -> Option<Kind> {
        Self::all().find(|it| {
            let row = it.row();
            row.group == group && row.version == version && row.plural == plural
        })
    }

    /// The built-in kind that an object's `apiVersion` and `kind` name.
    pub fn named(api_version: &str, kind: &str) -> Option<Kind> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self::all().find(|it| {
            let row = it.row();
            row.group == group && row.version == version && row.kind == kind
        })
    }

    /// The kind whose stored form holds the objects of this one: one stored version per kind.
    pub fn stored(self) -> Kind {
        self.0.strategy.stored_as().unwrap_or(self)
    }

    /// Decodes JSON. `apiVersion` and `kind` must be there and be those of this kind.
    pub fn decode(self, json: &[u8]) -> serde_json::Result<crate::Object> {
        (self.0.decode)(self, json).and_then(|it| self.normalized(it))
    }

    /// Decodes a tree, by way of its text: one decoder for each kind is enough to build.
    pub fn decode_value(self, value: serde_json::Value) -> serde_json::Result<crate::Object> {
        self.decode(&serde_json::to_vec(&value)?)
    }

    /// Writes quantities in their canonical form; one that is none makes the object undecodable.
    fn normalized(self, object: Box<dyn AnyObject>) -> serde_json::Result<crate::Object> {
        let (mut object, mut wrong) = (crate::Object::new(object), None);
        self.0.strategy.quantities(&mut object, &mut |it| match quantity::canonical(&it.0) {
            Ok(canonical) => it.0 = canonical,
            Err(error) => wrong = Some(error),
        });
        match wrong {
            None => Ok(object),
            Some(error) => Err(serde::de::Error::custom(error)),
        }
    }

    fn identity(self) -> (&'static str, &'static str, &'static str) {
        (self.0.group, self.0.plural, self.0.version)
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0) || self.identity() == other.identity()
    }
}

impl Eq for Kind {}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kind {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.identity().cmp(&other.identity())
    }
}

impl Hash for Kind {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.kind)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.qualified())
    }
}

fn decode<K: Resource>(_: Kind, json: &[u8]) -> serde_json::Result<Box<dyn AnyObject>> {
    serde_json::from_slice::<K>(json).map(|it| Box::new(it) as _)
}

/// Field-wise parts of a [`Resource`]: a `status` to copy, or how to copy it, and the fields that make the spec.
macro_rules! parts {
    (status $($field:ident)*) => {
        fn copy_status(&mut self, from: &Self) { self.status.clone_from(&from.status); }
        fn same_spec(&self, other: &Self) -> bool { let _ = other; true $(&& self.$field == other.$field)* }
    };
    ((status by $copy:path) $($field:ident)*) => {
        fn copy_status(&mut self, from: &Self) { $copy(self, from) }
        fn same_spec(&self, other: &Self) -> bool { let _ = other; true $(&& self.$field == other.$field)* }
    };
    (- $($field:ident)*) => {
        fn copy_status(&mut self, _from: &Self) {}
        fn same_spec(&self, other: &Self) -> bool { let _ = other; true $(&& self.$field == other.$field)* }
    };
}

macro_rules! table {
    ($($module:ident :: $ty:ident { $group:literal $version:literal, $plural:literal $singular:literal
        [$($short:literal)*] [$($category:literal)*], $scope:ident $verbs:ident,
        [$($sub:ident)*], $status:tt [$($field:ident)*], $strategy:tt })*) => {
        $(impl Resource for $module::$ty {
            const KIND: Kind = Kind(&Row {
                group: $group,
                version: $version,
                kind: stringify!($ty),
                plural: $plural,
                singular: $singular,
                short_names: &[$($short),*],
                categories: &[$($category),*],
                scope: Scope::$scope,
                verbs: Verbs::$verbs,
                subresources: &[$(Subresource::$sub),*],
                strategy: table!(@strategy $strategy),
                decode: decode::<$module::$ty>,
            });
            fn meta(&self) -> &ObjectMeta { &self.metadata }
            fn meta_mut(&mut self) -> &mut ObjectMeta { &mut self.metadata }
            parts!($status $($field)*);
        })*
        /// Every row, in discovery order.
        static ROWS: &[&Row] = &[$(<$module::$ty as Resource>::KIND.row()),*];
    };
    (@strategy -) => { &Plain };
    (@strategy ($strategy:path)) => { &Typed::<$strategy>::NEW };
}

table! {
    core::Binding { "" "v1", "bindings" "binding" [] [], Namespaced CreateOnly,
        [], - [target], - }
    core::ComponentStatus { "" "v1", "componentstatuses" "componentstatus" ["cs"] [], Cluster ReadOnly,
        [], - [conditions], (strategies::cluster_network::ComponentStatusStrategy) }
    core::ConfigMap { "" "v1", "configmaps" "configmap" ["cm"] [], Namespaced All,
        [], - [data binary_data immutable], (strategies::config_map::ConfigMapStrategy) }
    core::Endpoints { "" "v1", "endpoints" "endpoints" ["ep"] [], Namespaced All,
        [], - [subsets], (strategies::endpoints::EndpointsStrategy) }
    core::Event { "" "v1", "events" "event" ["ev"] [], Namespaced All,
        [], - [], (strategies::event::EventStrategy) }
    core::LimitRange { "" "v1", "limitranges" "limitrange" ["limits"] [], Namespaced All,
        [], - [spec], (strategies::quota::LimitRangeStrategy) }
    core::Namespace { "" "v1", "namespaces" "namespace" ["ns"] [], Cluster All,
        [Status Finalize], status [spec], (strategies::namespace::NamespaceStrategy) }
    core::Node { "" "v1", "nodes" "node" ["no"] [], Cluster All,
        [Status Proxy], status [spec], (strategies::node::NodeStrategy) }
    core::PersistentVolumeClaim { "" "v1", "persistentvolumeclaims" "persistentvolumeclaim" ["pvc"] [], Namespaced All,
        [Status], status [spec], (strategies::persistent_volume_claim::PersistentVolumeClaimStrategy) }
    core::PersistentVolume { "" "v1", "persistentvolumes" "persistentvolume" ["pv"] [], Cluster All,
        [Status], status [spec], (strategies::persistent_volume::PersistentVolumeStrategy) }
    core::Pod { "" "v1", "pods" "pod" ["po"] ["all"], Namespaced All,
        [Status Binding Eviction EphemeralContainers Resize Log Exec Attach PortForward Proxy], status [spec], (strategies::pod::PodStrategy) }
    core::PodTemplate { "" "v1", "podtemplates" "podtemplate" [] [], Namespaced All,
        [], - [template], (strategies::pod_template::PodTemplateStrategy) }
    core::ReplicationController { "" "v1", "replicationcontrollers" "replicationcontroller" ["rc"] ["all"], Namespaced All,
        [Status Scale], status [spec], (strategies::replication_controller::ReplicationControllerStrategy) }
    core::ResourceQuota { "" "v1", "resourcequotas" "resourcequota" ["quota"] [], Namespaced All,
        [Status], status [spec], (strategies::quota::ResourceQuotaStrategy) }
    core::Secret { "" "v1", "secrets" "secret" [] [], Namespaced All,
        [], - [data immutable type_], (strategies::secret::SecretStrategy) }
    core::ServiceAccount { "" "v1", "serviceaccounts" "serviceaccount" ["sa"] [], Namespaced All,
        [Token], - [secrets image_pull_secrets automount_service_account_token], (strategies::service_account::ServiceAccountStrategy) }
    core::Service { "" "v1", "services" "service" ["svc"] ["all"], Namespaced All,
        [Status Proxy], status [spec], (strategies::service::ServiceStrategy) }
    apps::ControllerRevision { "apps" "v1", "controllerrevisions" "controllerrevision" [] [], Namespaced All,
        [], - [data revision], (strategies::controller_revision::ControllerRevisionStrategy) }
    apps::DaemonSet { "apps" "v1", "daemonsets" "daemonset" ["ds"] ["all"], Namespaced All,
        [Status], status [spec], (strategies::daemon_set::DaemonSetStrategy) }
    apps::Deployment { "apps" "v1", "deployments" "deployment" ["deploy"] ["all"], Namespaced All,
        [Status Scale], status [spec], (strategies::deployment::DeploymentStrategy) }
    apps::ReplicaSet { "apps" "v1", "replicasets" "replicaset" ["rs"] ["all"], Namespaced All,
        [Status Scale], status [spec], (strategies::replica_set::ReplicaSetStrategy) }
    apps::StatefulSet { "apps" "v1", "statefulsets" "statefulset" ["sts"] ["all"], Namespaced All,
        [Status Scale], status [spec], (strategies::stateful_set::StatefulSetStrategy) }
    batch::CronJob { "batch" "v1", "cronjobs" "cronjob" ["cj"] ["all"], Namespaced All,
        [Status], status [spec], (strategies::cron_job::CronJobStrategy) }
    batch::Job { "batch" "v1", "jobs" "job" [] ["all"], Namespaced All,
        [Status], status [spec], (strategies::job::JobStrategy) }
    autoscaling::HorizontalPodAutoscaler { "autoscaling" "v2", "horizontalpodautoscalers" "horizontalpodautoscaler" ["hpa"] ["all"], Namespaced All,
        [Status], status [spec], (strategies::horizontal_pod_autoscaler::HorizontalPodAutoscalerStrategy) }
    autoscaling_v1::HorizontalPodAutoscaler { "autoscaling" "v1", "horizontalpodautoscalers" "horizontalpodautoscaler" ["hpa"] ["all"], Namespaced All,
        [Status], (status by strategies::horizontal_pod_autoscaler::convert::copy_status) [spec],
        (strategies::horizontal_pod_autoscaler::OldAutoscalerStrategy) }
    policy::PodDisruptionBudget { "policy" "v1", "poddisruptionbudgets" "poddisruptionbudget" ["pdb"] [], Namespaced All,
        [Status], status [spec], (strategies::pod_disruption_budget::PodDisruptionBudgetStrategy) }
    rbac::ClusterRole { "rbac.authorization.k8s.io" "v1", "clusterroles" "clusterrole" [] [], Cluster All,
        [], - [rules aggregation_rule], (strategies::rbac::ClusterRoleStrategy) }
    rbac::ClusterRoleBinding { "rbac.authorization.k8s.io" "v1", "clusterrolebindings" "clusterrolebinding" [] [], Cluster All,
        [], - [role_ref subjects], (strategies::rbac::ClusterRoleBindingStrategy) }
    rbac::Role { "rbac.authorization.k8s.io" "v1", "roles" "role" [] [], Namespaced All,
        [], - [rules], (strategies::rbac::RoleStrategy) }
    rbac::RoleBinding { "rbac.authorization.k8s.io" "v1", "rolebindings" "rolebinding" [] [], Namespaced All,
        [], - [role_ref subjects], (strategies::rbac::RoleBindingStrategy) }
    networking::Ingress { "networking.k8s.io" "v1", "ingresses" "ingress" ["ing"] [], Namespaced All,
        [Status], status [spec], (strategies::ingress::IngressStrategy) }
    networking::IngressClass { "networking.k8s.io" "v1", "ingressclasses" "ingressclass" [] [], Cluster All,
        [], - [spec], (strategies::ingress::IngressClassStrategy) }
    networking::IPAddress { "networking.k8s.io" "v1", "ipaddresses" "ipaddress" ["ip"] [], Cluster All,
        [], - [spec], (strategies::cluster_network::IpAddressStrategy) }
    networking::NetworkPolicy { "networking.k8s.io" "v1", "networkpolicies" "networkpolicy" ["netpol"] [], Namespaced All,
        [], - [spec], (strategies::network_policy::NetworkPolicyStrategy) }
    networking::ServiceCIDR { "networking.k8s.io" "v1", "servicecidrs" "servicecidr" [] [], Cluster All,
        [Status], status [spec], (strategies::cluster_network::ServiceCidrStrategy) }
    discovery::EndpointSlice { "discovery.k8s.io" "v1", "endpointslices" "endpointslice" [] [], Namespaced All,
        [], - [address_type endpoints ports], (strategies::endpoint_slice::EndpointSliceStrategy) }
    storage::CSIDriver { "storage.k8s.io" "v1", "csidrivers" "csidriver" [] [], Cluster All,
        [], - [spec], (strategies::storage::CsiDriverStrategy) }
    storage::CSINode { "storage.k8s.io" "v1", "csinodes" "csinode" [] [], Cluster All,
        [], - [spec], (strategies::storage::CsiNodeStrategy) }
    storage::CSIStorageCapacity { "storage.k8s.io" "v1", "csistoragecapacities" "csistoragecapacity" [] [], Namespaced All,
        [], - [capacity maximum_volume_size node_topology storage_class_name], (strategies::storage::CsiStorageCapacityStrategy) }
    storage::StorageClass { "storage.k8s.io" "v1", "storageclasses" "storageclass" ["sc"] [], Cluster All,
        [], - [provisioner parameters reclaim_policy volume_binding_mode], (strategies::storage::StorageClassStrategy) }
    storage::VolumeAttachment { "storage.k8s.io" "v1", "volumeattachments" "volumeattachment" [] [], Cluster All,
        [Status], status [spec], (strategies::storage::VolumeAttachmentStrategy) }
    storage::VolumeAttributesClass { "storage.k8s.io" "v1", "volumeattributesclasses" "volumeattributesclass" ["vac"] [], Cluster All,
        [], - [driver_name parameters], (strategies::storage::VolumeAttributesClassStrategy) }
    scheduling::PriorityClass { "scheduling.k8s.io" "v1", "priorityclasses" "priorityclass" ["pc"] [], Cluster All,
        [], - [value global_default], (strategies::scheduling::PriorityClassStrategy) }
    coordination::Lease { "coordination.k8s.io" "v1", "leases" "lease" [] [], Namespaced All,
        [], - [spec], (strategies::lease::LeaseStrategy) }
    node::RuntimeClass { "node.k8s.io" "v1", "runtimeclasses" "runtimeclass" [] [], Cluster All,
        [], - [handler overhead scheduling], (strategies::scheduling::RuntimeClassStrategy) }
    events::Event { "events.k8s.io" "v1", "events" "event" ["ev"] [], Namespaced All,
        [], - [], (strategies::event::NewEventStrategy) }
    certificates::CertificateSigningRequest { "certificates.k8s.io" "v1", "certificatesigningrequests" "certificatesigningrequest" ["csr"] [], Cluster All,
        [Status Approval], status [spec], (strategies::certificate::CertificateSigningRequestStrategy) }
    admission::MutatingAdmissionPolicy { "admissionregistration.k8s.io" "v1", "mutatingadmissionpolicies" "mutatingadmissionpolicy" [] ["api-extensions"], Cluster All,
        [], - [spec], (strategies::admission::MutatingAdmissionPolicyStrategy) }
    admission::MutatingAdmissionPolicyBinding { "admissionregistration.k8s.io" "v1", "mutatingadmissionpolicybindings" "mutatingadmissionpolicybinding" [] ["api-extensions"], Cluster All,
        [], - [spec], (strategies::admission::MutatingAdmissionPolicyBindingStrategy) }
    admission::MutatingWebhookConfiguration { "admissionregistration.k8s.io" "v1", "mutatingwebhookconfigurations" "mutatingwebhookconfiguration" [] ["api-extensions"], Cluster All,
        [], - [webhooks], (strategies::admission::MutatingWebhookConfigurationStrategy) }
    admission::ValidatingAdmissionPolicy { "admissionregistration.k8s.io" "v1", "validatingadmissionpolicies" "validatingadmissionpolicy" [] ["api-extensions"], Cluster All,
        [Status], status [spec], (strategies::admission::ValidatingAdmissionPolicyStrategy) }
    admission::ValidatingAdmissionPolicyBinding { "admissionregistration.k8s.io" "v1", "validatingadmissionpolicybindings" "validatingadmissionpolicybinding" [] ["api-extensions"], Cluster All,
        [], - [spec], (strategies::admission::ValidatingAdmissionPolicyBindingStrategy) }
    admission::ValidatingWebhookConfiguration { "admissionregistration.k8s.io" "v1", "validatingwebhookconfigurations" "validatingwebhookconfiguration" [] ["api-extensions"], Cluster All,
        [], - [webhooks], (strategies::admission::ValidatingWebhookConfigurationStrategy) }
    apiextensions::CustomResourceDefinition { "apiextensions.k8s.io" "v1", "customresourcedefinitions" "customresourcedefinition" ["crd" "crds"] ["api-extensions"], Cluster All,
        [Status], status [spec], (strategies::custom_resource_definition::CustomResourceDefinitionStrategy) }
    apiregistration::APIService { "apiregistration.k8s.io" "v1", "apiservices" "apiservice" [] ["api-extensions"], Cluster All,
        [Status], status [spec], (strategies::api_service::ApiServiceStrategy) }
    flow_control::FlowSchema { "flowcontrol.apiserver.k8s.io" "v1", "flowschemas" "flowschema" [] [], Cluster All,
        [Status], status [spec], (strategies::flow_control::FlowSchemaStrategy) }
    flow_control::PriorityLevelConfiguration { "flowcontrol.apiserver.k8s.io" "v1", "prioritylevelconfigurations" "prioritylevelconfiguration" [] [], Cluster All,
        [Status], status [spec], (strategies::flow_control::PriorityLevelConfigurationStrategy) }
    dynamic::DeviceClass { "resource.k8s.io" "v1", "deviceclasses" "deviceclass" [] [], Cluster All,
        [], - [spec], (strategies::dynamic_resource::DeviceClassStrategy) }
    dynamic::ResourceClaim { "resource.k8s.io" "v1", "resourceclaims" "resourceclaim" [] [], Namespaced All,
        [Status], status [spec], (strategies::dynamic_resource::ResourceClaimStrategy) }
    dynamic::ResourceClaimTemplate { "resource.k8s.io" "v1", "resourceclaimtemplates" "resourceclaimtemplate" [] [], Namespaced All,
        [], - [spec], (strategies::dynamic_resource::ResourceClaimTemplateStrategy) }
    dynamic::ResourceSlice { "resource.k8s.io" "v1", "resourceslices" "resourceslice" [] [], Cluster All,
        [], - [spec], (strategies::dynamic_resource::ResourceSliceStrategy) }
    authentication::SelfSubjectReview { "authentication.k8s.io" "v1", "selfsubjectreviews" "selfsubjectreview" [] [], Cluster CreateOnly,
        [], status [], - }
    authentication::TokenReview { "authentication.k8s.io" "v1", "tokenreviews" "tokenreview" [] [], Cluster CreateOnly,
        [], status [spec], - }
    authorization::LocalSubjectAccessReview { "authorization.k8s.io" "v1", "localsubjectaccessreviews" "localsubjectaccessreview" [] [], Namespaced CreateOnly,
        [], status [spec], - }
    authorization::SelfSubjectAccessReview { "authorization.k8s.io" "v1", "selfsubjectaccessreviews" "selfsubjectaccessreview" [] [], Cluster CreateOnly,
        [], status [spec], - }
    authorization::SelfSubjectRulesReview { "authorization.k8s.io" "v1", "selfsubjectrulesreviews" "selfsubjectrulesreview" [] [], Cluster CreateOnly,
        [], status [spec], - }
    authorization::SubjectAccessReview { "authorization.k8s.io" "v1", "subjectaccessreviews" "subjectaccessreview" [] [], Cluster CreateOnly,
        [], status [spec], - }
}

#[cfg(test)]
mod tests;
