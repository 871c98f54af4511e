//! How Endpoints behave.

use crate::field::Errors;
use crate::strategies::cells::{NONE, some_of};
use crate::strategies::defaults::text;
use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{EndpointSubset, Endpoints};
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct EndpointsStrategy;

impl Behaviour for EndpointsStrategy {
    type Object = Endpoints;
    const CREATES: bool = true;
    const DEPRECATION: &'static str =
        "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] =
        &[Column::NAME, Column::text("Endpoints", "Addresses that serve."), Column::AGE];

    fn set_defaults(endpoints: &mut Endpoints) {
        for port in endpoints.subsets.iter_mut().flatten().flat_map(|it| it.ports.iter_mut().flatten()) {
            text(&mut port.protocol, "TCP");
        }
    }

    fn validate(object: &Endpoints) -> Errors {
        crate::validation::endpoints::endpoints(object)
    }

    fn cells(endpoints: &Endpoints, now: Timestamp) -> Vec<Value> {
        let all: Vec<String> = endpoints.subsets.iter().flatten().flat_map(addresses).collect();
        let shown = some_of(&all, 3, NONE);
        vec![name_cell(&endpoints.metadata), shown.into(), age_cell(&endpoints.metadata, now)]
    }
}

fn addresses(subset: &EndpointSubset) -> Vec<String> {
    let ips = || subset.addresses.iter().flatten().map(|it| it.ip.as_str());
    match subset.ports.as_deref().unwrap_or_default() {
        [] => ips().map(str::to_owned).collect(),
        ports => ports.iter().flat_map(|port| ips().map(|ip| with_port(ip, port.port))).collect(),
    }
}

fn with_port(ip: &str, port: i32) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}
