use super::JobController;
use api::{Key, Object, Resource};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use runtime::{Controller, Plan, Snapshot};
use serde_json::{Value, json};

fn job(spec: Value, status: Value) -> Object {
    let mut tree = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"namespace": "d", "name": "sum", "uid": "u", "resourceVersion": "7"},
        "spec": {"selector": {"matchLabels": {"job": "sum"}}, "backoffLimit": 6,
            "template": {"metadata": {"labels": {"job": "sum"}}, "spec": {"containers": [], "restartPolicy": "Never"}}},
        "status": {"startTime": "2030-01-01T00:00:00Z"},
    });
    for (part, more) in [("spec", spec), ("status", status)] {
        for (key, value) in more.as_object().expect("an object") {
            tree[part][key] = value.clone();
        }
    }
    Job::KIND.decode_value(tree).expect("it decodes")
}

/// A pod in words: its name and phase, then `going`, `counted`, or its index.
fn pod(words: &str) -> Object {
    let words: Vec<&str> = words.split(' ').collect();
    let owner =
        json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "sum", "uid": "u", "controller": true}]);
    let ended = json!({"terminated": {"exitCode": 1, "finishedAt": "2030-01-01T00:00:00Z"}});
    let container = json!([{"name": "main", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": ended}]);
    let mut tree = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": "d", "name": words[0], "uid": words[0], "labels": {"job": "sum"},
            "finalizers": ["batch.kubernetes.io/job-tracking"], "ownerReferences": owner},
        "status": {"phase": words[1], "containerStatuses": container},
    });
    for word in &words[2..] {
        match *word {
            "going" => tree["metadata"]["deletionTimestamp"] = json!("2030-01-01T00:00:00Z"),
            "counted" => tree["metadata"]["finalizers"] = json!(null),
            index => {
                tree["metadata"]["annotations"] = json!({"batch.kubernetes.io/job-completion-index": index})
            }
        }
    }
    Pod::KIND.decode_value(tree).expect("it decodes")
}

fn plan(job: Object, pods: &[&str]) -> Plan {
    let caches = Snapshot::of(std::iter::once(job).chain(pods.iter().map(|it| pod(it))));
    let key = Key::of::<Job>("d", "sum");
    let observed = JobController::observe(&caches, &key).expect("there is something to decide");
    let now: Timestamp = "2030-01-01T00:01:00Z".parse().expect("it is a time");
    JobController::reconcile(observed, now)
}

/// What a plan does to pods, one word each.
fn deeds(plan: &Plan) -> Vec<String> {
    let lines = plan.actions.iter().map(ToString::to_string).collect::<Vec<_>>();
    let lines = lines.iter().flat_map(|it| it.split("; ")).filter(|it| it.contains("pod/"));
    let word = |it: &str| {
        let (verb, name) = it.split_once(" pod/d/").expect("it is about a pod");
        let name = name.split(' ').next().unwrap_or_default().trim_end_matches(['-', '*']);
        format!("{} {name}", if verb == "patch" { "untrack" } else { verb })
    };
    lines.map(word).collect()
}

/// The reason of the condition that a plan adds.
fn reason(plan: &Plan) -> Option<String> {
    let line = plan.actions.first()?.to_string();
    let at = line.find(r#""reason":""#)? + 10;
    Some(line[at..].split('"').next().unwrap_or_default().to_owned())
}

#[track_caller]
fn check(spec: Value, pods: &[&str], expect: &[&str], why: Option<&str>) {
    let plan = plan(job(spec, json!({})), pods);
    assert_eq!(
        (deeds(&plan), reason(&plan).as_deref()),
        (expect.iter().map(|it| (*it).to_owned()).collect(), why)
    );
}

fn of(completions: i32, parallelism: i32) -> Value {
    json!({"completions": completions, "parallelism": parallelism})
}

fn indexed(completions: i32, parallelism: i32, more: Value) -> Value {
    let mut spec = of(completions, parallelism);
    spec["completionMode"] = json!("Indexed");
    for (key, value) in more.as_object().expect("an object") {
        spec[key] = value.clone();
    }
    spec
}

#[test]
fn as_many_pods_as_useful() {
    check(of(3, 2), &[], &["create sum", "create sum"], None);
    check(of(3, 2), &["a Running", "b Pending"], &[], None);
    check(of(3, 2), &["a Running", "b Succeeded"], &["untrack b", "create sum"], None);
    check(of(2, 2), &["a Running", "b Succeeded"], &["untrack b"], None);
    check(of(3, 1), &["a Running", "b Pending"], &["untrack b"], None);
    check(of(1, 1), &["a Succeeded"], &["untrack a"], Some("CompletionsReached"));
    check(of(1, 1), &["a Running going"], &["untrack a", "create sum"], None);
    check(json!({"parallelism": 2}), &["a Running", "b Succeeded"], &["untrack b"], None);
}

#[test]
fn ends_badly() {
    check(
        json!({"completions": 1, "backoffLimit": 0}),
        &["a Failed"],
        &["untrack a"],
        Some("BackoffLimitExceeded"),
    );
    check(
        json!({"completions": 1, "activeDeadlineSeconds": 60}),
        &["a Running"],
        &["delete a"],
        Some("DeadlineExceeded"),
    );
    let rules = json!({"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}]});
    check(
        json!({"completions": 2, "parallelism": 2, "podFailurePolicy": rules}),
        &["a Failed", "b Running"],
        &["untrack a", "delete b"],
        Some("PodFailurePolicy"),
    );
}

#[test]
fn indexes_are_each_done_once() {
    check(indexed(3, 3, json!({})), &["a Running 0", "b Succeeded 2"], &["untrack b", "create sum-1"], None);
    check(indexed(2, 2, json!({})), &["a Running 0", "b Running 0"], &["untrack b"], None);
    let policy = json!({"successPolicy": {"rules": [{"succeededIndexes": "1"}]}});
    check(
        indexed(2, 2, policy),
        &["a Running 0", "b Succeeded 1"],
        &["untrack b", "delete a"],
        Some("SuccessPolicy"),
    );
    let per_index = json!({"backoffLimitPerIndex": 0, "backoffLimit": i32::MAX});
    check(
        indexed(2, 2, per_index),
        &["a Failed 0", "b Succeeded 1"],
        &["untrack a", "untrack b"],
        Some("FailedIndexes"),
    );
}

#[test]
fn only_ended_pods_are_replaced_where_the_policy_says_so() {
    let spec = json!({"completions": 1, "parallelism": 1, "podReplacementPolicy": "Failed"});
    check(spec.clone(), &["a Running going"], &[], None);
    check(spec, &["a Failed going"], &["untrack a", "create sum"], None);
}

#[test]
fn suspended_jobs_run_nothing() {
    let spec = json!({"completions": 2, "parallelism": 2, "suspend": true});
    check(spec, &["a Running"], &["untrack a"], Some("JobSuspended"));
}

#[test]
fn what_is_named_in_the_status_is_counted_when_its_finalizer_is_gone() {
    let uncounted = json!({"uncountedTerminatedPods": {"succeeded": ["a", "b"]}});
    let plan = plan(job(of(9, 0), uncounted), &["a Succeeded", "b Succeeded counted"]);
    let line = plan.actions[0].to_string();
    assert!(line.contains(r#""succeeded":1"#) && line.contains(r#"{"succeeded":["a"]}"#), "{line}");
    assert_eq!(deeds(&plan), ["untrack a"]);
}

#[test]
fn pods_of_a_job_that_is_gone_are_let_go() {
    let caches = Snapshot::of([pod("a Running going"), pod("b Running counted")]);
    let key = Key::of::<Job>("d", "sum");
    let observed = JobController::observe(&caches, &key).expect("pods are left");
    assert_eq!(deeds(&JobController::reconcile(observed, Timestamp::UNIX_EPOCH)), ["untrack a"]);
}
