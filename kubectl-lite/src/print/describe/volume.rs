//! Volumes of pods, claims, and persistent volumes.

use super::Around;
use super::container::name_pad;
use super::text::{NONE, Text, number, or_none, plain, selector};
use crate::print::{at, items, text};
use serde_json::Value;

/// The volumes of a pod or template.
pub(super) fn volumes(out: &mut Text, level: usize, list: &[Value]) {
    if list.is_empty() {
        return out.field(level, "Volumes", NONE);
    }
    out.line(level, "Volumes:");
    for volume in list {
        out.line(1, format_args!("{}{}:", name_pad(level), text(volume, "name")));
        source(out, 2, volume);
    }
}

fn source(out: &mut Text, level: usize, volume: &Value) {
    let Some((kind, source)) = volume.as_object().into_iter().flatten().find(|(key, _)| *key != "name")
    else {
        return;
    };
    let mut typed = |words: &str| out.field(level, "Type", words);
    match kind.as_str() {
        "emptyDir" => {
            typed("EmptyDir (a temporary directory that shares a pod's lifetime)");
            out.field(level, "Medium", text(source, "medium"));
            out.field(level, "SizeLimit", or_unset(&plain(&source["sizeLimit"])));
        }
        "hostPath" => {
            typed("HostPath (bare host directory volume)");
            out.field(level, "Path", text(source, "path"));
            out.field(level, "HostPathType", text(source, "type"));
        }
        "secret" => {
            typed("Secret (a volume populated by a Secret)");
            out.field(level, "SecretName", text(source, "secretName"));
            out.field(level, "Optional", source["optional"] == true);
        }
        "configMap" => {
            typed("ConfigMap (a volume populated by a ConfigMap)");
            out.field(level, "Name", text(source, "name"));
            out.field(level, "Optional", source["optional"] == true);
        }
        "persistentVolumeClaim" => {
            typed("PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)");
            out.field(level, "ClaimName", text(source, "claimName"));
            out.field(level, "ReadOnly", source["readOnly"] == true);
        }
        "projected" => projected(out, level, source),
        "downwardAPI" => downward(out, level, source),
        other => {
            typed(other);
            out.block(level, "Source", source);
        }
    }
}

fn or_unset(text: &str) -> &str {
    if text.is_empty() { "<unset>" } else { text }
}

fn projected(out: &mut Text, level: usize, source: &Value) {
    out.field(level, "Type", "Projected (a volume that contains injected data from multiple sources)");
    for part in items(source, "sources") {
        if part["secret"].is_object() {
            out.field(level, "SecretName", text(part, "secret.name"));
        } else if part["downwardAPI"].is_object() {
            out.field(level, "DownwardAPI", true);
        } else if part["configMap"].is_object() {
            out.field(level, "ConfigMapName", text(part, "configMap.name"));
            out.field(level, "Optional", at(part, "configMap.optional") == &Value::Bool(true));
        } else if part["serviceAccountToken"].is_object() {
            out.field(level, "TokenExpirationSeconds", number(part, "serviceAccountToken.expirationSeconds"));
        }
    }
}

fn downward(out: &mut Text, level: usize, source: &Value) {
    out.field(level, "Type", "DownwardAPI (a volume populated by information about the pod)");
    out.line(level, "Items:");
    for item in items(source, "items") {
        let from = [text(item, "fieldRef.fieldPath"), text(item, "resourceFieldRef.resource")];
        let from = from.into_iter().find(|it| !it.is_empty()).unwrap_or_default();
        out.line(level + 1, format!("{from} -> {}", text(item, "path")));
    }
}

/// Short names of access modes.
fn modes(list: &[Value]) -> String {
    let short = |it: &Value| match it.as_str().unwrap_or_default() {
        "ReadWriteOnce" => "RWO".to_owned(),
        "ReadOnlyMany" => "ROX".to_owned(),
        "ReadWriteMany" => "RWX".to_owned(),
        "ReadWriteOncePod" => "RWOP".to_owned(),
        other => other.to_owned(),
    };
    list.iter().map(short).collect::<Vec<_>>().join(",")
}

/// A claim.
pub(super) fn claim(out: &mut Text, claim: &Value, around: &Around) {
    out.field(0, "Name", text(claim, "metadata.name"));
    out.field(0, "Namespace", text(claim, "metadata.namespace"));
    out.field(0, "StorageClass", text(claim, "spec.storageClassName"));
    let going = claim["metadata"]["deletionTimestamp"].is_string();
    out.field(0, "Status", if going { "Terminating" } else { text(claim, "status.phase") });
    out.field(0, "Volume", text(claim, "spec.volumeName"));
    out.labels(0, claim);
    let finalizers: Vec<String> = items(claim, "metadata.finalizers").iter().map(plain).collect();
    out.field(0, "Finalizers", format!("[{}]", finalizers.join(" ")));
    out.field(0, "Capacity", plain(at(claim, "status.capacity.storage")));
    out.field(0, "Access Modes", modes(items(claim, "status.accessModes")));
    out.optional(0, "VolumeMode", claim, "spec.volumeMode");
    let users = around.pods.iter().filter(|it| uses(it, text(claim, "metadata.name")));
    out.several(0, "Used By", &users.map(|it| text(it, "metadata.name").to_owned()).collect::<Vec<_>>());
}

fn uses(pod: &Value, claim: &str) -> bool {
    items(pod, "spec.volumes").iter().any(|it| text(it, "persistentVolumeClaim.claimName") == claim)
}

/// A persistent volume.
pub(super) fn persistent_volume(out: &mut Text, volume: &Value) {
    out.field(0, "Name", text(volume, "metadata.name"));
    out.labels(0, volume);
    let finalizers: Vec<String> = items(volume, "metadata.finalizers").iter().map(plain).collect();
    out.field(0, "Finalizers", format!("[{}]", finalizers.join(" ")));
    out.field(0, "StorageClass", text(volume, "spec.storageClassName"));
    out.field(0, "Status", text(volume, "status.phase"));
    match text(volume, "spec.claimRef.name") {
        "" => out.field(0, "Claim", ""),
        name => out.field(0, "Claim", format!("{}/{name}", text(volume, "spec.claimRef.namespace"))),
    }
    out.field(0, "Reclaim Policy", text(volume, "spec.persistentVolumeReclaimPolicy"));
    out.field(0, "Access Modes", modes(items(volume, "spec.accessModes")));
    out.optional(0, "VolumeMode", volume, "spec.volumeMode");
    out.field(0, "Capacity", plain(at(volume, "spec.capacity.storage")));
    affinity(out, volume);
    out.field(0, "Message", text(volume, "status.message"));
    out.line(0, "Source:");
    let own = ["capacity", "accessModes", "claimRef", "nodeAffinity"];
    let spec = at(volume, "spec").as_object().into_iter().flatten();
    for (kind, source) in spec.filter(|(key, value)| value.is_object() && !own.contains(&key.as_str())) {
        out.field(1, "Type", kind);
        source.as_object().into_iter().flatten().for_each(|(key, value)| out.field(1, key, plain(value)));
    }
}

fn affinity(out: &mut Text, volume: &Value) {
    let terms = items(volume, "spec.nodeAffinity.required.nodeSelectorTerms");
    if terms.is_empty() {
        return out.field(0, "Node Affinity", NONE);
    }
    out.line(0, "Node Affinity:");
    let line = |it: &Value| or_none(&selector(it)).to_owned();
    out.several(1, "Required Terms", &terms.iter().map(line).collect::<Vec<_>>());
}
