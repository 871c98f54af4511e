//! What the server tells of where it listens and whom it trusts. Pure.

use api::k8s::api::core::v1::{
    ConfigMap, EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Service, ServicePort, ServiceSpec,
};
use api::k8s::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort as SlicePort, EndpointSlice};
use api::k8s::apimachinery::pkg::util::intstr::IntOrString;
use api::{Object, ObjectMeta, meta};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

const NAME: &str = "kubernetes";
const HTTPS: &str = "https";
const HTTPS_PORT: i32 = 443;
/// Keeps those who make slices of Endpoints from making another one.
const SKIP_MIRROR: &str = "endpointslice.kubernetes.io/skip-mirror";
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The server, as clients may know it.
pub(crate) struct Itself<'a> {
    /// The first address of the service range.
    pub(crate) first: Ipv4Addr,
    /// Where it can be reached.
    pub(crate) advertise: Option<SocketAddr>,
    /// Who signs the certificates of its clients (PEM).
    pub(crate) ca_pem: &'a str,
}

impl Itself<'_> {
    /// How pods find the API server.
    pub(super) fn service(&self) -> Object {
        let target = self.advertise.map_or(HTTPS_PORT, |it| i32::from(it.port()));
        let port = ServicePort {
            name: Some(HTTPS.to_owned()),
            port: HTTPS_PORT,
            target_port: Some(IntOrString::Int(target)),
            protocol: Some("TCP".to_owned()),
            ..ServicePort::default()
        };
        let spec = ServiceSpec {
            cluster_ip: Some(self.first.to_string()),
            cluster_ips: Some(vec![self.first.to_string()]),
            ports: Some(vec![port]),
            type_: Some("ClusterIP".to_owned()),
            ..ServiceSpec::default()
        };
        let mut metadata = named("default", NAME);
        meta::set_label(&mut metadata, "component", "apiserver");
        meta::set_label(&mut metadata, "provider", "kubernetes");
        Service { metadata, spec: Some(spec), ..Service::default() }.into()
    }

    /// What may be otherwise at each start.
    pub(super) fn changing(&self) -> Vec<Object> {
        // Endpoints may not be loopback addresses: nobody but this machine could use them.
        let reachable = self.advertise.filter(|it| !it.ip().is_loopback());
        let places = reachable.map(|it| [endpoints(it), slice(it)]);
        places.into_iter().flatten().chain([self.trust()]).collect()
    }

    /// Whom other API servers may trust as this one does. Nobody authenticates by request headers here.
    fn trust(&self) -> Object {
        let data = BTreeMap::from([("client-ca-file".to_owned(), self.ca_pem.to_owned())]);
        let metadata = named("kube-system", "extension-apiserver-authentication");
        ConfigMap { metadata, data: Some(data), ..ConfigMap::default() }.into()
    }
}

fn named(namespace: &str, name: &str) -> ObjectMeta {
    ObjectMeta { namespace: Some(namespace.to_owned()), name: Some(name.to_owned()), ..ObjectMeta::default() }
}

fn endpoints(address: SocketAddr) -> Object {
    let port = EndpointPort {
        name: Some(HTTPS.to_owned()),
        port: i32::from(address.port()),
        protocol: Some("TCP".to_owned()),
        ..EndpointPort::default()
    };
    let subset = EndpointSubset {
        addresses: Some(vec![EndpointAddress { ip: address.ip().to_string(), ..EndpointAddress::default() }]),
        ports: Some(vec![port]),
        ..EndpointSubset::default()
    };
    let mut metadata = named("default", NAME);
    meta::set_label(&mut metadata, SKIP_MIRROR, "true");
    Endpoints { metadata, subsets: Some(vec![subset]) }.into()
}

fn slice(address: SocketAddr) -> Object {
    let mut metadata = named("default", NAME);
    meta::set_label(&mut metadata, SERVICE_NAME, NAME);
    let endpoint = Endpoint {
        addresses: vec![address.ip().to_string()],
        conditions: Some(EndpointConditions { ready: Some(true), ..EndpointConditions::default() }),
        ..Endpoint::default()
    };
    let port = SlicePort {
        name: Some(HTTPS.to_owned()),
        port: Some(i32::from(address.port())),
        protocol: Some("TCP".to_owned()),
        ..SlicePort::default()
    };
    EndpointSlice {
        metadata,
        address_type: if address.is_ipv4() { "IPv4" } else { "IPv6" }.to_owned(),
        endpoints: Some(vec![endpoint]),
        ports: Some(vec![port]),
    }
    .into()
}
