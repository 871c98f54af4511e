//! YAML as Kubernetes' users write it, to JSON trees and back.
//!
//! Start at [`documents`] and [`to_string`]. The syntax is read by granit-parser; what a scalar means is decided here,
//! by the rules of YAML 1.1 that kubectl's library follows: `0644` is 420, `on` is true, `<<` merges, timestamps stay
//! text. Keys that stand twice are refused by [`documents`] and told by [`read`]; documents that explode through aliases
//! or nest deeper than JSON may are refused by both.

mod compose;
mod emit;
mod scalar;

pub use emit::to_string;

use serde_json::Value;

/// A text that cannot be read. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not YAML.
    #[error("yaml: line {line}: {message}")]
    Syntax {
        /// Where.
        line: usize,
        /// In which way.
        message: String,
    },
    /// A key stands twice in one mapping.
    #[error("yaml: unmarshal errors:\n  line {line}: key {key:?} already set in map")]
    DuplicateKey {
        /// Where it stands the second time.
        line: usize,
        /// The key.
        key: String,
    },
    /// Aliases make the document far larger than its text.
    #[error("yaml: document contains excessive aliasing")]
    Bomb,
}

/// A key that stands in a mapping once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Where it stands the second time, or the third; counts from 1.
    pub line: usize,
    /// The key.
    pub key: String,
}

/// What a text holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// Every document that holds something.
    pub documents: Vec<Value>,
    /// Keys that stand twice. The last value counts, as upstream's library has it.
    pub duplicates: Vec<Duplicate>,
}

/// Reads every document that holds something; JSON is YAML too, also several values one after the other.
pub fn documents(text: &str) -> Result<Vec<Value>, Error> {
    let Read { documents, duplicates } = read(text)?;
    match duplicates.into_iter().next() {
        None => Ok(documents),
        Some(Duplicate { line, key }) => Err(Error::DuplicateKey { line, key }),
    }
}

/// The same for who wants to know of keys that stand twice, and go on.
pub fn read(text: &str) -> Result<Read, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match json(text) {
        Some(documents) => Ok(Read { documents, duplicates: Vec::new() }),
        None => compose::read(text),
    }
}

/// Reads JSON values, if the text is nothing else.
fn json(text: &str) -> Option<Vec<Value>> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let values: Vec<Value> =
        serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>().ok()?;
    Some(values.into_iter().filter(|it| !it.is_null()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(text: &str, expect: Value) {
        assert_eq!(documents(text).map(Value::from), Ok(expect), "{text}");
    }

    #[track_caller]
    fn refused(text: &str, expect: &str) {
        let error = documents(text).expect_err("it is refused").to_string();
        assert!(error.contains(expect), "{error}");
    }

    #[test]
    fn scalars_follow_yaml_1_1() {
        let check = |scalar: &str, expect: Value| check(&format!("a: {scalar}"), json!([{"a": expect}]));
        for text in ["true", "True", "on", "ON", "yes", "y"] {
            check(text, json!(true));
        }
        for text in ["false", "FALSE", "off", "no", "n"] {
            check(text, json!(false));
        }
        for text in ["", "~", "null", "Null", "NULL"] {
            check(text, Value::Null);
        }
        check("0644", json!(420));
        check("0o644", json!(420));
        check("0x1F", json!(31));
        check("0b11", json!(3));
        check("-12", json!(-12));
        check("+12", json!(12));
        check("1_000", json!(1000));
        check("089", json!(89));
        check("1.5", json!(1.5));
        check(".5", json!(0.5));
        check("1.0", json!(1));
        check("1e3", json!("1e3"));
        check("1.5e+3", json!(1500));
        check("18446744073709551615", json!(u64::MAX));
        check("99999999999999999999", json!(1e20));
        check("2026-01-01", json!("2026-01-01"));
        check("2026-01-01T00:00:00Z", json!("2026-01-01T00:00:00Z"));
        check("1:30", json!("1:30"));
        check("100m", json!("100m"));
        check("'yes'", json!("yes"));
        check("\"0644\"", json!("0644"));
        check("!!str 12", json!("12"));
        check("! 12", json!("12"));
        check("!!int \"12\"", json!(12));
        check("!!binary aGk=", json!("hi"));
        check("|\n  one\n  two\n", json!("one\ntwo\n"));
        check("|-\n  yes\n", json!("yes"));
        check(">\n  one\n  two\n", json!("one two\n"));
    }

    #[test]
    fn documents_are_split() {
        check("", json!([]));
        check("---\n", json!([]));
        check("# only words\n", json!([]));
        check("---\na: 1\n---\n---\n# nothing\n---\nb: 2\n...\n", json!([{"a": 1}, {"b": 2}]));
        check("a: |\n  ---\n  x\n", json!([{"a": "---\nx\n"}]));
        check("{\"a\": 1}\n{\"b\": [2]}", json!([{"a": 1}, {"b": [2]}]));
        check("{a: 1, b: [x, 'y']}", json!([{"a": 1, "b": ["x", "y"]}]));
        check("\u{feff}a: 1\r\nb: 2\r\n", json!([{"a": 1, "b": 2}]));
        check("a:\n- 1\n-  b: 2\n   c: 3\n", json!([{"a": [1, {"b": 2, "c": 3}]}]));
    }

    #[test]
    fn anchors_and_merges() {
        check("a: &x {b: 1, c: 2}\nd: *x", json!([{"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 2}}]));
        check(
            "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3",
            json!([{"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}]),
        );
        check(
            "a: &x {b: 1}\nb: &y {b: 2, c: 2}\nd: {<<: [*x, *y]}",
            json!([{"a": {"b": 1}, "b": {"b": 2, "c": 2}, "d": {"b": 1, "c": 2}}]),
        );
        check("'<<': 1", json!([{"<<": 1}]));
        refused("<<: 1", "map merge requires map or sequence of maps as the value");
        refused("a: *nothing", "line 1");
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let before = format!("*a{}", level - 1);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", ")));
        }
        assert_eq!(documents(&bomb), Err(Error::Bomb));
    }

    #[test]
    fn keys_are_texts_and_unique() {
        check("1: a\ntrue: b\n1.5: c\n", json!([{"1": "a", "true": "b", "1.5": "c"}]));
        refused("true: b\nyes: c\n", "line 2: key \"true\" already set in map");
        refused("a: 1\nb: 2\na: 3\n", "line 3: key \"a\" already set in map");
        refused("x:\n  a: 1\n  'a': 3\n", "line 3: key \"a\" already set in map");
        let read = super::read("a: 1\nb: {c: 1, c: 2}\na: 3\n").expect("it is read");
        assert_eq!(read.documents, [json!({"a": 3, "b": {"c": 2}})]);
        let lines: Vec<_> = read.duplicates.iter().map(|it| (it.line, it.key.as_str())).collect();
        assert_eq!(lines, [(2, "c"), (3, "a")]);
        refused("? [a]\n: b\n", "line 1");
        refused("a: b: c", "line 1");
        refused("a: [", "line");
        refused("a:\n\tb: 1\n", "line 2");
        refused(&"[".repeat(10_000), "line 1");
    }

    /// Texts that a careless writer would leave unquoted, or quote wrongly.
    const TRICKY: &[&str] = &[
        "",
        "a",
        "yes",
        "on",
        "null",
        "~",
        "12",
        "0644",
        "1e3",
        "1.5",
        "2026-01-01T00:00:00Z",
        "1:30",
        "- a",
        "a: b",
        "a #b",
        "#a",
        "a\nb",
        "a\nb\n",
        "a\n\n",
        "\na",
        " a",
        "a ",
        " a\nb",
        "a \nb",
        "tab\there",
        "{a}",
        "[a]",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a",
        "'a'",
        "\"a\"",
        "a'b",
        "?",
        "? a",
        "-",
        "--- a",
        "a:",
        ":a",
        "ä€😀",
        "\u{7}",
        "a\\b",
        "|",
        ">",
        "=",
        "<<",
        "y",
        "\u{85}",
        "a\r\nb",
        "...",
        "---\na: b",
        "a,b",
    ];

    #[test]
    fn what_is_written_reads_the_same() {
        for &text in TRICKY {
            let value = json!({"key": text, "list": [text, [text]], text: {"nested": {"deep": text}}});
            let written = to_string(&value);
            assert_eq!(documents(&written), Ok(vec![value]), "{written}");
        }
    }

    #[test]
    fn writes_as_kubectl_does() {
        let value = json!({"apiVersion": "v1", "data": {"a": "one\ntwo\n", "b": "yes", "c": "x\ny", "d": "it's: so"},
            "empty": {}, "items": [{"name": "a", "ports": [1, 2.5]}, [], [["x"]]], "none": null,
            "time": "2026-01-01T00:00:00Z"});
        let expect = "apiVersion: v1\ndata:\n  a: |\n    one\n    two\n  b: \"yes\"\n  c: |-\n    x\n    y\n  d: 'it''s: so'\nempty: {}\nitems:\n- name: a\n  ports:\n  - 1\n  - 2.5\n- []\n- - - x\nnone: null\ntime: \"2026-01-01T00:00:00Z\"\n";
        assert_eq!(to_string(&value), expect);
        assert_eq!(to_string(&json!("a")), "a\n");
        assert_eq!(to_string(&json!({})), "{}\n");
    }
}
