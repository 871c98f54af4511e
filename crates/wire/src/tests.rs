//! The table as such, each form, each refusal, and round trips of objects of any kind.

mod arbitrary;
mod encode;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::descriptor::{KINDS, Kind, MESSAGES};
use crate::{Error, Problem, decode};
use arbitrary::Choices;
use encode::{bytes, envelope, varint};

#[test]
fn the_table_is_sorted_for_its_searches() {
    assert!(KINDS.is_sorted_by_key(|(api_version, kind, _)| (*api_version, *kind)));
    for message in MESSAGES {
        assert!(message.fields.is_sorted_by_key(|field| field.number), "{}", message.name);
    }
}

/// The build finds embedded messages by a rule; this is the whole truth it has to find.
#[test]
fn exactly_these_messages_are_embedded() {
    let mut found: Vec<String> = Vec::new();
    for message in MESSAGES {
        for field in message.fields.iter().filter(|field| field.json.is_empty()) {
            let Kind::Message(index) = field.kind else { panic!("{} embeds a scalar", message.name) };
            found.push(format!("{}: {}", message.name, MESSAGES[usize::from(index)].name));
        }
    }
    found.sort();
    let expect = [
        "ConfigMapEnvSource: LocalObjectReference",
        "ConfigMapKeySelector: LocalObjectReference",
        "ConfigMapProjection: LocalObjectReference",
        "ConfigMapVolumeSource: LocalObjectReference",
        "DeviceAllocationConfiguration: DeviceConfiguration",
        "DeviceClaimConfiguration: DeviceConfiguration",
        "DeviceClassConfiguration: DeviceConfiguration",
        "EphemeralContainer: EphemeralContainerCommon",
        "IngressRule: IngressRuleValue",
        "NamedRuleWithOperations: RuleWithOperations",
        "PersistentVolumeSpec: PersistentVolumeSource",
        "Probe: ProbeHandler",
        "RuleWithOperations: Rule",
        "SecretEnvSource: LocalObjectReference",
        "SecretKeySelector: LocalObjectReference",
        "SecretProjection: LocalObjectReference",
        "Volume: VolumeSource",
    ];
    assert_eq!(found, expect);
}

#[test]
fn every_served_group_has_its_kinds() {
    let expect = [
        ("v1", "Pod"),
        ("v1", "PodList"),
        ("v1", "Binding"),
        ("v1", "DeleteOptions"),
        ("apps/v1", "StatefulSet"),
        ("batch/v1", "CronJob"),
        ("autoscaling/v1", "Scale"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("policy/v1", "Eviction"),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("discovery.k8s.io/v1", "EndpointSlice"),
        ("storage.k8s.io/v1", "CSIDriver"),
        ("scheduling.k8s.io/v1", "PriorityClass"),
        ("coordination.k8s.io/v1", "Lease"),
        ("node.k8s.io/v1", "RuntimeClass"),
        ("events.k8s.io/v1", "Event"),
        ("certificates.k8s.io/v1", "CertificateSigningRequest"),
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("authentication.k8s.io/v1", "TokenRequest"),
        ("authorization.k8s.io/v1", "SubjectAccessReview"),
    ];
    for (api_version, kind) in expect {
        assert!(crate::descriptor::message_of(api_version, kind).is_some(), "{api_version} {kind}");
    }
}

/// The members of a kind whose bytes are given, without `apiVersion` and `kind`.
fn check(api_version: &str, kind: &str, raw: &[u8], expect: Value) {
    let mut object = decode(&envelope(api_version, kind, raw)).unwrap();
    let members = object.as_object_mut().unwrap();
    assert_eq!(members.remove("apiVersion"), Some(json!(api_version)));
    assert_eq!(members.remove("kind"), Some(json!(kind)));
    assert_eq!(object, expect);
}

/// The path of message fields down to `leaf`.
fn nested(path: &[u32], leaf: &[u8]) -> Vec<u8> {
    path.iter().rev().fold(leaf.to_vec(), |inner, number| bytes(*number, &inner))
}

#[test]
fn times_are_rfc_3339_and_null_when_zero() {
    let created = |leaf: &[u8]| nested(&[1, 8], leaf);
    let seconds = [varint(1, 1_704_164_645), varint(2, 999)].concat();
    check(
        "v1",
        "Namespace",
        &created(&seconds),
        json!({"metadata": {"creationTimestamp": "2024-01-02T03:04:05Z"}}),
    );
    check("v1", "Namespace", &created(b""), json!({"metadata": {}}));
    let epoch = created(&[varint(1, 0), varint(2, 0)].concat());
    check("v1", "Namespace", &epoch, json!({"metadata": {"creationTimestamp": "1970-01-01T00:00:00Z"}}));

    let renewed = nested(&[2, 4], &[varint(1, 1_704_164_645), varint(2, 6_789)].concat());
    check(
        "coordination.k8s.io/v1",
        "Lease",
        &renewed,
        json!({"spec": {"renewTime": "2024-01-02T03:04:05.000006Z"}}),
    );
}

#[test]
fn zeros_survive_where_go_has_a_pointer() {
    let replicas = |number| bytes(2, &varint(number, 0));
    check("apps/v1", "Deployment", &replicas(1), json!({"spec": {"replicas": 0}}));
    check("apps/v1", "Deployment", &replicas(5), json!({"spec": {}}));

    let class = [bytes(2, &bytes(5, b"")), bytes(1, &bytes(1, b""))].concat();
    check("v1", "PersistentVolumeClaim", &class, json!({"metadata": {}, "spec": {"storageClassName": ""}}));

    let probe = [varint(2, 0), varint(3, 0), varint(7, 0), bytes(1, b"")].concat();
    let path = nested(&[2, 2], &[bytes(1, b"c"), bytes(10, &probe)].concat());
    let expect = json!({"spec": {"containers": [
        {"name": "c", "livenessProbe": {"terminationGracePeriodSeconds": 0}}
    ]}});
    check("v1", "Pod", &path, expect);
}

#[test]
fn embedded_messages_join_their_parent_and_empty_ones_stay() {
    let volume = [bytes(1, b"tmp"), bytes(2, &bytes(2, b""))].concat();
    check(
        "v1",
        "Pod",
        &nested(&[2, 1], &volume),
        json!({"spec": {"volumes": [{"name": "tmp", "emptyDir": {}}]}}),
    );
}

#[test]
fn map_entries_may_lack_their_value() {
    check("v1", "ConfigMap", &bytes(2, &bytes(1, b"k")), json!({"data": {"k": ""}}));
    check("v1", "Secret", &bytes(2, b""), json!({"data": {"": ""}}));
}

#[test]
fn packed_numbers_are_read_too() {
    let packed = nested(&[2, 14, 4], &[1, 0x80, 0x01]);
    check("v1", "Pod", &packed, json!({"spec": {"securityContext": {"supplementalGroups": [1, 128]}}}));
}

#[test]
fn unknown_fields_are_passed_over() {
    let raw = [varint(999, 7), bytes(2, &bytes(998, b"later")), vec![0xc5, 0x3e, 1, 2, 3, 4]].concat();
    check("v1", "ConfigMap", &[raw, bytes(998, b"x")].concat(), json!({"data": {"": ""}}));
}

#[test]
fn schemas_have_their_own_forms() {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "shortNames": ["w"]},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "$ref": "#/x",
                    "x-kubernetes-preserve-unknown-fields": true, "x-kubernetes-list-map-keys": ["a"],
                    "properties": {"a": {"default": {"b": [1]}, "enum": ["x", 1], "maximum": 10, "minimum": 0.5,
                        "items": {"type": "string"}, "additionalProperties": false},
                        "b": {"items": [{"type": "string"}], "additionalProperties": {"type": "integer"},
                        "dependencies": {"c": ["d"]}}},
                    "x-kubernetes-validations": [{"rule": "self.a", "messageExpression": "'no'"}]}}}]}
    });
    assert_eq!(decode(&encode::body(&definition)).unwrap(), definition);
}

fn check_error(body: &[u8], expect: &str) {
    assert_eq!(decode(body).unwrap_err().to_string(), expect);
}

#[test]
fn refusals_say_what_to_do() {
    check_error(
        b"{}",
        "the body is not Kubernetes protobuf: it does not start with the four bytes \"k8s\\0\"",
    );
    check_error(b"k8s\0", "the protobuf envelope does not name an apiVersion and a kind");
    check_error(b"k8s\0\x0a", "the protobuf envelope is malformed: it ends in the middle of a value");
    check_error(
        &envelope("example.com/v1", "Widget", b""),
        "no protobuf form is known for kind \"Widget\" of \"example.com/v1\": send it as JSON",
    );
    let gzip = [envelope("v1", "Pod", b""), bytes(3, b"gzip")].concat();
    check_error(
        &gzip,
        "the protobuf envelope's content is \"gzip\": only plain protobuf is supported, or send JSON",
    );
    check_error(
        &envelope("v1", "Pod", &nested(&[2, 2, 1], &[0xff])),
        "the protobuf Pod is malformed at \"spec.containers.name\": it has text that is not UTF-8",
    );
    check_error(
        &envelope("v1", "Pod", &nested(&[2], &bytes(4, b"x"))),
        "the protobuf Pod is malformed at \"spec.terminationGracePeriodSeconds\": \
         it has a field of wire type 2 where another type belongs",
    );
}

fn check_problem(api_version: &str, kind: &str, raw: &[u8], expect: Problem) {
    let error = decode(&envelope(api_version, kind, raw)).unwrap_err();
    assert!(matches!(&error, Error::Object { problem, .. } if *problem == expect), "{error}");
}

#[test]
fn malformed_bytes_are_named() {
    check_problem("v1", "Pod", &[0x80], Problem::Truncated);
    check_problem("v1", "Pod", &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], Problem::Truncated);
    check_problem("v1", "Pod", &[0xff; 11], Problem::LongNumber);
    check_problem("v1", "Pod", &[0x00, 0x00], Problem::FieldNumber);
    check_problem("v1", "Pod", &[0x0b], Problem::WireType(3));
    check_problem("v1", "Namespace", &nested(&[1, 8], &varint(1, i64::MAX)), Problem::Time);
    check_problem("v1", "Namespace", &nested(&[1, 8], &varint(2, 1 << 40)), Problem::Time);
    let infinite = nested(&[2, 7, 4, 1], &[&[0x49][..], &f64::INFINITY.to_le_bytes()].concat());
    check_problem("apiextensions.k8s.io/v1", "CustomResourceDefinition", &infinite, Problem::NotFinite);
}

/// Schemas nest freely (`not` in `not` in …); the stack does not.
#[test]
fn depth_is_limited() {
    const NOT: u32 = 28;
    let nesting =
        |levels| nested(&[2, 7, 4, 1], &(0..levels).fold(Vec::new(), |inner, _| bytes(NOT, &inner)));
    assert!(decode(&envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", &nesting(50))).is_ok());
    let raw = nesting(2000);
    check_problem("apiextensions.k8s.io/v1", "CustomResourceDefinition", &raw, Problem::TooDeep);
}

proptest! {
    #[test]
    fn objects_survive_the_round_trip(choices in prop::collection::vec(any::<u8>(), 0..2000)) {
        let object = arbitrary::object(&mut Choices(choices.iter()));
        prop_assert_eq!(decode(&encode::body(&object)).unwrap(), object);
    }

    #[test]
    fn bytes_never_panic(raw in prop::collection::vec(any::<u8>(), 0..300), kind in 0..KINDS.len()) {
        let (api_version, kind, _) = KINDS[kind];
        let _ = decode(&raw);
        let _ = decode(&envelope(api_version, kind, &raw));
    }

    #[test]
    fn damaged_objects_give_an_object_of_their_size_or_an_error(
        choices in prop::collection::vec(any::<u8>(), 0..400),
        damages in prop::collection::vec((0..4u8, any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut body = encode::body(&arbitrary::object(&mut Choices(choices.iter())));
        for (how, from, to, byte) in damages {
            let (from, to) = (from.index(body.len()), to.index(body.len()));
            damage(&mut body, how, from, to, byte);
        }
        match decode(&body) {
            Ok(object) => {
                prop_assert!(values_in(&object) <= body.len(), "{} of {} bytes", values_in(&object), body.len());
                prop_assert!(object.to_string().len() <= 64 * body.len());
            }
            Err(error) => prop_assert!(error.to_string().len() <= 8 * body.len() + 400),
        }
    }
}

fn damage(body: &mut Vec<u8>, how: u8, from: usize, to: usize, byte: u8) {
    let (from, to) = (from.min(to), from.max(to));
    match how {
        0 => body[to] = byte,
        1 => drop(body.drain(from..to)),
        2 => body.extend_from_within(from..to),
        _ => body.insert(to, byte),
    }
}

fn values_in(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(values_in).sum::<usize>(),
        Value::Object(fields) => fields.values().map(values_in).sum(),
        _ => 0,
    }
}

/// Lengths that lie, and messages that repeat: neither takes more than its bytes.
#[test]
fn what_is_read_is_never_larger_than_what_was_sent() {
    for lie in
        [&[0x12, 0x80, 0x80, 0x40][..], &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]]
    {
        check_problem("v1", "Pod", lie, Problem::Truncated);
        check_problem("v1", "Pod", &bytes(2, lie), Problem::Truncated);
    }
    let containers = bytes(2, &bytes(2, b"").repeat(10_000));
    let pod = decode(&envelope("v1", "Pod", &containers.repeat(3))).unwrap();
    assert!(values_in(&pod) <= 3 * containers.len());
}
