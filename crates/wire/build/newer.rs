//! Fields of v1.36 and v1.37 that k8s-pb, which stops at v1.35, does not have yet: those a client may set on what it
//! sends. Only numbers and types are said here; JSON names and the rest come from OpenAPI like everybody's.
//!
//! Once k8s-pb has a field, its line here fails the build and goes.

use std::collections::BTreeMap;
use std::error::Error;

use crate::protobuf::{Field, Kind, MessageKey, Shape};

/// Package, message, number, field, then the type: a scalar or a message of the same package, after `many` if repeated.
const FIELDS: &str = "\
api/autoscaling/v2 HorizontalPodAutoscalerCondition 6 observedGeneration int
api/core/v1 ClusterTrustBundleProjection 6 user int
api/core/v1 ConfigMapVolumeSource 5 defaultUser int
api/core/v1 DownwardAPIVolumeFile 5 user int
api/core/v1 DownwardAPIVolumeSource 3 defaultUser int
api/core/v1 EmptyDirVolumeSource 3 mode int
api/core/v1 EvictionResponder 1 name text
api/core/v1 EvictionResponder 2 priority int
api/core/v1 GRPCAction 3 mode text
api/core/v1 HTTPGetAction 6 protocol text
api/core/v1 KeyToPath 4 user int
api/core/v1 NodePodPreemptionPolicy 1 disableResizePreemption many text
api/core/v1 NodeSpec 8 podPreemptionPolicy NodePodPreemptionPolicy
api/core/v1 NodeSystemInfo 12 runningInUserNamespace bool
api/core/v1 PodCertificateProjection 8 user int
api/core/v1 PodSchedulingGroup 1 podGroupName text
api/core/v1 PodSpec 43 schedulingGroup PodSchedulingGroup
api/core/v1 PodSpec 44 evictionResponders many EvictionResponder
api/core/v1 ProjectedVolumeSource 3 defaultUser int
api/core/v1 SecretVolumeSource 5 defaultUser int
api/core/v1 ServiceAccountTokenProjection 4 user int
api/core/v1 VolumeMount 8 bindMountOptions many text
api/storage/v1 CSIDriverSpec 11 preventPodSchedulingIfMissing bool
";

pub(crate) fn add_to(messages: &mut BTreeMap<MessageKey, Vec<Field>>) -> Result<(), Box<dyn Error>> {
    for line in FIELDS.lines() {
        let (key, field) = parse(line, messages).ok_or_else(|| format!("cannot read `{line}`"))?;
        let fields = messages.entry(key).or_default();
        if fields.iter().any(|known| known.number == field.number) {
            return Err(format!("k8s-pb has caught up: remove `{line}`").into());
        }
        fields.push(field);
    }
    Ok(())
}

fn parse(line: &str, messages: &BTreeMap<MessageKey, Vec<Field>>) -> Option<(MessageKey, Field)> {
    let mut words = line.split(' ');
    let (package, message) = (words.next()?, words.next()?);
    let (number, name) = (words.next()?.parse().ok()?, words.next()?.to_owned());
    let (shape, kind) = match (words.next()?, words.next()) {
        ("many", Some(kind)) => (Shape::Many, kind),
        (kind, None) => (Shape::One, kind),
        _ => return None,
    };
    let kind = match kind {
        "text" => Kind::Text,
        "int" => Kind::Int,
        "bool" => Kind::Bool,
        message => Kind::Message(key_of(package, message, messages)),
    };
    Some((key_of(package, message, messages), Field { number, name, shape, kind }))
}

/// prost spells some names differently (`HttpGetAction`); a message that k8s-pb lacks keeps the name given here.
fn key_of(package: &str, name: &str, messages: &BTreeMap<MessageKey, Vec<Field>>) -> MessageKey {
    let known = messages.keys().find(|(other, known)| other == package && known.eq_ignore_ascii_case(name));
    known.cloned().unwrap_or_else(|| (package.to_owned(), name.to_owned()))
}
