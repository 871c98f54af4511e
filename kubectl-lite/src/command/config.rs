//! `config`: shows and changes kubeconfig files. Nothing is sent.

use crate::args::{ConfigCommand, ConfigView, GetContexts, Global, SetContext, SetCredentials};
use crate::output;
use crate::print::config::{contexts, names, redacted};
use crate::print::format::Format;
use crate::resolve::Resource;
use crate::session::{kubeconfig, kubeconfig_paths};
use anyhow::{Context as _, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::kubeconfig::{Kubeconfig, NamedCluster, NamedContext, NamedUser};
use k8s_openapi::api::core::v1::ConfigMap;
use std::path::{Path, PathBuf};

/// Runs the command.
pub(super) fn run(global: &Global, command: ConfigCommand) -> Result<()> {
    match command {
        ConfigCommand::View(args) => view(global, &args),
        ConfigCommand::GetContexts(args) => get_contexts(global, &args),
        ConfigCommand::GetClusters => {
            output::text(&names(kubeconfig(global)?.clusters.iter().map(|it| &it.name)))
        }
        ConfigCommand::GetUsers => output::text(&names(kubeconfig(global)?.users.iter().map(|it| &it.name))),
        ConfigCommand::CurrentContext => match kubeconfig(global)?.current_context.as_str() {
            "" => bail!("current-context is not set"),
            name => output::line(name),
        },
        ConfigCommand::UseContext(args) => use_context(global, &args.name),
        ConfigCommand::SetContext(args) => set_context(global, args),
        ConfigCommand::SetCluster(args) => set_cluster(global, &args.name),
        ConfigCommand::SetCredentials(args) => set_credentials(global, args),
        ConfigCommand::RenameContext(args) => rename_context(global, &args.old, &args.new),
        ConfigCommand::DeleteContext(args) => delete(global, "context", &args.name),
        ConfigCommand::DeleteCluster(args) => delete(global, "cluster", &args.name),
        ConfigCommand::DeleteUser(args) => delete(global, "user", &args.name),
    }
}

fn view(global: &Global, args: &ConfigView) -> Result<()> {
    let mut config = kubeconfig(global)?;
    if let Some(context) = &global.context {
        config.current_context.clone_from(context);
    }
    if args.minify {
        minify(&mut config)?;
    }
    if args.flatten {
        flatten(&mut config)?;
    }
    config.clusters.sort_by(|a, b| a.name.cmp(&b.name));
    config.contexts.sort_by(|a, b| a.name.cmp(&b.name));
    config.users.sort_by(|a, b| a.name.cmp(&b.name));
    "v1".clone_into(&mut config.api_version);
    "Config".clone_into(&mut config.kind);
    let tree = serde_json::to_value(&config)?;
    let tree = if args.raw { tree } else { redacted(tree) };
    let format = Format::parse(Some(&args.output))?;
    // The kind matters only for formats that name objects.
    output::text(&format.object(&Resource::of::<ConfigMap>(), &tree)?)
}

/// Keeps what the context in use needs.
fn minify(config: &mut Kubeconfig) -> Result<()> {
    let current = config.current_context.clone();
    config.contexts.retain(|it| it.name == current);
    let Some(context) = config.contexts.first().map(|it| it.context.clone()) else {
        bail!("current-context must exist in order to minify");
    };
    config.clusters.retain(|it| it.name == context.cluster);
    config.users.retain(|it| it.name == context.user);
    Ok(())
}

/// Puts the files that are named into the kubeconfig itself.
fn flatten(config: &mut Kubeconfig) -> Result<()> {
    for named in &mut config.clusters {
        inline(&mut named.cluster.certificate_authority, &mut named.cluster.certificate_authority_data)?;
    }
    for named in &mut config.users {
        inline(&mut named.user.client_certificate, &mut named.user.client_certificate_data)?;
        inline(&mut named.user.client_key, &mut named.user.client_key_data)?;
    }
    Ok(())
}

fn inline(file: &mut Option<PathBuf>, data: &mut Option<String>) -> Result<()> {
    if let Some(path) = file.take() {
        let bytes = std::fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        *data = Some(STANDARD.encode(bytes));
    }
    Ok(())
}

fn get_contexts(global: &Global, args: &GetContexts) -> Result<()> {
    let config = kubeconfig(global)?;
    if let Some(name) = &args.name
        && !config.contexts.iter().any(|it| it.name == *name)
    {
        bail!("context {name} not found");
    }
    match args.output.as_deref() {
        None | Some("") => output::text(&contexts(&config, args.name.as_deref(), !args.no_headers)),
        Some("name") => {
            let mut names: Vec<&String> = config.contexts.iter().map(|it| &it.name).collect();
            names.sort();
            names.into_iter().try_for_each(output::line)
        }
        Some(other) => bail!("output must be one of '' or 'name': {other}"),
    }
}

/// The file that a change goes to: the one that holds what is changed, else the first.
fn file_with(global: &Global, holds: impl Fn(&Kubeconfig) -> bool) -> Result<(PathBuf, Kubeconfig)> {
    let paths = kubeconfig_paths(global);
    for path in &paths {
        let config = Kubeconfig::load_or_default(path)?;
        if holds(&config) {
            return Ok((path.clone(), config));
        }
    }
    let first =
        paths.into_iter().next().ok_or_else(|| anyhow!("there is no kubeconfig: give --kubeconfig"))?;
    let mut config = Kubeconfig::load_or_default(&first)?;
    "v1".clone_into(&mut config.api_version);
    "Config".clone_into(&mut config.kind);
    Ok((first, config))
}

fn save(path: &Path, config: &Kubeconfig) -> Result<()> {
    Ok(config.save(path)?)
}

fn use_context(global: &Global, name: &str) -> Result<()> {
    if !kubeconfig(global)?.contexts.iter().any(|it| it.name == name) {
        bail!("no context exists with the name: {name:?}");
    }
    let (path, mut config) = file_with(global, |it| !it.current_context.is_empty())?;
    name.clone_into(&mut config.current_context);
    save(&path, &config)?;
    output::line(format!("Switched to context {name:?}."))
}

fn set_context(global: &Global, args: SetContext) -> Result<()> {
    let current = kubeconfig(global)?.current_context;
    let name = match args.name {
        Some(_) if args.current => bail!("you cannot specify both a context name and --current"),
        Some(name) => name,
        None if args.current && !current.is_empty() => current,
        None if args.current => bail!("no current context is set"),
        None => bail!("you must specify a non-empty context name or --current"),
    };
    let (path, mut config) = file_with(global, |it| it.contexts.iter().any(|it| it.name == name))?;
    let is_new = !config.contexts.iter().any(|it| it.name == name);
    if is_new {
        config.contexts.push(NamedContext { name: name.clone(), ..NamedContext::default() });
    }
    for named in config.contexts.iter_mut().filter(|it| it.name == name) {
        let context = &mut named.context;
        if let Some(namespace) = &global.namespace {
            context.namespace = Some(namespace.clone()).filter(|it| !it.is_empty());
        }
        if let Some(cluster) = &args.cluster {
            context.cluster.clone_from(cluster);
        }
        if let Some(user) = &args.user {
            context.user.clone_from(user);
        }
    }
    save(&path, &config)?;
    output::line(format!("Context {name:?} {}.", if is_new { "created" } else { "modified" }))
}

fn set_cluster(global: &Global, name: &str) -> Result<()> {
    let (path, mut config) = file_with(global, |it| it.clusters.iter().any(|it| it.name == name))?;
    if !config.clusters.iter().any(|it| it.name == name) {
        config.clusters.push(NamedCluster { name: name.to_owned(), ..NamedCluster::default() });
    }
    for named in config.clusters.iter_mut().filter(|it| it.name == name) {
        if let Some(server) = &global.server {
            named.cluster.server.clone_from(server);
        }
        if let Some(file) = &global.certificate_authority {
            named.cluster.certificate_authority = Some(std::path::absolute(file)?);
            named.cluster.certificate_authority_data = None;
        }
    }
    save(&path, &config)?;
    output::line(format!("Cluster {name:?} set."))
}

fn set_credentials(global: &Global, args: SetCredentials) -> Result<()> {
    let (path, mut config) = file_with(global, |it| it.users.iter().any(|it| it.name == args.name))?;
    if !config.users.iter().any(|it| it.name == args.name) {
        config.users.push(NamedUser { name: args.name.clone(), ..NamedUser::default() });
    }
    for named in config.users.iter_mut().filter(|it| it.name == args.name) {
        let user = &mut named.user;
        if global.token.is_some() {
            user.token.clone_from(&global.token);
        }
        if let Some(file) = &args.client_certificate {
            user.client_certificate = Some(std::path::absolute(file)?);
            user.client_certificate_data = None;
        }
        if let Some(file) = &args.client_key {
            user.client_key = Some(std::path::absolute(file)?);
            user.client_key_data = None;
        }
    }
    save(&path, &config)?;
    output::line(format!("User {:?} set.", args.name))
}

fn rename_context(global: &Global, old: &str, new: &str) -> Result<()> {
    let all = kubeconfig(global)?;
    if !all.contexts.iter().any(|it| it.name == old) {
        bail!("cannot rename the context {old:?}, it's not in {}", shown_paths(global));
    }
    if all.contexts.iter().any(|it| it.name == new) {
        bail!(
            "cannot rename the context {old:?}, the context {new:?} already exists in {}",
            shown_paths(global)
        );
    }
    let (path, mut config) = file_with(global, |it| it.contexts.iter().any(|it| it.name == old))?;
    config.contexts.iter_mut().filter(|it| it.name == old).for_each(|it| new.clone_into(&mut it.name));
    if config.current_context == old {
        new.clone_into(&mut config.current_context);
    }
    save(&path, &config)?;
    output::line(format!("Context {old:?} renamed to {new:?}."))
}

fn shown_paths(global: &Global) -> String {
    kubeconfig_paths(global).iter().map(|it| it.display().to_string()).collect::<Vec<_>>().join(":")
}

fn delete(global: &Global, kind: &str, name: &str) -> Result<()> {
    let has = |config: &Kubeconfig| match kind {
        "context" => config.contexts.iter().any(|it| it.name == name),
        "cluster" => config.clusters.iter().any(|it| it.name == name),
        _ => config.users.iter().any(|it| it.name == name),
    };
    let (path, mut config) = file_with(global, has)?;
    if !has(&config) {
        bail!("cannot delete {kind} {name}, not in {}", path.display());
    }
    let is_current = kind == "context" && config.current_context == name;
    match kind {
        "context" => config.contexts.retain(|it| it.name != name),
        "cluster" => config.clusters.retain(|it| it.name != name),
        _ => config.users.retain(|it| it.name != name),
    }
    save(&path, &config)?;
    if is_current {
        output::note(
            "warning: this removed your active context, use \"kubectl-lite config use-context\" to select a different one",
        );
    }
    output::line(format!("deleted {kind} {name} from {}", path.display()))
}

/// A kubeconfig as a tree, for tests of what is written.
#[cfg(test)]
fn tree(config: &Kubeconfig) -> serde_json::Value {
    serde_json::to_value(config).expect("a kubeconfig serializes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::kubeconfig::Credentials;

    fn global(folder: &Path) -> Global {
        Global { kubeconfig: Some(folder.join("config")), ..Global::default() }
    }

    #[test]
    fn contexts_are_changed_in_their_file() {
        let folder = std::env::temp_dir().join(format!("kubectl-lite-config-{}", std::process::id()));
        let global = global(&folder);
        let path = folder.join("config");
        let mut config = Kubeconfig::default();
        config.put("one", &Credentials { server: "https://x".into(), ..Credentials::default() });
        config.save(&path).unwrap();
        rename_context(&global, "one", "two").unwrap();
        assert!(rename_context(&global, "one", "three").is_err());
        let in_place = Global { namespace: Some("n".into()), ..global };
        let args = SetContext { name: None, current: true, cluster: None, user: None };
        set_context(&in_place, args).unwrap();
        let saved = tree(&Kubeconfig::load(&path).unwrap());
        assert_eq!(saved["current-context"], "two");
        assert_eq!(saved["contexts"][0]["context"]["namespace"], "n");
        delete(&in_place, "context", "two").unwrap();
        assert_eq!(tree(&Kubeconfig::load(&path).unwrap())["contexts"], serde_json::json!([]));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
