//! Addresses and node ports of services: which are free, and who holds them.
//!
//! Start at [`Allocators::allocate`]. What is held follows from the services in the cache; a [`Reservation`] holds what a
//! service that is just being written will hold. What a service needs is in [`needs`]. Which addresses and ports are given
//! out first is upstream's (KEP-3070, KEP-3668): the lower band of a range is left to those who choose.

mod needs;

use api::k8s::api::core::v1::Service;
use api::resources::Row;
use api::{ApiError, Kind, Object, Resource};
use needs::{Needs, Refusal};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Mutex;

/// A range of service addresses, such as `10.96.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    first: u32,
    size: u32,
    /// Of the prefix, as it was given: of large ranges only a part is used.
    bits: u32,
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address(0), self.bits)
    }
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
        Some(Self { first: address & !(size - 1), size: size.min(1 << 16), bits })
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
    /// The service was written (or not).
    pub(crate) fn keep_if(mut self, written: bool) {
        self.kept = written;
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

    /// Where addresses are taken from.
    pub(crate) fn range(&self) -> Range {
        self.range
    }

    /// Each address that is held, and the key (`namespace/name`) of the service that holds it.
    pub(crate) fn given(&self) -> Vec<(Ipv4Addr, String)> {
        let held = self.lock();
        let addresses = |(key, claim): (&String, &Claim)| {
            let distinct: BTreeSet<u32> = claim.addresses.iter().copied().collect();
            distinct.into_iter().map(|it| (Ipv4Addr::from(it), key.clone())).collect::<Vec<_>>()
        };
        held.by_service.iter().flat_map(addresses).collect()
    }

    /// For writes that need nothing.
    pub(crate) fn nothing(&self) -> Reservation<'_> {
        Reservation { allocators: self, claim: Claim::default(), kept: false }
    }

    /// Gives a service what it needs and does not hold yet; other objects need nothing. `old` is what is stored, which a
    /// new service has not. What it holds and needs no more is free once the change is in the cache.
    pub(crate) fn allocate(
        &self,
        row: &Row,
        object: &mut Object,
        old: Option<&Object>,
    ) -> Result<Reservation<'_>, ApiError> {
        let mut reservation = self.nothing();
        let Some(service) = object.get_mut::<Service>() else { return Ok(reservation) };
        let name = service.metadata.name.clone().unwrap_or_default();
        let spec = service.spec.get_or_insert_default();
        // What is asked for must make sense before it can be given.
        let wrong = api::validation::service::addresses(spec);
        if !wrong.is_empty() {
            return Err(ApiError::invalid(row, &name, &wrong));
        }
        let mut held = self.lock();
        let mut needs = Needs {
            range: self.range,
            held: &mut held,
            before: old.map(Claim::of).unwrap_or_default(),
            old: old.and_then(|it| it.get::<Service>()?.spec.as_ref()),
            claim: &mut reservation.claim,
        };
        let result = needs.meet(spec);
        drop(held);
        match result {
            Ok(()) => Ok(reservation),
            Err(Refusal::Invalid(error)) => Err(ApiError::invalid(row, &name, &[error])),
            Err(Refusal::Internal(why)) => Err(ApiError::internal(why)),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().expect("nobody panics while holding this lock")
    }
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
        update(allocators, spec, None)
    }

    fn update(
        allocators: &Allocators,
        spec: serde_json::Value,
        old: Option<&Object>,
    ) -> Result<Object, String> {
        let mut object = service(spec);
        let reservation =
            allocators.allocate(Service::KIND.row(), &mut object, old).map_err(|it| it.to_string())?;
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
        assert_eq!(spec.ports.unwrap()[0].node_port, Some(30_086));
        allocate(&allocators, json!({})).unwrap();
        assert!(allocate(&allocators, json!({})).unwrap_err().contains("range is full"));
        allocators.observe("ns/a", None);
        assert_eq!(address(allocate(&allocators, json!({}))), spec.cluster_ip);
    }

    #[test]
    fn a_change_takes_what_it_needs_more_and_gives_back_the_rest() {
        let allocators = Allocators::new(Range::parse("10.96.0.0/16").unwrap());
        let shown = |it: &Object| {
            let spec = it.get::<Service>().unwrap().spec.clone().unwrap();
            let ports: Vec<Option<i32>> = spec.ports.iter().flatten().map(|it| it.node_port).collect();
            format!("{:?} {ports:?} {:?}", spec.cluster_ip.unwrap_or_default(), spec.health_check_node_port)
        };
        let two = json!([{ "port": 53, "protocol": "UDP" }, { "port": 53, "protocol": "TCP" }]);
        let check = |spec: serde_json::Value, old: Option<&Object>, expect: &str| {
            let new = update(&allocators, spec, old).unwrap();
            assert_eq!(shown(&new), expect);
            allocators.observe("ns/a", Some(&new));
            new
        };
        let name = check(json!({ "type": "ExternalName", "ports": two }), None, "\"\" [None, None] None");
        let plain = check(
            json!({ "type": "ClusterIP", "ports": two }),
            Some(&name),
            "\"10.96.1.0\" [None, None] None",
        );
        let address = |spec: serde_json::Value| {
            let mut spec = spec;
            spec["clusterIP"] = json!("10.96.1.0");
            spec["ports"] = two.clone();
            spec
        };
        let open = check(
            address(json!({ "type": "NodePort" })),
            Some(&plain),
            "\"10.96.1.0\" [Some(30086), Some(30087)] None",
        );
        let local = json!({ "type": "LoadBalancer", "externalTrafficPolicy": "Local", "allocateLoadBalancerNodePorts": false });
        check(address(local), Some(&open), "\"10.96.1.0\" [None, None] Some(30088)");
        let other = allocate(&allocators, json!({ "type": "NodePort", "ports": two })).unwrap();
        assert_eq!(shown(&other), "\"10.96.1.1\" [Some(30086), Some(30086)] None");
        let taken = json!({ "type": "NodePort", "clusterIP": "10.96.1.0", "ports": [{ "port": 80, "nodePort": 30086 }] });
        let why = update(&allocators, taken, Some(&plain)).unwrap_err();
        assert!(why.contains("provided port is already allocated"), "{why}");
    }
}
