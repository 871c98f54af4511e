use super::types::Type;
use super::{Answer, Authority, CALL_BUDGET, EvalError, OBJECT_BUDGET, Program, Question};
use crate::Structural;
use serde_json::{Value, json};

/// The value of an expression over `object`, or the error's text.
fn value(expression: &str, object: &Value) -> Result<Value, String> {
    let program = Program::compile(expression, &["object", "oldObject"]).map_err(|it| it.to_string())?;
    let bindings = [("object", object), ("oldObject", &Value::Null)];
    program.evaluate(&bindings, CALL_BUDGET).map_err(|it| it.to_string())
}

fn check(expression: &str, expect: Value) {
    let object = json!({
        "a": 1, "f": 1.5, "s": "text", "list": [3, 1, 2], "names": ["ab", "ac"], "map": {"k": "v", "l": "w"},
        "items": [{"n": 1}, {"n": 2}, {}], "null": null, "foo-bar": 7,
    });
    assert_eq!(value(expression, &object), Ok(expect), "{expression}");
}

#[test]
fn operators_and_literals() {
    check("1 + 2 * 3", json!(7));
    check("(1 + 2) * 3 - -1", json!(10));
    check("7 / 2 == 3 && 7 % 2 == 1", json!(true));
    check("1.5 + 0.5", json!(2.0));
    check("-object.a", json!(-1));
    check("!true || false", json!(false));
    check("object.a == 1.0 && object.f > 1", json!(true));
    check("'a' + \"b\" + r'\\n' + '''c''' + '\\u0041\\x41\\101'", json!("ab\\ncAAA"));
    check("b'abc' == bytes('abc')", json!(true));
    check("object.a > 0 ? 'yes' : 'no'", json!("yes"));
    check("2 in object.list && 'k' in object.map && !('x' in object.map)", json!(true));
    check("[1, 2] + [3]", json!([1, 2, 3]));
    check("{'a': 1}['a']", json!(1));
    check("object['foo-bar'] + object.`foo-bar`", json!(14));
    check("0x10 + 1 // a comment", json!(17));
    check("type(object.a) == int && type('') == string", json!(true));
    check("object['null'] == null", json!(true));
    check("1u + 2u == 3u", json!(true));
}

#[test]
fn macros() {
    check("object.list.all(i, i > 0)", json!(true));
    check("object.list.exists(i, i == 2)", json!(true));
    check("object.list.exists_one(i, i > 2)", json!(true));
    check("object.list.filter(i, i > 1)", json!([3, 2]));
    check("object.list.map(i, i * 2)", json!([6, 2, 4]));
    check("object.list.map(i, i > 1, i * 2)", json!([6, 4]));
    check("object.map.all(k, object.map[k] != k)", json!(true));
    check("object.list.all(i, v, v != i)", json!(false));
    check("object.map.transformMap(k, v, k + v)", json!({"k": "kv", "l": "lw"}));
    check("object.items.filter(i, has(i.n)).map(i, i.n)", json!([1, 2]));
    check("has(object.a) && !has(object.zzz)", json!(true));
    check("object.items.exists(i, i.n == 2)", json!(true));
}

#[test]
fn optional_values() {
    check("object.?a.orValue(5) + object.?zzz.orValue(5)", json!(6));
    check("object.?zzz.?deeper.hasValue()", json!(false));
    check("optional.of(1).optMap(x, x + 1).value()", json!(2));
    check("[?object.?zzz, 1]", json!([1]));
    check("object.list[?9].orValue(0)", json!(0));
    check("optional.none().hasValue()", json!(false));
}

#[test]
fn libraries() {
    check("object.s.size() + size(object.list) + size({'a': 1})", json!(8));
    check("'héllo'.charAt(1) + 'abc'.substring(1, 2)", json!("éb"));
    check("'a,b,c'.split(',')", json!(["a", "b", "c"]));
    check("['a', 'b'].join('-')", json!("a-b"));
    check("'aXbX'.replace('X', '.')", json!("a.b."));
    check("'AbC'.lowerAscii() + ' x '.trim()", json!("abcx"));
    check("'tacocat'.indexOf('c') + 'tacocat'.lastIndexOf('c')", json!(6));
    check("'abc'.matches('^[a-c]+$') && 'abc'.startsWith('ab') && 'abc'.contains('b')", json!(true));
    check("'a1b22'.findAll('[0-9]+')", json!(["1", "22"]));
    check("'%s is %d'.format(['x', 5])", json!("x is 5"));
    check(
        "[1, 2, 3].isSorted() && [1, 2, 3].sum() == 6 && [2, 1].min() == 1 && [2, 1].max() == 2",
        json!(true),
    );
    check("['a', 'b', 'a'].indexOf('a') + ['a', 'b', 'a'].lastIndexOf('a')", json!(2));
    check(
        "sets.contains([1, 2], [1]) && sets.intersects([1], [1, 2]) && sets.equivalent([1, 1], [1])",
        json!(true),
    );
    check("[3, 1, 2].sort()", json!([1, 2, 3]));
    check("duration('1h') > duration('59m') && duration('90s').getMinutes() == 1", json!(true));
    check("timestamp('2026-01-02T03:04:05Z').getFullYear()", json!(2026));
    check(
        "timestamp('2026-01-02T00:00:00Z') - timestamp('2026-01-01T00:00:00Z') == duration('24h')",
        json!(true),
    );
    check("quantity('2Gi').isGreaterThan(quantity('1Gi')) && !isQuantity('x')", json!(true));
    check("quantity('1500m').add(quantity('500m')).compareTo(quantity('2'))", json!(0));
    check("url('https://a.b:80/p?x=1').getHostname()", json!("a.b"));
    check("ip('10.0.0.1').family() == 4 && cidr('10.0.0.0/8').containsIP('10.1.2.3')", json!(true));
    check("semver('1.2.3-alpha').isLessThan(semver('1.2.3'))", json!(true));
    check("int('5') + int(2.9)", json!(7));
    check("string(5) + string(true) + string(1.5)", json!("5true1.5"));
}

#[test]
fn errors_at_run_time() {
    let check = |expression: &str, expect: &str| {
        assert_eq!(value(expression, &json!({"list": [1], "a": 1})), Err(expect.to_owned()), "{expression}");
    };
    check("object.nope", "no such key: nope");
    check("object.list[3]", "index out of bounds: 3");
    check("1 / (object.a - 1)", "division by zero");
    check("9223372036854775807 + object.a", "integer overflow");
    check("object.a + 'x' == ''", "no such overload");
    check("[].min()", "min called on empty list");
    check("object.a && true", "no such overload");
    check(
        "quantity('x').sign()",
        "quantities must match the regular expression \
           '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
}

#[test]
fn the_other_side_decides_over_an_error() {
    let object = json!({"a": 1});
    for (expression, expect) in [
        ("object.nope == 1 || true", true),
        ("true || object.nope == 1", true),
        ("object.nope == 1 && false", false),
        ("[1, 2].exists(i, i == 2 || object.nope == 1)", true),
    ] {
        assert_eq!(value(expression, &object), Ok(json!(expect)), "{expression}");
    }
    assert!(value("object.nope == 1 || false", &object).is_err());
}

#[test]
fn what_does_not_compile() {
    let check = |expression: &str, expect: &str| {
        let error = Program::compile(expression, &["object"]).expect_err(expression).to_string();
        assert!(error.contains(expect), "{expression}: {error}");
    };
    check("", "Syntax error: mismatched input '<EOF>'");
    check("1 +", "mismatched input '<EOF>'");
    check("nope", "undeclared reference to 'nope'");
    check("1 + 'a'", "found no matching overload for '_+_' applied to '(int, string)'");
    check("nofunction(1)", "undeclared reference to 'nofunction'");
    check("'a'.size(1)", "found no matching overload for 'size'");
    check("object.x.matches('(')", "invalid matches argument");
    check("'unterminated", "unterminated string literal");
    check("for", "reserved identifier: for");
    check("1 ? 2 : 3", "found no matching overload for '_?_:_'");
    check("object.all(1, true)", "argument must be a simple name");
    check("has(object)", "invalid argument to has() macro");
    check("99999999999999999999", "invalid int literal");
    check("a #", "token recognition error");
    let error = Program::compile("1 +\n nope", &[]).expect_err("it reads what is not there");
    assert_eq!(
        error.to_string(),
        "ERROR: <input>:2:2: undeclared reference to 'nope' (in container '')\n |  nope\n | .^"
    );
}

#[test]
fn hostile_expressions_end() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
    for expression in [
        deep("(", ")"),
        deep("[", "]"),
        deep("!", ""),
        deep("-", ""),
        deep("{1:", "}"),
        "1+".repeat(40_000) + "1",
        "x.".repeat(40_000) + "x",
        "a ? b : ".repeat(5_000) + "c",
        "a".repeat(200_000),
    ] {
        // Signs alone are no nesting; everything else is refused.
        let result = Program::compile(&expression, &[]);
        assert!(result.is_err() || expression.starts_with(['!', '-']), "{}", &expression[..20]);
    }
    let nested = format!("{}1{}", "[".repeat(90), "]".repeat(90));
    let program = Program::compile(&nested, &[]).expect("it is not too deep");
    assert!(program.evaluate(&[], CALL_BUDGET).is_ok());
    let many = vec!["true"; 10_000].join(" && ");
    assert!(Program::compile(&many, &[]).is_ok());
}

#[test]
fn hostile_evaluations_end() {
    let list: Vec<i64> = (0..1000).collect();
    let object = json!({"list": list, "s": "a".repeat(100_000), "p": "(a*)*b"});
    for expression in [
        "object.list.all(a, object.list.all(b, object.list.all(c, a + b + c >= 0)))",
        "object.list.map(a, object.list.map(b, object.list)).size() > 0",
        "object.s.replace('a', object.s).size() > 0",
        "object.list.map(i, object.s + object.s).size() > 0",
        "object.list.all(i, ('a' + string(i)).matches('(' + string(i) + ')*'))",
        "lists.range(2000000000).size() > 0",
        "object.list.map(i, object.s.split('')).size() > 0",
        "object.list.exists(i, object.list == object.list && i < 0)",
        &format!("[object.list]{}", ".map(a, [a, a])".repeat(30)),
        &format!("'%s'.format([[object.list]{}])", ".map(a, [a, a])".repeat(30)),
    ] {
        let program = Program::compile(expression, &["object"]).expect(expression);
        let result = program.evaluate(&[("object", &object)], CALL_BUDGET);
        assert_eq!(result, Err(EvalError::Budget), "{expression}");
    }
}

#[test]
fn types_and_costs_come_from_the_schema() {
    let schema = json!({"type": "object", "required": ["n"], "properties": {
        "n": {"type": "integer"}, "s": {"type": "string", "maxLength": 10}, "open": {"type": "string"},
        "few": {"type": "array", "maxItems": 5, "items": {"type": "string", "maxLength": 5}},
        "many": {"type": "array", "items": {"type": "string"}},
        "either": {"x-kubernetes-int-or-string": true}, "foo-bar": {"type": "boolean"},
        "at": {"type": "string", "format": "date-time"}, "map": {"type": "object", "additionalProperties": {"type": "integer"}},
    }});
    let schema =
        Structural::compile(&serde_json::from_value(schema).expect("it is a schema")).expect("it compiles");
    let own = Type::of(&schema, true).expect("it has a type");
    let cost = |expression: &str| {
        Program::typed(expression, &[("self", own.clone())]).map(|it| it.1.cost).map_err(|it| it.to_string())
    };
    let refused = |expression: &str, expect: &str| {
        let error = cost(expression).expect_err(expression);
        assert!(error.contains(expect), "{expression}: {error}");
    };
    refused("self.nope > 1", "undefined field 'nope'");
    refused("self.n == 'a'", "found no matching overload for '_==_' applied to '(int, string)'");
    refused(
        "self.n.startsWith('a')",
        "found no matching overload for 'startsWith' applied to '(int, string)'",
    );
    refused("has(self.nope)", "undefined field 'nope'");
    refused("self.metadata.labels.size() > 0", "undefined field 'labels'");
    refused("self.n.all(x, true)", "cannot be range of a comprehension");
    for good in [
        "self.foo__dash__bar && self.metadata.name == 'x' && self.kind == 'K'",
        "self.at > timestamp('2026-01-01T00:00:00Z')",
        "self.either == 1 || self.either == 'a'",
        "self.map.all(k, self.map[k] > 1)",
        "self.few.all(x, x in self.few)",
    ] {
        assert!(cost(good).expect(good) < super::ESTIMATE_LIMIT, "{good}");
    }
    let expensive = "self.many.all(x, self.many.all(y, x.contains(y)))";
    assert!(cost(expensive).expect(expensive) > super::ESTIMATE_LIMIT);
}

/// Allows `get`, and everything to the service account `ns/robot`.
struct Rights;

impl Authority for Rights {
    fn decide(&self, question: &Question) -> Answer {
        let robot =
            question.service_account.as_ref().is_some_and(|(ns, name)| (&**ns, &**name) == ("ns", "robot"));
        Answer { allowed: robot || question.verb == "get", reason: format!("{question:?}") }
    }

    fn request_resource(&self) -> Question {
        Question { resource: "pods".to_owned(), namespace: "ns".to_owned(), ..Question::default() }
    }
}

#[track_caller]
fn check_rights(expression: &str, expect: serde_json::Value) {
    let program = Program::compile(expression, &["authorizer"]).unwrap();
    let (value, cost) = program.evaluate_counted(&[], Some(&Rights), OBJECT_BUDGET);
    assert_eq!(value.unwrap(), expect, "{expression}");
    assert!(cost > 350_000, "{expression} costs {cost}");
}

#[test]
fn rights_are_asked_for_piece_by_piece() {
    use serde_json::json;
    check_rights("authorizer.path('/healthz').check('get').allowed()", json!(true));
    check_rights("authorizer.path('/healthz').check('put').allowed()", json!(false));
    check_rights(
        "authorizer.serviceAccount('ns', 'robot').group('apps').resource('x').check('put').allowed()",
        json!(true),
    );
    check_rights("authorizer.requestResource.check('put').errored()", json!(false));
    let all =
        "authorizer.group('a').resource('b').subresource('c').namespace('d').name('e').check('get').reason()";
    check_rights(
        &format!("['\"a\"', '\"b\"', '\"c\"', '\"d\"', '\"e\"'].all(it, {all}.contains(it))"),
        json!(true),
    );
    check_rights(
        "authorizer.requestResource.name('x').check('get').reason().contains('\"pods\"')",
        json!(true),
    );
}

#[test]
fn questions_about_rights_have_types() {
    let refused = |expression: &str| Program::compile(expression, &["authorizer"]).unwrap_err().to_string();
    assert!(refused("authorizer.check('get')").contains("found no matching overload for 'check'"));
    assert!(refused("authorizer.group('a').check('get')").contains("found no matching overload for 'check'"));
    assert!(refused("authorizer.other").contains("does not support field selection"));
    assert!(!Program::compile("authorizer.path('/')", &["authorizer"]).unwrap().may_be_bool());
}

#[test]
fn so_many_questions_cost_too_much() {
    let program = Program::compile(
        "[1, 2, 3, 4].all(it, authorizer.path('/').check('get').allowed())",
        &["authorizer"],
    );
    let (value, _) = program.unwrap().evaluate_counted(&[], Some(&Rights), 1_000_000);
    assert_eq!(value, Err(EvalError::Budget));
}

/// A mutation's value, or why it does not compile.
fn mutation(expression: &str) -> Result<Value, String> {
    let program = Program::compile_mutation(expression, &["object"]).map_err(|it| it.to_string())?;
    let object = json!({"spec": {"replicas": 1, "containers": [{"name": "a"}]}, "metadata": {}});
    program.evaluate(&[("object", &object)], CALL_BUDGET).map_err(|it| it.to_string())
}

#[test]
fn mutations_make_objects() {
    let check =
        |expression: &str, expect: Value| assert_eq!(mutation(expression), Ok(expect), "{expression}");
    check("Object{spec: Object.spec{replicas: object.spec.replicas + 1}}", json!({"spec": {"replicas": 2}}));
    check(
        "Object{metadata: Object.metadata{labels: {'a': 'b'}}}",
        json!({"metadata": {"labels": {"a": "b"}}}),
    );
    check(
        "Object{spec: Object.spec{containers: object.spec.containers.map(c, Object.spec.containers{name: c.name})}}",
        json!({"spec": {"containers": [{"name": "a"}]}}),
    );
    check("Object{?spec: optional.none()}", json!({}));
    check("Object{}.?spec.hasValue()", json!(false));
    check(
        "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b~c'), value: 1},]",
        json!([{"op": "add", "path": "/metadata/labels/a~1b~0c", "value": 1}]),
    );
    let refuse = |expression: &str, part: &str| {
        let refused = mutation(expression).expect_err(expression);
        assert!(refused.contains(part), "{refused}");
    };
    refuse("Object{spec: Object.specx{}}", "unexpected type name \"Object.specx\", expected \"Object.spec\"");
    refuse("Object{spec: [Object.other{}]}", "expected \"Object.spec\"");
    refuse("Other{}", "undeclared reference to 'Other'");
    refuse("JSONPatch{operation: 'add'}", "undefined field 'operation'");
    refuse("JSONPatch{op: 1}", "but provided type is 'int'");
    assert!(value("Object{}", &json!({})).is_err(), "judging makes no objects");
}

#[test]
fn mutations_know_what_they_make() {
    let check = |expression: &str, object: bool, patch: bool| {
        let program = Program::compile_mutation(expression, &["object"]).unwrap();
        assert_eq!((program.may_be_object(), program.may_be_patch()), (object, patch), "{expression}");
    };
    check("Object{}", true, false);
    check("true ? Object{} : Object{}", true, false);
    check("Object.spec{}", false, false);
    check("{'a': 1}", false, false);
    check("[JSONPatch{op: 'test', path: '/a'}]", false, true);
    check("[]", false, true);
    check("['a']", false, false);
    check("object", true, true);
}
