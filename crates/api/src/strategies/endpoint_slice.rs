//! How an EndpointSlice behaves.

use crate::field::Errors;
use crate::strategies::cells::{UNSET, some_of};
use crate::strategies::defaults::{text, value};
use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub struct EndpointSliceStrategy;

impl Behaviour for EndpointSliceStrategy {
    type Object = EndpointSlice;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("AddressType", "The family of the addresses."),
        Column::text("Ports", "Ports on which the endpoints serve."),
        Column::text("Endpoints", "Addresses of the endpoints."),
        Column::AGE,
    ];

    fn set_defaults(slice: &mut EndpointSlice) {
        for port in slice.ports.iter_mut().flatten() {
            value(&mut port.name, String::new());
            text(&mut port.protocol, "TCP");
        }
    }

    fn validate(object: &EndpointSlice) -> Errors {
        crate::validation::endpoints::slice(object)
    }

    fn validate_update(object: &EndpointSlice, old: &EndpointSlice) -> Errors {
        crate::validation::endpoints::slice_update(object, old)
    }

    fn cells(slice: &EndpointSlice, now: Timestamp) -> Vec<Value> {
        let port = |it: Option<i32>| it.map_or_else(|| "*".to_owned(), |it| it.to_string());
        let ports: Vec<String> = slice.ports.iter().flatten().map(|it| port(it.port)).collect();
        let addresses: Vec<String> =
            slice.endpoints.iter().flatten().flat_map(|it| it.addresses.iter().cloned()).collect();
        vec![
            name_cell(&slice.metadata),
            slice.address_type.clone().into(),
            some_of(&ports, 3, UNSET).into(),
            some_of(&addresses, 3, UNSET).into(),
            age_cell(&slice.metadata, now),
        ]
    }
}
