//! The rules that the compiler cannot check: what may depend on what, what may be named where, how long a file may be,
//! and that the architecture's map is true.
//!
//! Each test is one rule. A rule collects every offence and shows them all, with what to do about them.

use std::collections::{BTreeMap, BTreeSet};
use tests::workspace::{File, Package, Workspace};

/// Longest file, without its tests.
const LONGEST_FILE: usize = 500;

/// What each room may need of the others, outside its tests.
const ARROWS: &[(&str, &[&str])] = &[
    ("access", &["api"]),
    ("api", &[]),
    ("apply", &["openapi"]),
    (
        "apiserver",
        &[
            "access",
            "api",
            "apply",
            "client",
            "daemon",
            "network",
            "openapi",
            "patch",
            "pki",
            "runtime",
            "store",
            "structural",
            "wire",
        ],
    ),
    ("client", &["api"]),
    ("controller-manager", &["access", "api", "client", "daemon", "pki", "runtime"]),
    ("daemon", &[]),
    ("kubectl-lite", &["api", "client", "daemon", "openapi", "patch"]),
    ("kubelet", &["api", "client", "daemon", "network", "pki", "runtime"]),
    ("network", &["api", "client", "daemon", "runtime"]),
    ("openapi", &[]),
    ("patch", &["api", "openapi"]),
    ("pki", &[]),
    ("runtime", &["api", "client", "daemon"]),
    ("scheduler", &["api", "client", "daemon", "runtime"]),
    ("store", &[]),
    ("structural", &["api"]),
    ("wire", &["api"]),
    ("workloads", &[]),
];

/// These put the others together, and may need any of them.
const ASSEMBLERS: &[&str] = &["bench", "examples", "skiff", "testkit", "tests"];

/// Only these open the store; the launcher for `restore` alone.
const STORE_USERS: &[&str] = &["apiserver", "bench", "skiff", "testkit"];

/// Folders of code that decides, and so does nothing.
const PURE: &[&str] = &[
    "controller-manager/src/controllers/",
    "scheduler/src/plugins/",
    "kubelet/src/plan",
    "kubelet/src/status",
];

/// What code that decides does not name: tasks, connections, clocks, files, chance.
const DOERS: &[&str] = &[
    "tokio",
    "async",
    "http",
    "hyper",
    "reqwest",
    "clock",
    "Clock",
    "Random",
    "Instant",
    "SystemTime",
    "fs",
    "net",
    "process",
    "thread",
];

/// Tables whose rows are the files beside them: folder, table, what makes a file one of its rows.
const SLICES: &[(&str, &str, &str)] = &[
    ("controller-manager/src/controllers/", "CONTROLLERS", "impl Controller for "),
    ("scheduler/src/plugins/", "PLUGINS", "impl Plugin for "),
];

/// Hosts that texts may point to.
const HOSTS: &[&str] = &[
    "127.0.0.1",
    "::1",
    "0.0.0.0",
    "localhost",
    "crates.io",
    "datatracker.ietf.org",
    "docs.docker.com",
    "docs.rs",
    "git.k8s.io",
    "github.com",
    "index.docker.io",
    "json-schema.org",
    "k8s.io",
    "keepachangelog.com",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "kubernetes.io",
    "rust-lang.org",
    "rustup.rs",
    "semver.org",
    "www.apache.org",
    "www.iana.org",
    "www.rfc-editor.org",
    "yaml.org",
];

fn workspace() -> Workspace {
    Workspace::read().expect("the repository can be read")
}

/// Fails with every offence and the rule.
fn none(offences: Vec<String>, rule: &str) {
    assert!(offences.is_empty(), "{rule}\n  {}\n", offences.join("\n  "));
}

#[test]
fn rooms_need_only_what_lies_below_them() {
    let workspace = workspace();
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let wrong = |package: &Package| -> Vec<String> {
        let Some(allowed) = allowed.get(package.name.as_str()) else {
            return vec![format!("{}: it has no row in ARROWS", package.name)];
        };
        let needs = package.needs.iter().filter(|it| !allowed.contains(&it.as_str()));
        needs.map(|it| format!("{} needs {it}", package.name)).collect()
    };
    let rooms = workspace.packages.iter().filter(|it| !ASSEMBLERS.contains(&it.name.as_str()));
    none(rooms.flat_map(wrong).collect(), "a room may need only those that ARROWS allows it");
}

#[test]
fn only_the_api_server_opens_the_store() {
    let workspace = workspace();
    let users = workspace.packages.iter().filter(|it| it.needs.iter().any(|need| need == "store"));
    let wrong = users.filter(|it| !STORE_USERS.contains(&it.name.as_str())).map(|it| it.name.clone());
    none(wrong.collect(), "everything but the API server is a client of it");
    let restore = |it: &&File| it.path.starts_with("crates/skiff/") && it.words().any(|word| word == "Store");
    let launcher: Vec<&str> = workspace.sources().filter(restore).map(|it| it.path.as_str()).collect();
    assert!(launcher.len() <= 1, "the launcher names the store in one place, `restore`: {launcher:?}");
}

#[test]
fn only_docker_files_know_docker() {
    let workspace = workspace();
    let at_home = |it: &File| it.path.ends_with("/docker.rs") || it.path.contains("/docker/");
    let wrong = workspace.sources().filter(|it| !at_home(it) && it.words().any(|word| word == "bollard"));
    let wrong = wrong.map(|it| it.path.clone()).collect();
    none(wrong, "bollard is named only in files called docker.rs or in a docker/ folder");
}

#[test]
fn only_path_spells_paths_and_keys() {
    let workspace = workspace();
    let roots = ["api", "apis", "registry"];
    let spelled = |text: &str| text.strip_prefix('/').is_some_and(|it| roots.contains(&first_part(it)));
    let mut wrong = Vec::new();
    for file in workspace.sources().filter(|it| it.path != "crates/api/src/path.rs") {
        wrong.extend(file.literals().filter(|it| spelled(it)).map(|it| format!("{}: {it:?}", file.path)));
    }
    none(wrong, "an API path or a store key comes from api::path");
}

fn first_part(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

#[test]
fn code_that_decides_does_nothing() {
    let workspace = workspace();
    let mut wrong = BTreeSet::new();
    for file in workspace.sources().filter(|it| PURE.iter().any(|folder| it.path.starts_with(folder))) {
        let words = file.words().filter(|it| DOERS.contains(it));
        wrong.extend(words.map(|it| format!("{} names `{it}`", file.path)));
    }
    none(
        wrong.into_iter().collect(),
        "time, chance and the world are arguments of what decides, or its plan's actions",
    );
}

#[test]
fn every_rule_and_controller_is_in_its_table() {
    let workspace = workspace();
    let mut wrong = Vec::new();
    for (folder, table, marker) in SLICES {
        let path = format!("{folder}mod.rs");
        let rows = rows_of(workspace.file(&path), table);
        let files = workspace.sources().filter(|it| it.path.starts_with(folder) && !it.is_test());
        for name in files.flat_map(|it| it.code().split(marker).skip(1)).map(leading_word) {
            if !rows.contains(&name) {
                wrong.push(format!("{name} has no row in {table} ({path})"));
            }
        }
    }
    none(wrong, "what is not in its table never runs");
}

/// The words of a table's initializer.
fn rows_of<'a>(file: Option<&'a File>, table: &str) -> Vec<&'a str> {
    let words: Vec<&str> = file.into_iter().flat_map(File::words).collect();
    let start = words.iter().position(|it| *it == table).unwrap_or(words.len());
    words[start..].to_vec()
}

fn leading_word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

#[test]
fn files_are_short() {
    let workspace = workspace();
    let lengths =
        workspace.sources().filter(|it| !it.is_test()).map(|it| (it.code().lines().count(), &it.path));
    let mut long: Vec<(usize, &String)> = lengths.filter(|(lines, _)| *lines > LONGEST_FILE).collect();
    long.sort_by(|a, b| b.cmp(a));
    let long = long.into_iter().map(|(lines, path)| format!("{lines} {path}")).collect();
    none(long, &format!("a file has at most {LONGEST_FILE} lines without its tests; make a folder of it"));
}

#[test]
fn modules_say_what_they_own() {
    let workspace = workspace();
    let silent = |it: &&File| !it.path.ends_with("/tests.rs") && !it.text.starts_with("//!");
    let silent = workspace.sources().filter(silent).map(|it| it.path.clone()).collect();
    none(silent, "a module begins with `//!`: what it owns, where to start reading, what it refuses to do");
}

#[test]
fn packages_take_the_lints_of_the_workspace() {
    let workspace = workspace();
    let takes = |package: &&Package| {
        let manifest = workspace.file(&format!("{}/Cargo.toml", package.folder));
        manifest.is_some_and(|it| it.text.contains("[lints]\nworkspace = true"))
    };
    let loose = workspace.packages.iter().filter(|it| !takes(it)).map(|it| it.name.clone()).collect();
    none(loose, "a manifest says `[lints]` and `workspace = true`");
}

#[test]
fn the_map_names_every_room() {
    let workspace = workspace();
    let map = &workspace.file("ARCHITECTURE.md").expect("there is an ARCHITECTURE.md").text;
    let named = |it: &&Package| map.contains(&format!("| `{}` |", it.folder));
    let missing = workspace.packages.iter().filter(|it| !named(it)).map(|it| it.folder.clone()).collect();
    none(missing, "the code map in ARCHITECTURE.md has a row for each room");
}

#[test]
fn the_map_names_only_what_exists() {
    let workspace = workspace();
    let map = &workspace.file("ARCHITECTURE.md").expect("there is an ARCHITECTURE.md").text;
    let tops: BTreeSet<&str> = workspace.packages.iter().map(|it| first_part(&it.folder)).collect();
    let quoted = map.split('`').skip(1).step_by(2);
    let paths =
        quoted.filter(|it| it.contains('/') && tops.contains(first_part(it)) && !it.contains([' ', '*']));
    let gone = paths.filter(|it| !workspace.root.join(it).exists()).map(str::to_owned).collect();
    none(gone, "ARCHITECTURE.md points to files that are there");
}

#[test]
fn texts_speak_of_the_software_only() {
    // Put together, so that this file does not offend itself.
    let words =
        [["sub", "agent"], ["acceptance", "/run"], ["\u{2f}work", "/"], ["/ro", "ot/."], ["/ho", "me/"]];
    let words = words.map(|it| it.concat());
    let workspace = workspace();
    let mut wrong = Vec::new();
    for file in &workspace.files {
        let found = words.iter().filter(|it| file.text.contains(it.as_str()));
        wrong.extend(found.map(|it| format!("{}: {it:?}", file.path)));
    }
    none(wrong, "a text names no folder of somebody's machine and nothing of somebody's way to work");
}

#[test]
fn links_point_to_public_places() {
    let workspace = workspace();
    let mut wrong = BTreeSet::new();
    for file in workspace.files.iter().filter(|it| !it.is_test()) {
        let text = if file.path.ends_with(".rs") { file.code() } else { &file.text };
        let hosts = text.split("://").skip(1).map(host_of);
        wrong.extend(hosts.filter(|it| !is_public(it)).map(|it| format!("{}: {it}", file.path)));
    }
    none(wrong.into_iter().collect(), "HOSTS has the places that a text may point to");
}

/// What follows `://`, up to the end of the host.
fn host_of(link: &str) -> &str {
    let link = link.strip_prefix('[').unwrap_or(link);
    let end = link.find(|c: char| !c.is_ascii_alphanumeric() && !['.', '-', '_'].contains(&c));
    link[..end.unwrap_or(link.len())].trim_end_matches('.')
}

/// Whether a host is in the table, below one that is, or none at all (a placeholder, an example).
fn is_public(host: &str) -> bool {
    let known =
        HOSTS.iter().any(|it| host == *it || host.strip_suffix(it).is_some_and(|it| it.ends_with('.')));
    let example = host.ends_with(".example") || host.contains("example.");
    known || example || !host.contains('.') || host.chars().all(|c| c.is_ascii_digit() || c == '.')
}
