//! What holds for every expression: it compiles or is refused, it ends within its budget, and nothing panics.

use super::functions::{Function, Param, all};
use super::types::Opaque;
use super::{EvalError, Program};
use proptest::prelude::*;
use serde_json::{Value, json};

const BUDGET: u64 = 20_000;

/// Writes expressions of a wanted type, as some bytes decide.
struct Writer<'a> {
    choices: std::slice::Iter<'a, u8>,
}

impl Writer<'_> {
    fn number(&mut self) -> usize {
        self.choices.next().map_or(0, |it| usize::from(*it))
    }

    fn pick<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.number() % texts.len()]
    }

    fn expression(&mut self, wanted: Param, depth: usize) -> String {
        let chosen = self.number();
        if depth == 0 || chosen < 70 {
            return self.literal(wanted, depth);
        }
        let fits: Vec<&Function> = all().filter(|it| gives(it.result, wanted)).collect();
        if chosen < 90 || fits.is_empty() {
            return self.operation(wanted, depth);
        }
        let function = fits[self.number() % fits.len()];
        let mut args: Vec<String> =
            function.params.iter().map(|it| self.expression(*it, depth - 1)).collect();
        if !function.member {
            return format!("{}({})", function.name, args.join(", "));
        }
        let own = args.remove(0);
        format!("({own}).{}({})", function.name, args.join(", "))
    }

    fn operation(&mut self, wanted: Param, depth: usize) -> String {
        let (one, two) = (self.expression(wanted, depth - 1), self.expression(wanted, depth - 1));
        match self.number() % 4 {
            0 => format!("(a.no ? {one} : {two})"),
            1 => format!("[{one}].map(x, {two})[0]"),
            2 => format!("[{one}, {two}].filter(x, x == {two})[0]"),
            _ => format!("({one} {} {two})", self.pick(&["+", "-", "*", "/", "%", "==", "<", "in", "&&"])),
        }
    }

    fn literal(&mut self, wanted: Param, depth: usize) -> String {
        let item = |it: &mut Self| it.expression(Param::Any, depth.saturating_sub(1));
        match wanted {
            Param::Any | Param::A => {
                let any = [Param::Bool, Param::Int, Param::Double, Param::String, Param::List, Param::Bytes];
                let chosen = any[self.number() % any.len()];
                self.literal(chosen, depth)
            }
            Param::Bool => self.pick(&["true", "false", "a.no", "a.list.all(x, x > 1)"]).into(),
            Param::Int => self
                .pick(&["0", "1", "-1", "2", "40", "9223372036854775807", "-9223372036854775808", "a.n"])
                .into(),
            Param::Uint => self.pick(&["0u", "1u", "18446744073709551615u"]).into(),
            Param::Double => self.pick(&["0.0", "-1.5", "1e308", "(0.0/0.0)", "(1.0/0.0)", "a.f"]).into(),
            Param::String => self.text(),
            Param::Bytes => self.pick(&["b''", "b'a\\xff'", "bytes('é')"]).into(),
            Param::Timestamp => {
                let at = ["0001-01-01T00:00:00Z", "9999-12-30T22:00:00Z", "2024-02-29T23:59:59.5+02:00"];
                format!("timestamp('{}')", self.pick(&at))
            }
            Param::Duration => format!(
                "duration('{}')",
                self.pick(&["0s", "-1h30m", "1ns", "2562047h47m16s", "-2562047h47m16s"])
            ),
            Param::Meta => "type(1)".into(),
            Param::List | Param::ListA => match self.number() % 4 {
                0 => "a.mixed".into(),
                1 => "a.list".into(),
                _ => format!("[{}, {}]", item(self), item(self)),
            },
            Param::ListString => format!("[{}, {}]", self.text(), self.text()),
            Param::Map => self.pick(&["{}", "{'a': [1]}", "a.map", "{1: 2}"]).into(),
            Param::OptionalA => match self.number() % 3 {
                0 => "optional.none()".into(),
                1 => "a.?nope".into(),
                _ => format!("optional.of({})", item(self)),
            },
            Param::Opaque(opaque) => self.opaque(opaque),
        }
    }

    fn text(&mut self) -> String {
        let texts = [
            "",
            "a",
            "é€😀",
            "a,b,é",
            "%s %d %.3f %e %x %b %o %%",
            "%.99f",
            "1Gi",
            "-1.5e3",
            "1.2.3",
            "10.0.0.1",
            "::ffff:1.2.3.4",
            "10.0.0.0/8",
            "::/0",
            "https://u@[::1]:80/p%20q?a=b&a#f",
            "//",
            "/a?%zz",
            "[a-é]+",
            "(a",
            ".*",
            "^$",
            "1h",
            "2024-02-29T00:00:00Z",
            "America/New_York",
            "-23:59",
            "+99:99",
            "dns1123Label",
            "date",
            "a.b-c",
            "  ",
        ];
        format!("'{}'", self.pick(&texts))
    }

    fn opaque(&mut self, opaque: Opaque) -> String {
        match opaque {
            Opaque::Quantity => format!("quantity('{}')", self.pick(&["1Gi", "-5", "9E", "1n", "900e18"])),
            Opaque::Url => {
                format!(
                    "url('{}')",
                    self.pick(&["https://example.com:80/c?d=e#f", "http://[::1]/", "/a/b?c", "mailto:x"])
                )
            }
            Opaque::Ip => format!("ip('{}')", self.pick(&["1.2.3.4", "::1", "fe80::1", "::"])),
            Opaque::Cidr => format!("cidr('{}')", self.pick(&["10.0.0.0/8", "1.2.3.4/0", "::/0", "::1/128"])),
            Opaque::Semver => format!("semver('{}')", self.pick(&["1.2.3", "0.0.0-a.1+b"])),
            _ => "a".into(),
        }
    }
}

fn gives(result: Param, wanted: Param) -> bool {
    matches!(wanted, Param::Any | Param::A)
        || std::mem::discriminant(&result) == std::mem::discriminant(&wanted)
}

fn data() -> Value {
    let many: Vec<i64> = (0..60).map(|it| it * 37 % 61).collect();
    let mixed: Vec<Value> = (0..60)
        .map(|it: i32| match it % 4 {
            0 => json!(it),
            1 => json!(f64::from(it) / 3.0),
            2 => json!(it.to_string()),
            _ => json!(9_007_199_254_740_993_i64 - i64::from(it)),
        })
        .collect();
    json!({"n": -7, "f": 0.1, "no": false, "list": many, "mixed": mixed, "map": {"k": [1], "é": null}})
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn every_function_gives_a_value_or_an_error_within_the_budget(choices in prop::collection::vec(any::<u8>(), 1..60)) {
        let source = Writer { choices: choices.iter() }.expression(Param::Any, 4);
        if let Ok(program) = Program::compile(&source, &["a"]) {
            let data = data();
            let (value, cost) = program.evaluate_counted(&[("a", &data)], None, BUDGET);
            prop_assert!(cost <= BUDGET);
            let written = value.map(|it| it.to_string().len()).unwrap_or_default();
            prop_assert!(written as u64 <= 100 * cost + 1000, "{} bytes for {} steps: {}", written, cost, source);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever is compared with whatever: no order is not a reason to panic.
    #[test]
    fn nothing_that_is_sorted_panics(kinds in prop::collection::vec((0..6u8, -9..9i64), 0..200), budget in 1..6000u64) {
        let items: Vec<String> = kinds.iter().map(|(kind, number)| match kind {
            0..3 => format!("{number}"),
            3 => format!("{number}.5"),
            4 => "0.0/0.0".into(),
            _ => format!("'{number}'"),
        }).collect();
        for wanted in [3, 5, 6] {
            let chosen = kinds.iter().zip(&items).filter(|((kind, _), _)| *kind < wanted).map(|it| it.1.as_str());
            let source = format!("dyn([{}]).sort()", chosen.collect::<Vec<_>>().join(", "));
            let program = Program::compile(&source, &[]).expect("it compiles");
            let _ = program.evaluate(&[], budget);
            let sorted = program.evaluate(&[], 1_000_000);
            if wanted == 3 {
                let mut expect: Vec<i64> = kinds.iter().filter(|it| it.0 < 3).map(|it| it.1).collect();
                expect.sort_unstable();
                prop_assert_eq!(sorted, Ok(json!(expect)));
            }
        }
    }

    #[test]
    fn a_larger_budget_changes_only_whether_it_suffices(choices in prop::collection::vec(any::<u8>(), 1..40), less in 0..200u64) {
        let source = Writer { choices: choices.iter() }.expression(Param::Any, 3);
        if let Ok(program) = Program::compile(&source, &["a"]) {
            let data = data();
            let (with_less, _) = program.evaluate_counted(&[("a", &data)], None, less);
            let (with_more, cost) = program.evaluate_counted(&[("a", &data)], None, BUDGET);
            if cost > less {
                prop_assert_eq!(with_less, Err(EvalError::Budget), "{}", source);
            } else if !with_more.as_ref().is_ok_and(|it| it.to_string().contains("null")) {
                prop_assert_eq!(with_less, with_more, "{}", source);
            }
        }
    }
}

/// A list of many bytes' copies is paid for, not only its items.
#[test]
fn copies_of_bytes_are_paid_for() {
    let source = format!("lists.range(10000).map(x, b'{}').size()", "a".repeat(50_000));
    let program = Program::compile(&source, &[]).expect("it compiles");
    assert_eq!(program.evaluate(&[], 1_000_000), Err(EvalError::Budget));
}

/// Thousands of whatever opens are refused, closed or not; none of them takes the stack down.
#[test]
fn nesting_is_bounded() {
    let pairs = [
        ("(", ")"),
        ("[", "]"),
        ("{1: ", "}"),
        ("!", ""),
        ("-", ""),
        ("- ", ""),
        ("!-", ""),
        ("a.b", ""),
        ("a[", "]"),
        ("a ? ", " : a"),
        ("a ? a : ", ""),
        ("a + ", ""),
        ("a && ", ""),
        ("a || ", ""),
        ("a == ", ""),
        ("has(a.", ")"),
        ("[a].map(x, ", ")"),
        ("size(", ")"),
        ("a.b(", ")"),
        ("a.?b", ""),
        ("a[?", "]"),
        ("a in ", ""),
        ("'", ""),
        ("a * ", ""),
        ("(-", ")"),
        ("[?", "]"),
    ];
    for (open, close) in pairs {
        for count in [1, 90, 101, 5_000] {
            for middle in ["a", ""] {
                let source = format!("{}{middle}{}", open.repeat(count), close.repeat(count));
                if let Ok(program) = Program::compile(&source, &["a"]) {
                    let _ = program.clone().evaluate(&[("a", &json!(true))], BUDGET);
                }
            }
            assert!(Program::compile(&open.repeat(count.max(90)), &["b"]).is_err(), "{open}");
        }
    }
}
