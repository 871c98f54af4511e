//! `auth`: what you may do, and who you are.

use crate::args::{AuthCommand, CanI, OutputFlag};
use crate::error::Exit;
use crate::output;
use crate::print::format::Format;
use crate::print::tabs::{TABLE, align};
use crate::print::{at, items, text};
use crate::request::Call;
use crate::resolve::{Resource, resource_of};
use crate::session::Session;
use anyhow::{Result, bail};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{SelfSubjectAccessReview, SelfSubjectRulesReview};
use serde_json::{Value, json};

/// Runs the command.
pub(super) async fn run(session: &Session, command: AuthCommand) -> Result<()> {
    match command {
        AuthCommand::CanI(args) if args.list => list(session, &args).await,
        AuthCommand::CanI(args) => can_i(session, args).await,
        AuthCommand::Whoami(output) => whoami(session, &output).await,
    }
}

async fn review(session: &Session, resource: &Resource, spec: Value) -> Result<Value> {
    let mut body = json!({"apiVersion": resource.api_version(), "kind": resource.kind});
    if !spec.is_null() {
        body["spec"] = spec;
    }
    session.json(Call::post(resource.collection(""), &body)).await
}

async fn can_i(session: &Session, args: CanI) -> Result<()> {
    let (verb, what, name) = match args.what.as_slice() {
        [verb, what] => (verb, what, ""),
        [verb, what, name] => (verb, what, name.as_str()),
        _ => bail!("you must specify two arguments: verb resource or verb resource/resourceName"),
    };
    let spec = if what.starts_with('/') {
        json!({"nonResourceAttributes": {"verb": verb, "path": what}})
    } else {
        json!({"resourceAttributes": attributes(session, &args, verb, what, name).await?})
    };
    let answer = review(session, &Resource::of::<SelfSubjectAccessReview>(), spec).await?;
    let allowed = at(&answer, "status.allowed") == true;
    if !args.quiet {
        let reason = text(&answer, "status.reason");
        let why = if allowed || reason.is_empty() { String::new() } else { format!(" - {reason}") };
        output::line(format!("{}{why}", if allowed { "yes" } else { "no" }))?;
    }
    if allowed { Ok(()) } else { Err(Exit { code: 1, message: String::new() }.into()) }
}

async fn attributes(session: &Session, args: &CanI, verb: &str, what: &str, name: &str) -> Result<Value> {
    let (what, name) = what.split_once('/').unwrap_or((what, name));
    let (group, plural, namespaced) = match resource_of(session, what).await {
        Ok(found) => (found.group, found.plural, found.namespaced),
        Err(_) if what == "*" => ("*".to_owned(), "*".to_owned(), true),
        Err(_) => {
            output::note(format!("Warning: the server doesn't have a resource type '{what}'\n"));
            (String::new(), what.to_owned(), true)
        }
    };
    if !namespaced && !args.all_namespaces && session.namespace_is_given {
        output::note(format!("Warning: resource '{plural}' is not namespace scoped\n"));
    }
    let namespace = if args.all_namespaces || !namespaced { "" } else { &session.namespace };
    Ok(json!({
        "verb": verb,
        "group": group,
        "resource": plural,
        "subresource": args.subresource,
        "name": name,
        "namespace": namespace,
    }))
}

async fn list(session: &Session, args: &CanI) -> Result<()> {
    let namespace = if args.all_namespaces { "" } else { &session.namespace };
    let answer =
        review(session, &Resource::of::<SelfSubjectRulesReview>(), json!({"namespace": namespace})).await?;
    let mut lines = String::new();
    if !args.no_headers {
        lines.push_str("Resources\tNon-Resource URLs\tResource Names\tVerbs\n");
    }
    let words = |rule: &Value, field: &str| -> String {
        let words: Vec<&str> = items(rule, field).iter().filter_map(Value::as_str).collect();
        format!("[{}]", words.join(" "))
    };
    for rule in items(&answer, "status.resourceRules") {
        for resource in items(rule, "resources").iter().filter_map(Value::as_str) {
            for group in items(rule, "apiGroups").iter().filter_map(Value::as_str) {
                let name = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
                lines.push_str(&format!(
                    "{name}\t[]\t{}\t{}\n",
                    words(rule, "resourceNames"),
                    words(rule, "verbs")
                ));
            }
        }
    }
    let mut urls: Vec<String> = Vec::new();
    for rule in items(&answer, "status.nonResourceRules") {
        let verbs = words(rule, "verbs");
        let paths = items(rule, "nonResourceURLs").iter().filter_map(Value::as_str);
        urls.extend(paths.map(|it| format!("\t[{it}]\t[]\t{verbs}\n")));
    }
    urls.sort();
    lines.push_str(&urls.concat());
    output::text(&align(&lines, TABLE))
}

async fn whoami(session: &Session, flag: &OutputFlag) -> Result<()> {
    let resource = Resource::of::<SelfSubjectReview>();
    let answer = review(session, &resource, Value::Null).await?;
    let format = Format::parse(flag.output.as_deref())?;
    if !format.is_table() {
        return output::text(&format.object(&resource, &answer)?);
    }
    let groups: Vec<&str> =
        items(&answer, "status.userInfo.groups").iter().filter_map(Value::as_str).collect();
    let mut lines = "ATTRIBUTE\tVALUE\n".to_owned();
    lines.push_str(&format!("Username\t{}\n", text(&answer, "status.userInfo.username")));
    if !text(&answer, "status.userInfo.uid").is_empty() {
        lines.push_str(&format!("UID\t{}\n", text(&answer, "status.userInfo.uid")));
    }
    lines.push_str(&format!("Groups\t[{}]\n", groups.join(" ")));
    for (key, values) in at(&answer, "status.userInfo.extra").as_object().into_iter().flatten() {
        let values: Vec<&str> = values.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        lines.push_str(&format!("Extra: {key}\t[{}]\n", values.join(" ")));
    }
    output::text(&align(&lines, TABLE))
}
