//! `-o custom-columns`: columns by expressions.

use super::jsonpath::JsonPath;
use super::tabs::{self, align};
use anyhow::{Result, bail};
use serde_json::Value;

/// Headings with what stands below them.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    columns: Vec<(String, JsonPath)>,
    headings: bool,
}

impl Columns {
    /// Reads `NAME:.metadata.name,...`.
    pub(crate) fn parse(spec: &str) -> Result<Self> {
        if spec.is_empty() {
            bail!("custom-columns format specified but no custom columns given");
        }
        let mut columns = Vec::new();
        for column in spec.split(',') {
            let Some((heading, path)) = column.split_once(':') else {
                bail!("unexpected custom-columns spec: {column}, expected <header>:<json-path-expr>");
            };
            columns.push((heading.to_owned(), JsonPath::relaxed(path)?));
        }
        Ok(Self { columns, headings: true })
    }

    /// Reads a file with a line of headings above a line of expressions.
    pub(crate) fn parse_file(text: &str) -> Result<Self> {
        let mut lines = text.lines().filter(|it| !it.trim().is_empty());
        let (Some(headings), Some(paths)) = (lines.next(), lines.next()) else {
            bail!("the custom-columns file needs a line of headings and a line of expressions");
        };
        let (headings, paths): (Vec<_>, Vec<_>) =
            (headings.split_whitespace().collect(), paths.split_whitespace().collect());
        if headings.len() != paths.len() {
            bail!(
                "number of headers ({}) and field specifications ({}) don't match",
                headings.len(),
                paths.len()
            );
        }
        let pairs = headings.iter().zip(paths);
        let columns = pairs.map(|(heading, path)| Ok(((*heading).to_owned(), JsonPath::relaxed(path)?)));
        Ok(Self { columns: columns.collect::<Result<_>>()?, headings: true })
    }

    /// Leaves out the headings.
    pub(crate) fn without_headings(self) -> Self {
        Self { headings: false, ..self }
    }

    /// Whether headings are wanted at all.
    pub(crate) fn has_headings(&self) -> bool {
        self.headings
    }

    /// The table of some objects.
    pub(crate) fn print(&self, objects: &[Value], headings: bool) -> String {
        let mut text = String::new();
        if headings {
            let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
            text.push_str(&(names.join("\t") + "\n"));
        }
        for object in objects {
            let cells: Vec<String> = self.columns.iter().map(|(_, path)| cell(path, object)).collect();
            text.push_str(&(cells.join("\t") + "\n"));
        }
        align(&text, tabs::TABLE)
    }
}

fn cell(path: &JsonPath, object: &Value) -> String {
    let found = path.find(object).unwrap_or_default();
    let texts: Vec<String> = found.iter().map(|it| one(it)).collect();
    if texts.is_empty() { "<none>".to_owned() } else { texts.join(",") }
}

fn one(value: &Value) -> String {
    match value {
        Value::Null => "<none>".to_owned(),
        other => super::jsonpath::go_text(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_show_what_expressions_find() {
        let objects = [json!({"metadata": {"name": "a"}, "n": [1, 2]}), json!({"metadata": {"name": "b"}})];
        let columns = Columns::parse("N:.metadata.name,ALL:{.n[*]},NO:.no").unwrap();
        let expect = "N     ALL      NO\na     1,2      <none>\nb     <none>   <none>\n";
        assert_eq!(columns.print(&objects, true), expect);
        let file = Columns::parse_file("A  B\nmetadata.name .n[0]\n").unwrap();
        assert_eq!(file.print(&objects[..1], true), "A     B\na     1\n");
    }

    #[test]
    fn wrong_specs_are_refused() {
        for spec in ["", "A", "A:{.a", "A:.a[", "A:.a[x]"] {
            assert!(Columns::parse(spec).is_err(), "{spec}");
        }
    }
}
