//! What no pod may do that is not trusted with its node. By id, as upstream orders them.

use super::checks::{Check, Setters, Subject, Violation, named, plural, quoted};
use super::containers::all;
use api::k8s::api::core::v1::{LifecycleHandler, Probe, SELinuxOptions};
use std::collections::BTreeSet;

pub(super) const CHECKS: &[Check] = &[
    Check::new("appArmorProfile", &[(0, app_armor)]),
    Check::new("capabilities_baseline", &[(0, capabilities)]),
    Check::new("hostNamespaces", &[(0, host_namespaces)]),
    Check::new("hostPathVolumes", &[(0, host_paths)]),
    Check::new("hostPorts", &[(0, host_ports)]),
    Check::new("hostProbesAndHostLifecycle", &[(34, probe_hosts)]),
    Check::new("privileged", &[(0, privileged)]),
    Check::new("procMount_baseline", &[(0, proc_mount), (35, proc_mount_of_host_users)]),
    Check::new("seLinuxOptions", &[(0, se_linux)]),
    Check::new("seccompProfile_baseline", &[(0, seccomp_annotations), (19, seccomp)]),
    Check::new("sysctls", &[(0, sysctls_0), (27, sysctls_27), (29, sysctls_29), (32, sysctls_32)]),
    Check::new("windowsHostProcess", &[(0, host_process)]),
];

const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";
const SECCOMP_OF_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_OF_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";

/// What containers may add to their capabilities: what container runtimes give them anyway.
const CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Settings of the kernel that are a pod's own, with the minor version that first let them pass.
const SYSCTLS: &[(u32, &str)] = &[
    (0, "kernel.shm_rmid_forced"),
    (0, "net.ipv4.ip_local_port_range"),
    (0, "net.ipv4.tcp_syncookies"),
    (0, "net.ipv4.ping_group_range"),
    (0, "net.ipv4.ip_unprivileged_port_start"),
    (27, "net.ipv4.ip_local_reserved_ports"),
    (29, "net.ipv4.tcp_keepalive_time"),
    (29, "net.ipv4.tcp_fin_timeout"),
    (29, "net.ipv4.tcp_keepalive_intvl"),
    (29, "net.ipv4.tcp_keepalive_probes"),
    (32, "net.ipv4.tcp_rmem"),
    (32, "net.ipv4.tcp_wmem"),
];

pub(super) fn violation(reason: &'static str, detail: String) -> Option<Violation> {
    Some(Violation { reason, detail })
}

fn app_armor(subject: &Subject<'_>) -> Option<Violation> {
    let good = |it: &str| matches!(it, "RuntimeDefault" | "Localhost");
    let mut setters = Setters::default();
    let own = subject.spec.security_context.as_ref().and_then(|it| it.app_armor_profile.as_ref());
    if let Some(profile) = own.filter(|it| !good(&it.type_)) {
        setters.add_pod(&profile.type_);
    }
    for container in all(subject.spec) {
        let own = container.security.and_then(|it| it.app_armor_profile.as_ref());
        if let Some(profile) = own.filter(|it| !good(&it.type_)) {
            setters.add(container.name, &profile.type_);
        }
    }
    let annotations = app_armor_annotations(subject);
    let (mut parts, mut values) = (setters.parts(), setters.values);
    values.extend(annotations.iter().map(String::as_str));
    if !annotations.is_empty() {
        parts.push(plural("annotation", annotations.len()));
    }
    if parts.is_empty() {
        return None;
    }
    let reason = if values.len() == 1 { "forbidden AppArmor profile" } else { "forbidden AppArmor profiles" };
    let values = quoted(values);
    violation(reason, format!("{} must not set AppArmor profile type to {values}", parts.join(" and ")))
}

/// How profiles were named before there was a field for them.
fn app_armor_annotations(subject: &Subject<'_>) -> Vec<String> {
    let good = |it: &str| it.is_empty() || it == "runtime/default" || it.starts_with("localhost/");
    let all = subject.annotations.into_iter().flatten();
    let bad = all.filter(|(name, value)| name.starts_with(APP_ARMOR) && !good(value));
    bad.map(|(name, value)| format!("{name}={value:?}")).collect()
}

fn capabilities(subject: &Subject<'_>) -> Option<Violation> {
    added_capabilities(subject, CAPABILITIES).and_then(|it| violation("non-default capabilities", it))
}

/// Who adds capabilities that are not among the good ones.
pub(super) fn added_capabilities(subject: &Subject<'_>, good: &[&str]) -> Option<String> {
    let mut setters = Setters::default();
    for container in all(subject.spec) {
        let own = container.security.and_then(|it| it.capabilities.as_ref()?.add.as_ref());
        let bad: Vec<&str> =
            own.into_iter().flatten().map(String::as_str).filter(|it| !good.contains(it)).collect();
        if !bad.is_empty() {
            setters.containers.push(container.name);
            setters.values.extend(bad);
        }
    }
    let (who, what) = (setters.text(), setters.quoted_values());
    (!setters.is_empty())
        .then(|| format!("{who} must not include {what} in securityContext.capabilities.add"))
}

fn host_namespaces(subject: &Subject<'_>) -> Option<Violation> {
    let spec = subject.spec;
    let shared = [("hostNetwork", spec.host_network), ("hostPID", spec.host_pid), ("hostIPC", spec.host_ipc)];
    let shared = shared.iter().filter(|(_, it)| *it == Some(true)).map(|(name, _)| format!("{name}=true"));
    let shared = shared.collect::<Vec<_>>().join(", ");
    (!shared.is_empty()).then_some(Violation { reason: "host namespaces", detail: shared })
}

fn host_paths(subject: &Subject<'_>) -> Option<Violation> {
    let volumes = subject.spec.volumes.iter().flatten().filter(|it| it.host_path.is_some());
    let volumes: Vec<&str> = volumes.map(|it| it.name.as_str()).collect();
    if volumes.is_empty() {
        return None;
    }
    violation("hostPath volumes", named("volume", &volumes))
}

fn host_ports(subject: &Subject<'_>) -> Option<Violation> {
    let (mut containers, mut ports) = (Vec::new(), BTreeSet::new());
    for container in all(subject.spec) {
        let own = container.ports.iter().filter_map(|it| it.host_port).filter(|it| *it != 0);
        let own: Vec<String> = own.map(|it| it.to_string()).collect();
        if !own.is_empty() {
            containers.push(container.name);
            ports.extend(own);
        }
    }
    let list = ports.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    used("hostPort", "hostPort", &containers, ports.len(), &list)
}

fn probe_hosts(subject: &Subject<'_>) -> Option<Violation> {
    let (mut containers, mut hosts) = (BTreeSet::new(), BTreeSet::new());
    for container in all(subject.spec) {
        let probes = container.probes.into_iter().flatten().flat_map(hosts_of_probe);
        let handlers = container.lifecycle.map(|it| [it.post_start.as_ref(), it.pre_stop.as_ref()]);
        let handlers = handlers.into_iter().flatten().flatten().flat_map(hosts_of_handler);
        let own: Vec<&str> = probes.chain(handlers).flatten().filter(|it| !it.is_empty()).collect();
        if !own.is_empty() {
            containers.insert(container.name);
            hosts.extend(own);
        }
    }
    let containers: Vec<&str> = containers.into_iter().collect();
    let (count, list) = (hosts.len(), quoted(hosts));
    used("probe or lifecycle host", "probe or lifecycle host", &containers, count, &list)
}

fn hosts_of_probe(probe: &Probe) -> [Option<&str>; 2] {
    let http = probe.http_get.as_ref().and_then(|it| it.host.as_deref());
    [http, probe.tcp_socket.as_ref().and_then(|it| it.host.as_deref())]
}

fn hosts_of_handler(handler: &LifecycleHandler) -> [Option<&str>; 2] {
    let http = handler.http_get.as_ref().and_then(|it| it.host.as_deref());
    [http, handler.tcp_socket.as_ref().and_then(|it| it.host.as_deref())]
}

/// `container "a" uses hostPort 80`.
fn used(
    reason: &'static str,
    what: &str,
    containers: &[&str],
    count: usize,
    list: &str,
) -> Option<Violation> {
    if containers.is_empty() {
        return None;
    }
    let verb = if containers.len() == 1 { "uses" } else { "use" };
    violation(reason, format!("{} {verb} {} {list}", named("container", containers), plural(what, count)))
}

fn privileged(subject: &Subject<'_>) -> Option<Violation> {
    let bad = all(subject.spec).filter(|it| it.security.is_some_and(|it| it.privileged == Some(true)));
    let bad: Vec<&str> = bad.map(|it| it.name).collect();
    if bad.is_empty() {
        return None;
    }
    violation(
        "privileged",
        format!("{} must not set securityContext.privileged=true", named("container", &bad)),
    )
}

pub(super) fn proc_mount(subject: &Subject<'_>) -> Option<Violation> {
    let mut setters = Setters::default();
    for container in all(subject.spec) {
        let own = container.security.and_then(|it| it.proc_mount.as_deref());
        if let Some(bad) = own.filter(|it| *it != "Default") {
            setters.add(container.name, bad);
        }
    }
    if setters.is_empty() {
        return None;
    }
    let (who, what) = (setters.text(), setters.quoted_values());
    violation("procMount", format!("{who} must not set securityContext.procMount to {what}"))
}

/// Whether root of the pod is nobody on its node.
pub(super) fn has_own_users(subject: &Subject<'_>) -> bool {
    subject.spec.host_users == Some(false)
}

fn proc_mount_of_host_users(subject: &Subject<'_>) -> Option<Violation> {
    if has_own_users(subject) { None } else { proc_mount(subject) }
}

fn se_linux(subject: &Subject<'_>) -> Option<Violation> {
    let mut seen = SeLinux::default();
    let mut setters = Setters::default();
    let own = subject.spec.security_context.as_ref().and_then(|it| it.se_linux_options.as_ref());
    setters.pod = own.is_some_and(|it| seen.is_bad(it));
    for container in all(subject.spec) {
        let own = container.security.and_then(|it| it.se_linux_options.as_ref());
        if own.is_some_and(|it| seen.is_bad(it)) {
            setters.containers.push(container.name);
        }
    }
    if setters.is_empty() {
        return None;
    }
    let (who, what) = (setters.text(), seen.text());
    violation("seLinuxOptions", format!("{who} set forbidden securityContext.seLinuxOptions: {what}"))
}

/// What is wrong with SELinux options.
#[derive(Default)]
struct SeLinux<'a> {
    types: BTreeSet<&'a str>,
    user: bool,
    role: bool,
}

impl<'a> SeLinux<'a> {
    fn is_bad(&mut self, options: &'a SELinuxOptions) -> bool {
        let given = |it: &'a Option<String>| it.as_deref().filter(|it| !it.is_empty());
        let known = ["container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
        let bad = given(&options.type_).filter(|it| !known.contains(it));
        let (user, role) = (given(&options.user).is_some(), given(&options.role).is_some());
        self.types.extend(bad);
        self.user |= user;
        self.role |= role;
        bad.is_some() || user || role
    }

    fn text(&self) -> String {
        let types: Vec<&str> = self.types.iter().copied().collect();
        let types = (!types.is_empty()).then(|| named("type", &types));
        let user = self.user.then(|| "user may not be set".to_owned());
        let role = self.role.then(|| "role may not be set".to_owned());
        types.into_iter().chain(user).chain(role).collect::<Vec<_>>().join("; ")
    }
}

/// How profiles were named before there was a field for them.
fn seccomp_annotations(subject: &Subject<'_>) -> Option<Violation> {
    let good = |it: &str| matches!(it, "runtime/default" | "docker/default") || it.starts_with("localhost/");
    let of_containers = all(subject.spec).map(|it| format!("{SECCOMP_OF_CONTAINER}{}", it.name));
    let names = of_containers.chain([SECCOMP_OF_POD.to_owned()]).collect::<BTreeSet<_>>();
    let values = names.iter().filter_map(|it| Some((it, subject.annotations?.get(it)?)));
    let bad = values.filter(|(_, value)| !good(value)).map(|(name, value)| format!("{name}={value:?}"));
    let bad: Vec<String> = bad.collect();
    if bad.is_empty() {
        return None;
    }
    violation("seccompProfile", format!("forbidden {} {}", plural("annotation", bad.len()), bad.join(", ")))
}

/// Who names a seccomp profile that is as good as none.
pub(super) fn seccomp(subject: &Subject<'_>) -> Option<Violation> {
    let good = |it: &str| matches!(it, "RuntimeDefault" | "Localhost");
    let mut setters = Setters::default();
    let own = subject.spec.security_context.as_ref().and_then(|it| it.seccomp_profile.as_ref());
    if let Some(bad) = own.filter(|it| !good(&it.type_)) {
        setters.add_pod(&bad.type_);
    }
    for container in all(subject.spec) {
        let own = container.security.and_then(|it| it.seccomp_profile.as_ref());
        if let Some(bad) = own.filter(|it| !good(&it.type_)) {
            setters.add(container.name, &bad.type_);
        }
    }
    if setters.is_empty() {
        return None;
    }
    let (who, what) = (setters.text(), setters.quoted_values());
    violation("seccompProfile", format!("{who} must not set securityContext.seccompProfile.type to {what}"))
}

fn sysctls(subject: &Subject<'_>, minor: u32) -> Option<Violation> {
    let good = |name: &str| SYSCTLS.iter().any(|(since, it)| *since <= minor && *it == name);
    let own = subject.spec.security_context.as_ref().and_then(|it| it.sysctls.as_ref());
    let bad = own.into_iter().flatten().map(|it| it.name.as_str()).filter(|it| !good(it));
    let bad = bad.collect::<Vec<_>>().join(", ");
    (!bad.is_empty()).then_some(Violation { reason: "forbidden sysctls", detail: bad })
}

fn sysctls_0(subject: &Subject<'_>) -> Option<Violation> {
    sysctls(subject, 0)
}

fn sysctls_27(subject: &Subject<'_>) -> Option<Violation> {
    sysctls(subject, 27)
}

fn sysctls_29(subject: &Subject<'_>) -> Option<Violation> {
    sysctls(subject, 29)
}

fn sysctls_32(subject: &Subject<'_>) -> Option<Violation> {
    sysctls(subject, 32)
}

fn host_process(subject: &Subject<'_>) -> Option<Violation> {
    let own = subject.spec.security_context.as_ref().and_then(|it| it.windows_options.as_ref()?.host_process);
    let of =
        |it: Option<&api::k8s::api::core::v1::SecurityContext>| it?.windows_options.as_ref()?.host_process;
    let containers = all(subject.spec).filter(|it| of(it.security) == Some(true)).map(|it| it.name).collect();
    let setters = Setters { pod: own == Some(true), containers, ..Setters::default() };
    if setters.is_empty() {
        return None;
    }
    let who = setters.text();
    violation("hostProcess", format!("{who} must not set securityContext.windowsOptions.hostProcess=true"))
}
