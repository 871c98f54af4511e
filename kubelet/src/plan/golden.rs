//! Golden scenarios: each file in `golden/` is a script with the plans that came of it.
//!
//! A line that begins with `>` is something that happens; the lines below it say what was planned then. To write them
//! anew, run the test with `UPDATE_GOLDEN=1` and read what changed.

use std::{fmt::Write, fs, path::PathBuf};

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    Action,
    stage::{Ending, Stage},
};

/// Plays a script; the script with what was planned.
fn play(text: &str) -> String {
    let mut played = String::new();
    let mut stage = Stage::new(json!({}));
    for line in text.lines().filter(|line| line.is_empty() || line.starts_with(['>', '#'])) {
        let _infallible = writeln!(played, "{line}");
        if let Some(happening) = line.strip_prefix("> ") {
            happen(&mut stage, happening);
            for action in stage.plan() {
                let _infallible = writeln!(played, "  {}", told(&action));
            }
            if let Some(wait) = stage.wakes_in() {
                let _infallible = writeln!(played, "  look again in {wait:#}");
            }
        }
    }
    played
}

fn happen(stage: &mut Stage, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["pod", ..] => *stage = Stage::new(spec_of(line)),
        ["all", "done"] => stage.end_all(),
        ["fail", what @ ..] => {
            let what = what.join(" ");
            let place =
                stage.begun.iter().position(|it| told(it) == what).expect("only what was begun can fail");
            stage.end(place, Ending::Bad);
        }
        ["exit", container, code] => stage.exit(container, code.parse().expect("a code")),
        ["wait", seconds] => {
            let seconds = seconds.trim_end_matches('s').parse().expect("seconds");
            stage.now += SignedDuration::from_secs(seconds);
        }
        ["delete", grace] => stage.delete(grace.trim_end_matches('s').parse().expect("seconds")),
        ["the", "pause", "container", "dies"] => stage.lose_sandbox(),
        ["the", "agent", "restarts"] => stage.restart_agent(),
        ["image", container, image] => {
            let spec = stage.pod.spec.as_mut().expect("a scenario begins with a pod");
            let found = spec.containers.iter_mut().find(|it| it.name == *container);
            found.expect("a container of the pod").image = Some((*image).to_owned());
        }
        _ => panic!("nothing is known about {line:?}"),
    }
}

/// `pod Never: init a, sidecar b, main c preStop liveness`.
fn spec_of(line: &str) -> Value {
    let (head, containers) = line.split_once(": ").expect("a pod has containers");
    let mut spec = json!({
        "restartPolicy": head.split(' ').nth(1).unwrap_or("Always"),
        "initContainers": [],
        "containers": [],
        "terminationGracePeriodSeconds": 30,
    });
    for container in containers.split(", ") {
        let words: Vec<&str> = container.split(' ').collect();
        let mut value = json!({ "name": words[1], "image": "app:1" });
        for word in &words[2..] {
            let exec = json!({ "exec": { "command": ["true"] } });
            match *word {
                "preStop" | "postStart" => value["lifecycle"][*word] = exec,
                probe => {
                    let command = json!({ "command": ["true"] });
                    value[format!("{probe}Probe")] =
                        json!({ "exec": command, "periodSeconds": 5, "failureThreshold": 1 });
                }
            }
        }
        if words[0] == "sidecar" {
            value["restartPolicy"] = json!("Always");
        }
        let list = if words[0] == "main" { "containers" } else { "initContainers" };
        spec[list].as_array_mut().expect("it was made as one").push(value);
    }
    spec
}

fn told(action: &Action) -> String {
    match action {
        Action::WriteVolumes => "write the volumes".to_owned(),
        Action::MeasureVolumes => "measure the volumes".to_owned(),
        Action::CreateSandbox => "create the pause container".to_owned(),
        Action::StartSandbox(id) => format!("start {id}"),
        Action::Create { container, number, backoff } => {
            format!("create {container}, attempt {number}, next wait {backoff}s")
        }
        Action::Start { container, id: _ } => format!("start {container}"),
        Action::PostStart(container) => format!("run the postStart hook of {container}"),
        Action::Stop { container, cause } => format!("stop {container}: {cause:?}"),
        Action::PreStop { container, .. } => format!("run the preStop hook of {container}"),
        Action::Signal { container, signal, .. } => format!("send {signal} to {container}"),
        Action::Probe { container, kind } => format!("{kind} probe of {container}").to_lowercase(),
        Action::Remove(id) => format!("remove {id}"),
        Action::Settle => "settle".to_owned(),
        Action::RemoveVolumes => "remove the volumes".to_owned(),
        Action::DeleteObject => "delete the object".to_owned(),
    }
}

#[track_caller]
fn check(name: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/plan/golden").join(name);
    let text = fs::read_to_string(&path).unwrap();
    let played = play(&text);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &played).unwrap();
        return;
    }
    assert_eq!(played, text, "{name}");
}

#[test]
fn scenarios_play_as_they_were_written() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/plan/golden");
    for entry in fs::read_dir(folder).unwrap() {
        check(&entry.unwrap().file_name().to_string_lossy());
    }
}
