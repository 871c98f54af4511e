//! `create`: objects from files, or made from arguments.

use super::outcome::Outcome;
use crate::apply::remembered;
use crate::args::{
    Create, CreateCommand, CreateJob, CreateSecretCommand, CreateServiceCommand, CreateToken, DryRun, Making,
};
use crate::error::{During, Exit, Failures, refusal};
use crate::manifest::{self, Document, Manifest};
use crate::output;
use crate::print::text;
use crate::request::Call;
use crate::resolve::{Catalog, Resource};
use crate::session::Session;
use anyhow::{Result, bail};
use api::status::reason;
use k8s_openapi::api::{batch::v1::CronJob, core::v1::ServiceAccount};
use serde_json::{Value, json};

mod access;
mod config;
mod service;
pub(super) mod workload;

/// Runs the command.
pub(super) async fn run(session: &Session, args: Create) -> Result<()> {
    match args.command {
        None => from_files(session, args).await,
        Some(CreateCommand::Token(args)) => token(session, args).await,
        Some(CreateCommand::Job(args)) if args.from.is_some() => {
            let object = job_from(session, &args).await?;
            made(session, &args.making, object).await
        }
        Some(command) => {
            let (object, making) = generated(session, command)?;
            made(session, &making, object).await
        }
    }
}

async fn from_files(session: &Session, args: Create) -> Result<()> {
    args.files.check()?;
    if args.files.filename.is_empty() {
        bail!("must specify one of -f and -k");
    }
    let outcome = Outcome::of(&args.making.output, args.making.dry_run.mode()?)?;
    let mut failures = Failures::default();
    for document in manifest::load(&args.files)? {
        let source_name = document.source.clone();
        let created = match document.resolve(session).await {
            Ok(manifest) => post(session, &args.making, &outcome, manifest)
                .await
                .map_err(|error| During { verb: "creating", source_name, error }.into()),
            Err(error) => Err(error),
        };
        failures.keep(created);
    }
    failures.into_result()
}

async fn post(session: &Session, making: &Making, outcome: &Outcome, mut manifest: Manifest) -> Result<()> {
    if making.save_config {
        manifest.value = remembered(&manifest.value);
    }
    if outcome.dry_run == DryRun::Client {
        return outcome.say(&manifest.resource, &manifest.value, "created");
    }
    let call = Call::post(manifest.resource.collection(&manifest.namespace), &manifest.value)
        .with("fieldManager", Some(&making.field_manager))
        .with("fieldValidation", Some(making.validate.query()?))
        .with("dryRun", outcome.dry_run.query());
    let object = session.json(call).await?;
    outcome.say(&manifest.resource, &object, "created")
}

/// Sends an object that was made here. Errors are told as the server puts them, without a file's name.
pub(super) async fn made(session: &Session, making: &Making, object: Value) -> Result<()> {
    let outcome = Outcome::of(&making.output, making.dry_run.mode()?)?;
    let is_pretended = outcome.dry_run == DryRun::Client;
    let namespaced = Catalog::built_in()
        .named(text(&object, "apiVersion"), text(&object, "kind"))
        .is_some_and(|it| it.namespaced);
    let mut document = Document { source: "the arguments".to_owned(), value: object };
    if namespaced && (!is_pretended || session.namespace_is_given) {
        document.value["metadata"]["namespace"] = session.namespace.clone().into();
    }
    if is_pretended {
        let resource = Catalog::built_in()
            .named(text(&document.value, "apiVersion"), text(&document.value, "kind"))
            .cloned();
        let Some(resource) = resource else { bail!("the generated object is of no built-in kind") };
        return outcome.say(&resource, &document.value, "created");
    }
    let manifest = document.resolve(session).await?;
    let named = |error: anyhow::Error| failed_to_create(&manifest.resource, error);
    post(session, making, &outcome, manifest.clone()).await.map_err(named)
}

/// kubectl says of most generators' refusals what it was doing.
fn failed_to_create(resource: &Resource, error: anyhow::Error) -> anyhow::Error {
    let plain = matches!(resource.kind.as_str(), "Namespace" | "Role" | "ClusterRole");
    match refusal(&error) {
        Some(refused) if !plain && refused.reason() != reason::INVALID => {
            let text = format!("failed to create {}: {}", resource.kind.to_lowercase(), refused.message());
            Exit { code: 1, message: format!("error: {text}") }.into()
        }
        _ => error,
    }
}

fn generated(session: &Session, command: CreateCommand) -> Result<(Value, Making)> {
    let named =
        |kind: &str, name: String| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
    Ok(match command {
        CreateCommand::Namespace(args) => (namespace(&args.name), args.making),
        CreateCommand::ServiceAccount(args) => (named("ServiceAccount", args.name), args.making),
        CreateCommand::ConfigMap(args) => (config::config_map(&args)?, args.making),
        CreateCommand::Secret(args) => match args.command {
            CreateSecretCommand::Generic(args) => (config::generic_secret(&args)?, args.making),
            CreateSecretCommand::Tls(args) => (config::tls_secret(&args)?, args.making),
            CreateSecretCommand::DockerRegistry(args) => (config::registry_secret(&args), args.making),
        },
        CreateCommand::Deployment(args) => (workload::deployment(&args)?, args.making),
        CreateCommand::Job(args) => (workload::job(&args)?, args.making),
        CreateCommand::CronJob(args) => (workload::cron_job(&args), args.making),
        CreateCommand::Service(args) => match args.command {
            CreateServiceCommand::ClusterIp(args) => (service::with_ports("ClusterIP", &args)?, args.making),
            CreateServiceCommand::NodePort(args) => (service::with_ports("NodePort", &args)?, args.making),
            CreateServiceCommand::LoadBalancer(args) => {
                (service::with_ports("LoadBalancer", &args)?, args.making)
            }
            CreateServiceCommand::ExternalName(args) => (service::external_name(&args), args.making),
        },
        CreateCommand::Role(args) => (access::role("Role", &args)?, args.making),
        CreateCommand::ClusterRole(args) => (access::role("ClusterRole", &args)?, args.making),
        CreateCommand::RoleBinding(args) => {
            (access::binding("RoleBinding", &args, &session.namespace)?, args.making)
        }
        CreateCommand::ClusterRoleBinding(args) => {
            (access::binding("ClusterRoleBinding", &args, &session.namespace)?, args.making)
        }
        CreateCommand::Quota(args) => (config::quota(&args)?, args.making),
        CreateCommand::Token(_) => unreachable!("it creates no object"),
    })
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "spec": {}, "status": {}})
}

async fn job_from(session: &Session, args: &CreateJob) -> Result<Value> {
    let from = args.from.as_deref().unwrap_or_default();
    let Some(("cronjob" | "cronjobs" | "cj" | "cronjob.batch" | "cronjobs.batch", name)) =
        from.split_once('/')
    else {
        bail!("from must be an existing cronjob, such as cronjob/NAME, not {from:?}");
    };
    let cron_job = session.get(&Resource::of::<CronJob>(), &session.namespace, name).await?;
    Ok(workload::job_of(&cron_job, &args.name))
}

async fn token(session: &Session, args: CreateToken) -> Result<()> {
    let seconds = args.duration.as_deref().map(super::wait::seconds_of).transpose()?;
    let audiences = if args.audience.is_empty() { Value::Null } else { args.audience.clone().into() };
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": audiences, "expirationSeconds": seconds},
    });
    let path = Resource::of::<ServiceAccount>().below(&session.namespace, &args.name, "token");
    let answer = session.json(Call::post(path, &body)).await;
    let answer = answer.map_err(|error| failed_to_create(&token_resource(), error))?;
    output::line(text(&answer, "status.token"))
}

fn token_resource() -> Resource {
    Resource { kind: "token".to_owned(), ..Resource::of::<ServiceAccount>() }
}
