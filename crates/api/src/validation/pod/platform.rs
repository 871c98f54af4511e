//! What is wrong with how a pod relates to its host: its operating system, and the namespaces that it shares.

use super::Place;
use crate::field::{Error, Errors, Path};
use crate::validation::common::one_of;
use k8s_openapi::api::core::v1::{Container, PodOS, PodSpec, SecurityContext};

const NOT_ON_WINDOWS: &str = "cannot be set for a windows pod";
const NOT_ON_LINUX: &str = "windows options cannot be set for a linux pod";

/// Signals that stop a container of Windows.
const WINDOWS_SIGNALS: [&str; 2] = ["SIGKILL", "SIGTERM"];
/// Signals that stop a container of Linux, those of real time apart.
const LINUX_SIGNALS: [&str; 36] = [
    "SIGABRT",
    "SIGALRM",
    "SIGBUS",
    "SIGCHLD",
    "SIGCLD",
    "SIGCONT",
    "SIGFPE",
    "SIGHUP",
    "SIGILL",
    "SIGINT",
    "SIGIO",
    "SIGIOT",
    "SIGKILL",
    "SIGPIPE",
    "SIGPOLL",
    "SIGPROF",
    "SIGPWR",
    "SIGQUIT",
    "SIGRTMAX",
    "SIGRTMIN",
    "SIGSEGV",
    "SIGSTKFLT",
    "SIGSTOP",
    "SIGSYS",
    "SIGTERM",
    "SIGTRAP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGUSR1",
    "SIGUSR2",
    "SIGVTALRM",
    "SIGWINCH",
    "SIGXCPU",
    "SIGXFSZ",
];

pub(super) fn platform(errors: &mut Errors, path: &Path, spec: &PodSpec, place: Place) {
    host_ports(errors, &path.child("containers"), spec, place);
    host_users(errors, path, spec);
    let Some(os) = &spec.os else { return };
    match os.name.as_str() {
        "linux" => linux(errors, path, spec),
        "windows" => windows(errors, path, spec),
        name => one_of(errors, &path.child("os").child("name"), Some(name), &["linux", "windows"]),
    }
}

/// On the host's network a port is the host's port. A template may leave it out: pods get it by default.
fn host_ports(errors: &mut Errors, path: &Path, spec: &PodSpec, place: Place) {
    for (index, container) in spec.containers.iter().enumerate().filter(|_| spec.host_network == Some(true)) {
        for (at, port) in container.ports.iter().flatten().enumerate() {
            let host_port = port.host_port.unwrap_or(0);
            if host_port != port.container_port && (place == Place::Pod || host_port != 0) {
                let path = path.index(index).child("ports").index(at).child("hostPort");
                let detail = "must match `containerPort` when `hostNetwork` is true";
                errors.push(Error::invalid(&path, host_port, detail));
            }
        }
    }
}

/// A pod with users of its own has nothing else of its host. The names of the fields are spelled as upstream does.
fn host_users(errors: &mut Errors, path: &Path, spec: &PodSpec) {
    if spec.host_users != Some(false) {
        return;
    }
    for (name, shared) in
        [("hostNetwork", spec.host_network), ("HostPID", spec.host_pid), ("HostIPC", spec.host_ipc)]
    {
        if shared == Some(true) {
            errors.push(Error::forbidden(&path.child(name), "when `pod.Spec.HostUsers` is false"));
        }
    }
}

/// The signal that stops a container: which there are depends on the system.
pub(super) fn stop_signal(errors: &mut Errors, path: &Path, signal: &str, os: Option<&PodOS>) {
    match os.map(|it| it.name.as_str()) {
        None => {
            let detail = "may not be set for containers with empty `spec.os.name`";
            errors.push(Error::forbidden(path, detail));
        }
        Some("windows") if !WINDOWS_SIGNALS.contains(&signal) => {
            errors.push(Error::not_supported(path, signal, &WINDOWS_SIGNALS));
        }
        Some("linux") if !LINUX_SIGNALS.contains(&signal) && !is_of_real_time(signal) => {
            let real_time: Vec<String> = (1..=15).map(|it| format!("SIGRTMIN+{it}")).collect();
            let more: Vec<String> = (1..=14).map(|it| format!("SIGRTMAX-{it}")).collect();
            let all = real_time.iter().chain(&more).map(String::as_str).chain(LINUX_SIGNALS);
            errors.push(Error::not_supported(path, signal, &all.collect::<Vec<_>>()));
        }
        Some(_) => {}
    }
}

fn is_of_real_time(signal: &str) -> bool {
    let within = |number: &str, most: u8| {
        !number.starts_with(['0', '+']) && number.parse().is_ok_and(|it: u8| (1..=most).contains(&it))
    };
    signal.strip_prefix("SIGRTMIN+").is_some_and(|it| within(it, 15))
        || signal.strip_prefix("SIGRTMAX-").is_some_and(|it| within(it, 14))
}

/// Every container, with its path.
fn containers<'a>(path: &'a Path, spec: &'a PodSpec) -> impl Iterator<Item = (Path, &'a SecurityContext)> {
    let named = |name: &str, list: &'a [Container]| {
        let path = path.child(name);
        list.iter().enumerate().map(move |(index, it)| (path.index(index), it.security_context.as_ref()))
    };
    let ephemeral = spec.ephemeral_containers.iter().flatten().enumerate();
    let ephemeral = ephemeral
        .map(|(index, it)| (path.child("ephemeralContainers").index(index), it.security_context.as_ref()));
    let all = named("initContainers", spec.init_containers.as_deref().unwrap_or_default())
        .chain(named("containers", &spec.containers))
        .chain(ephemeral);
    all.filter_map(|(path, context)| Some((path.child("securityContext"), context?)))
}

fn linux(errors: &mut Errors, path: &Path, spec: &PodSpec) {
    let own = spec.security_context.as_ref().is_some_and(|it| it.windows_options.is_some());
    let own = own.then(|| path.child("securityContext"));
    let given = containers(path, spec).filter(|(_, it)| it.windows_options.is_some()).map(|(path, _)| path);
    for path in own.into_iter().chain(given) {
        errors.push(Error::forbidden(&path.child("windowsOptions"), NOT_ON_LINUX));
    }
}

fn windows(errors: &mut Errors, path: &Path, spec: &PodSpec) {
    forbid(
        errors,
        path,
        &[
            ("hostUsers", spec.host_users.is_some()),
            ("hostPID", spec.host_pid == Some(true)),
            ("hostIPC", spec.host_ipc == Some(true)),
            ("shareProcessNamespace", spec.share_process_namespace.is_some()),
        ],
    );
    if let Some(it) = &spec.security_context {
        let given = [
            ("appArmorProfile", it.app_armor_profile.is_some()),
            ("seLinuxOptions", it.se_linux_options.is_some()),
            ("seccompProfile", it.seccomp_profile.is_some()),
            ("fsGroup", it.fs_group.is_some()),
            ("fsGroupChangePolicy", it.fs_group_change_policy.is_some()),
            ("sysctls", it.sysctls.as_ref().is_some_and(|it| !it.is_empty())),
            ("runAsUser", it.run_as_user.is_some()),
            ("runAsGroup", it.run_as_group.is_some()),
            ("supplementalGroups", it.supplemental_groups.is_some()),
            ("supplementalGroupsPolicy", it.supplemental_groups_policy.is_some()),
            ("seLinuxChangePolicy", it.se_linux_change_policy.is_some()),
        ];
        forbid(errors, &path.child("securityContext"), &given);
    }
    for (path, it) in containers(path, spec) {
        let given = [
            ("appArmorProfile", it.app_armor_profile.is_some()),
            ("seLinuxOptions", it.se_linux_options.is_some()),
            ("seccompProfile", it.seccomp_profile.is_some()),
            ("capabilities", it.capabilities.is_some()),
            ("readOnlyRootFilesystem", it.read_only_root_filesystem.is_some()),
            ("privileged", it.privileged.is_some()),
            ("allowPrivilegeEscalation", it.allow_privilege_escalation.is_some()),
            ("procMount", it.proc_mount.is_some()),
            ("runAsUser", it.run_as_user.is_some()),
            ("runAsGroup", it.run_as_group.is_some()),
        ];
        forbid(errors, &path, &given);
    }
}

fn forbid(errors: &mut Errors, path: &Path, fields: &[(&str, bool)]) {
    for (name, _) in fields.iter().filter(|(_, given)| *given) {
        errors.push(Error::forbidden(&path.child(name), NOT_ON_WINDOWS));
    }
}
