use super::check;
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

fn definition(schema: Value) -> CustomResourceDefinition {
    let version =
        json!({"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}});
    let names = json!({"plural": "as", "singular": "a", "kind": "A", "listKind": "AList"});
    serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "as.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]},
    }))
    .expect("it is a definition")
}

fn found(schema: Value) -> Vec<String> {
    let prefix = "spec.validation.openAPIV3Schema";
    let errors = check(&definition(schema));
    errors.iter().map(|it| it.to_string().replace(prefix, "~")).collect()
}

/// The errors of a schema, with the path of the root as `~`.
fn check_root(schema: Value, expect: &[&str]) {
    assert_eq!(found(schema.clone()), expect, "{schema}");
}

/// The errors of a field's schema, with its path as `f`.
fn check_field(field: Value, expect: &[&str]) {
    let all = found(json!({"type": "object", "properties": {"f": field}}));
    let all: Vec<String> = all.iter().map(|it| it.replace("~.properties[f]", "f")).collect();
    assert_eq!(all, expect, "{field}");
}

#[test]
fn good_schemas_have_no_errors() {
    check_root(json!({"type": "object"}), &[]);
    check_root(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}), &[]);
    check_field(json!({"type": "string", "pattern": "^a+$", "enum": ["a"], "default": "a"}), &[]);
    check_field(json!({"x-kubernetes-int-or-string": true}), &[]);
    check_field(
        json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}),
        &[],
    );
    check_field(
        json!({"x-kubernetes-int-or-string": true, "allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}, {"pattern": "a"}]}),
        &[],
    );
    check_field(
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "oneOf": [{"required": ["a"]}, {"properties": {"a": {"minLength": 1}}}]}),
        &[],
    );
    check_field(
        json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
               "items": {"type": "object", "required": ["k"], "properties": {"k": {"type": "string"}}}}),
        &[],
    );
    check_field(
        json!({"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}),
        &[],
    );
}

#[test]
fn schemas_must_be_structural() {
    check_root(json!({}), &["~.type: Required value: must not be empty at the root"]);
    check_root(
        json!({"type": "array", "items": {"type": "string"}}),
        &[r#"~.type: Invalid value: "array": must be object at the root"#],
    );
    check_root(
        json!({"type": "object", "nullable": true}),
        &["~.nullable: Forbidden: nullable cannot be true at the root"],
    );
    check_root(
        json!({"type": "object", "additionalProperties": {"type": "string"}}),
        &["~.additionalProperties: Forbidden: must not be used at the root"],
    );
    check_field(json!({}), &["f.type: Required value: must not be empty for specified object fields"]);
    check_field(json!({"type": "array"}), &["f.items: Required value: must be specified"]);
    check_field(
        json!({"type": "array", "items": {}}),
        &["f.items.type: Required value: must not be empty for specified array items"],
    );
    check_field(
        json!({"type": "string", "anyOf": [{"type": "string"}]}),
        &["f.anyOf[0].type: Forbidden: must be empty to be structural"],
    );
    check_field(
        json!({"type": "string", "not": {"description": "x", "default": 1}}),
        &[
            "f.not.default: Forbidden: must be undefined to be structural",
            "f.not.description: Forbidden: must be empty to be structural",
        ],
    );
    check_field(
        json!({"type": "object", "allOf": [{"required": ["a"], "properties": {"a": {"minimum": 1}}}]}),
        &["f.properties[a]: Required value: because it is defined in f.allOf[0].properties[a]"],
    );
    check_field(
        json!({"type": "string", "pattern": "("}),
        &[r#"f.pattern: Invalid value: "(": must be a valid regular expression, but isn't: unclosed group"#],
    );
    check_field(
        json!({"x-kubernetes-int-or-string": true, "x-kubernetes-preserve-unknown-fields": true}),
        &[
            "f.x-kubernetes-preserve-unknown-fields: Invalid value: true: must be false if x-kubernetes-int-or-string is true",
        ],
    );
    check_field(
        json!({"type": "object", "x-kubernetes-embedded-resource": true}),
        &[
            "f.properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without \
         x-kubernetes-preserve-unknown-fields",
        ],
    );
}

#[test]
fn metadata_at_the_root_may_restrict_names() {
    let root = |metadata: Value| json!({"type": "object", "properties": {"metadata": metadata}});
    check_root(
        root(json!({"type": "object", "properties": {"name": {"type": "string", "maxLength": 5}}})),
        &[],
    );
    check_root(root(json!({"type": "object"})), &[]);
    check_root(
        root(json!({"type": "object", "properties": {"labels": {"type": "object"}}})),
        &[
            "~.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is \
         implicitly specified",
        ],
    );
    check_root(
        root(json!({"type": "string"})),
        &[r#"~.properties[metadata].type: Invalid value: "string": must be object"#],
    );
    check_root(
        root(json!({"type": "object", "default": {}})),
        &["~.properties[metadata].default: Forbidden: must not be set in top-level metadata"],
    );
}

#[test]
fn what_openapi_has_and_definitions_have_not() {
    check_field(
        json!({"type": "text"}),
        &[
            r#"f.type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string""#,
        ],
    );
    check_field(json!({"type": "string", "$ref": "#/x"}), &["f.$ref: Forbidden: $ref is not supported"]);
    check_field(
        json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true}),
        &[
            "f.uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
        ],
    );
    check_field(
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}}),
        &["f.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"],
    );
    check_field(
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": false}),
        &["f.x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined"],
    );
    check_field(
        json!({"type": "array", "items": [{"type": "string"}]}),
        &["f.items: Forbidden: items must be a schema object and not an array"],
    );
}

#[test]
fn list_types_ask_for_their_items() {
    let list = |kind: &str, keys: Value, items: Value| json!({"type": "array", "x-kubernetes-list-type": kind, "x-kubernetes-list-map-keys": keys, "items": items});
    let item = |more: Value| {
        let mut item = json!({"type": "object", "properties": {"k": {"type": "string"}}});
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        item
    };
    check_field(
        list("map", json!([]), item(json!({"required": ["k"]}))),
        &["f.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map"],
    );
    check_field(
        list("map", json!(["k"]), item(json!({}))),
        &[
            "f.items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have \
         a default or be a required property",
        ],
    );
    check_field(
        list("map", json!(["x"]), item(json!({}))),
        &[
            r#"f.x-kubernetes-list-map-keys: Invalid value: ["x"]: entries must all be names of item properties"#,
        ],
    );
    check_field(
        list("map", json!(["k"]), json!({"type": "string"})),
        &[
            r#"f.items.type: Invalid value: "string": must be object if parent array's x-kubernetes-list-type is map"#,
        ],
    );
    check_field(
        list("heap", json!([]), json!({"type": "string"})),
        &[r#"f.x-kubernetes-list-type: Unsupported value: "heap": supported values: "atomic", "map", "set""#],
    );
    check_field(
        list("set", json!(["k"]), json!({"type": "string"})),
        &[
            r#"f.x-kubernetes-list-type: Invalid value: "set": must be map if x-kubernetes-list-map-keys is non-empty"#,
        ],
    );
}

#[test]
fn defaults_must_be_valid() {
    check_field(
        json!({"type": "integer", "default": "x"}),
        &[r#"f.default: Invalid value: "string": f.default in body must be of type integer: "string""#]
            .map(|it| it.replace("f.default in body", " in body"))
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    );
    check_field(
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "default": {"b": 1}}),
        &[r#"f.default: Invalid value: {"b":1}: must not have unknown fields"#],
    );
    check_field(
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "default": {}}),
        &["f.default.a: Required value"],
    );
}

#[test]
fn rules_are_compiled() {
    let object = |rule: Value| {
        let fields =
            json!({"size": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}});
        json!({"type": "object", "properties": fields, "x-kubernetes-validations": [rule]})
    };
    check_field(object(json!({"rule": "self.size > 1", "message": "m", "fieldPath": ".size"})), &[]);
    check_field(
        object(json!({"rule": " "})),
        &["f.x-kubernetes-validations[0].rule: Required value: rule is not specified"],
    );
    check_field(
        object(json!({"rule": "self.size"})),
        &[
            r#"f.x-kubernetes-validations[0].rule: Invalid value: {"rule":"self.size"}: cel expression must evaluate to a bool"#,
        ],
    );
    check_field(
        object(json!({"rule": "self.size > 1", "messageExpression": "1"})),
        &["f.x-kubernetes-validations[0].messageExpression: Invalid value: \
         {\"messageExpression\":\"1\",\"rule\":\"self.size > 1\"}: messageExpression must evaluate to a string"],
    );
    check_field(
        object(json!({"rule": "self.size > 1", "reason": "Because"})),
        &[
            "f.x-kubernetes-validations[0].reason: Unsupported value: \"Because\": supported values: \"FieldValueDuplicate\", \
         \"FieldValueForbidden\", \"FieldValueInvalid\", \"FieldValueRequired\"",
        ],
    );
    check_field(
        object(json!({"rule": "self.size > 1", "fieldPath": ".nope"})),
        &[
            r#"f.x-kubernetes-validations[0].fieldPath: Invalid value: ".nope": fieldPath must be a valid path"#,
        ],
    );
    check_field(
        object(json!({"rule": "self.size > 1", "optionalOldSelf": true})),
        &[
            "f.x-kubernetes-validations[0].optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule",
        ],
    );
    let errors =
        found(json!({"type": "object", "properties": {"f": object(json!({"rule": "self.nope > 1"}))}}));
    assert!(errors[0].contains("x-kubernetes-validations[0].rule: Invalid value"), "{errors:?}");
    assert!(
        errors[0].contains("compilation failed: ERROR: <input>:1:5: undefined field 'nope'"),
        "{errors:?}"
    );
}

#[test]
fn expensive_rules_are_refused() {
    let rule = json!({"rule": "self.all(x, self.all(y, x.contains(y)))"});
    let list = json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-validations": [rule]});
    let errors = found(json!({"type": "object", "properties": {"f": list}}));
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(
        errors[0].contains("Forbidden: estimated rule cost exceeds budget by factor of more than 100x"),
        "{errors:?}"
    );
    assert!(
        errors[2].starts_with("~: Forbidden: x-kubernetes-validations estimated rule cost total"),
        "{errors:?}"
    );
}

#[test]
fn old_values_of_items_are_unknown() {
    let rule = json!([{"rule": "self == oldSelf"}]);
    let item = json!({"type": "string", "maxLength": 5, "x-kubernetes-validations": rule});
    check_field(
        json!({"type": "array", "maxItems": 5, "items": item}),
        &[
            "f.items.x-kubernetes-validations[0].rule: Invalid value: \"self == oldSelf\": oldSelf cannot be used on the \
         uncorrelatable portion of the schema within f",
        ],
    );
}

#[test]
fn hostile_schemas_are_refused() {
    let mut schema = JsonSchema::default();
    for _ in 0..10_000 {
        schema = JsonSchema {
            type_: Some("object".to_owned()),
            properties: Some([("a".to_owned(), schema)].into()),
            ..JsonSchema::default()
        };
    }
    let path = api::field::Path::new("root");
    let errors = std::thread::Builder::new().stack_size(64 << 20).spawn(move || {
        let errors = super::check_schema(&schema, &path, false);
        (errors.len(), errors[0].detail.clone())
    });
    let (count, detail) = errors.expect("the thread starts").join().expect("it does not overflow");
    assert_eq!((count, detail.as_str()), (1, "schemas must not be nested deeper than 100"));
    check_field(
        json!({"type": "string", "pattern": "((a{1000}){1000}){1000}"}),
        &[
            "f.pattern: Invalid value: \"((a{1000}){1000}){1000}\": must be a valid regular expression, but isn't: expression \
         compiles to a too large program",
        ],
    );
}

use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps as JsonSchema;
