//! `logs`: what containers printed, of one pod or of many.

use super::pods::{container_of, containers, pods_of, target_of};
use crate::args::Logs;
use crate::error::{Failures, refusal};
use crate::output;
use crate::print::{items, text};
use crate::request::Call;
use crate::resolve::Resource;
use crate::session::{Session, Wanted};
use anyhow::{Result, anyhow, bail};
use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

/// So many lines from each pod when a selector chooses and nothing else is said.
const TAIL_OF_MANY: i64 = 10;

/// One container's log.
struct Source {
    namespace: String,
    pod: String,
    container: String,
}

/// Runs the command.
pub(super) async fn run(session: &Session, args: Logs) -> Result<()> {
    let since = args.since.as_deref().map(super::wait::seconds_of).transpose()?;
    if since.is_some() && args.since_time.is_some() {
        bail!("at most one of `sinceTime` or `sinceSeconds` may be specified");
    }
    let sources = sources(session, &args).await?;
    let logs = sources.iter().map(|it| print(session, &args, since, it));
    let mut failures = Failures::default();
    if args.follow {
        for result in join_all(logs).await {
            failures.keep(result);
        }
    } else {
        for log in logs {
            failures.keep(log.await);
        }
    }
    failures.into_result()
}

async fn sources(session: &Session, args: &Logs) -> Result<Vec<Source>> {
    let (pods, second) = pods(session, args).await?;
    let given = args.container.as_deref().or(second.as_deref());
    let mut found = Vec::new();
    for pod in &pods {
        let names = if args.all_containers {
            containers(pod).into_iter().map(str::to_owned).collect()
        } else {
            vec![container_of(pod, given, pods.len() > 1)?]
        };
        let (namespace, name) = (text(pod, "metadata.namespace"), text(pod, "metadata.name"));
        found.extend(names.into_iter().map(|container| Source {
            namespace: namespace.to_owned(),
            pod: name.to_owned(),
            container,
        }));
    }
    Ok(found)
}

/// The pods, and the container that a second word names.
async fn pods(session: &Session, args: &Logs) -> Result<(Vec<Value>, Option<String>)> {
    if let Some(selector) = &args.selector {
        if !args.what.is_empty() {
            bail!("only a selector (-l) or a POD name is allowed");
        }
        let pods = Resource::of::<Pod>();
        let wanted = Wanted { labels: Some(selector), ..Wanted::all(&pods, &session.namespace) };
        let list = session.list(&wanted).await?;
        if items(&list, "items").is_empty() {
            output::note(format!("No resources found in {} namespace.", session.namespace));
        }
        return Ok((items(&list, "items").to_vec(), None));
    }
    match args.what.as_slice() {
        [word] => Ok((vec![one(session, word).await?], None)),
        [kind, name] if is_kind(kind) => Ok((vec![one(session, &format!("{kind}/{name}")).await?], None)),
        [word, container] => Ok((vec![one(session, word).await?], Some(container.clone()))),
        _ => bail!(
            "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command"
        ),
    }
}

fn is_kind(word: &str) -> bool {
    !word.contains('/') && crate::resolve::Catalog::built_in().find(word).is_some()
}

async fn one(session: &Session, word: &str) -> Result<Value> {
    let target = target_of(session, word).await?;
    let object = session.get(&target.resource, &target.namespace, target.name()).await;
    let object = object.map_err(|error| in_namespace(error, &target.namespace))?;
    if target.resource.is("", "pods") {
        return Ok(object);
    }
    let mut pods = pods_of(session, &target.resource, &object).await?;
    pods.sort_by_key(|it| (!super::pods::is_ready(it), text(it, "metadata.creationTimestamp").to_owned()));
    if pods.is_empty() {
        bail!("no pods of {word} are there; see `kubectl-lite describe {word}`");
    }
    let first = pods.remove(0);
    if !pods.is_empty() {
        output::note(format!("Found {} pods, using pod/{}", pods.len() + 1, text(&first, "metadata.name")));
    }
    Ok(first)
}

/// An absence names the namespace, since a wrong one is the usual cause.
fn in_namespace(error: anyhow::Error, namespace: &str) -> anyhow::Error {
    match refusal(&error).filter(|it| it.is_not_found()) {
        Some(refused) => {
            anyhow!("error from server (NotFound): {} in namespace {namespace:?}", refused.message())
        }
        None => error,
    }
}

async fn print(session: &Session, args: &Logs, since: Option<i64>, source: &Source) -> Result<()> {
    let path = Resource::of::<Pod>().below(&source.namespace, &source.pod, "log");
    let tail = args.tail.or(args.selector.as_ref().map(|_| TAIL_OF_MANY)).filter(|it| *it >= 0);
    let call = Call::get(path)
        .with("container", Some(&source.container))
        .with("follow", args.follow.then_some("true"))
        .with("previous", args.previous.then_some("true"))
        .with("sinceSeconds", since)
        .with("sinceTime", args.since_time.as_ref())
        .with("tailLines", tail)
        .with("limitBytes", args.limit_bytes)
        .with("timestamps", args.timestamps.then_some("true"));
    let outcome =
        copy(session, call, args.prefix.then(|| format!("[pod/{}/{}] ", source.pod, source.container))).await;
    match outcome {
        Err(error) if args.ignore_errors => {
            output::note(crate::error::message(&error));
            Ok(())
        }
        other => other,
    }
}

async fn copy(session: &Session, call: Call, prefix: Option<String>) -> Result<()> {
    let mut pieces = session.stream(call).await?;
    let Some(prefix) = prefix else {
        while let Some(piece) = pieces.next().await? {
            output::bytes(&piece)?;
        }
        return Ok(());
    };
    let mut rest = String::new();
    while let Some(piece) = pieces.next().await? {
        rest.push_str(&String::from_utf8_lossy(&piece));
        while let Some(end) = rest.find('\n') {
            output::text(&format!("{prefix}{}\n", &rest[..end]))?;
            rest.drain(..=end);
        }
    }
    if rest.is_empty() { Ok(()) } else { output::text(&format!("{prefix}{rest}\n")) }
}
