//! What neither the `.proto` files nor the OpenAPI document say: which messages have a JSON form of their own, and
//! whether a zero on the wire is a value or merely an unset field.
//!
//! Go always writes a field that is not a pointer, so an unset `hostPort` arrives as 0, and it never writes a pointer
//! that is nil, so a `replicas` of 0 is a real 0. JSON from Go leaves the first out and shows the second. The two look
//! alike on the wire; only the Go type tells them apart. Upstream's convention (API conventions, "Optional vs.
//! Required") makes newer optional numbers pointers and older text fields plain, so the lists below name the
//! exceptions: numbers and booleans that are not pointers, and text that is one and means something when empty.

use crate::openapi::Property;
use crate::protobuf::{Field, Kind, MessageKey};

/// Kinds that exist under every group version.
pub(crate) const META_KINDS: &[&str] =
    &["DeleteOptions", "PartialObjectMetadata", "PartialObjectMetadataList", "Status"];

/// The one embedded message whose field is not called after its type.
pub(crate) const EMBEDDED_ALIAS: (&str, &str) = ("Probe", "handler");

/// The `Form` variant of a message, as Rust text.
pub(crate) fn form((_, name): &MessageKey) -> &'static str {
    match name.to_ascii_lowercase().as_str() {
        "quantity" | "quantityvalue" => "Form::Quantity",
        "intorstring" => "Form::IntOrString",
        "time" => "Form::Time",
        "microtime" => "Form::MicroTime",
        "rawextension" | "fieldsv1" | "json" => "Form::Json",
        "extravalue" | "verbs" => "Form::Items",
        "jsonschemapropsorarray" | "jsonschemapropsorstringarray" => "Form::OneOrMany",
        "jsonschemapropsorbool" => "Form::SchemaOrBool",
        _ => "Form::Object",
    }
}

/// Lists have no type of their own in k8s-openapi.
pub(crate) fn is_list_field(name: &str) -> bool {
    matches!(name, "metadata" | "items")
}

/// Whether zero, false and empty text survive in JSON.
pub(crate) fn keeps_zero(message: &MessageKey, field: &Field, property: &Property) -> bool {
    let listed = |list: &[&str]| list.iter().any(|entry| names(entry, message, &property.json));
    match field.kind {
        _ if property.required => true,
        Kind::Text | Kind::Bytes => listed(TEXT_POINTERS),
        _ => !listed(PLAIN_NUMBERS) || listed(NUMBER_POINTERS),
    }
}

/// An entry is `field`, `Message.field` or `group/version.Message.field`.
fn names(entry: &str, (package, message): &MessageKey, json: &str) -> bool {
    let mut parts = entry.rsplit('.');
    parts.next() == Some(json)
        && parts.next().is_none_or(|owner| owner.eq_ignore_ascii_case(message))
        && parts.next().is_none_or(|group_version| package.ends_with(group_version))
}

/// Numbers and booleans for which zero says "not set", by JSON name (or `Message.name` where others differ).
/// `targetPort` is the one IntOrString among them.
const PLAIN_NUMBERS: &[&str] = &[
    "active",
    "allowWatchBookmarks",
    "authenticated",
    "availableReplicas",
    "chapAuthDiscovery",
    "chapAuthSession",
    "clusterScope",
    "code",
    "count",
    "currentReplicas",
    "denied",
    "deprecatedCount",
    "failed",
    "failureThreshold",
    "follow",
    "fullyLabeledReplicas",
    "generation",
    "globalDefault",
    "healthCheckNodePort",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostPort",
    "initialDelaySeconds",
    "insecureSkipTLSVerifyBackend",
    "limit",
    "minReadySeconds",
    "nodePort",
    "number",
    "numberAvailable",
    "numberUnavailable",
    "observedGeneration",
    "partition",
    "paused",
    "periodSeconds",
    "previous",
    "publishNotReadyAddresses",
    "readOnly",
    "readyReplicas",
    "retryAfterSeconds",
    "signal",
    "sizeBytes",
    "sslEnabled",
    "stderr",
    "stdin",
    "stdinOnce",
    "stdout",
    "succeeded",
    "successThreshold",
    "targetPort",
    "timestamps",
    "tty",
    "unavailableReplicas",
    "unschedulable",
    "updatedNumberScheduled",
    "updatedReplicas",
    "watch",
    "DeploymentStatus.replicas",
    "Probe.timeoutSeconds",
];

/// Namesakes of the above that are pointers: their zero is a value.
const NUMBER_POINTERS: &[&str] = &[
    "AzureDiskVolumeSource.readOnly",
    "CsiVolumeSource.readOnly",
    "HorizontalPodAutoscalerCondition.observedGeneration",
    "HorizontalPodAutoscalerStatus.observedGeneration",
    "RollingUpdateStatefulSetStrategy.partition",
    "VolumeNodeResources.count",
];

/// Text for which empty differs from absent: a claim without a class (`""`) is not one that takes the default class,
/// a lease without a holder is free, a precondition on an empty UID never holds.
const TEXT_POINTERS: &[&str] = &[
    "ClusterTrustBundleProjection.name",
    "ClusterTrustBundleProjection.signerName",
    "CsiVolumeSource.fsType",
    "GrpcAction.service",
    "HostPathVolumeSource.type",
    "IngressClassParametersReference.apiGroup",
    "IngressSpec.ingressClassName",
    "LeaseSpec.holderIdentity",
    "LeaseSpec.preferredHolder",
    "PersistentVolumeClaimSpec.storageClassName",
    "PersistentVolumeClaimSpec.volumeAttributesClassName",
    "PersistentVolumeClaimStatus.currentVolumeAttributesClassName",
    "PersistentVolumeSpec.volumeAttributesClassName",
    "PodDnsConfigOption.value",
    "PodFailurePolicyOnExitCodesRequirement.containerName",
    "PodSpec.hostnameOverride",
    "PodSpec.runtimeClassName",
    "Preconditions.resourceVersion",
    "Preconditions.uid",
    "TypedLocalObjectReference.apiGroup",
    "TypedObjectReference.apiGroup",
    "discovery/v1.EndpointPort.appProtocol",
    "discovery/v1.EndpointPort.name",
];
