//! From our container specs to Docker's.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, HostConfigLogConfig,
    Mount as DockerMount, MountBindOptions, MountBindOptionsPropagationEnum, MountType, MountVolumeOptions,
    MountVolumeOptionsDriverConfig, NetworkingConfig, PortBinding, PortMap,
};

use crate::container_runtime::{
    CPU_PERIOD, ContainerSpec, HostPort, Labels, Mount, MountSource, Namespaces, Network, Processes,
    Resources, Security,
};

/// A container's log takes no more than this on disk: two files, the older one dropped.
const LOG_FILE_SIZE: &str = "10m";
const LOG_FILES: &str = "2";

pub(super) fn body_of(spec: &ContainerSpec, clamp_oom_score: bool) -> ContainerCreateBody {
    let mut host = HostConfig {
        mounts: Some(spec.mounts.iter().map(mount_of).collect()),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(pairs([("max-size", LOG_FILE_SIZE), ("max-file", LOG_FILES)])),
        }),
        ..HostConfig::default()
    };
    set_resources(&mut host, &spec.resources, clamp_oom_score);
    set_security(&mut host, &spec.security);
    let mut body = ContainerCreateBody {
        image: Some(spec.image.clone()),
        labels: Some(spec.labels.clone().into_iter().collect()),
        entrypoint: spec.command.clone(),
        cmd: spec.args.clone(),
        env: Some(spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        working_dir: spec.working_dir.clone(),
        user: spec.security.user.clone(),
        open_stdin: Some(spec.stdin),
        stdin_once: Some(spec.stdin_once),
        tty: Some(spec.tty),
        stop_signal: spec.stop_signal.clone(),
        ..ContainerCreateBody::default()
    };
    set_namespaces(&mut body, &mut host, &spec.namespaces);
    body.host_config = Some(host);
    body
}

fn set_resources(host: &mut HostConfig, resources: &Resources, clamp_oom_score: bool) {
    let score = resources.oom_score_adj;
    host.oom_score_adj = Some(if clamp_oom_score { score.max(0) } else { score });
    host.cpu_shares = Some(resources.cpu_shares).filter(|it| *it > 0);
    if let Some(quota) = resources.cpu_quota {
        host.cpu_quota = Some(quota);
        host.cpu_period = i64::try_from(CPU_PERIOD.as_micros()).ok();
    }
    host.memory = resources.memory;
    // Equal to the memory limit: no swap on top of it.
    host.memory_swap = resources.memory;
}

fn set_security(host: &mut HostConfig, security: &Security) {
    let some = |list: &Vec<String>| Some(list.clone()).filter(|it| !it.is_empty());
    host.group_add = some(&security.groups.iter().map(ToString::to_string).collect());
    host.cap_add = some(&security.cap_add);
    host.cap_drop = some(&security.cap_drop);
    host.privileged = Some(security.privileged);
    host.readonly_rootfs = Some(security.read_only_root);
    host.security_opt = some(&security.options);
}

fn set_namespaces(body: &mut ContainerCreateBody, host: &mut HostConfig, namespaces: &Namespaces) {
    match namespaces {
        Namespaces::Own { hostname, network, host_pid, host_ipc, sysctls } => {
            host.ipc_mode = Some(if *host_ipc { "host" } else { "shareable" }.to_owned());
            host.pid_mode = host_pid.then(|| "host".to_owned());
            host.sysctls = Some(sysctls.clone().into_iter().collect());
            set_network(body, host, hostname, network);
        }
        Namespaces::Joined { sandbox, host_network, processes, host_ipc } => {
            let of_sandbox = format!("container:{sandbox}");
            let host_or_sandbox = |host: bool| if host { "host".to_owned() } else { of_sandbox.clone() };
            host.network_mode = Some(host_or_sandbox(*host_network));
            host.ipc_mode = Some(host_or_sandbox(*host_ipc));
            host.pid_mode = match processes {
                Processes::Own => None,
                Processes::Pod => Some(of_sandbox),
                Processes::Of(id) => Some(format!("container:{id}")),
                Processes::Host => Some("host".to_owned()),
            };
        }
    }
}

fn set_network(body: &mut ContainerCreateBody, host: &mut HostConfig, hostname: &str, network: &Network) {
    let Network::Bridged { network, address, ports } = network else {
        host.network_mode = Some("host".to_owned());
        return;
    };
    body.hostname = Some(hostname.to_owned());
    let name = network.as_deref().unwrap_or("bridge");
    host.network_mode = Some(name.to_owned());
    if let (Some(address), true) = (address, network.is_some()) {
        let ipv4 = address.is_ipv4().then(|| address.to_string());
        let ipv6 = address.is_ipv6().then(|| address.to_string());
        let ipam = EndpointIpamConfig { ipv4_address: ipv4, ipv6_address: ipv6, link_local_ips: None };
        let endpoint = EndpointSettings { ipam_config: Some(ipam), ..EndpointSettings::default() };
        let endpoints = HashMap::from([(name.to_owned(), endpoint)]);
        body.networking_config = Some(NetworkingConfig { endpoints_config: Some(endpoints) });
    }
    if !ports.is_empty() {
        body.exposed_ports = Some(ports.iter().map(port_name).collect());
        host.port_bindings = Some(bindings_of(ports));
    }
}

fn port_name(port: &HostPort) -> String {
    format!("{}/{}", port.container_port, port.protocol)
}

fn bindings_of(ports: &[HostPort]) -> PortMap {
    let mut bindings = PortMap::new();
    for port in ports {
        let binding = PortBinding {
            host_ip: Some(port.host_address.to_string()),
            host_port: Some(port.host_port.to_string()),
        };
        bindings.entry(port_name(port)).or_default().get_or_insert_default().push(binding);
    }
    bindings
}

fn mount_of(mount: &Mount) -> DockerMount {
    let base = DockerMount {
        target: Some(mount.target.clone()),
        read_only: Some(mount.read_only),
        ..DockerMount::default()
    };
    match &mount.source {
        MountSource::Host(path) => DockerMount {
            typ: Some(MountType::BIND),
            source: Some(path.to_string_lossy().into_owned()),
            bind_options: mount.propagation.map(|it| MountBindOptions {
                propagation: propagation_of(it),
                ..MountBindOptions::default()
            }),
            ..base
        },
        MountSource::Memory { name, size, labels } => DockerMount {
            typ: Some(MountType::VOLUME),
            source: Some(name.clone()),
            volume_options: Some(memory_options(*size, labels)),
            ..base
        },
    }
}

fn propagation_of(name: &str) -> Option<MountBindOptionsPropagationEnum> {
    match name {
        "rslave" => Some(MountBindOptionsPropagationEnum::RSLAVE),
        "rshared" => Some(MountBindOptionsPropagationEnum::RSHARED),
        "rprivate" => Some(MountBindOptionsPropagationEnum::RPRIVATE),
        _ => None,
    }
}

/// A volume of Docker's local driver on tmpfs: unlike a container's own tmpfs, the pod's containers share it.
fn memory_options(size: Option<u64>, labels: &Labels) -> MountVolumeOptions {
    let size = size.map(|it| format!(",size={it}")).unwrap_or_default();
    let options = format!("mode=1777{size}");
    MountVolumeOptions {
        no_copy: Some(true),
        labels: Some(labels.clone().into_iter().collect()),
        driver_config: Some(MountVolumeOptionsDriverConfig {
            name: Some("local".to_owned()),
            options: Some(pairs([("type", "tmpfs"), ("device", "tmpfs"), ("o", &options)])),
        }),
        subpath: None,
    }
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> HashMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// `NAME=VALUE`, as Docker's filters take labels.
pub(super) fn label_filters(labels: &Labels) -> Vec<String> {
    labels.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// Whether an image name says which of the repository's images is meant.
pub(super) fn has_tag(name: &str) -> bool {
    name.contains('@') || name.rsplit('/').next().is_some_and(|last| last.contains(':'))
}
