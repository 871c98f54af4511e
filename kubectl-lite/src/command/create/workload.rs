//! Makes deployments, jobs and cron jobs.

use crate::args::{CreateCronJob, CreateDeployment, CreateJob};
use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

/// A container's name for an image: its last word, without tag and digest.
fn name_of(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split([':', '@']).next().unwrap_or(last).to_owned()
}

fn container(name: &str, image: &str, command: &[String]) -> Value {
    let mut container = json!({"name": name, "image": image, "resources": {}});
    if !command.is_empty() {
        container["command"] = command.into();
    }
    container
}

/// `create deployment`
pub(super) fn deployment(args: &CreateDeployment) -> Result<Value> {
    if args.image.len() > 1 && !args.command.is_empty() {
        bail!("cannot specify multiple --image options and command");
    }
    let mut containers: Vec<Value> =
        args.image.iter().map(|it| container(&name_of(it), it, &args.command)).collect();
    if let (Some(port), Some(first)) = (args.port, containers.first_mut()) {
        first["ports"] = json!([{"containerPort": port}]);
    }
    let labels = json!({"app": args.name});
    Ok(json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": args.name, "labels": labels},
        "spec": {
            "replicas": args.replicas,
            "selector": {"matchLabels": labels},
            "strategy": {},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
        "status": {},
    }))
}

fn job_spec(name: &str, image: &str, restart: &str, command: &[String]) -> Value {
    json!({"template": {"metadata": {}, "spec": {
        "containers": [container(name, image, command)],
        "restartPolicy": restart,
    }}})
}

/// `create job --image`
pub(super) fn job(args: &CreateJob) -> Result<Value> {
    let Some(image) = &args.image else { bail!("either --image or --from must be specified") };
    Ok(json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": args.name},
        "spec": job_spec(&args.name, image, "Never", &args.command),
        "status": {},
    }))
}

/// `create job --from`: the cron job's template, now.
pub(super) fn job_of(cron_job: &Value, name: &str) -> Value {
    let template = &cron_job["spec"]["jobTemplate"];
    let labels = template["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    let mut annotations = template["metadata"]["annotations"].as_object().cloned().unwrap_or_else(Map::new);
    annotations.insert("cronjob.kubernetes.io/instantiate".into(), "manual".into());
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "annotations": annotations,
            "labels": labels,
            "ownerReferences": [{
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "name": cron_job["metadata"]["name"],
                "uid": cron_job["metadata"]["uid"],
                "controller": true,
            }],
        },
        "spec": template["spec"],
    })
}

/// `create cronjob`
pub(super) fn cron_job(args: &CreateCronJob) -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": args.name},
        "spec": {
            "schedule": args.schedule,
            "jobTemplate": {
                "metadata": {"name": args.name},
                "spec": job_spec(&args.name, &args.image, &args.restart, &args.command),
            },
        },
        "status": {},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_named_after_their_image() {
        let check = |image: &str, expect: &str| assert_eq!(name_of(image), expect);
        check("nginx", "nginx");
        check("registry:5000/a/b:1.2", "b");
        check("b@sha256:00", "b");
    }

    #[test]
    fn jobs_from_cron_jobs_know_where_they_come_from() {
        let cron_job = json!({"metadata": {"name": "c", "uid": "u"},
            "spec": {"jobTemplate": {"metadata": {"labels": {"l": "1"}}, "spec": {"x": 1}}}});
        let job = job_of(&cron_job, "j");
        assert_eq!(job["spec"], json!({"x": 1}));
        assert_eq!(job["metadata"]["labels"], json!({"l": "1"}));
        assert_eq!(job["metadata"]["ownerReferences"][0]["uid"], "u");
    }
}
