//! Rows and columns as `kubectl get` shows them, from the server's `Table`.
//!
//! Start at [`Table::of`]. Lists that come without columns get a name and an age.

use super::tabs::{self, align};
use super::{items, text};
use crate::resolve::Resource;
use api::strategy::human_duration;
use jiff::Timestamp;
use serde_json::{Value, json};

/// What the table shows beyond its columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    /// Columns of `-o wide`.
    pub(crate) wide: bool,
    /// The namespace as the first column.
    pub(crate) namespace: bool,
    /// The kind before each name.
    pub(crate) kind: Option<String>,
    /// All labels as the last column.
    pub(crate) labels: bool,
    /// The values of these labels as columns.
    pub(crate) label_columns: Vec<String>,
    /// What happened, as the very first column.
    pub(crate) event: Option<String>,
    /// No headings.
    pub(crate) no_headers: bool,
}

/// A table in work.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    columns: Vec<Value>,
    /// Rows as the server sent them: cells, and the object's metadata.
    pub(crate) rows: Vec<Value>,
}

impl Table {
    /// The table of an answer, whatever the answer is.
    pub(crate) fn of(answer: Value, now: Timestamp) -> Self {
        if answer["kind"] == "Table" {
            return Self {
                columns: items(&answer, "columnDefinitions").to_vec(),
                rows: items(&answer, "rows").to_vec(),
            };
        }
        let objects =
            if answer.get("items").is_some() { items(&answer, "items").to_vec() } else { vec![answer] };
        let columns = vec![json!({"name": "Name"}), json!({"name": "Age"})];
        let row = |object: Value| {
            let cells = json!([text(&object, "metadata.name"), age(&object, now)]);
            json!({"cells": cells, "object": object})
        };
        Self { columns, rows: objects.into_iter().map(row).collect() }
    }

    /// A later piece of the same table: the server sends columns only once.
    pub(crate) fn continued(&mut self, answer: Value, now: Timestamp) {
        let next = Self::of(answer, now);
        if !next.columns.is_empty() {
            self.columns = next.columns;
        }
        self.rows = next.rows;
    }

    /// The lines, cells ending with tabs.
    pub(crate) fn lines(&self, shown: &Shown) -> Vec<String> {
        let heading = (!shown.no_headers).then(|| self.heading(shown));
        heading.into_iter().chain(self.rows.iter().map(|row| self.row(row, shown))).collect()
    }

    /// The aligned text.
    pub(crate) fn print(&self, shown: &Shown) -> String {
        let lines = self.lines(shown);
        lines.is_empty().then(String::new).unwrap_or_else(|| align(&(lines.join("\n") + "\n"), tabs::TABLE))
    }

    fn visible<'a>(&'a self, shown: &'a Shown) -> impl Iterator<Item = (usize, &'a Value)> {
        let is_visible = |column: &Value| shown.wide || column["priority"].as_i64().unwrap_or(0) == 0;
        self.columns.iter().enumerate().filter(move |(_, column)| is_visible(column))
    }

    fn heading(&self, shown: &Shown) -> String {
        let mut cells = Vec::new();
        if shown.event.is_some() {
            cells.push("EVENT".to_owned());
        }
        if shown.namespace {
            cells.push("NAMESPACE".to_owned());
        }
        cells.extend(self.visible(shown).map(|(_, column)| text(column, "name").to_uppercase()));
        cells.extend(shown.label_columns.iter().map(|it| label_heading(it)));
        if shown.labels {
            cells.push("LABELS".to_owned());
        }
        cells.join("\t")
    }

    fn row(&self, row: &Value, shown: &Shown) -> String {
        let mut cells = Vec::new();
        cells.extend(shown.event.clone());
        if shown.namespace {
            cells.push(text(row, "object.metadata.namespace").to_owned());
        }
        for (index, column) in self.visible(shown) {
            let cell = cell_text(&row["cells"][index]);
            match &shown.kind {
                Some(kind) if is_name(column) => cells.push(format!("{kind}/{cell}")),
                _ => cells.push(cell),
            }
        }
        let labels = &row["object"]["metadata"]["labels"];
        cells.extend(shown.label_columns.iter().map(|it| labels[it].as_str().unwrap_or_default().to_owned()));
        if shown.labels {
            cells.push(labels_text(labels));
        }
        cells.join("\t")
    }
}

fn is_name(column: &Value) -> bool {
    column["format"] == "name" || text(column, "name").eq_ignore_ascii_case("name")
}

fn label_heading(label: &str) -> String {
    label.rsplit('/').next().unwrap_or(label).to_uppercase()
}

fn labels_text(labels: &Value) -> String {
    let pairs = labels.as_object().into_iter().flatten();
    let pairs: Vec<String> =
        pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") }
}

/// A cell in one line, whatever it holds.
fn cell_text(cell: &Value) -> String {
    let whole = match cell {
        Value::Null => "<none>".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match whole.find(['\n', '\r', '\u{c}']) {
        Some(end) => format!("{}...", &whole[..end]),
        None => whole.replace('\t', " ").replace('\u{1b}', "^["),
    }
}

/// How long ago an object was created.
pub(crate) fn age(object: &Value, now: Timestamp) -> String {
    since(text(object, "metadata.creationTimestamp"), now)
}

/// How long ago a time was.
pub(crate) fn since(time: &str, now: Timestamp) -> String {
    match time.parse::<Timestamp>() {
        Ok(time) => human_duration(now.duration_since(time).as_secs()),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// The kind that stands before names when several kinds are shown.
pub(crate) fn kind_prefix(resource: &Resource) -> String {
    resource.label()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let answer = json!({
            "kind": "Table",
            "columnDefinitions": [
                {"name": "Name", "format": "name"}, {"name": "Data"}, {"name": "Node", "priority": 1},
            ],
            "rows": [
                {"cells": ["a", 3, "one\ntwo"], "object": {"metadata": {"namespace": "x", "labels": {"k": "v", "a/b": "w"}}}},
                {"cells": ["long-name", 0, null], "object": {"metadata": {"namespace": "y"}}},
            ],
        });
        Table::of(answer, Timestamp::UNIX_EPOCH)
    }

    fn check(shown: Shown, expect: &str) {
        assert_eq!(table().print(&shown), expect.trim_start_matches('\n'));
    }

    #[test]
    fn columns_line_up() {
        check(Shown::default(), "NAME        DATA\na           3\nlong-name   0\n");
        check(Shown { no_headers: true, ..Shown::default() }, "a           3\nlong-name   0\n");
    }

    #[test]
    fn more_can_be_shown() {
        check(
            Shown { wide: true, namespace: true, ..Shown::default() },
            "NAMESPACE   NAME        DATA   NODE\nx           a           3      one...\ny           long-name   0      <none>\n",
        );
        check(
            Shown {
                labels: true,
                label_columns: vec!["a/b".into()],
                kind: Some("cm".into()),
                ..Shown::default()
            },
            "NAME           DATA   B     LABELS\ncm/a           3      w     a/b=w,k=v\ncm/long-name   0            <none>\n",
        );
    }

    #[test]
    fn lists_without_columns_get_name_and_age() {
        let list = json!({"kind": "FooList", "items": [
            {"metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"}}]});
        let now = "2026-01-01T00:03:20Z".parse().unwrap();
        assert_eq!(Table::of(list, now).print(&Shown::default()), "NAME   AGE\na      3m20s\n");
    }
}
