//! kubectl's JSONPath templates: text with expressions in braces.
//!
//! Start at [`JsonPath::parse`] and [`JsonPath::print`]. `parse` reads a template, `eval` finds values. Known are
//! fields, wildcards, indices, slices, unions, filters, recursive descent, and `{range}...{end}`.

mod eval;
mod parse;

use anyhow::Result;
use serde_json::Value;

/// A template.
#[derive(Clone, Debug)]
pub(crate) struct JsonPath {
    nodes: Vec<Node>,
    as_json: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Text(String),
    Find(Path),
    Range(Path, Vec<Node>),
}

type Path = Vec<Step>;

/// One step down from values to values.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    All,
    Deep,
    Slice {
        from: Option<i64>,
        to: Option<i64>,
        step: Option<i64>,
    },
    Index(i64),
    Union(Vec<Step>),
    /// Several steps where one stands, as in `['a.b']`.
    Path(Path),
    Filter(Filter),
}

/// `?(@.a == "b")`; without an operator, whether the left side is there.
#[derive(Clone, Debug, PartialEq)]
struct Filter {
    left: Operand,
    test: Option<(Operator, Operand)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Path(Path),
    Literal(Value),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl JsonPath {
    /// Reads a template.
    pub(crate) fn parse(template: &str) -> Result<Self> {
        Ok(Self { nodes: parse::template(template)?, as_json: false })
    }

    /// Reads one expression whose braces and first dot may be missing: `metadata.name`, `.metadata.name`.
    pub(crate) fn relaxed(expression: &str) -> Result<Self> {
        let bare = expression.trim();
        let bare = bare.strip_prefix('{').and_then(|it| it.strip_suffix('}')).unwrap_or(bare);
        let dot = if bare.starts_with(['.', '[', '$', '@']) { "" } else { "." };
        Self::parse(&format!("{{{dot}{bare}}}"))
    }

    /// The same template, printed as a JSON list of what it finds.
    pub(crate) fn into_json(self) -> Self {
        Self { as_json: true, ..self }
    }

    /// The text for an object.
    pub(crate) fn print(&self, object: &Value) -> Result<String> {
        if self.as_json {
            return Ok(super::format::json(&self.find(object)?.into_iter().cloned().collect()));
        }
        eval::print(&self.nodes, object)
    }

    /// The values that the expressions of the template find.
    pub(crate) fn find<'a>(&self, object: &'a Value) -> Result<Vec<&'a Value>> {
        let mut found = Vec::new();
        for node in &self.nodes {
            if let Node::Find(path) = node {
                found.extend(eval::find(path, object)?);
            }
        }
        Ok(found)
    }
}

/// A value as templates print it.
pub(crate) fn go_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => super::format::escaped(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object() -> Value {
        json!({
            "kind": "List",
            "items": [
                {"metadata": {"name": "a", "labels": {"app.io/x": "1"}}, "n": 1, "on": true},
                {"metadata": {"name": "b"}, "n": 2, "list": [10, 20, 30]},
            ],
        })
    }

    #[track_caller]
    fn check(template: &str, expect: &str) {
        let path = JsonPath::parse(template).unwrap_or_else(|error| panic!("{template}: {error}"));
        assert_eq!(path.print(&object()).unwrap(), expect, "{template}");
    }

    #[test]
    fn expressions_find_values() {
        check("{.kind}", "List");
        check("kind is {.kind}{\"\\n\"}", "kind is List\n");
        check("{.items[*].metadata.name}", "a b");
        check("{.items[0].metadata.name}", "a");
        check("{.items[-1:].metadata.name}", "b");
        check("{.items[1].list[0:2]}", "10 20");
        check("{.items[1].list[::2]}", "10 30");
        check("{.items[1].list}", "[10,20,30]");
        check("{.items[0]['metadata.name','n']}", "a 1");
        check("{.items[0].metadata.labels.app\\.io/x}", "1");
        check("{.items[0].metadata.labels['app\\.io/x']}", "1");
        check("{..name}", "a b");
        check("{.nothing}", "");
        check("{$.kind}", "List");
        check("{.items[0,1].n}", "1 2");
    }

    #[test]
    fn filters_choose() {
        check(r#"{.items[?(@.metadata.name=="b")].n}"#, "2");
        check(r#"{.items[?(@.metadata.name != "b")].n}"#, "1");
        check("{.items[?(@.n>=1)].metadata.name}", "a b");
        check("{.items[?(@.n<2)].metadata.name}", "a");
        check("{.items[?(@.list)].metadata.name}", "b");
        check("{.items[?(@.on==true)].metadata.name}", "a");
        check(r#"{.items[?(@.metadata.name=='a)]')].n}"#, "");
    }

    #[test]
    fn ranges_repeat() {
        check("{range .items[*]}{.metadata.name}={.n};{end}", "a=1;b=2;");
        check("{range .items[*]}{.metadata.name}:{range .list[*]}{@},{end} {end}", "a: b:10,20,30, ");
        check("{range .items[*]}{.metadata.name}{\"\\t\"}{end}", "a\tb\t");
    }

    #[test]
    fn mistakes_are_told() {
        for template in ["{.a", "{.a[}", "{.a[x]}", "{range .a}", "{end}", "{.a[?(]}", "{'a}", "{.a}}"] {
            let outcome = JsonPath::parse(template);
            assert!(outcome.is_err() || template == "{.a}}", "{template}: {outcome:?}");
        }
        let outside = JsonPath::parse("{.items[7]}").unwrap();
        assert_eq!(
            outside.print(&object()).unwrap_err().to_string(),
            "array index out of bounds: index 7, length 2"
        );
    }

    #[test]
    fn results_can_be_json() {
        let path = JsonPath::parse("{.items[*].n}").unwrap().into_json();
        assert_eq!(path.print(&object()).unwrap(), "[\n    1,\n    2\n]\n");
        assert_eq!(JsonPath::relaxed("kind").unwrap().print(&object()).unwrap(), "List");
    }
}
