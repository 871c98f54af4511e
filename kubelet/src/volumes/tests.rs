use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, sync::Arc};

use api::k8s::api::core::v1::{ConfigMap, Pod, Secret, Volume};
use serde_json::{Value, json};

use super::*;
use crate::compose::Sources;

fn pod() -> Pod {
    serde_json::from_value(json!({
        "metadata": { "name": "p", "namespace": "ns", "labels": { "a": "1", "b": "say \"hi\"" } },
        "spec": { "containers": [{ "name": "main", "resources": { "limits": { "memory": "32Mi" } } }] },
    }))
    .unwrap()
}

fn sources() -> Sources {
    let map: ConfigMap = serde_json::from_value(
        json!({ "data": { "one": "1", "two": "2" }, "binaryData": { "blob": "AP8=" } }),
    )
    .unwrap();
    let secret: Secret = serde_json::from_value(json!({ "data": { "word": "aHVzaA==" } })).unwrap();
    Sources {
        config_maps: BTreeMap::from([("c".to_owned(), Some(Arc::new(map)))]),
        secrets: BTreeMap::from([("s".to_owned(), Some(Arc::new(secret)))]),
    }
}

/// The files of a volume, or why there are none, in one line.
#[track_caller]
fn check(volume: Value, expect: &str) {
    let (pod, sources) = (pod(), sources());
    let volume: Volume = serde_json::from_value(volume).unwrap();
    let need = TokenNeed { audience: String::new(), seconds: 3600 };
    let tokens = BTreeMap::from([(need, "secret-token".to_owned())]);
    let given = Given {
        pod: &pod,
        spec: pod.spec.as_ref().unwrap(),
        sources: &sources,
        tokens: &tokens,
        node_addresses: &[],
        addresses: &[],
        allocatable: &BTreeMap::new(),
    };
    let got = match content_of(&volume, &given) {
        Ok(Some(files)) => {
            let texts = files.iter().map(|(path, file)| {
                format!("{path}={:?}/{:o}", String::from_utf8_lossy(&file.bytes), file.mode)
            });
            texts.collect::<Vec<_>>().join(" ")
        }
        Ok(None) => "not ours".to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(got, expect);
}

#[test]
fn keys_items_and_modes() {
    check(json!({ "name": "v", "emptyDir": {} }), "not ours");
    let all = r#"blob="\0�"/644 one="1"/644 two="2"/644"#;
    check(json!({ "name": "v", "configMap": { "name": "c" } }), all);
    let items =
        json!([{ "key": "two", "path": "deep/file", "mode": 0o400 }, { "key": "two", "path": "again" }]);
    let chosen = r#"again="2"/440 deep/file="2"/400"#;
    check(json!({ "name": "v", "configMap": { "name": "c", "items": items, "defaultMode": 0o440 } }), chosen);
    let missing = json!({ "name": "c", "items": [{ "key": "no", "path": "x" }] });
    check(json!({ "name": "v", "configMap": missing }), "references non-existent config key: no");
    check(json!({ "name": "v", "secret": { "secretName": "gone" } }), "secret \"gone\" not found");
    check(json!({ "name": "v", "secret": { "secretName": "gone", "optional": true } }), "");
}

#[test]
fn projections_and_the_downward_api() {
    let items = json!([
        { "path": "labels", "fieldRef": { "fieldPath": "metadata.labels" } },
        { "path": "mem", "resourceFieldRef": { "containerName": "main", "resource": "limits.memory", "divisor": "1Mi" } },
    ]);
    let sources = json!([
        { "secret": { "name": "s", "items": [{ "key": "word", "path": "sub/word" }] } },
        { "downwardAPI": { "items": items } },
        { "serviceAccountToken": { "path": "token" } },
    ]);
    let expect = r#"labels="a=\"1\"\nb=\"say \\\"hi\\\"\""/644 mem="32"/644 sub/word="hush"/644 token="secret-token"/644"#;
    check(json!({ "name": "v", "projected": { "sources": sources } }), expect);
}

fn files(pairs: &[(&str, &str)]) -> Files {
    let file = |text: &str| File { bytes: text.into(), mode: 0o644 };
    pairs.iter().map(|(path, text)| ((*path).to_owned(), file(text))).collect()
}

#[test]
fn files_change_all_at_once_and_leave_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("v");
    let read = |path: &str| fs::read_to_string(place.join(path)).ok();
    disk::write_files(&place, &files(&[("one", "1"), ("deep/two", "2")]), "first", None).unwrap();
    assert_eq!((read("one").as_deref(), read("deep/two").as_deref()), (Some("1"), Some("2")));
    assert_eq!(fs::read_link(place.join("..data")).unwrap().to_str(), Some("..first"));
    disk::write_files(&place, &files(&[("one", "1"), ("deep/two", "2")]), "same", None).unwrap();
    assert_eq!(fs::read_link(place.join("..data")).unwrap().to_str(), Some("..first"));
    disk::write_files(&place, &files(&[("one", "new")]), "second", None).unwrap();
    assert_eq!((read("one").as_deref(), read("deep/two")), (Some("new"), None));
    let mut names: Vec<String> =
        fs::read_dir(&place).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["..data", "..second", "one"]);
}

#[test]
fn host_paths_are_what_they_are_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, kind: &str, expect: bool| {
        let path = folder.path().join(name).to_str().unwrap().to_owned();
        let source = serde_json::from_value(json!({ "path": path, "type": kind })).unwrap();
        assert_eq!(disk::check_host_path(&source).is_ok(), expect, "{name} {kind}");
    };
    check("a", "Directory", false);
    check("a", "DirectoryOrCreate", true);
    check("a", "Directory", true);
    check("a", "File", false);
    check("b", "FileOrCreate", true);
    check("b", "File", true);
    check("b", "Socket", false);
    check("c", "", true);
}

#[test]
fn a_part_of_a_volume_stays_inside_it() {
    let folder = tempfile::tempdir().unwrap();
    let volume = folder.path().join("v");
    fs::create_dir(&volume).unwrap();
    std::os::unix::fs::symlink("/etc", volume.join("out")).unwrap();
    let inside =
        |path: &str| disk::make_inside(&HostFolder { volume: volume.clone(), path: volume.join(path) });
    assert!(inside("a/b").is_ok() && volume.join("a/b").is_dir());
    assert!(inside("out").is_err() && inside("out/new").is_err());
}

#[test]
fn empty_folders_are_open_to_all() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("v");
    disk::make_empty_dir(&place, None).unwrap();
    assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o7777, 0o777);
}

use crate::compose::HostFolder;
