//! What is wrong with probes and lifecycle hooks.

use super::platform;
use crate::field::{Error, Errors, Path};
use crate::validation::common::{all, all_of_number, not_negative, one_of, port};
use crate::validation::names;
use k8s_openapi::api::core::v1::{
    Container, ExecAction, HTTPGetAction, Lifecycle, LifecycleHandler, PodSpec, Probe, TCPSocketAction,
};

pub(super) fn probes(errors: &mut Errors, path: &Path, container: &Container) {
    for (name, probe) in [
        ("livenessProbe", &container.liveness_probe),
        ("readinessProbe", &container.readiness_probe),
        ("startupProbe", &container.startup_probe),
    ] {
        let Some(probe) = probe else { continue };
        let path = path.child(name);
        one(errors, &path, probe);
        let threshold = probe.success_threshold.unwrap_or(1);
        if name != "readinessProbe" && threshold != 1 {
            errors.push(Error::invalid(&path.child("successThreshold"), threshold, "must be 1"));
        }
        if let Some(grace) = probe.termination_grace_period_seconds {
            let path = path.child("terminationGracePeriodSeconds");
            if name == "readinessProbe" {
                errors.push(Error::invalid(&path, grace, "must not be set for readinessProbes"));
            } else if grace <= 0 {
                errors.push(Error::invalid(&path, grace, "must be greater than 0"));
            }
        }
    }
}

fn one(errors: &mut Errors, path: &Path, probe: &Probe) {
    let mut handlers = Handlers { errors, path, count: 0 };
    handlers.exec(probe.exec.as_ref());
    handlers.http_get(probe.http_get.as_ref());
    handlers.tcp_socket(probe.tcp_socket.as_ref());
    if let Some(grpc) = &probe.grpc
        && handlers.first("grpc")
    {
        let messages = names::port_number(grpc.port);
        all_of_number(handlers.errors, &path.child("grpc").child("port"), i64::from(grpc.port), messages);
    }
    handlers.finish();
    for (name, value) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        not_negative(errors, &path.child(name), value.map(i64::from));
    }
}

pub(super) fn lifecycle(errors: &mut Errors, path: &Path, lifecycle: Option<&Lifecycle>, spec: &PodSpec) {
    let Some(lifecycle) = lifecycle else { return };
    for (name, hook) in [("postStart", &lifecycle.post_start), ("preStop", &lifecycle.pre_stop)] {
        if let Some(hook) = hook {
            handler(errors, &path.child(name), hook, spec.termination_grace_period_seconds);
        }
    }
    if let Some(signal) = &lifecycle.stop_signal {
        platform::stop_signal(errors, &path.child("stopSignal"), signal, spec.os.as_ref());
    }
}

fn handler(errors: &mut Errors, path: &Path, hook: &LifecycleHandler, grace: Option<i64>) {
    let mut handlers = Handlers { errors, path, count: 0 };
    handlers.exec(hook.exec.as_ref());
    handlers.http_get(hook.http_get.as_ref());
    handlers.tcp_socket(hook.tcp_socket.as_ref());
    if let Some(sleep) = &hook.sleep
        && handlers.first("sleep")
    {
        // A pod without a grace period has been told so already.
        let grace = grace.unwrap_or(i64::MAX);
        if !(0..=grace).contains(&sleep.seconds) {
            let detail =
                format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
            handlers.errors.push(Error::invalid(&path.child("sleep"), sleep.seconds, detail));
        }
    }
    handlers.finish();
}

/// Exactly one handler may be given.
struct Handlers<'a> {
    errors: &'a mut Errors,
    path: &'a Path,
    count: usize,
}

impl Handlers<'_> {
    /// Counts a handler; a second one is an error and is not looked at.
    fn first(&mut self, name: &str) -> bool {
        self.count += 1;
        if self.count > 1 {
            let detail = "may not specify more than 1 handler type";
            self.errors.push(Error::forbidden(&self.path.child(name), detail));
        }
        self.count == 1
    }

    fn exec(&mut self, action: Option<&ExecAction>) {
        let Some(action) = action else { return };
        if self.first("exec") && action.command.as_ref().is_none_or(Vec::is_empty) {
            self.errors.push(Error::required(&self.path.child("exec").child("command"), ""));
        }
    }

    fn http_get(&mut self, action: Option<&HTTPGetAction>) {
        let Some(action) = action else { return };
        if !self.first("httpGet") {
            return;
        }
        let path = self.path.child("httpGet");
        if action.path.as_deref().is_none_or(str::is_empty) {
            self.errors.push(Error::required(&path.child("path"), ""));
        }
        port(self.errors, &path.child("port"), &action.port);
        one_of(self.errors, &path.child("scheme"), action.scheme.as_deref(), &["HTTP", "HTTPS"]);
        for (index, header) in action.http_headers.iter().flatten().enumerate() {
            let path = path.child("httpHeaders").index(index).child("name");
            all(self.errors, &path, &header.name, names::header_name(&header.name));
        }
    }

    fn tcp_socket(&mut self, action: Option<&TCPSocketAction>) {
        let Some(action) = action else { return };
        if self.first("tcpSocket") {
            port(self.errors, &self.path.child("tcpSocket").child("port"), &action.port);
        }
    }

    fn finish(self) {
        if self.count == 0 {
            self.errors.push(Error::required(self.path, "must specify a handler type"));
        }
    }
}
