//! `create` and its generators.

use super::{DryRunFlag, Files, OutputFlag, ValidateFlag};
use clap::{Args, Subcommand};

/// `create`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Create {
    #[command(subcommand)]
    pub(crate) command: Option<CreateCommand>,
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) making: Making,
}

/// Flags of every `create`.
#[derive(Debug, Default, Args)]
pub(crate) struct Making {
    #[command(flatten)]
    pub(crate) dry_run: DryRunFlag,
    #[command(flatten)]
    pub(crate) output: OutputFlag,
    #[command(flatten)]
    pub(crate) validate: ValidateFlag,
    /// Remember what was sent, for a later apply
    #[arg(long)]
    pub(crate) save_config: bool,
    /// The name under which fields are owned
    #[arg(long, default_value = "kubectl-create", hide_default_value = true)]
    pub(crate) field_manager: String,
}

/// What to create.
#[derive(Debug, Subcommand)]
pub(crate) enum CreateCommand {
    /// Create a namespace
    #[command(alias = "ns")]
    Namespace(JustNamed),
    /// Create a service account
    #[command(name = "serviceaccount", alias = "sa")]
    ServiceAccount(JustNamed),
    /// Create a config map
    #[command(name = "configmap", alias = "cm")]
    ConfigMap(CreateConfigMap),
    /// Create a secret
    Secret(CreateSecret),
    /// Create a deployment
    #[command(alias = "deploy")]
    Deployment(CreateDeployment),
    /// Create a job
    Job(CreateJob),
    /// Create a cron job
    #[command(name = "cronjob", alias = "cj")]
    CronJob(CreateCronJob),
    /// Create a service
    #[command(alias = "svc")]
    Service(CreateService),
    /// Create a role
    Role(CreateRole),
    /// Create a cluster role
    #[command(name = "clusterrole")]
    ClusterRole(CreateRole),
    /// Create a role binding
    #[command(name = "rolebinding")]
    RoleBinding(CreateBinding),
    /// Create a cluster role binding
    #[command(name = "clusterrolebinding")]
    ClusterRoleBinding(CreateBinding),
    /// Create a quota
    #[command(alias = "resourcequota")]
    Quota(CreateQuota),
    /// Ask for a service account's token
    Token(CreateToken),
}

/// A generator that takes a name only.
#[derive(Debug, Args)]
pub(crate) struct JustNamed {
    /// The name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) making: Making,
}

/// Where the entries of a config map or secret come from.
#[derive(Debug, Args)]
pub(crate) struct Entries {
    /// KEY=VALUE, may be repeated
    #[arg(long)]
    pub(crate) from_literal: Vec<String>,
    /// [KEY=]FILE or a folder, may be repeated
    #[arg(long)]
    pub(crate) from_file: Vec<String>,
    /// A file of KEY=VALUE lines, may be repeated
    #[arg(long)]
    pub(crate) from_env_file: Vec<String>,
}

/// `create configmap`
#[derive(Debug, Args)]
pub(crate) struct CreateConfigMap {
    /// The name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) entries: Entries,
    #[command(flatten)]
    pub(crate) making: Making,
}

/// `create secret`
#[derive(Debug, Args)]
pub(crate) struct CreateSecret {
    #[command(subcommand)]
    pub(crate) command: CreateSecretCommand,
}

/// Which sort of secret.
#[derive(Debug, Subcommand)]
pub(crate) enum CreateSecretCommand {
    /// Create a secret from files and texts
    Generic(CreateGenericSecret),
    /// Create a secret from a certificate and its key
    Tls(CreateTlsSecret),
    /// Create a secret for an image registry
    DockerRegistry(CreateRegistrySecret),
}

/// `create secret generic`
#[derive(Debug, Args)]
pub(crate) struct CreateGenericSecret {
    /// The name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) entries: Entries,
    /// The secret's type
    #[arg(long = "type")]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) making: Making,
}

/// `create secret tls`
#[derive(Debug, Args)]
pub(crate) struct CreateTlsSecret {
    /// The name
    pub(crate) name: String,
    /// The certificate's file
    #[arg(long)]
    pub(crate) cert: String,
    /// The key's file
    #[arg(long)]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) making: Making,
}

/// `create secret docker-registry`
#[derive(Debug, Args)]
pub(crate) struct CreateRegistrySecret {
    /// The name
    pub(crate) name: String,
    /// The registry
    #[arg(long, default_value = "https://index.docker.io/v1/")]
    pub(crate) docker_server: String,
    /// The user
    #[arg(long)]
    pub(crate) docker_username: String,
    /// The password
    #[arg(long)]
    pub(crate) docker_password: String,
    /// The mail address
    #[arg(long)]
    pub(crate) docker_email: Option<String>,
    #[command(flatten)]
    pub(crate) making: Making,
}

/// `create deployment`
#[derive(Debug, Args)]
pub(crate) struct CreateDeployment {
    /// The name
    pub(crate) name: String,
    /// The image; may be repeated
    #[arg(long, required = true, value_delimiter = ',')]
    pub(crate) image: Vec<String>,
    /// How many pods
    #[arg(short, long, default_value_t = 1)]
    pub(crate) replicas: i32,
    /// The port that the container serves
    #[arg(long)]
    pub(crate) port: Option<u16>,
    #[command(flatten)]
    pub(crate) making: Making,
    /// The command and its arguments
    #[arg(last = true)]
    pub(crate) command: Vec<String>,
}

/// `create job`
#[derive(Debug, Args)]
pub(crate) struct CreateJob {
    /// The name
    pub(crate) name: String,
    /// The image
    #[arg(long)]
    pub(crate) image: Option<String>,
    /// A cron job to take the template from: cronjob/NAME
    #[arg(long)]
    pub(crate) from: Option<String>,
    #[command(flatten)]
    pub(crate) making: Making,
    /// The command and its arguments
    #[arg(last = true)]
    pub(crate) command: Vec<String>,
}

/// `create cronjob`
#[derive(Debug, Args)]
pub(crate) struct CreateCronJob {
    /// The name
    pub(crate) name: String,
    /// The image
    #[arg(long)]
    pub(crate) image: String,
    /// When, in cron's five fields
    #[arg(long)]
    pub(crate) schedule: String,
    /// OnFailure or Never
    #[arg(long, default_value = "OnFailure")]
    pub(crate) restart: String,
    #[command(flatten)]
    pub(crate) making: Making,
    /// The command and its arguments
    #[arg(last = true)]
    pub(crate) command: Vec<String>,
}

/// `create service`
#[derive(Debug, Args)]
pub(crate) struct CreateService {
    #[command(subcommand)]
    pub(crate) command: CreateServiceCommand,
}

/// Which type of service.
#[derive(Debug, Subcommand)]
pub(crate) enum CreateServiceCommand {
    /// Inside the cluster
    #[command(name = "clusterip")]
    ClusterIp(CreatePorts),
    /// Also on a port of each node
    #[command(name = "nodeport")]
    NodePort(CreatePorts),
    /// Also behind a load balancer
    #[command(name = "loadbalancer")]
    LoadBalancer(CreatePorts),
    /// A name for a name outside
    #[command(name = "externalname")]
    ExternalName(CreateExternalName),
}

/// A service with ports.
#[derive(Debug, Args)]
pub(crate) struct CreatePorts {
    /// The name
    pub(crate) name: String,
    /// PORT[:TARGET], may be repeated
    #[arg(long, value_delimiter = ',')]
    pub(crate) tcp: Vec<String>,
    /// The service's address, or None
    #[arg(long)]
    pub(crate) clusterip: Option<String>,
    /// The nodes' port
    #[arg(long)]
    pub(crate) node_port: Option<u16>,
    #[command(flatten)]
    pub(crate) making: Making,
}

/// `create service externalname`
#[derive(Debug, Args)]
pub(crate) struct CreateExternalName {
    /// The name
    pub(crate) name: String,
    /// The name outside
    #[arg(long)]
    pub(crate) external_name: String,
    #[command(flatten)]
    pub(crate) making: Making,
}

/// `create role`, `create clusterrole`
#[derive(Debug, Args)]
pub(crate) struct CreateRole {
    /// The name
    pub(crate) name: String,
    /// What may be done, such as get,list
    #[arg(long, value_delimiter = ',')]
    pub(crate) verb: Vec<String>,
    /// To which kinds, such as pods,deployments.apps,pods/log
    #[arg(long, value_delimiter = ',')]
    pub(crate) resource: Vec<String>,
    /// To which objects only
    #[arg(long)]
    pub(crate) resource_name: Vec<String>,
    #[command(flatten)]
    pub(crate) making: Making,
}

/// `create rolebinding`, `create clusterrolebinding`
#[derive(Debug, Args)]
pub(crate) struct CreateBinding {
    /// The name
    pub(crate) name: String,
    /// The role
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// The cluster role
    #[arg(long)]
    pub(crate) clusterrole: Option<String>,
    /// A user, may be repeated
    #[arg(long)]
    pub(crate) user: Vec<String>,
    /// A group, may be repeated
    #[arg(long)]
    pub(crate) group: Vec<String>,
    /// NAMESPACE:NAME, may be repeated
    #[arg(long)]
    pub(crate) serviceaccount: Vec<String>,
    #[command(flatten)]
    pub(crate) making: Making,
}

/// `create quota`
#[derive(Debug, Args)]
pub(crate) struct CreateQuota {
    /// The name
    pub(crate) name: String,
    /// Such as pods=3,cpu=1
    #[arg(long)]
    pub(crate) hard: Option<String>,
    #[command(flatten)]
    pub(crate) making: Making,
}

/// `create token`
#[derive(Debug, Args)]
pub(crate) struct CreateToken {
    /// The service account
    pub(crate) name: String,
    /// For whom, may be repeated
    #[arg(long)]
    pub(crate) audience: Vec<String>,
    /// How long it lasts, such as 10m
    #[arg(long)]
    pub(crate) duration: Option<String>,
}
