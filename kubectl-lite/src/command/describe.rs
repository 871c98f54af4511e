//! `describe`: gathers what belongs to an object and prints it.

use crate::args::Describe;
use crate::error::{Failures, is_not_found};
use crate::output;
use crate::print::describe::{Around, describe};
use crate::print::{at, text};
use crate::resolve::{Resource, Target, selected, targets};
use crate::session::{Session, Wanted};
use anyhow::{Result, bail};
use k8s_openapi::api::{
    apps::v1::ReplicaSet,
    coordination::v1::Lease,
    core::v1::{Event, LimitRange, Pod, ResourceQuota},
    discovery::v1::EndpointSlice,
};
use serde_json::Value;

/// Runs the command.
pub(super) async fn run(session: &Session, args: Describe) -> Result<()> {
    args.files.check()?;
    let named = targets(session, &args.what, &args.files, &args.selecting).await?;
    if named.is_empty() {
        bail!(
            "You must specify the type of resource to describe. Use \"kubectl-lite api-resources\" for a complete list of supported resources."
        );
    }
    let all = named.iter().all(|it| it.name.is_none());
    let found = selected(session, expanded(session, named).await?, &args.selecting).await?;
    if found.is_empty() && all {
        output::note(if args.selecting.all_namespaces {
            "No resources found".to_owned()
        } else {
            format!("No resources found in {} namespace.", session.namespace)
        });
    }
    let mut failures = Failures::default();
    let mut first = true;
    for target in &found {
        if let Some(text) = failures.keep(one(session, target, args.show_events).await) {
            output::text(if std::mem::take(&mut first) { "" } else { "\n\n" })?;
            output::text(&text)?;
        }
    }
    failures.into_result()
}

/// A name that isn't there may be the beginning of others.
async fn expanded(session: &Session, named: Vec<Target>) -> Result<Vec<Target>> {
    let mut found = Vec::new();
    for target in named {
        if target.name.is_none()
            || session.find(&target.resource, &target.namespace, target.name()).await?.is_some()
        {
            found.push(target);
            continue;
        }
        let all = Target { name: None, ..target.clone() };
        let mut near = selected(session, vec![all], &Default::default()).await.unwrap_or_default();
        near.retain(|it| it.name().starts_with(target.name()));
        if near.is_empty() { found.push(target) } else { found.append(&mut near) }
    }
    Ok(found)
}

async fn one(session: &Session, target: &Target, with_events: bool) -> Result<String> {
    let object = session.get(&target.resource, &target.namespace, target.name()).await?;
    let mut around = around(session, &target.resource, &object).await?;
    if with_events {
        around.events = Some(events_of(session, &target.resource, &object).await?);
    }
    Ok(describe(&target.resource, &object, &around, session.clock.now()))
}

async fn around(session: &Session, resource: &Resource, object: &Value) -> Result<Around> {
    let mut around = Around::default();
    let (namespace, name) = (text(object, "metadata.namespace"), text(object, "metadata.name"));
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Node") => {
            let fields = format!("spec.nodeName={name}");
            around.pods = items(session, &Resource::of::<Pod>(), "", Some(&fields), None).await?;
            around.lease = session.find(&Resource::of::<Lease>(), "kube-node-lease", name).await?;
        }
        ("", "Service") => {
            let labels = format!("kubernetes.io/service-name={name}");
            around.endpoint_slices =
                items(session, &Resource::of::<EndpointSlice>(), namespace, None, Some(&labels)).await?;
        }
        ("", "Namespace") => {
            around.quotas = items(session, &Resource::of::<ResourceQuota>(), name, None, None).await?;
            around.limits = items(session, &Resource::of::<LimitRange>(), name, None, None).await?;
        }
        ("", "PersistentVolumeClaim") => {
            around.pods = items(session, &Resource::of::<Pod>(), namespace, None, None).await?;
        }
        ("apps", "Deployment") => {
            around.replica_sets = owned(session, &Resource::of::<ReplicaSet>(), object).await?;
        }
        ("apps", _) | ("", "ReplicationController") => {
            around.pods = owned(session, &Resource::of::<Pod>(), object).await?
        }
        _ => {}
    }
    Ok(around)
}

async fn items(
    session: &Session,
    resource: &Resource,
    namespace: &str,
    fields: Option<&str>,
    labels: Option<&str>,
) -> Result<Vec<Value>> {
    let mut list = session.list(&Wanted { fields, labels, ..Wanted::all(resource, namespace) }).await?;
    match list["items"].take() {
        Value::Array(items) => Ok(items),
        _ => Ok(Vec::new()),
    }
}

/// The objects of a kind that an object controls.
pub(super) async fn owned(session: &Session, resource: &Resource, owner: &Value) -> Result<Vec<Value>> {
    let uid = text(owner, "metadata.uid");
    let mut found = items(session, resource, text(owner, "metadata.namespace"), None, None).await?;
    found.retain(|it| {
        let owners = at(it, "metadata.ownerReferences").as_array();
        owners.into_iter().flatten().any(|it| it["controller"] == true && it["uid"] == uid)
    });
    Ok(found)
}

/// The events about an object.
async fn events_of(session: &Session, resource: &Resource, object: &Value) -> Result<Vec<Value>> {
    let (name, uid) = (text(object, "metadata.name"), text(object, "metadata.uid"));
    // The events of a node are about its name: its agent does not know its UID.
    let about = if resource.is("", "nodes") {
        format!("involvedObject.kind=Node,involvedObject.name={name}")
    } else {
        format!("involvedObject.uid={uid}")
    };
    let found =
        items(session, &Resource::of::<Event>(), text(object, "metadata.namespace"), Some(&about), None)
            .await;
    match found {
        Err(error) if is_not_found(&error) => Ok(Vec::new()),
        other => other,
    }
}
