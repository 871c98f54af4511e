//! `skiff up`: a cluster that runs, whatever was before.

use super::{complain, kubeconfig, ready, say};
use crate::args::Up;
use crate::cluster::{Cluster, FIRST_PORT, Taken};
use crate::control::{self, Request};
use crate::docker::Engine;
use crate::home::{Folder, Home, Lock};
use anyhow::{Context, Result, bail};
use daemon::clock;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};

const DEFAULT_NODES: u8 = 3;

pub(crate) async fn run(up: Up) -> Result<()> {
    let started = clock::instant();
    let home = Home::find()?;
    let folder = home.cluster(&up.cluster.name);
    let (cluster, was_served, lock) = prepare(&home, &folder, &up).await?;
    let mut child = None;
    if was_served {
        control::ask(&folder, &Request::Reconcile).await?;
    } else {
        child = Some(launch(&folder, up.foreground)?);
    }
    let nodes: Vec<String> =
        cluster.nodes.iter().filter(|it| !it.stopped).map(|it| it.name.clone()).collect();
    let credentials = ready::wait(&folder, &cluster, &nodes, child.as_mut()).await?;
    // Until here another `up` of this cluster waits: before that there is nothing it could ask.
    drop(lock);
    let place = kubeconfig::publish(&cluster, &credentials, up.kubeconfig.as_deref())?;
    let verb = if was_served { "is up" } else { "came up" };
    let seconds = clock::instant().duration_since(started).as_secs_f64();
    say(&format!("cluster {:?} {verb} with {} in {seconds:.1} s", cluster.name, counted(nodes.len())));
    say(&format!("API server: {}; kubeconfig: {place}", credentials.server));
    match child {
        Some(child) if up.foreground => stay(child),
        _ => Ok(()),
    }
}

fn counted(nodes: usize) -> String {
    if nodes == 1 { "1 Ready node".to_owned() } else { format!("{nodes} Ready nodes") }
}

/// Brings the description on disk to what the user asks for.
async fn prepare(home: &Home, folder: &Folder, up: &Up) -> Result<(Cluster, bool, Lock)> {
    let known = Cluster::load(&folder.description())?;
    if known.is_none() {
        // Names are checked before a folder of that name is made.
        Cluster::plan(&up.cluster.name, 1, &Taken::default(), false)?;
        folder.create()?;
    }
    let lock = folder.lock_changes()?;
    let served = folder.is_served()?;
    let mut cluster = match Cluster::load(&folder.description())? {
        Some(cluster) => cluster,
        None => {
            let taken = taken(home).await?;
            Cluster::plan(&up.cluster.name, up.nodes.unwrap_or(DEFAULT_NODES), &taken, up.separate)?
        }
    };
    let wanted = usize::from(up.nodes.unwrap_or(0));
    if wanted > 0 && wanted < cluster.nodes.len() {
        let (name, has) = (&cluster.name, cluster.nodes.len());
        complain(&format!("cluster {name:?} keeps its {has} nodes; `skiff node rm` removes some"));
    }
    cluster.grow_to(up.nodes.unwrap_or(0))?;
    if !served {
        check_port(&cluster)?;
        cluster.separate = up.separate;
    } else if up.separate != cluster.separate && up.separate {
        bail!("cluster {:?} runs in one process; `skiff stop` it first", cluster.name);
    }
    keep_policy(folder, up, served)?;
    cluster.save(&folder.description())?;
    Ok((cluster, served, lock))
}

/// The audit policy stays with the cluster, so that the next `up` need not name it.
fn keep_policy(folder: &Folder, up: &Up, served: bool) -> Result<()> {
    let Some(file) = &up.audit_policy_file else { return Ok(()) };
    if served {
        bail!("the audit policy of a cluster that runs cannot change; `skiff stop` it first");
    }
    let copied = std::fs::copy(file, folder.audit_policy());
    copied.with_context(|| format!("failed to take over {}", file.display())).map(drop)
}

/// A cluster keeps its address for life; somebody else may have taken it meanwhile.
fn check_port(cluster: &Cluster) -> Result<()> {
    let (name, port) = (&cluster.name, cluster.port);
    if is_busy(port) {
        bail!(
            "port {port} on 127.0.0.1, which cluster {name:?} has, is used by another program: stop that one \
             (`ss -ltnp sport = :{port}` names it), or `skiff down --name {name}` and make the cluster anew"
        );
    }
    Ok(())
}

/// What is in use on this machine.
async fn taken(home: &Home) -> Result<Taken> {
    let mut taken = Taken { blocks: Engine::connect().await?.used_blocks().await?, ports: Vec::new() };
    for folder in home.clusters() {
        if let Some(other) = Cluster::load(&folder.description())? {
            taken.blocks.extend([other.pods, other.services]);
            taken.ports.push(other.port);
        }
    }
    taken.ports.extend((FIRST_PORT..FIRST_PORT + 200).filter(|it| is_busy(*it)));
    Ok(taken)
}

fn is_busy(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}

/// Starts the process that runs the cluster, free of this terminal.
fn launch(folder: &Folder, foreground: bool) -> Result<Child> {
    use std::os::unix::process::CommandExt;
    let program = std::env::current_exe().context("failed to find this program's own file")?;
    let mut command = Command::new(program);
    command.arg("serve").arg("--folder").arg(folder.path()).stdin(Stdio::null());
    if !foreground {
        let log = std::fs::File::options().create(true).append(true).open(folder.log());
        let log = log.context("failed to open the cluster's log")?;
        command.stdout(log.try_clone()?).stderr(log).process_group(0);
    }
    command.spawn().context("failed to start the cluster's process")
}

/// Waits for the cluster's process to end. Ctrl-C reaches it too, being in our process group.
fn stay(mut child: Child) -> Result<()> {
    let status = child.wait()?;
    if !status.success() {
        bail!("the cluster's process ended with {status}");
    }
    Ok(())
}
