//! Addresses and node ports of services: which are free, and who holds them.
//!
//! Start at [`Allocators::allocate`]. What is held follows from the services in the cache; a [`Reservation`] holds what a
//! service that is just being created will hold. Which addresses are given out first is upstream's (KEP-3070): the lower
//! band of the range is left to those who choose their address.

use api::field::{Error, Path};
use api::k8s::api::core::v1::{Service, ServiceSpec};
use api::resources::Row;
use api::{ApiError, Kind, Object, Resource};
use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::Mutex;

const NODE_PORTS: RangeInclusive<u32> = 30_000..=32_767;

/// A range of service addresses, such as `10.96.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    first: u32,
    size: u32,
}

impl Range {
    /// Parses CIDR notation; 2 to 65,536 addresses are used.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let (address, bits) = (u32::from(address.parse::<Ipv4Addr>().ok()?), bits.parse::<u32>().ok()?);
        if !(8..=30).contains(&bits) {
            return None;
        }
        let size = 1_u32 << (32 - bits);
        Some(Self { first: address & !(size - 1), size: size.min(1 << 16) })
    }

    /// The address at this place of the range.
    pub(crate) fn address(&self, index: u32) -> Ipv4Addr {
        Ipv4Addr::from(self.first + index)
    }

    /// Those that are given out, in order: the upper band, then the lower one. Network and broadcast are not.
    fn dynamic(&self) -> impl Iterator<Item = u32> {
        let band = (self.size / 16).clamp(16, 256).min(self.size - 1);
        let (first, last) = (self.first, self.first + self.size - 1);
        (first + band..last).chain(first + 1..first + band)
    }

    fn holds(&self, address: u32) -> bool {
        (self.first + 1..self.first + self.size - 1).contains(&address)
    }
}

/// What services hold.
pub(crate) struct Allocators {
    range: Range,
    /// Short sections only; never held while anything else is locked.
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    addresses: Pool,
    ports: Pool,
    by_service: HashMap<String, Claim>,
}

/// What is taken, and what is about to be.
#[derive(Default)]
struct Pool {
    taken: BTreeSet<u32>,
    reserved: BTreeSet<u32>,
}

impl Pool {
    fn is_free(&self, it: u32) -> bool {
        !self.taken.contains(&it) && !self.reserved.contains(&it)
    }
}

/// What one service holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Claim {
    addresses: Vec<u32>,
    ports: Vec<u32>,
}

impl Claim {
    fn of(object: &Object) -> Self {
        let Some(spec) = object.get::<Service>().and_then(|it| it.spec.as_ref()) else {
            return Self::default();
        };
        let addresses = spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip);
        let ports =
            spec.ports.iter().flatten().filter_map(|it| it.node_port).chain(spec.health_check_node_port);
        Self {
            addresses: addresses.filter_map(|it| it.parse::<Ipv4Addr>().ok()).map(u32::from).collect(),
            ports: ports.filter_map(|it| u32::try_from(it).ok()).filter(|it| *it > 0).collect(),
        }
    }
}

/// Addresses and ports that are kept for a service until it shows up in the cache, and given back if it does not.
pub(crate) struct Reservation<'a> {
    allocators: &'a Allocators,
    claim: Claim,
    kept: bool,
}

impl Reservation<'_> {
    /// The service was created (or not).
    pub(crate) fn keep_if(mut self, created: bool) {
        self.kept = created;
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.kept && self.claim != Claim::default() {
            let mut held = self.allocators.lock();
            self.claim.addresses.iter().for_each(|it| {
                held.addresses.reserved.remove(it);
            });
            self.claim.ports.iter().for_each(|it| {
                held.ports.reserved.remove(it);
            });
        }
    }
}

impl Allocators {
    pub(crate) fn new(range: Range) -> Self {
        Self { range, held: Mutex::default() }
    }

    /// Whether objects of this kind hold anything.
    pub(crate) fn concerns(kind: Kind) -> bool {
        kind == Service::KIND
    }

    /// Takes note of a service as it is stored now, or that it is gone.
    pub(crate) fn observe(&self, key: &str, service: Option<&Object>) {
        let claim = service.map(Claim::of).unwrap_or_default();
        let mut held = self.lock();
        if let Some(old) = held.by_service.remove(key) {
            old.addresses.iter().for_each(|it| {
                held.addresses.taken.remove(it);
            });
            old.ports.iter().for_each(|it| {
                held.ports.taken.remove(it);
            });
        }
        for it in &claim.addresses {
            held.addresses.reserved.remove(it);
            held.addresses.taken.insert(*it);
        }
        for it in &claim.ports {
            held.ports.reserved.remove(it);
            held.ports.taken.insert(*it);
        }
        if service.is_some() {
            held.by_service.insert(key.to_owned(), claim);
        }
    }

    /// Gives a new service what it needs; other objects need nothing.
    pub(crate) fn allocate(&self, row: &Row, object: &mut Object) -> Result<Reservation<'_>, ApiError> {
        let mut reservation = Reservation { allocators: self, claim: Claim::default(), kept: false };
        let Some(service) = object.get_mut::<Service>() else { return Ok(reservation) };
        let name = service.metadata.name.clone().unwrap_or_default();
        let spec = service.spec.get_or_insert_default();
        let mut held = self.lock();
        let result = self.addresses(&mut held, spec, &mut reservation.claim);
        let result = result.and_then(|()| ports(&mut held, spec, &mut reservation.claim));
        drop(held);
        result.map_err(|error| ApiError::invalid(row, &name, &[error]))?;
        Ok(reservation)
    }

    fn addresses(&self, held: &mut Held, spec: &mut ServiceSpec, claim: &mut Claim) -> Result<(), Error> {
        if spec.type_.as_deref() == Some("ExternalName") {
            return Ok(());
        }
        let path = Path::new("spec").child("clusterIPs").index(0);
        let address = match spec.cluster_ip.as_deref().unwrap_or_default() {
            "None" => {
                spec.cluster_ips.get_or_insert_with(|| vec!["None".to_owned()]);
                return Ok(());
            }
            "" => self
                .range
                .dynamic()
                .find(|it| held.addresses.is_free(*it))
                .ok_or_else(|| Error::invalid(&path, "", "failed to allocate IP: range is full"))?,
            chosen => self.chosen(held, &path, chosen)?,
        };
        held.addresses.reserved.insert(address);
        claim.addresses.push(address);
        let text = Ipv4Addr::from(address).to_string();
        spec.cluster_ips = Some(vec![text.clone()]);
        spec.cluster_ip = Some(text);
        Ok(())
    }

    fn chosen(&self, held: &Held, path: &Path, text: &str) -> Result<u32, Error> {
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
        if !held.addresses.is_free(address) {
            return Err(refused(&format!("failed to allocate IP {text}: provided IP is already allocated")));
        }
        Ok(address)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().expect("nobody panics while holding this lock")
    }
}

fn ports(held: &mut Held, spec: &mut ServiceSpec, claim: &mut Claim) -> Result<(), Error> {
    if !matches!(spec.type_.as_deref(), Some("NodePort" | "LoadBalancer")) {
        return Ok(());
    }
    if spec.type_.as_deref() == Some("LoadBalancer") && spec.allocate_load_balancer_node_ports == Some(false)
    {
        return Ok(());
    }
    for (index, port) in spec.ports.iter_mut().flatten().enumerate() {
        let path = Path::new("spec").child("ports").index(index).child("nodePort");
        let number = match port.node_port.and_then(|it| u32::try_from(it).ok()).filter(|it| *it > 0) {
            None => NODE_PORTS
                .into_iter()
                .find(|it| held.ports.is_free(*it))
                .ok_or_else(|| Error::invalid(&path, 0, "failed to allocate a nodePort: range is full"))?,
            Some(it) if !NODE_PORTS.contains(&it) => {
                let why = "provided port is not in the valid range. The range of valid ports is 30000-32767";
                return Err(Error::invalid(&path, it, why));
            }
            // Two ports of one service may share a number when their protocols differ.
            Some(it) if !held.ports.is_free(it) && !claim.ports.contains(&it) => {
                return Err(Error::invalid(&path, it, "provided port is already allocated"));
            }
            Some(it) => it,
        };
        held.ports.reserved.insert(number);
        claim.ports.push(number);
        port.node_port = i32::try_from(number).ok();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(spec: serde_json::Value) -> Object {
        let value =
            json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "a" }, "spec": spec });
        Service::KIND.decode_value(value).unwrap()
    }

    fn allocate(allocators: &Allocators, spec: serde_json::Value) -> Result<Object, String> {
        let mut object = service(spec);
        let reservation =
            allocators.allocate(Service::KIND.row(), &mut object).map_err(|it| it.to_string())?;
        reservation.keep_if(true);
        Ok(object)
    }

    fn address(result: Result<Object, String>) -> Option<String> {
        result.unwrap().get::<Service>().unwrap().spec.clone().unwrap().cluster_ip
    }

    #[test]
    fn the_lowest_free_address_is_given() {
        let allocators = Allocators::new(Range::parse("10.96.0.0/16").unwrap());
        assert_eq!(address(allocate(&allocators, json!({}))).as_deref(), Some("10.96.1.0"));
        assert_eq!(address(allocate(&allocators, json!({}))).as_deref(), Some("10.96.1.1"));
        assert_eq!(address(allocate(&allocators, json!({ "clusterIP": "None" }))).as_deref(), Some("None"));
        assert_eq!(
            address(allocate(&allocators, json!({ "clusterIP": "10.96.0.10" }))).as_deref(),
            Some("10.96.0.10")
        );
        assert!(
            allocate(&allocators, json!({ "clusterIP": "10.96.0.10" }))
                .unwrap_err()
                .contains("already allocated")
        );
        assert!(
            allocate(&allocators, json!({ "clusterIP": "10.97.0.1" }))
                .unwrap_err()
                .contains("not in the valid range")
        );
    }

    #[test]
    fn what_a_service_held_is_free_when_it_is_gone() {
        let allocators = Allocators::new(Range::parse("10.0.0.0/30").unwrap());
        let first = allocate(&allocators, json!({ "type": "NodePort", "ports": [{ "port": 80 }] })).unwrap();
        allocators.observe("ns/a", Some(&first));
        let spec = first.get::<Service>().unwrap().spec.clone().unwrap();
        assert_eq!(spec.ports.unwrap()[0].node_port, Some(30_000));
        allocate(&allocators, json!({})).unwrap();
        assert!(allocate(&allocators, json!({})).unwrap_err().contains("range is full"));
        allocators.observe("ns/a", None);
        assert_eq!(address(allocate(&allocators, json!({}))), spec.cluster_ip);
    }
}
