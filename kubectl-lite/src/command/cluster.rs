//! `api-resources`, `api-versions`, `cluster-info`, `version`: what the server is and has.

use crate::args::{ApiResources, Version};
use crate::output;
use crate::print::format::{json, yaml};
use crate::print::tabs::{TABLE, align};
use crate::print::{items, text};
use crate::request::Call;
use crate::resolve::Resource;
use crate::session::{Session, Wanted};
use anyhow::{Result, bail};
use k8s_openapi::api::core::v1::Service;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Runs `api-resources`.
pub(super) async fn api_resources(session: &Session, args: ApiResources) -> Result<()> {
    let mut found: Vec<&Resource> =
        session.catalog().await?.0.iter().filter(|it| is_wanted(it, &args)).collect();
    // Groups as the server orders them, the core group first; kinds by name within.
    match args.sort_by.as_deref() {
        None | Some("") => found.sort_by(|a, b| (&a.group, &a.plural).cmp(&(&b.group, &b.plural))),
        Some("name") => found.sort_by(|a, b| a.plural.cmp(&b.plural)),
        Some("kind") => found.sort_by(|a, b| a.kind.cmp(&b.kind)),
        Some(other) => bail!("--sort-by accepts only name or kind, not {other:?}"),
    }
    match args.output.as_deref() {
        None | Some("" | "wide") => output::text(&table(&found, &args)),
        Some("name") => found.iter().try_for_each(|it| output::line(it.qualified())),
        Some(other) => bail!("--output {other} is not available: give wide or name"),
    }
}

fn is_wanted(resource: &Resource, args: &ApiResources) -> bool {
    args.namespaced.is_none_or(|it| it == resource.namespaced)
        && args.api_group.as_ref().is_none_or(|it| *it == resource.group)
        && args.verbs.iter().all(|it| resource.can(it))
        && args.categories.iter().all(|it| resource.categories.contains(it))
}

fn table(found: &[&Resource], args: &ApiResources) -> String {
    let wide = args.output.as_deref() == Some("wide");
    let mut lines = String::new();
    if !args.no_headers {
        lines.push_str("NAME\tSHORTNAMES\tAPIVERSION\tNAMESPACED\tKIND");
        lines.push_str(if wide { "\tVERBS\tCATEGORIES\n" } else { "\n" });
    }
    for it in found {
        let cells =
            [&it.plural, &it.short_names.join(","), &it.api_version(), &it.namespaced.to_string(), &it.kind];
        lines.push_str(&cells.map(String::as_str).join("\t"));
        if wide {
            lines.push_str(&format!("\t{}\t{}", it.verbs.join(","), it.categories.join(",")));
        }
        lines.push('\n');
    }
    align(&lines, TABLE)
}

/// Runs `api-versions`.
pub(super) async fn api_versions(session: &Session) -> Result<()> {
    let found: BTreeSet<String> = session.catalog().await?.0.iter().map(Resource::api_version).collect();
    found.into_iter().try_for_each(output::line)
}

/// Runs `cluster-info`.
pub(super) async fn cluster_info(session: &Session) -> Result<()> {
    let services = Resource::of::<Service>();
    let labels = Some("kubernetes.io/cluster-service=true");
    let list = session.list(&Wanted { labels, ..Wanted::all(&services, "kube-system") }).await?;
    let server = session.credentials.server.trim_end_matches('/');
    output::line(format!("Kubernetes control plane is running at {server}"))?;
    for service in items(&list, "items") {
        let name = service["metadata"]["labels"]["kubernetes.io/name"].as_str();
        let (name, path) = (name.unwrap_or(text(service, "metadata.name")), proxy_path(&services, service));
        output::line(format!("{name} is running at {server}{path}"))?;
    }
    output::line("\nTo further debug and diagnose cluster problems, use 'kubectl-lite get events -A'.")
}

fn proxy_path(services: &Resource, service: &Value) -> String {
    let port = items(service, "spec.ports").first().map_or("", |it| text(it, "name"));
    let name = text(service, "metadata.name");
    let name = if port.is_empty() { name.to_owned() } else { format!("{name}:{port}") };
    services.below(text(service, "metadata.namespace"), &name, "proxy")
}

/// Runs `version`.
pub(super) async fn version(session: &Session, args: Version) -> Result<()> {
    let client = json!({"gitVersion": concat!("v", env!("CARGO_PKG_VERSION")), "platform": platform()});
    let server = if args.client { None } else { Some(session.json(Call::get("/version")).await) };
    let mut all = json!({"clientVersion": client});
    if let Some(Ok(server)) = &server {
        all["serverVersion"] = server.clone();
    }
    match args.output.as_deref() {
        None | Some("") => {
            output::line(format!("Client Version: {}", text(&all, "clientVersion.gitVersion")))?;
            if let Some(Ok(server)) = &server {
                output::line(format!("Server Version: {}", text(server, "gitVersion")))?;
            }
        }
        Some("json") => output::text(&json(&all))?,
        Some("yaml") => output::text(&yaml(&all))?,
        Some(_) => bail!("--output must be 'yaml' or 'json'"),
    }
    server.transpose().map(|_| ())
}

fn platform() -> String {
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{}/{machine}", std::env::consts::OS)
}
