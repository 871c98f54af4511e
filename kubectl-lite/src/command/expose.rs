//! `expose`: a service for the pods of an object.

use super::outcome::Outcome;
use super::pods::selector_of;
use crate::args::{DryRun, Expose, Selecting};
use crate::print::{items, text};
use crate::request::Call;
use crate::resolve::{Resource, Target, targets};
use crate::session::Session;
use anyhow::{Result, anyhow, bail};
use k8s_openapi::api::core::v1::Service;
use serde_json::{Map, Value, json};

/// Runs the command.
pub(super) async fn run(session: &Session, args: Expose) -> Result<()> {
    let outcome = Outcome::of(&args.output, args.dry_run.mode()?)?;
    let found = targets(session, &args.what, &Default::default(), &Selecting::default()).await?;
    if found.is_empty() || found.iter().any(|it| it.name.is_none()) {
        bail!("resource name is required: give TYPE/NAME");
    }
    for target in &found {
        let object = session.get(&target.resource, &target.namespace, target.name()).await?;
        let service = service(&args, target, &object)?;
        let resource = Resource::of::<Service>();
        let made = if outcome.dry_run == DryRun::Client {
            service
        } else {
            let call = Call::post(resource.collection(&target.namespace), &service);
            session
                .json(
                    call.with("fieldManager", Some("kubectl-expose")).with("dryRun", outcome.dry_run.query()),
                )
                .await?
        };
        outcome.say(&resource, &made, "exposed")?;
    }
    Ok(())
}

fn service(args: &Expose, target: &Target, object: &Value) -> Result<Value> {
    let selector = match &args.selector {
        Some(selector) => pairs(selector)?,
        None => selector_from(target, object)?,
    };
    let labels = match &args.labels {
        Some(labels) => Value::Object(pairs(labels)?),
        None => object["metadata"]["labels"].clone(),
    };
    let mut meta = json!({"name": args.name.as_deref().unwrap_or(target.name())});
    if labels.is_object() {
        meta["labels"] = labels;
    }
    let mut spec = json!({"selector": selector, "ports": ports(args, object)?});
    if let Some(kind) = &args.kind {
        spec["type"] = kind.clone().into();
    }
    if let Some(address) = &args.cluster_ip {
        spec["clusterIP"] = address.clone().into();
    }
    Ok(
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec, "status": {"loadBalancer": {}}}),
    )
}

fn pairs(text: &str) -> Result<Map<String, Value>> {
    let pair = |it: &str| it.split_once('=').map(|(key, value)| (key.to_owned(), Value::from(value)));
    text.split(',').map(|it| pair(it).ok_or_else(|| anyhow!("{it:?} is not KEY=VALUE"))).collect()
}

fn selector_from(target: &Target, object: &Value) -> Result<Map<String, Value>> {
    if target.resource.is("", "pods") {
        let labels = object["metadata"]["labels"].as_object().cloned().unwrap_or_default();
        if labels.is_empty() {
            bail!(
                "couldn't retrieve selectors via --selector flag or introspection: the pod has no labels and cannot be exposed"
            );
        }
        return Ok(labels);
    }
    let selector = selector_of(object)?.ok_or_else(|| anyhow!("cannot expose a {}", target.resource.kind))?;
    pairs(&selector).map_err(|_| {
        anyhow!("couldn't convert expressions - {selector:?} to map-based selector format: give --selector")
    })
}

fn ports(args: &Expose, object: &Value) -> Result<Vec<Value>> {
    let numbers = match args.port {
        Some(port) => vec![(port, args.protocol.clone())],
        None => container_ports(object),
    };
    if numbers.is_empty() {
        bail!("couldn't find port via --port flag or introspection: give --port");
    }
    let several = numbers.len() > 1;
    let one = |(index, (port, protocol)): (usize, (u16, Option<String>))| {
        let target = match &args.target_port {
            Some(text) => text.parse::<u16>().map_or_else(|_| Value::from(text.clone()), Value::from),
            None => port.into(),
        };
        let protocol = protocol.unwrap_or_else(|| "TCP".to_owned());
        let mut made = json!({"port": port, "protocol": protocol, "targetPort": target});
        if several {
            made["name"] = format!("port-{}", index + 1).into();
        }
        made
    };
    Ok(numbers.into_iter().enumerate().map(one).collect())
}

/// The ports that the object's containers name.
fn container_ports(object: &Value) -> Vec<(u16, Option<String>)> {
    let containers = match items(object, "spec.template.spec.containers") {
        [] => items(object, "spec.containers"),
        list => list,
    };
    let number = |it: &Value| it["containerPort"].as_u64().and_then(|it| u16::try_from(it).ok());
    let protocol = |it: &Value| Some(text(it, "protocol")).filter(|it| !it.is_empty()).map(str::to_owned);
    containers
        .iter()
        .flat_map(|it| items(it, "ports"))
        .filter_map(|it| Some((number(it)?, protocol(it))))
        .collect()
}
