use crate::{ListType, Old, Shape, Structural};
use proptest::prelude::*;
use serde_json::{Value, json};

fn compile(schema: Value) -> Structural {
    Structural::compile(&serde_json::from_value(schema).expect("it is a schema")).expect("it compiles")
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

fn check_prune(schema: Value, given: Value, expect: Value, removed: &[&str]) {
    let mut value = given.clone();
    assert_eq!(compile(schema.clone()).prune(&mut value), removed, "{given} by {schema}");
    assert_eq!(value, expect, "{given} by {schema}");
}

#[test]
fn unknown_fields_are_pruned() {
    let spec = object(json!({"spec": object(json!({"a": {"type": "string"}}))}));
    check_prune(
        spec.clone(),
        json!({"apiVersion": "v", "kind": "K", "metadata": {"name": "n", "x": 1}, "spec": {"a": "b", "c": {"d": 1}}, "y": 1}),
        json!({"apiVersion": "v", "kind": "K", "metadata": {"name": "n", "x": 1}, "spec": {"a": "b"}}),
        &["spec.c", "y"],
    );
    check_prune(spec, json!({"spec": "text"}), json!({"spec": "text"}), &[]);
    let list = object(json!({"list": {"type": "array", "items": object(json!({"a": {"type": "string"}}))}}));
    check_prune(list, json!({"list": [{"a": "1", "b": 2}]}), json!({"list": [{"a": "1"}]}), &["list[0].b"]);
    let map = object(
        json!({"map": {"type": "object", "additionalProperties": object(json!({"a": {"type": "string"}}))}}),
    );
    check_prune(
        map,
        json!({"map": {"k": {"a": "1", "b": 2}}}),
        json!({"map": {"k": {"a": "1"}}}),
        &["map.k.b"],
    );
}

#[test]
fn unknown_fields_stay_where_the_schema_says_so() {
    let preserve = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true,
        "properties": {"known": object(json!({"a": {"type": "string"}}))}});
    check_prune(
        object(json!({"free": preserve})),
        json!({"free": {"any": {"x": [1, null]}, "known": {"a": "1", "b": 2}}}),
        json!({"free": {"any": {"x": [1, null]}, "known": {"a": "1"}}}),
        &["free.known.b"],
    );
    let embedded = json!({"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"spec": {"type": "object"}}});
    check_prune(
        object(json!({"template": embedded})),
        json!({"template": {"kind": "Pod", "metadata": {"labels": {"a": "b"}}, "spec": {"x": 1}, "other": 1}}),
        json!({"template": {"kind": "Pod", "metadata": {"labels": {"a": "b"}}, "spec": {}}}),
        &["template.other", "template.spec.x"],
    );
}

#[test]
fn defaults_are_filled_in() {
    let check = |properties: Value, given: Value, expect: Value| {
        let mut value = given.clone();
        compile(object(properties.clone())).apply_defaults(&mut value);
        assert_eq!(value, expect, "{given} by {properties}");
    };
    let size = json!({"type": "integer", "default": 3});
    check(json!({"size": size}), json!({}), json!({"size": 3}));
    check(json!({"size": size}), json!({"size": 1}), json!({"size": 1}));
    check(json!({"size": size}), json!({"size": null}), json!({"size": 3}));
    check(
        json!({"size": {"type": "integer", "default": 3, "nullable": true}}),
        json!({"size": null}),
        json!({"size": null}),
    );
    check(json!({"size": {"type": "integer"}}), json!({"size": null}), json!({}));
    let mut inner = object(json!({"size": size}));
    check(json!({"inner": inner}), json!({}), json!({}));
    inner["default"] = json!({});
    check(json!({"inner": inner}), json!({}), json!({"inner": {"size": 3}}));
    check(
        json!({"list": {"type": "array", "items": inner}}),
        json!({"list": [{}, null]}),
        json!({"list": [{"size": 3}, {"size": 3}]}),
    );
    let map = json!({"map": {"type": "object", "additionalProperties": inner}});
    check(map, json!({"map": {"k": null, "l": {}}}), json!({"map": {"k": {"size": 3}, "l": {"size": 3}}}));
}

fn errors(schema: &Structural, new: &Value, old: Option<&Value>) -> Vec<String> {
    let old = old.map_or_else(Old::none, Old::object);
    schema.validate(new, old, crate::cel::OBJECT_BUDGET).errors.iter().map(ToString::to_string).collect()
}

/// The errors of `spec.x` by a schema.
fn check_field(field: Value, value: Value, expect: &[&str]) {
    let schema = compile(object(json!({"spec": object(json!({"x": field}))})));
    assert_eq!(errors(&schema, &json!({"spec": {"x": value}}), None), expect, "{value} by {field}");
}

#[test]
fn values_are_validated_in_upstreams_words() {
    check_field(
        json!({"type": "integer"}),
        json!("x"),
        &[r#"spec.x: Invalid value: "string": spec.x in body must be of type integer: "string""#],
    );
    check_field(json!({"type": "integer"}), json!(1.0), &[]);
    check_field(
        json!({"type": "integer"}),
        json!(1e30),
        &[r#"spec.x: Invalid value: "number": spec.x in body must be of type integer: "number""#],
    );
    check_field(
        json!({"type": "string"}),
        json!(null),
        &[r#"spec.x: Invalid value: "null": spec.x in body must be of type string: "null""#],
    );
    check_field(json!({"type": "string", "nullable": true}), json!(null), &[]);
    check_field(
        json!({"type": "integer", "minimum": 3}),
        json!(2),
        &["spec.x: Invalid value: 2: spec.x in body should be greater than or equal to 3"],
    );
    check_field(
        json!({"type": "integer", "maximum": 3, "exclusiveMaximum": true}),
        json!(3),
        &["spec.x: Invalid value: 3: spec.x in body should be less than 3"],
    );
    check_field(
        json!({"type": "number", "multipleOf": 2}),
        json!(3),
        &["spec.x: Invalid value: 3: spec.x in body should be a multiple of 2"],
    );
}

#[test]
fn texts_are_validated_in_upstreams_words() {
    check_field(
        json!({"type": "string", "enum": ["b", "a"]}),
        json!("c"),
        &[r#"spec.x: Unsupported value: "c": supported values: "b", "a""#],
    );
    check_field(
        json!({"type": "string", "pattern": "^a+$"}),
        json!("b"),
        &[r#"spec.x: Invalid value: "b": spec.x in body should match '^a+$'"#],
    );
    check_field(
        json!({"type": "string", "minLength": 2}),
        json!("a"),
        &[r#"spec.x: Invalid value: "a": spec.x in body should be at least 2 chars long"#],
    );
    check_field(
        json!({"type": "string", "maxLength": 2}),
        json!("abc"),
        &["spec.x: Too long: may not be more than 2 bytes"],
    );
    check_field(
        json!({"type": "string", "format": "date-time"}),
        json!("yesterday"),
        &[r#"spec.x: Invalid value: "yesterday": spec.x in body must be of type date-time: "yesterday""#],
    );
    check_field(
        json!({"x-kubernetes-int-or-string": true}),
        json!(1.5),
        &[r#"spec.x: Invalid value: "number": spec.x in body must be of type integer,string: "number""#],
    );
    check_field(
        json!({"type": "string", "not": {"enum": ["a"]}}),
        json!("a"),
        &[r#"<nil>: Invalid value: "": "spec.x" must not validate the schema (not)"#],
    );
}

#[test]
fn lists_and_objects_are_validated() {
    check_field(
        json!({"type": "array", "items": {"type": "string"}}),
        json!(["a", 1]),
        &[r#"spec.x[1]: Invalid value: "integer": spec.x[1] in body must be of type string: "integer""#],
    );
    check_field(
        json!({"type": "array", "maxItems": 1, "items": {"type": "string"}}),
        json!(["a", "b"]),
        &["spec.x: Too many: 2: must have at most 1 items"],
    );
    check_field(
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}),
        json!({}),
        &["spec.x.a: Required value"],
    );
    check_field(
        json!({"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}),
        json!({}),
        &["spec.x: Invalid value: 0: spec.x in body should have at least 1 properties"],
    );
    check_field(
        json!({"type": "object", "additionalProperties": {"type": "integer"}}),
        json!({"k": "v"}),
        &[r#"spec.x.k: Invalid value: "string": spec.x.k in body must be of type integer: "string""#],
    );
    check_field(
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
               "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}),
        json!({"a": "1", "b": "2"}),
        &[
            r#"<nil>: Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found 2 valid alternatives"#,
        ],
    );
    let set = json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}});
    check_field(set, json!(["a", "b", "a"]), &[r#"spec.x[2]: Duplicate value: "a""#]);
    let map = json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
        "items": {"type": "object", "required": ["k"], "properties": {"k": {"type": "string"}}}});
    check_field(map, json!([{"k": "a"}, {"k": "a"}]), &[r#"spec.x[1]: Duplicate value: {"k":"a"}"#]);
}

#[test]
fn embedded_resources_say_what_they_are() {
    let embedded = json!({"type": "object", "x-kubernetes-embedded-resource": true,
        "x-kubernetes-preserve-unknown-fields": true});
    check_field(embedded.clone(), json!({"apiVersion": "v1", "kind": "Pod"}), &[]);
    check_field(
        embedded.clone(),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "A", "labels": {"a": "b c"}}}),
        &[
            r#"spec.x.metadata.labels: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"#,
            r#"spec.x.metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#,
        ],
    );
    check_field(
        embedded,
        json!({"apiVersion": ""}),
        &[
            r#"spec.x.apiVersion: Invalid value: "": must not be empty"#,
            "spec.x.kind: Required value: must not be empty",
        ],
    );
}

#[test]
fn schemas_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Structural>();
    shared::<crate::cel::Program>();
    shared::<crate::columns::Column>();
}

fn with_rule(mut schema: Value, rule: Value) -> Value {
    schema["x-kubernetes-validations"] = json!([rule]);
    schema
}

#[test]
fn rules_are_run() {
    let range = object(json!({"low": {"type": "integer"}, "high": {"type": "integer"}}));
    let rule = |rule: Value| with_rule(range.clone(), rule);
    let (good, bad) = (json!({"low": 1, "high": 2}), json!({"low": 3, "high": 2}));
    let plain = json!({"rule": "self.low <= self.high"});
    check_field(rule(plain.clone()), good, &[]);
    check_field(
        rule(plain),
        bad.clone(),
        &[r#"spec.x: Invalid value: "object": failed rule: self.low <= self.high"#],
    );
    check_field(
        rule(
            json!({"rule": "self.low <= self.high", "message": "m", "messageExpression": "'low is ' + string(self.low)",
                    "reason": "FieldValueForbidden", "fieldPath": ".low"}),
        ),
        bad,
        &["spec.x.low: Forbidden: low is 3"],
    );
    check_field(
        rule(json!({"rule": "self.low > 0"})),
        json!({"high": 1}),
        &[r#"spec.x: Invalid value: "object": no such key: low evaluating rule: self.low > 0"#],
    );
    let text = with_rule(
        json!({"type": "string", "maxLength": 5}),
        json!({"rule": "self == 'a'", "message": "must be a"}),
    );
    check_field(text.clone(), json!("b"), &[r#"spec.x: Invalid value: "b": must be a"#]);
    check_field(
        json!({"type": "array", "items": text}),
        json!(["a", "b"]),
        &[r#"spec.x[1]: Invalid value: "b": must be a"#],
    );
    check_field(
        json!({"type": "object", "additionalProperties": text}),
        json!({"k": "b"}),
        &[r#"spec.x[k]: Invalid value: "b": must be a"#],
    );
    check_field(
        with_rule(range.clone(), json!({"rule": "self.low > 0"})),
        json!("no object"),
        &[
            r#"spec.x: Invalid value: "string": spec.x in body must be of type object: "string""#,
            "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the \
         existing errors to complete validation",
        ],
    );
}

#[test]
fn transition_rules_compare_with_the_old_value() {
    let fixed = with_rule(
        json!({"type": "string", "maxLength": 9}),
        json!({"rule": "self == oldSelf", "message": "is fixed"}),
    );
    let schema = compile(object(json!({"color": fixed, "size": {"type": "integer"}})));
    let (red, blue) = (json!({"color": "red", "size": 1}), json!({"color": "blue", "size": 1}));
    assert_eq!(errors(&schema, &red, None), [""; 0]);
    assert_eq!(errors(&schema, &json!({"color": "red", "size": 2}), Some(&red)), [""; 0]);
    assert_eq!(errors(&schema, &blue, Some(&red)), [r#"color: Invalid value: "blue": is fixed"#]);
    assert_eq!(errors(&schema, &blue, Some(&json!({"size": 1}))), [""; 0]);
    let optional = json!({"rule": "oldSelf.hasValue() || self == 'new'", "optionalOldSelf": true});
    let schema =
        compile(object(json!({"color": with_rule(json!({"type": "string", "maxLength": 9}), optional)})));
    assert_eq!(errors(&schema, &json!({"color": "new"}), None), [""; 0]);
    assert_eq!(errors(&schema, &red, None).len(), 1);
    assert_eq!(errors(&schema, &red, Some(&blue)), [""; 0]);
}

#[test]
fn items_of_maps_have_old_values() {
    let fixed =
        with_rule(json!({"type": "integer"}), json!({"rule": "self >= oldSelf", "message": "only up"}));
    let list = json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
        "items": {"type": "object", "required": ["k"], "properties": {"k": {"type": "string"}, "n": fixed}}});
    let schema = compile(object(json!({"list": list})));
    let old = json!({"list": [{"k": "a", "n": 5}, {"k": "b", "n": 1}]});
    let new = json!({"list": [{"k": "b", "n": 2}, {"k": "a", "n": 4}, {"k": "c", "n": 0}]});
    assert_eq!(errors(&schema, &new, Some(&old)), ["list[1].n: Invalid value: 4: only up"]);
}

#[test]
fn what_did_not_change_is_not_held_against_an_update() {
    let size = with_rule(
        json!({"type": "integer", "maximum": 5}),
        json!({"rule": "self < 3", "message": "too large"}),
    );
    let schema = compile(object(json!({"size": size, "other": {"type": "string"}})));
    let old = json!({"size": 9, "other": "a"});
    assert_eq!(errors(&schema, &json!({"size": 9, "other": "b"}), Some(&old)), [""; 0]);
    assert_eq!(errors(&schema, &json!({"size": 8, "other": "b"}), Some(&old)).len(), 2);
    let findings =
        schema.validate(&json!({"size": 9, "other": "b"}), Old::object(&old), crate::cel::OBJECT_BUDGET);
    assert_eq!(findings.warnings, ["size: Invalid value: 9: too large"]);
}

#[test]
fn rules_have_one_budget() {
    let rule = json!({"rule": "self.all(a, self.all(b, a + b >= 0))"});
    let schema = compile(object(
        json!({"list": with_rule(json!({"type": "array", "items": {"type": "integer"}}), rule)}),
    ));
    let list: Vec<i64> = (0..5000).collect();
    let found = errors(&schema, &json!({"list": list}), None);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("actual cost limit exceeded"), "{found:?}");
}

#[test]
fn sets_are_equal_in_any_order() {
    let set = json!({"type": "array", "x-kubernetes-list-type": "set", "maxItems": 9, "items": {"type": "string", "maxLength": 9}});
    let schema = compile(object(
        json!({"set": with_rule(set, json!({"rule": "self == oldSelf", "message": "changed"}))}),
    ));
    let old = json!({"set": ["a", "b"]});
    assert_eq!(errors(&schema, &json!({"set": ["b", "a"]}), Some(&old)), [""; 0]);
    assert_eq!(errors(&schema, &json!({"set": ["b", "c"]}), Some(&old)).len(), 1);
}

#[test]
fn the_schema_can_be_walked() {
    let list = json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
        "items": object(json!({"port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"}}))});
    let schema = compile(object(json!({
        "list": list, "map": {"type": "object", "additionalProperties": {"type": "string"}},
        "atomic": {"type": "object", "x-kubernetes-map-type": "atomic"}, "port": {"x-kubernetes-int-or-string": true},
    })));
    let list = schema.child("list").expect("it is there");
    assert_eq!((list.shape(), list.list_type(), list.is_atomic()), (Shape::List, ListType::Map, false));
    assert_eq!(list.map_keys().collect::<Vec<_>>(), [("port", None), ("protocol", Some(&json!("TCP")))]);
    assert_eq!(
        schema.child("map").and_then(|it| it.child("anything")).map(Structural::shape),
        Some(Shape::Scalar)
    );
    assert!(schema.child("atomic").is_some_and(Structural::is_atomic));
    assert_eq!(schema.child("port").map(Structural::shape), Some(Shape::Scalar));
    assert!(schema.child("nope").is_none());
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-9..9i64).prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let fields = prop::collection::btree_map("[a-d]", inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            fields.prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

fn any_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string"})),
        Just(json!({"type": "string", "default": "a"})),
        Just(json!({"type": "integer", "default": 1, "nullable": true})),
        Just(json!({"type": "integer", "minimum": 0})),
        Just(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})),
        Just(json!({"x-kubernetes-int-or-string": true})),
    ];
    leaf.prop_recursive(3, 24, 3, |inner| {
        let fields = prop::collection::btree_map("[a-d]", inner.clone(), 0..4);
        prop_oneof![
            inner.clone().prop_map(|it| json!({"type": "array", "items": it})),
            inner.prop_map(|it| json!({"type": "object", "additionalProperties": it})),
            fields.clone().prop_map(|it| json!({"type": "object", "properties": it})),
            fields.prop_map(|it| json!({"type": "object", "properties": it, "default": {}})),
        ]
    })
}

proptest! {
    #[test]
    fn pruning_is_idempotent(schema in any_schema(), mut value in any_value()) {
        let schema = compile(object(json!({"a": schema})));
        schema.prune(&mut value);
        let once = value.clone();
        prop_assert!(schema.prune(&mut value).is_empty());
        prop_assert_eq!(once, value);
    }

    #[test]
    fn defaulting_is_idempotent(schema in any_schema(), mut value in any_value()) {
        let schema = compile(object(json!({"a": schema})));
        schema.apply_defaults(&mut value);
        let once = value.clone();
        schema.apply_defaults(&mut value);
        prop_assert_eq!(once, value);
    }

    #[test]
    fn a_valid_value_stays_valid_when_defaulted(schema in any_schema(), mut value in any_value()) {
        let schema = compile(object(json!({"a": schema})));
        prop_assume!(errors(&schema, &value, None).is_empty());
        schema.apply_defaults(&mut value);
        prop_assert_eq!(errors(&schema, &value, None), Vec::<String>::new());
    }

    #[test]
    fn no_expression_panics(source in "[a-z0-9 .()\\[\\]{}?:!&|<>=+*/%'\"-]{0,40}") {
        if let Ok(program) = crate::cel::Program::compile(&source, &["a"]) {
            let _ = program.evaluate(&[("a", &json!({"b": [1, "x"]}))], 10_000);
        }
    }

    #[test]
    fn no_path_or_pattern_panics(source in "[a-z0-9.()\\[\\]{}?@*:|'\"\\\\-]{0,40}") {
        if let Ok(path) = crate::JsonPath::parse(&source) {
            path.find(&json!({"a": [{"b": 1}, 2]}));
        }
        let _ = crate::Pattern::compile(&source).map(|it| it.is_match("abc"));
    }

    #[test]
    fn no_schema_and_no_value_panics(schema in any_props(), old in any_value(), mut value in any_value()) {
        let props = serde_json::from_value(schema.clone());
        prop_assume!(props.is_ok());
        let definition = json!({"metadata": {}, "spec": {"group": "g", "names": {"kind": "K", "plural": "k"}, "scope": "Cluster",
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]}});
        crate::check(&serde_json::from_value(definition).expect("it is a definition"));
        let Ok(schema) = Structural::compile(&props.expect("it is a schema")) else { return Ok(()) };
        errors(&schema, &value, Some(&old));
        schema.apply_defaults(&mut value);
        let once = value.clone();
        schema.apply_defaults(&mut value);
        prop_assert_eq!(&once, &value);
        schema.prune(&mut value);
        let once = value.clone();
        prop_assert!(schema.prune(&mut value).is_empty());
        prop_assert_eq!(&once, &value);
        prop_assert_eq!(errors(&schema, &value, None), errors(&schema, &once, None));
    }
}

/// Schemas with all that a schema can say, most of them not structural.
fn any_props() -> impl Strategy<Value = Value> {
    let kind =
        prop::sample::select(vec!["object", "object", "array", "string", "integer", "number", "boolean", ""]);
    let said = prop::sample::subsequence(sayings(), 0..4);
    let plain = (kind, said).prop_map(|(kind, said)| {
        let mut schema = json!({"type": kind});
        for part in said {
            schema.as_object_mut().expect("an object").extend(part.as_object().expect("an object").clone());
        }
        schema
    });
    plain.clone().prop_recursive(3, 12, 3, move |inner| {
        let word = prop::sample::select(vec![
            "items",
            "additionalProperties",
            "not",
            "allOf",
            "anyOf",
            "oneOf",
            "properties",
            "properties",
        ]);
        (plain.clone(), word, prop::collection::btree_map("[a-d]", inner, 1..4)).prop_map(
            |(mut schema, word, below)| {
                schema[word] = match word {
                    "properties" => json!(below),
                    "allOf" | "anyOf" | "oneOf" => below.into_values().collect(),
                    _ => below.into_values().next().expect("one at least"),
                };
                schema
            },
        )
    })
}

/// What a schema may say beside its type.
fn sayings() -> Vec<Value> {
    vec![
        json!({"multipleOf": 0}),
        json!({"multipleOf": 0.5}),
        json!({"multipleOf": -1e300}),
        json!({"minimum": 1, "exclusiveMinimum": true}),
        json!({"maximum": -1e308}),
        json!({"pattern": "^[a-b]+$"}),
        json!({"pattern": "("}),
        json!({"format": "date-time"}),
        json!({"format": "int32"}),
        json!({"format": "byte"}),
        json!({"minLength": -1, "maxLength": 1}),
        json!({"maxItems": 0}),
        json!({"uniqueItems": true}),
        json!({"minProperties": 2}),
        json!({"required": ["a", "z"]}),
        json!({"enum": ["a", 1, null]}),
        json!({"nullable": true}),
        json!({"default": {"a": [null]}}),
        json!({"default": null}),
        json!({"default": "a"}),
        json!({"x-kubernetes-preserve-unknown-fields": true}),
        json!({"x-kubernetes-embedded-resource": true}),
        json!({"x-kubernetes-int-or-string": true}),
        json!({"x-kubernetes-list-type": "set"}),
        json!({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a", "b"]}),
        json!({"x-kubernetes-map-type": "atomic"}),
        json!({"x-kubernetes-validations": [{"rule": "self == oldSelf", "messageExpression": "string(self)"}]}),
        json!({"x-kubernetes-validations": [{"rule": "has(self.a) && self.a > 1", "fieldPath": ".a"}]}),
        json!({"x-kubernetes-validations": [{"rule": "self.all(x, x == 1)", "optionalOldSelf": true}]}),
    ]
}
