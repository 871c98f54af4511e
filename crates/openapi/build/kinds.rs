//! Every kind of k8s-openapi's version, so that a newly served kind needs no row here.
//!
//! Refuses to know which of them are served: the caller of the library says so.

use k8s_openapi::{ListableResource, Resource};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};

/// A kind and the name of its schema.
pub(crate) struct Kind {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) type_name: String,
    /// The kind of its list, where the kind is stored.
    pub(crate) list: Option<&'static str>,
}

/// The kinds, and the generator that has seen all their types.
pub(crate) struct Catalogue {
    pub(crate) generator: SchemaGenerator,
    pub(crate) kinds: Vec<Kind>,
}

macro_rules! visit {
    ($catalogue:ident.$method:ident: $($($module:ident)::+::{$($kind:ident),+ $(,)?};)+) => {
        $({
            use k8s_openapi::$($module)::+ as module;
            $($catalogue.$method::<module::$kind>();)+
        })+
    };
}

/// All kinds, stored ones first.
#[allow(clippy::too_many_lines, reason = "a table")]
#[rustfmt::skip]
pub(crate) fn catalogue() -> Catalogue {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    let mut catalogue = Catalogue { generator: settings.into_generator(), kinds: Vec::new() };
    visit! { catalogue.stored:
        api::admissionregistration::v1::{
            MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding,
            MutatingWebhookConfiguration, ValidatingAdmissionPolicy,
            ValidatingAdmissionPolicyBinding, ValidatingWebhookConfiguration,
        };
        api::admissionregistration::v1alpha1::{MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding};
        api::admissionregistration::v1beta1::{MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding};
        api::apiserverinternal::v1alpha1::{StorageVersion};
        api::apps::v1::{ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet};
        api::autoscaling::v1::{HorizontalPodAutoscaler};
        api::autoscaling::v2::{HorizontalPodAutoscaler};
        api::batch::v1::{CronJob, Job};
        api::certificates::v1::{CertificateSigningRequest, ClusterTrustBundle, PodCertificateRequest};
        api::certificates::v1beta1::{ClusterTrustBundle, PodCertificateRequest};
        api::coordination::v1::{Lease};
        api::coordination::v1alpha2::{LeaseCandidate};
        api::coordination::v1beta1::{LeaseCandidate};
        api::core::v1::{
            ComponentStatus, ConfigMap, Endpoints, Event, LimitRange, Namespace, Node,
            PersistentVolume, PersistentVolumeClaim, Pod, PodTemplate, ReplicationController,
            ResourceQuota, Secret, Service, ServiceAccount,
        };
        api::discovery::v1::{EndpointSlice};
        api::events::v1::{Event};
        api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
        api::lifecycle::v1alpha1::{Eviction, EvictionRequest};
        api::networking::v1::{IPAddress, Ingress, IngressClass, NetworkPolicy, ServiceCIDR};
        api::node::v1::{RuntimeClass};
        api::policy::v1::{PodDisruptionBudget};
        api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
        api::resource::v1::{
            DeviceClass, DeviceTaintRule, ResourceClaim, ResourceClaimTemplate, ResourceSlice,
        };
        api::resource::v1alpha3::{DeviceTaintRule, ResourcePoolStatusRequest};
        api::resource::v1beta1::{DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice};
        api::resource::v1beta2::{
            DeviceClass, DeviceTaintRule, ResourceClaim, ResourceClaimTemplate, ResourceSlice,
        };
        api::scheduling::v1::{PriorityClass};
        api::scheduling::v1alpha3::{CompositePodGroup, PodGroup, Workload};
        api::scheduling::v1beta1::{PodGroup, Workload};
        api::storage::v1::{
            CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment,
            VolumeAttributesClass,
        };
        api::storagemigration::v1::{StorageVersionMigration};
        api::storagemigration::v1beta1::{StorageVersionMigration};
        apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition};
        kube_aggregator::pkg::apis::apiregistration::v1::{APIService};
    }
    visit! { catalogue.transient:
        api::authentication::v1::{SelfSubjectReview, TokenRequest, TokenReview};
        api::authorization::v1::{
            LocalSubjectAccessReview, SelfSubjectAccessReview, SelfSubjectRulesReview,
            SubjectAccessReview,
        };
        api::autoscaling::v1::{Scale};
        api::core::v1::{Binding};
        api::policy::v1::{Eviction};
        apimachinery::pkg::apis::meta::v1::{APIGroup, APIGroupList, APIResourceList, APIVersions, Status};
    }
    catalogue.reference::<k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions>();
    catalogue.reference::<k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta>();
    catalogue.reference::<k8s_openapi::apimachinery::pkg::apis::meta::v1::Patch>();
    catalogue.reference::<k8s_openapi::apimachinery::pkg::apis::meta::v1::WatchEvent<()>>();
    catalogue.reference::<k8s_openapi::apimachinery::pkg::version::Info>();
    catalogue
}

impl Catalogue {
    fn stored<T: Resource + ListableResource + JsonSchema>(&mut self) {
        self.add::<T>(Some(T::LIST_KIND));
    }

    fn transient<T: Resource + JsonSchema>(&mut self) {
        self.add::<T>(None);
    }

    fn add<T: Resource + JsonSchema>(&mut self, list: Option<&'static str>) {
        let type_name = T::schema_name().into_owned();
        self.kinds.push(Kind { group: T::GROUP, version: T::VERSION, kind: T::KIND, type_name, list });
        self.reference::<T>();
    }

    /// Brings in a type that is no kind of its own.
    fn reference<T: JsonSchema>(&mut self) {
        self.generator.subschema_for::<T>();
    }
}
