//! One object, the managers that change it, and a clock that ticks with each write.

#![allow(dead_code, reason = "each file of tests tells a part of it")]

use std::collections::BTreeMap;
use std::error::Error as _;

use apply::managed_fields::entries_of;
use apply::{Apply, BuiltIn, Error, Force, Owners, Write, fields_v1, path_text};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The object's life so far.
#[derive(Clone)]
pub(crate) struct Story {
    api_version: &'static str,
    kind: &'static str,
    object: Option<Value>,
    second: i64,
}

impl Story {
    /// There is no object yet.
    pub(crate) fn of(api_version: &'static str, kind: &'static str) -> Self {
        Story { api_version, kind, object: None, second: 0 }
    }

    fn schema(&self) -> BuiltIn {
        let (group, version) = self.api_version.split_once('/').unwrap_or(("", self.api_version));
        BuiltIn::kind(group, version, self.kind).expect("a built-in kind")
    }

    fn whole(&self, part: Value) -> Value {
        let mut object = json!({
            "apiVersion": self.api_version, "kind": self.kind, "metadata": { "name": "it" },
        });
        overlay(&mut object, part);
        object
    }

    fn write<'a>(&self, manager: &'a str) -> Write<'a> {
        let now = Time(Timestamp::from_second(self.second).expect("a time"));
        let (api_version, served) = (self.api_version, &|_: &str| true);
        Write { manager, subresource: "", api_version, now, ignored: None, served }
    }

    /// Applies, and gives what the server would store.
    pub(crate) fn try_apply(
        &mut self,
        manager: &str,
        part: Value,
        force: Force,
    ) -> Result<Option<Value>, Error> {
        self.second += 1;
        let request = Apply { write: self.write(manager), kind: self.kind, force };
        let result = apply::apply(self.object.as_ref(), &self.whole(part), self.schema(), &request);
        if let Ok(Some(object)) = &result {
            self.object = Some(object.clone());
        }
        result
    }

    #[track_caller]
    fn must_apply(&mut self, manager: &str, part: Value, force: Force) -> Option<Value> {
        self.try_apply(manager, part, force).unwrap_or_else(|error| panic!("{}", chain(&error)))
    }

    /// An apply that changes the object or its owners.
    #[track_caller]
    pub(crate) fn applies(&mut self, manager: &str, part: Value) {
        assert!(self.must_apply(manager, part, Force::No).is_some(), "nothing has changed");
    }

    /// An apply that takes fields of others.
    #[track_caller]
    pub(crate) fn applies_with_force(&mut self, manager: &str, part: Value) {
        assert!(self.must_apply(manager, part, Force::Yes).is_some(), "nothing has changed");
    }

    /// An apply after which everything is as before.
    #[track_caller]
    pub(crate) fn applies_in_vain(&mut self, manager: &str, part: Value) {
        assert_eq!(self.must_apply(manager, part, Force::No), None);
    }

    /// An apply that fails with these words.
    #[track_caller]
    pub(crate) fn is_refused(&mut self, manager: &str, part: Value, words: &str) {
        let error = self.try_apply(manager, part, Force::No).expect_err("it is refused");
        assert_eq!(chain(&error), words);
    }

    /// A create or an update of the whole object.
    pub(crate) fn writes(&mut self, manager: &str, part: Value) {
        self.second += 1;
        let new = self.whole(part);
        let owners = Owners::of(self.object.as_ref(), &new);
        let write = self.write(manager);
        let entries = apply::ownership_after_write(self.object.as_ref(), &new, owners, self.schema(), &write)
            .expect("there is one version");
        self.object = Some(apply::managed_fields::with_entries(new, &entries));
    }

    /// The object exists, and its owners were never tracked.
    pub(crate) fn was_there_before_ownership(&mut self, part: Value) {
        self.object = Some(self.whole(part));
    }

    /// The server fills in what was left out; nobody owns it.
    pub(crate) fn defaults(&mut self, part: Value) {
        let entries = entries_of(self.object.as_ref().expect("an object")).expect("readable entries");
        let object = self.whole(part);
        self.object = Some(apply::managed_fields::with_entries(object, &entries.unwrap_or_default()));
    }

    /// The object without its managed fields.
    pub(crate) fn bare(&self) -> Value {
        let object = self.object.clone().unwrap_or(Value::Object(Map::new()));
        apply::managed_fields::with_entries(object, &[])
    }

    /// What the object is now.
    #[track_caller]
    pub(crate) fn is(&self, part: Value) {
        assert_eq!(self.bare(), self.whole(part));
    }

    /// Who owns what, in the words of [`Story::owners`].
    pub(crate) fn owned(&self) -> String {
        let entries = self.object.as_ref().and_then(|object| entries_of(object).expect("readable entries"));
        let mut owners = BTreeMap::new();
        for entry in entries.unwrap_or_default() {
            let fields = entry.fields_v1.expect("fields").0;
            let mut paths = vec![];
            fields_v1::from_fields(&fields)
                .expect("well-formed fields")
                .for_each(|path| paths.push(path_text(path)));
            paths.sort();
            let verb = if entry.operation.as_deref() == Some("Apply") { "applied" } else { "wrote" };
            let owner = format!("{} {verb}", entry.manager.unwrap_or_default());
            owners.insert(owner, paths.join(" "));
        }
        owners.iter().map(|(owner, paths)| format!("{owner} {paths}")).collect::<Vec<_>>().join("; ")
    }

    /// Who owns what: `ana applied .spec.paused; hpa wrote .spec.replicas`.
    #[track_caller]
    pub(crate) fn owners(&self, expect: &str) {
        assert_eq!(self.owned(), expect);
    }
}

fn overlay(object: &mut Value, part: Value) {
    match (object, part) {
        (Value::Object(object), Value::Object(part)) => {
            for (name, value) in part {
                overlay(object.entry(name).or_insert(Value::Null), value);
            }
        }
        (object, part) => *object = part,
    }
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
