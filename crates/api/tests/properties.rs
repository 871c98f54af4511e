//! What holds for every text that clients send: selectors, quantities, YAML.

use api::k8s::apimachinery::pkg::api::resource::Quantity;
use api::quantity::{self, Amount, Format};
use api::selector::{FieldSelector, Labels, Selector};
use api::{path, yaml};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Pieces of selectors, put together with and without sense.
fn selector_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b.c/d",
        "in",
        "notin",
        "in (",
        "(",
        ")",
        ",",
        "=",
        "==",
        "!=",
        "!",
        ">",
        "<",
        " ",
        "\t",
        "1",
        "-1",
        "+2",
        "x_y",
        "\\",
        "é",
        "9223372036854775808",
    ]);
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

fn requirement_text() -> impl Strategy<Value = String> {
    let (key, values) = ("[a-c]|in|b\\.c/d", prop::collection::vec("[ab1]{0,2}", 1..4));
    let operator = prop::sample::select(vec!["=", "==", " != ", ">", "<", " in ", " notin ", "!", ""]);
    (key, operator, values, -9..9i64).prop_map(|(key, operator, values, bound)| match operator {
        "!" => format!("! {key}"),
        "" => format!(" {key} "),
        ">" | "<" => format!("{key} {operator} {bound}"),
        " in " | " notin " => format!("{key}{operator}({})", values.join(" , ")),
        _ => format!("{key}{operator}{}", values[0]),
    })
}

fn labels() -> impl Strategy<Value = Labels> {
    prop::collection::btree_map("[a-c]|in|b\\.c/d", "[ab1]{0,2}", 0..4)
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace(',', r"\,").replace('=', r"\=")
}

/// Numbers with every suffix, in range and out of it.
fn quantity_text() -> impl Strategy<Value = String> {
    let suffix = prop::sample::select(vec![
        "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3", "E2",
        "e-3", "e0", "e18", "e-9",
    ]);
    ("[+-]?[0-9]{1,7}(\\.[0-9]{0,4})?|-?\\.[0-9]{1,3}", suffix).prop_map(|(number, suffix)| number + suffix)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_selector_panics_and_what_parses_prints(text in prop_oneof![selector_text(), ".{0,12}"], labels in labels()) {
        let _ = FieldSelector::parse(&text).map(|it| it.matches(|_| Some("a")));
        if let Ok(selector) = Selector::parse(&text) {
            selector.matches(Some(&labels));
            prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
        }
    }

    #[test]
    fn selectors_mean_what_they_print(texts in prop::collection::vec(requirement_text(), 0..4), labels in labels()) {
        let selector = Selector::parse(&texts.join(",")).expect("it is well formed");
        prop_assert_eq!(selector.0.len(), texts.len());
        let each = texts.iter().map(|it| Selector::parse(it).expect("it is well formed"));
        let expect = each.clone().all(|it| it.matches(Some(&labels)));
        prop_assert_eq!(selector.matches(Some(&labels)), expect);
        let printed = Selector::parse(&selector.to_string());
        prop_assert_eq!(printed.map(|it| it.matches(Some(&labels))), Ok(expect));
    }

    #[test]
    fn opposite_requirements_never_both_match(key in "[a-c]", value in "[ab]{0,1}", labels in labels()) {
        for (one, other) in [("=", "!="), (" in ", " notin ")] {
            let text = |operator: &str| match operator {
                " in " | " notin " => format!("{key}{operator}({value},zz)"),
                _ => format!("{key}{operator}{value}"),
            };
            let matches = |text: &str| Selector::parse(text).expect("it is well formed").matches(Some(&labels));
            prop_assert_ne!(matches(&text(one)), matches(&text(other)));
            prop_assert_ne!(matches(&key), matches(&format!("!{key}")));
        }
    }

    #[test]
    fn field_values_survive_their_escapes(values in prop::collection::vec("[a,=\\\\! é]{0,6}", 1..4)) {
        let values: Vec<String> = values;
        let text: Vec<String> = values.iter().map(|value| format!("f={}", escaped(value))).collect();
        let selector = FieldSelector::parse(&text.join(",")).expect("it is well formed");
        let read: Vec<&str> = selector.0.iter().map(|it| it.value.as_str()).collect();
        prop_assert_eq!(read, values);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_quantity_panics(text in "[0-9.eEinumkKMGTP+-]{0,8}|[+-]?[0-9]{10,60}(\\.[0-9]{0,60})?([EPTG]i?|e[0-9]{1,2})?|.{0,6}") {
        if let Ok(amount) = Amount::parse(&text) {
            amount.value();
            amount.milli_value();
            for format in [Format::Decimal, Format::Binary, Format::Exponent] {
                let written = amount.written(format).0;
                prop_assert_eq!(Amount::parse(&written), Ok(amount), "{} as {:?} is {}", text, format, written);
            }
        }
    }

    #[test]
    fn quantities_keep_their_amount_and_settle(text in quantity_text()) {
        let amount = Amount::parse(&text).expect("it is a quantity");
        let canonical = quantity::canonical(&text).expect("it is a quantity");
        prop_assert_eq!(Amount::parse(&canonical), Ok(amount), "{} became {}", text, canonical);
        prop_assert_eq!(quantity::canonical(&canonical), Ok(canonical.clone()), "{} became {}", text, canonical);
        prop_assert!(!canonical.contains('.'));
    }

    #[test]
    fn amounts_add_and_compare_as_numbers(a in quantity_text(), b in quantity_text(), c in quantity_text()) {
        let [x, y, z] = [&a, &b, &c].map(|text| Amount::parse(text).expect("it is a quantity"));
        prop_assert_eq!(x + y, y + x);
        prop_assert_eq!((x + y) + z, x + (y + z));
        prop_assert_eq!((x + y) - y, x);
        prop_assert_eq!(x < y, (x - y).is_negative());
        prop_assert_eq!(x < y, x + z < y + z);
        prop_assert!(x > y || x.value() <= y.value() && x.milli_value() <= y.milli_value());
        let clamped = [i64::MIN, i64::MAX].contains(&x.value());
        prop_assert!(clamped || x.is_whole() == (Amount::whole(x.value()) == x));
        let (a, b) = (Quantity(a), Quantity(b));
        prop_assert_eq!(quantity::amount(&quantity::sum(&a, &b)), x + y);
        prop_assert_eq!(quantity::amount(&quantity::remainder(&a, &b)), (x - y).max(Amount::default()));
    }
}

/// Lines that look like YAML.
fn yaml_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b: ",
        "- ",
        "  ",
        "\n",
        "\n  ",
        ": ",
        "? ",
        "&x ",
        "*x",
        "<<: ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "'",
        "\"",
        "|\n",
        ">-\n",
        "#",
        "---\n",
        "...\n",
        "!!int ",
        "!!binary ",
        "!x ",
        "%YAML 1.2\n",
        "1",
        "0x",
        "-",
        "\t",
        "\u{feff}",
        "é",
        "\\u00",
        "~",
        "yes",
        "1e+9",
        "\u{0}",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn any_tree() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[ -~]{0,6}",
        "[a: #\n'\"|>-]{0,8}",
        "[0-9.eExob_:+-]{0,6}",
        "\\PC{0,4}",
        ".{0,4}",
        "(\n| |a|\t|\r|\u{85}|\u{2028}){0,8}",
    ];
    let leaf = prop_oneof![
        4 => text.clone().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => prop_oneof![Just(json!(null)), Just(json!(true)), Just(json!(0.5)), Just(json!(1.25e-9)), Just(json!(-2.5e30))],
    ];
    leaf.prop_recursive(3, 16, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(text.clone(), inner, 0..3)
                .prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn no_yaml_panics_and_what_it_says_is_json(text in prop_oneof![yaml_text(), ".{0,30}"]) {
        for document in yaml::documents(&text).into_iter().flatten() {
            let read: Value = serde_json::from_str(&document.to_string()).expect("it is JSON");
            prop_assert_eq!(read, document);
        }
    }

    #[test]
    fn trees_survive_as_yaml(tree in any_tree()) {
        let written = yaml::to_string(&tree);
        let expect = if tree.is_null() { vec![] } else { vec![tree] };
        prop_assert_eq!(yaml::documents(&written), Ok(expect), "{}", written);
    }
}

/// Whatever the nesting, an answer; and a document that can be read once it is stored as JSON.
#[test]
fn yaml_does_not_nest_without_end() {
    for depth in [100, 120, 127, 128, 200, 255, 256, 400, 10_000] {
        let flow = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let maps = format!("{}1{}", "{a: ".repeat(depth), "}".repeat(depth));
        let block = format!("{}1", "- ".repeat(depth));
        let anchors = format!("{}1{}", "&x [".repeat(depth), "]".repeat(depth));
        let mixed = format!("{}{flow}", "- ".repeat(depth.min(200)));
        let unfolded: String =
            (1..depth.min(600)).map(|at| format!("a{at}: &a{at} [*a{}]\n", at - 1)).collect();
        for text in [flow, maps, block, anchors, mixed, format!("a0: &a0 1\n{unfolded}")] {
            for document in yaml::documents(&text).into_iter().flatten() {
                let read: Result<Value, _> = serde_json::from_str(&document.to_string());
                assert!(read.is_ok(), "a document of {depth} levels is accepted and cannot be stored");
            }
        }
    }
}

/// A large scalar that a short text names many times.
#[test]
fn aliases_do_not_multiply_texts() {
    let large = "x".repeat(1 << 20);
    let text = format!("a: &a {large}\nb: [{}]\n", ["*a"; 100_000].join(", "));
    assert_eq!(yaml::documents(&text), Err(yaml::Error::Bomb));
}

proptest! {
    #[test]
    fn store_keys_are_read_back_or_refused(namespace in "[a-z-]{1,5}", name in "[a-z.:-]{1,5}", noise in ".{0,20}") {
        for kind in api::resources::Kind::all() {
            let namespace = if kind.row().namespaced() { namespace.clone() } else { String::new() };
            let key = api::Key { kind, namespace, name: name.clone() };
            let stored = path::store_key(&key);
            prop_assert_eq!(path::parse_store_key(kind, &stored), Some(key));
            let _ = path::parse_store_key(kind, &noise);
        }
    }
}
