//! From parser events to trees: anchors, merges, unique keys, and a bound on what aliases may unfold to.

use super::{Duplicate, Error, Read, scalar};
use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use k8s_openapi::ByteString;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// How many nodes a text may unfold to. A cluster's largest manifests have some hundred thousand.
const MOST_NODES: usize = 2_000_000;

/// How many bytes of a text count as a node of its own, for an alias copies them too.
const BYTES_PER_NODE: usize = 64;

/// How deep lists and mappings may nest: as deep as in JSON, so that what is read here can be stored as JSON.
const MOST_LEVELS: usize = 127;

pub(super) fn read(text: &str) -> Result<Read, Error> {
    let (events, anchors) = (Parser::new_from_str(text), HashMap::new());
    let mut composer = Composer { events, anchors, nodes: 0, level: 0, duplicates: Vec::new() };
    let mut documents = Vec::new();
    while let Some((event, span)) = composer.next()? {
        match event {
            Event::DocumentStart(..) | Event::DocumentEnd | Event::StreamStart | Event::StreamEnd => {
                composer.anchors.clear();
            }
            event => documents.push(composer.node(event, &span)?),
        }
    }
    documents.retain(|it| !it.is_null());
    Ok(Read { documents, duplicates: composer.duplicates })
}

/// A finished node under an anchor, how many nodes it holds and how many levels.
struct Anchored {
    value: Value,
    nodes: usize,
    levels: usize,
}

struct Composer<'a> {
    events: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    /// How many lists and mappings are open.
    level: usize,
    /// Keys that stand twice, as far as they have been met.
    duplicates: Vec<Duplicate>,
}

impl<'a> Composer<'a> {
    /// The next event that is not a comment.
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Error> {
        loop {
            match self.events.next() {
                None => return Ok(None),
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok(event)) => return Ok(Some(event)),
                Some(Err(error)) => {
                    return Err(Error::Syntax { line: error.marker().line(), message: error.info() });
                }
            }
        }
    }

    fn next_in(&mut self, start: &Span) -> Result<(Event<'a>, Span), Error> {
        self.next()?.ok_or_else(|| syntax(start, "unexpected end of the document"))
    }

    fn count(&mut self, nodes: usize) -> Result<(), Error> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES { Err(Error::Bomb) } else { Ok(()) }
    }

    /// Whether so many levels more may open here.
    fn descend(&self, levels: usize, span: &Span) -> Result<(), Error> {
        if self.level + levels > MOST_LEVELS {
            return Err(syntax(span, &format!("nested deeper than {MOST_LEVELS} levels")));
        }
        Ok(())
    }

    /// Reads what is inside of a list or mapping.
    fn inside(
        &mut self,
        start: &Span,
        read: impl FnOnce(&mut Self) -> Result<Value, Error>,
    ) -> Result<Value, Error> {
        self.descend(1, start)?;
        self.level += 1;
        let value = read(self)?;
        self.level -= 1;
        Ok(value)
    }

    fn node(&mut self, event: Event<'a>, span: &Span) -> Result<Value, Error> {
        let before = self.nodes;
        self.count(1)?;
        let (anchor, value) = match event {
            Event::Alias(id) => return self.alias(id, span),
            Event::Scalar(text, style, anchor, tag) => {
                self.count(text.len() / BYTES_PER_NODE)?;
                (anchor, scalar_of(&text, style, tag.as_deref(), span)?)
            }
            Event::SequenceStart(_, anchor, _) => (anchor, self.inside(span, |it| it.sequence(span))?),
            Event::MappingStart(_, anchor, _) => (anchor, self.inside(span, |it| it.mapping(span))?),
            _ => return Err(syntax(span, "a value was expected")),
        };
        if anchor != 0 {
            let (nodes, levels) = (self.nodes - before, levels_of(&value));
            self.anchors.insert(anchor, Anchored { value: value.clone(), nodes, levels });
        }
        Ok(value)
    }

    fn alias(&mut self, id: usize, span: &Span) -> Result<Value, Error> {
        let found = self.anchors.get(&id).map(|it| (it.nodes, it.levels));
        let (nodes, levels) = found.ok_or_else(|| syntax(span, "an anchor's value contains itself"))?;
        self.descend(levels, span)?;
        self.count(nodes)?;
        Ok(self.anchors[&id].value.clone())
    }

    fn sequence(&mut self, start: &Span) -> Result<Value, Error> {
        let mut items = Vec::new();
        loop {
            match self.next_in(start)? {
                (Event::SequenceEnd, _) => return Ok(Value::Array(items)),
                (event, span) => items.push(self.node(event, &span)?),
            }
        }
    }

    fn mapping(&mut self, start: &Span) -> Result<Value, Error> {
        let (mut map, mut own, mut merged) = (Map::new(), HashSet::new(), Vec::new());
        loop {
            let (event, span) = self.next_in(start)?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let is_merge =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text.as_ref() == "<<");
            let key = self.node(event, &span)?;
            let (event, value_span) = self.next_in(start)?;
            let value = self.node(event, &value_span)?;
            if is_merge {
                merged.extend(merged_maps(value, &value_span)?);
                continue;
            }
            let key = key_of(key, &span)?;
            if !own.insert(key.clone()) {
                self.duplicates.push(Duplicate { line: span.start.line(), key: key.clone() });
            }
            map.insert(key, value);
        }
        // What stands in the mapping itself wins, then what was merged first.
        for (key, value) in merged.into_iter().flatten() {
            map.entry(key).or_insert(value);
        }
        Ok(Value::Object(map))
    }
}

/// How many lists and mappings are inside each other.
fn levels_of(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(levels_of).max().unwrap_or_default(),
        Value::Object(map) => 1 + map.values().map(levels_of).max().unwrap_or_default(),
        _ => 0,
    }
}

fn syntax(span: &Span, message: &str) -> Error {
    Error::Syntax { line: span.start.line(), message: message.to_owned() }
}

fn merged_maps(value: Value, span: &Span) -> Result<Vec<Map<String, Value>>, Error> {
    let refuse = || syntax(span, "map merge requires map or sequence of maps as the value");
    let one = |value| match value {
        Value::Object(map) => Ok(map),
        _ => Err(refuse()),
    };
    match value {
        Value::Array(items) => items.into_iter().map(one).collect(),
        value => one(value).map(|it| vec![it]),
    }
}

fn key_of(key: Value, span: &Span) -> Result<String, Error> {
    match key {
        Value::String(text) => Ok(text),
        Value::Bool(_) | Value::Number(_) => Ok(key.to_string()),
        _ => Err(syntax(span, "a key must be a text, a number or a boolean")),
    }
}

fn scalar_of(text: &str, style: ScalarStyle, tag: Option<&Tag>, span: &Span) -> Result<Value, Error> {
    let Some(tag) = tag else {
        return Ok(if style == ScalarStyle::Plain { scalar::resolve(text) } else { text.into() });
    };
    let refuse = |kind: &str| syntax(span, &format!("cannot decode {text:?} as {kind}"));
    match tag.suffix_in_namespace("tag:yaml.org,2002:").as_deref() {
        Some("int") => Some(scalar::resolve(text)).filter(Value::is_i64).ok_or_else(|| refuse("an integer")),
        Some("float") => {
            Some(scalar::resolve(text)).filter(Value::is_number).ok_or_else(|| refuse("a number"))
        }
        Some("bool") => {
            Some(scalar::resolve(text)).filter(Value::is_boolean).ok_or_else(|| refuse("a boolean"))
        }
        Some("null") => Ok(Value::Null),
        Some("binary") => binary(text).ok_or_else(|| refuse("base64 data")),
        _ => Ok(text.into()),
    }
}

/// The text that base64 data holds.
fn binary(text: &str) -> Option<Value> {
    let compact: String = text.split_whitespace().collect();
    let ByteString(bytes) = serde_json::from_value(compact.into()).ok()?;
    String::from_utf8(bytes).ok().map(Value::String)
}
