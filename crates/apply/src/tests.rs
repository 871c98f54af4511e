//! Plain writes and their managed fields; what apply does stands in `tests/apply.rs`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, Time};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Apply, BuiltIn, Conflict, Conflicts, Deduced, Force, Owners, Set, Unconverted, Versions, Write,
    managed_fields,
};

fn at(second: i64) -> Time {
    Time(Timestamp::from_second(second).expect("a time"))
}

fn write(manager: &str, second: i64) -> Write<'_> {
    Write {
        manager,
        subresource: "",
        api_version: "apps/v1",
        now: at(second),
        ignored: None,
        served: &|_| true,
    }
}

fn deployment() -> BuiltIn {
    BuiltIn::kind("apps", "v1", "Deployment").expect("a built-in kind")
}

fn ownership_after_write<V: Versions>(
    live: Option<&Value>,
    new: &Value,
    owners: Owners,
    versions: V,
    write: &Write<'_>,
) -> Vec<ManagedFieldsEntry> {
    super::ownership_after_write(live, new, owners, versions, write).expect("everything is at hand")
}

fn object(spec: Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "web", "namespace": "default", "uid": "1", "generation": 1, "labels": { "app": "web" } },
        "spec": spec,
    })
}

fn entry(manager: &str, operation: &str, second: i64, fields: Value) -> ManagedFieldsEntry {
    ManagedFieldsEntry {
        api_version: Some("apps/v1".into()),
        fields_type: Some("FieldsV1".into()),
        fields_v1: Some(FieldsV1(fields)),
        manager: Some(manager.into()),
        operation: Some(operation.into()),
        subresource: None,
        time: Some(at(second)),
    }
}

fn owners(live: &[ManagedFieldsEntry]) -> Owners {
    Owners { live: live.to_vec(), sent: None }
}

fn created() -> (Value, Vec<ManagedFieldsEntry>) {
    let object = object(json!({ "replicas": 1, "paused": false }));
    let entries =
        ownership_after_write(None, &object, Owners::default(), deployment(), &write("kubectl", 10));
    (object, entries)
}

#[test]
fn the_creator_owns_what_is_there() {
    let (_, entries) = created();
    let fields = json!({
        "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
        "f:spec": { "f:paused": {}, "f:replicas": {} },
    });
    assert_eq!(entries, [entry("kubectl", "Update", 10, fields)]);
}

#[test]
fn an_update_takes_what_it_changes() {
    let (live, entries) = created();
    let new = object(json!({ "replicas": 2, "paused": false, "minReadySeconds": 1 }));
    let entries = ownership_after_write(Some(&live), &new, owners(&entries), deployment(), &write("hpa", 20));
    let first =
        json!({ "f:metadata": { "f:labels": { ".": {}, "f:app": {} } }, "f:spec": { "f:paused": {} } });
    let second = json!({ "f:spec": { "f:minReadySeconds": {}, "f:replicas": {} } });
    assert_eq!(entries, [entry("kubectl", "Update", 10, first), entry("hpa", "Update", 20, second)]);
}

#[test]
fn what_is_removed_is_nobodys() {
    let (live, entries) = created();
    let new = object(json!({ "replicas": 1 }));
    let entries =
        ownership_after_write(Some(&live), &new, owners(&entries), deployment(), &write("other", 20));
    let rest =
        json!({ "f:metadata": { "f:labels": { ".": {}, "f:app": {} } }, "f:spec": { "f:replicas": {} } });
    assert_eq!(entries, [entry("kubectl", "Update", 10, rest)]);
}

#[test]
fn the_same_manager_keeps_one_entry_and_gets_a_new_time() {
    let (live, entries) = created();
    let new = object(json!({ "replicas": 2, "paused": false }));
    let after =
        ownership_after_write(Some(&live), &new, owners(&entries), deployment(), &write("kubectl", 20));
    assert_eq!(after[0].time, Some(at(20)));
    assert_eq!((after.len(), &after[0].fields_v1), (1, &entries[0].fields_v1));
}

#[test]
fn a_write_that_changes_nothing_keeps_the_entries() {
    let (live, entries) = created();
    let mut same = live.clone();
    same["metadata"]["resourceVersion"] = json!("7");
    let owners = Owners { sent: Some(entries.clone()), ..owners(&entries) };
    let after = ownership_after_write(Some(&live), &same, owners, deployment(), &write("other", 20));
    assert_eq!(after, entries);
}

#[test]
fn ignored_fields_are_not_owned() {
    let (live, entries) = created();
    let mut new = live.clone();
    new["status"] = json!({ "replicas": 1 });
    let ignored = Set::of_fields(&[&["status"]]);
    let main = Write { ignored: Some(&ignored), ..write("other", 20) };
    let after = ownership_after_write(Some(&live), &new, owners(&entries), deployment(), &main);
    assert_eq!(after, entries);

    let ignored = Set::of_fields(&[&["spec"]]);
    new["spec"]["replicas"] = json!(5);
    let status = Write { subresource: "status", ignored: Some(&ignored), ..write("other", 20) };
    let after = ownership_after_write(Some(&live), &new, owners(&entries), deployment(), &status);
    let fields = json!({ "f:status": { ".": {}, "f:replicas": {} } });
    let expect =
        ManagedFieldsEntry { subresource: Some("status".into()), ..entry("other", "Update", 20, fields) };
    assert_eq!(after, [entries[0].clone(), expect]);
}

#[test]
fn a_client_may_forget_or_rewrite_owners() {
    let (live, entries) = created();
    let after = |sent: Option<Vec<ManagedFieldsEntry>>, subresource: &str| {
        let owners = Owners { live: entries.clone(), sent };
        let write = Write { subresource, ..write("kubectl", 20) };
        ownership_after_write(Some(&live), &live, owners, deployment(), &write)
    };
    assert_eq!(after(None, ""), entries);
    assert!(after(Some(vec![]), "").is_empty());
    assert!(after(Some(vec![ManagedFieldsEntry::default()]), "").is_empty());
    assert_eq!(after(Some(vec![]), "status"), entries);
    let mine = vec![entry("mine", "Apply", 5, json!({ "f:spec": { "f:replicas": {} } }))];
    assert_eq!(after(Some(mine.clone()), ""), mine);
    assert_eq!(after(Some(mine), "status"), entries);
    let broken = vec![entry("mine", "Guess", 5, json!({}))];
    assert_eq!(after(Some(broken), ""), entries);
}

#[test]
fn owners_that_are_not_tracked_stay_so() {
    let (live, _) = created();
    let new = object(json!({ "replicas": 3 }));
    let after = ownership_after_write(Some(&live), &new, owners(&[]), deployment(), &write("kubectl", 20));
    assert!(after.is_empty());
}

#[test]
fn managers_of_versions_that_are_gone_are_forgotten() {
    let (live, mut entries) = created();
    entries[0].api_version = Some("apps/v1beta1".into());
    let new = object(json!({ "replicas": 2, "paused": false }));
    let served = |version: &str| version == "apps/v1";
    let write = Write { served: &served, ..write("other", 20) };
    let after = ownership_after_write(Some(&live), &new, owners(&entries), deployment(), &write);
    assert_eq!(after, [entry("other", "Update", 20, json!({ "f:spec": { "f:replicas": {} } }))]);
}

#[test]
fn only_so_many_updaters_are_remembered() {
    let mut live = object(json!({}));
    live["metadata"]["annotations"] = json!({ "a": "" });
    let mut entries = vec![entry("applier", "Apply", 1, json!({ "f:spec": { "f:paused": {} } }))];
    for second in 1..=14 {
        let mut new = live.clone();
        new["metadata"]["annotations"][format!("a{second:02}")] = json!("");
        let manager = format!("m{second:02}");
        entries = ownership_after_write(
            Some(&live),
            &new,
            owners(&entries),
            deployment(),
            &write(&manager, second),
        );
        live = new;
    }
    let names: Vec<_> = entries.iter().map(|entry| entry.manager.as_deref().unwrap_or_default()).collect();
    let expect =
        ["applier", "ancient-changes", "m06", "m07", "m08", "m09", "m10", "m11", "m12", "m13", "m14"];
    assert_eq!(names, expect);
    let ancient = json!({ "f:metadata": { "f:annotations": {
        "f:a01": {}, "f:a02": {}, "f:a03": {}, "f:a04": {}, "f:a05": {},
    } } });
    assert_eq!(entries[1], entry("ancient-changes", "Update", 5, ancient));
}

#[test]
fn times_are_kept_if_they_are_all_that_changed() {
    let fields = || json!({ "f:spec": {} });
    let live = [entry("a", "Apply", 1, fields()), entry("b", "Update", 2, fields())];
    let mut new = [entry("a", "Apply", 9, fields()), entry("b", "Update", 2, fields())];
    managed_fields::keep_times(&live, &mut new);
    assert_eq!(new, live);
    let mut other = [entry("a", "Apply", 9, json!({})), entry("b", "Update", 2, fields())];
    managed_fields::keep_times(&live, &mut other);
    assert_eq!(other[0].time, Some(at(9)));
}

#[test]
fn malformed_entries_are_named() {
    let check = |change: &dyn Fn(&mut ManagedFieldsEntry), expect: &str| {
        let mut entries = [entry("a", "Apply", 1, json!({}))];
        change(&mut entries[0]);
        assert_eq!(managed_fields::check_entries(&entries).expect_err("malformed").to_string(), expect);
    };
    check(&|it| it.operation = None, "operation must be `Apply` or `Update`");
    check(&|it| it.api_version = None, "apiVersion must not be empty");
    check(&|it| it.fields_type = None, "missing fieldsType in managed fields entry 0");
    check(&|it| it.fields_type = Some("V2".into()), "invalid fieldsType \"V2\" in managed fields entry 0");
    check(&|it| it.fields_v1 = Some(FieldsV1(json!({ "a": {} }))), "error decoding set");
}

#[test]
fn conflicts_are_told_in_upstreams_words() {
    let conflict = |manager: &str, path: &str| Conflict { manager: manager.into(), path: path.into() };
    let one = Conflicts(vec![conflict("\"kubectl-client-side-apply\" using apps/v1", ".spec.replicas")]);
    assert_eq!(
        one.to_string(),
        "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using apps/v1: .spec.replicas"
    );
    let cause = &one.causes()[0];
    assert_eq!(cause.reason.as_deref(), Some("FieldManagerConflict"));
    assert_eq!(cause.field.as_deref(), Some(".spec.replicas"));
    assert_eq!(cause.message.as_deref(), Some("conflict with \"kubectl-client-side-apply\" using apps/v1"));
    let more =
        Conflicts(vec![conflict("\"a\"", ".x"), conflict("\"a\"", ".y"), conflict("\"b\" using v1", ".z")]);
    assert_eq!(
        more.to_string(),
        "Apply failed with 3 conflicts: conflicts with \"a\":\n- .x\n- .y\nconflicts with \"b\" using v1:\n- .z"
    );
}

/// Two versions that call one field differently: `.spec.size` and `.spec.width`.
struct Two<'a>(&'a [(Value, Value)]);

impl Versions for Two<'_> {
    type Schema = Deduced;

    fn own(&self) -> Deduced {
        Deduced
    }

    fn other(&self, _version: &str) -> Option<Deduced> {
        Some(Deduced)
    }

    fn convert(&self, object: &Value, version: &str) -> Result<Value, Unconverted> {
        let known = self.0.iter().find(|(from, to)| from == object && to["apiVersion"] == version);
        let missing = || Unconverted { object: Box::new(object.clone()), version: version.to_owned() };
        known.map(|(_, to)| to.clone()).ok_or_else(missing)
    }
}

fn other_version(object: &Value, version: &str) -> Value {
    let mut other = object.clone();
    other["apiVersion"] = version.into();
    let (from, to) = if version == "x.io/v2" { ("size", "width") } else { ("width", "size") };
    if let Some(value) = other["spec"].as_object_mut().and_then(|it| it.remove(from)) {
        other["spec"][to] = value;
    }
    other
}

/// Converts what is asked for until nothing is, as a server does.
fn converting<T>(mut attempt: impl FnMut(Two<'_>) -> Result<T, Unconverted>) -> T {
    let mut known = Vec::new();
    loop {
        match attempt(Two(&known)) {
            Ok(it) => return it,
            Err(it) => {
                let made = other_version(&it.object, &it.version);
                known.push((*it.object, made));
                assert!(known.len() < 20, "the same is asked for again and again");
            }
        }
    }
}

fn widget(version: &str, spec: Value) -> Value {
    json!({ "apiVersion": version, "kind": "Widget", "metadata": { "name": "a" }, "spec": spec })
}

fn of_version(version: &str, entry: ManagedFieldsEntry) -> ManagedFieldsEntry {
    ManagedFieldsEntry { api_version: Some(version.into()), ..entry }
}

#[test]
fn managers_are_compared_in_their_own_version() {
    let live = widget("x.io/v1", json!({ "size": 1, "color": "red" }));
    let fields = || json!({ "f:spec": { "f:color": {}, "f:width": {} } });
    let entries = [of_version("x.io/v2", entry("ana", "Update", 5, fields()))];
    let write = Write { api_version: "x.io/v1", ..write("ben", 20) };
    let after = |new: &Value| {
        converting(|it| super::ownership_after_write(Some(&live), new, owners(&entries), it, &write))
    };
    // What only `size` shows in this version is Ana's `width` in hers.
    let after = after(&widget("x.io/v1", json!({ "size": 2, "color": "red" })));
    let rest = of_version("x.io/v2", entry("ana", "Update", 5, json!({ "f:spec": { "f:color": {} } })));
    let own = of_version("x.io/v1", entry("ben", "Update", 20, json!({ "f:spec": { "f:size": {} } })));
    assert_eq!(after, [rest, own]);
}

#[test]
fn appliers_keep_their_fields_when_they_go_to_another_version() {
    let fields = json!({ "f:spec": { "f:color": {}, "f:size": {} } });
    let applied = of_version("x.io/v1", entry("ana", "Apply", 5, fields));
    let live = widget("x.io/v2", json!({ "width": 1, "color": "red" }));
    let live = managed_fields::with_entries(live, &[applied]);
    let write = Write { api_version: "x.io/v2", ..write("ana", 20) };
    let config = widget("x.io/v2", json!({ "width": 1 }));
    let apply = |config: &Value, write: &Write<'_>| {
        let request = Apply { write: write.clone(), kind: "Widget", force: Force::No };
        converting(|it| match super::apply(Some(&live), config, it, &request) {
            Err(crate::Error::Unconverted(it)) => Err(it),
            other => Ok(other.map_err(|it| it.to_string())),
        })
    };
    // The colour is no longer applied and goes; the width stays, though it was `size` when it was applied.
    let object = apply(&config, &write).unwrap().unwrap();
    assert_eq!(object["spec"], json!({ "width": 1 }));
    let entries = managed_fields::entries_of(&object).unwrap().unwrap();
    let expect = entry("ana", "Apply", 20, json!({ "f:spec": { ".": {}, "f:width": {} } }));
    assert_eq!(entries, [of_version("x.io/v2", expect)]);
    // Somebody else's `width` is in conflict with Ana's `size`, which is named as she knows it.
    let config = widget("x.io/v2", json!({ "width": 7 }));
    let refused = apply(&config, &Write { manager: "ben", ..write }).unwrap_err();
    assert_eq!(refused, "Apply failed with 1 conflict: conflict with \"ana\": .spec.size");
}
