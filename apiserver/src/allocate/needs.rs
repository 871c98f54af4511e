//! What a service needs that others must not have: an address, node ports, a port for health checks.
//!
//! Start at [`Needs::meet`]. Upstream: `allocateCreate` and `allocateUpdate` of the service storage.

use super::{Claim, Held, Range};
use api::field::{Error, Path};
use api::k8s::api::core::v1::{ServicePort, ServiceSpec};
use api::strategies::service::{is_headless, needs_cluster_ip, needs_health_check, needs_node_ports};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

const NODE_PORTS: RangeInclusive<u32> = 30_000..=32_767;
/// The first of those that are given out; the ones before it are left to who chooses, as long as there are others.
const DYNAMIC_PORTS: u32 = 30_086;
const FULL: &str = "range is full";

/// Why a service does not get what it needs.
pub(super) enum Refusal {
    /// What its author asked for cannot be.
    Invalid(Error),
    /// Upstream tells this as an error of its own.
    Internal(String),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Invalid(error)
    }
}

/// One service that is being written.
pub(super) struct Needs<'a> {
    pub(super) range: Range,
    pub(super) held: &'a mut Held,
    /// What the service holds already.
    pub(super) before: Claim,
    /// The service as it is stored, if it is.
    pub(super) old: Option<&'a ServiceSpec>,
    /// What it gets in addition.
    pub(super) claim: &'a mut Claim,
}

impl Needs<'_> {
    pub(super) fn meet(&mut self, spec: &mut ServiceSpec) -> Result<(), Refusal> {
        self.address(spec)?;
        self.node_ports(spec)?;
        self.health_check(spec)
    }

    fn address(&mut self, spec: &mut ServiceSpec) -> Result<(), Error> {
        if !needs_cluster_ip(spec) {
            return Ok(());
        }
        if is_headless(spec) {
            spec.cluster_ips.get_or_insert_with(|| vec!["None".to_owned()]);
            return Ok(());
        }
        let path = Path::new("spec").child("clusterIPs");
        let address = match spec.cluster_ip.as_deref().unwrap_or_default() {
            "" => self
                .range
                .dynamic()
                .find(|it| self.held.addresses.is_free(*it))
                .ok_or_else(|| Error::invalid(&path, "", "failed to allocate IP: range is full"))?,
            text if self.holds_address(text) => return Ok(()),
            chosen => self.chosen_address(&path, chosen)?,
        };
        self.held.addresses.reserved.insert(address);
        self.claim.addresses.push(address);
        let text = Ipv4Addr::from(address).to_string();
        spec.cluster_ips = Some(vec![text.clone()]);
        spec.cluster_ip = Some(text);
        Ok(())
    }

    fn holds_address(&self, text: &str) -> bool {
        text.parse::<Ipv4Addr>().is_ok_and(|it| self.before.addresses.contains(&u32::from(it)))
    }

    fn chosen_address(&self, path: &Path, text: &str) -> Result<u32, Error> {
        let refused = |why: &str| Error::invalid(path, vec![text], why);
        let address: Ipv4Addr =
            text.parse().map_err(|_| refused("must be a valid IPv4 address of the service range"))?;
        let address = u32::from(address);
        if !self.range.holds(address) {
            let (first, last) = (self.range.address(0), self.range.address(self.range.size - 1));
            let why = format!(
                "failed to allocate IP {text}: the provided IP is not in the valid range {first}-{last}"
            );
            return Err(refused(&why));
        }
        if !self.held.addresses.is_free(address) {
            return Err(refused(&format!("failed to allocate IP {text}: provided IP is already allocated")));
        }
        Ok(address)
    }

    fn node_ports(&mut self, spec: &mut ServiceSpec) -> Result<(), Error> {
        if !matches!(spec.type_.as_deref(), Some("NodePort" | "LoadBalancer")) {
            return Ok(());
        }
        let gives = needs_node_ports(spec);
        let ports = spec.ports.as_deref_mut().unwrap_or_default();
        let mut shared = if self.old.is_none() { requested(ports) } else { BTreeMap::new() };
        for (index, port) in ports.iter_mut().enumerate() {
            let path = Path::new("spec").child("ports").index(index).child("nodePort");
            let number = match chosen(port.node_port) {
                Some(it) => self.chosen_port(it).map_err(|why| Error::invalid(&path, it, why))?,
                None if !gives => continue,
                None => match shared.get(&port.port) {
                    Some(number) => *number,
                    None => self.free_port().ok_or_else(|| {
                        Error::invalid(&path, 0, format!("failed to allocate a nodePort: {FULL}"))
                    })?,
                },
            };
            if self.old.is_none() {
                shared.insert(port.port, number);
            }
            self.take_port(number);
            port.node_port = i32::try_from(number).ok();
        }
        Ok(())
    }

    /// Load balancers that keep traffic on its node ask each node for the service's health.
    fn health_check(&mut self, spec: &mut ServiceSpec) -> Result<(), Refusal> {
        if !needs_health_check(spec) || self.old.is_some_and(needs_health_check) {
            return Ok(());
        }
        let failed = |it: u32, why: &str| {
            Refusal::Internal(format!("failed to allocate requested HealthCheck NodePort {it}: {why}"))
        };
        let number = match chosen(spec.health_check_node_port) {
            Some(it) => self.chosen_port(it).map_err(|why| failed(it, why))?,
            None => self.free_port().ok_or_else(|| {
                Refusal::Internal(format!("failed to allocate a HealthCheck NodePort: {FULL}"))
            })?,
        };
        self.take_port(number);
        spec.health_check_node_port = i32::try_from(number).ok();
        Ok(())
    }

    /// A port that the author chose. Two ports of one service may share a number when their protocols differ.
    fn chosen_port(&self, number: u32) -> Result<u32, &'static str> {
        if self.holds_port(number) {
            return Ok(number);
        }
        if !NODE_PORTS.contains(&number) {
            return Err("provided port is not in the valid range. The range of valid ports is 30000-32767");
        }
        if !self.held.ports.is_free(number) {
            return Err("provided port is already allocated");
        }
        Ok(number)
    }

    fn free_port(&self) -> Option<u32> {
        let all = (DYNAMIC_PORTS..=*NODE_PORTS.end()).chain(*NODE_PORTS.start()..DYNAMIC_PORTS);
        all.into_iter().find(|it| self.held.ports.is_free(*it))
    }

    fn holds_port(&self, number: u32) -> bool {
        self.before.ports.contains(&number) || self.claim.ports.contains(&number)
    }

    fn take_port(&mut self, number: u32) {
        if !self.holds_port(number) {
            self.held.ports.reserved.insert(number);
            self.claim.ports.push(number);
        }
    }
}

fn chosen(port: Option<i32>) -> Option<u32> {
    port.and_then(|it| u32::try_from(it).ok()).filter(|it| *it > 0)
}

/// The numbers that the author of a new service chose, by port: ports that differ in their protocol only share one.
fn requested(ports: &[ServicePort]) -> BTreeMap<i32, u32> {
    ports.iter().rev().filter_map(|it| Some((it.port, chosen(it.node_port)?))).collect()
}
