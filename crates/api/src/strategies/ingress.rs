//! How an Ingress and an IngressClass behave.

use crate::field::Errors;
use crate::strategies::cells::{NONE, or_none, some_of};
use crate::strategies::defaults::text;
use crate::strategy::{Behaviour, Column, age_cell, name_cell};
use jiff::Timestamp;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, IngressLoadBalancerStatus, IngressStatus};
use serde_json::Value;

/// An Ingress.
#[derive(Debug)]
pub struct IngressStrategy;

/// An IngressClass.
#[derive(Debug)]
pub struct IngressClassStrategy;

impl Behaviour for IngressStrategy {
    type Object = Ingress;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Class", "The class whose controller serves the ingress."),
        Column::text("Hosts", "Hosts that the rules name."),
        Column::text("Address", "Where the ingress can be reached."),
        Column::text("Ports", "Ports on which it listens."),
        Column::AGE,
    ];

    fn prepare_create(ingress: &mut Ingress) {
        ingress.status = Some(IngressStatus { load_balancer: Some(IngressLoadBalancerStatus::default()) });
    }

    fn validate(object: &Ingress) -> Errors {
        crate::validation::network::ingress(object)
    }

    fn validate_create(object: &Ingress) -> Errors {
        crate::validation::network::ingress_create(object)
    }

    fn warnings(ingress: &Ingress) -> Vec<String> {
        let annotation = "kubernetes.io/ingress.class";
        let old = crate::meta::annotation(&ingress.metadata, annotation).is_some();
        let text =
            format!("annotation {annotation:?} is deprecated, please use 'spec.ingressClassName' instead");
        if old { vec![text] } else { Vec::new() }
    }

    fn cells(ingress: &Ingress, now: Timestamp) -> Vec<Value> {
        let spec = ingress.spec.clone().unwrap_or_default();
        let hosts: Vec<String> = spec
            .rules
            .iter()
            .flatten()
            .filter_map(|it| it.host.clone())
            .filter(|it| !it.is_empty())
            .collect();
        let ports = if spec.tls.is_some_and(|it| !it.is_empty()) { "80, 443" } else { "80" };
        vec![
            name_cell(&ingress.metadata),
            or_none(spec.ingress_class_name.as_deref()).into(),
            some_of(&hosts, 3, "*").into(),
            addresses(ingress).into(),
            ports.into(),
            age_cell(&ingress.metadata, now),
        ]
    }
}

fn addresses(ingress: &Ingress) -> String {
    let status = ingress.status.as_ref().and_then(|it| it.load_balancer.as_ref());
    let all = status.and_then(|it| it.ingress.as_deref()).unwrap_or_default();
    let all: Vec<&str> = all.iter().filter_map(|it| it.ip.as_deref().or(it.hostname.as_deref())).collect();
    all.join(",")
}

impl Behaviour for IngressClassStrategy {
    type Object = IngressClass;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Controller", "The controller that serves the class."),
        Column::text("Parameters", "Where the controller's settings are."),
        Column::AGE,
    ];

    fn set_defaults(class: &mut IngressClass) {
        if let Some(parameters) = class.spec.as_mut().and_then(|it| it.parameters.as_mut()) {
            text(&mut parameters.scope, "Cluster");
        }
    }

    fn validate(object: &IngressClass) -> Errors {
        crate::validation::network::ingress_class(object)
    }

    fn validate_update(object: &IngressClass, old: &IngressClass) -> Errors {
        crate::validation::network::ingress_class_update(object, old)
    }

    fn cells(class: &IngressClass, now: Timestamp) -> Vec<Value> {
        let spec = class.spec.clone().unwrap_or_default();
        let parameters = spec.parameters.map_or_else(
            || NONE.to_owned(),
            |it| {
                let group = it.api_group.filter(|it| !it.is_empty()).map(|it| format!(".{it}"));
                format!("{}{}/{}", it.kind, group.unwrap_or_default(), it.name)
            },
        );
        vec![
            name_cell(&class.metadata),
            spec.controller.unwrap_or_default().into(),
            parameters.into(),
            age_cell(&class.metadata, now),
        ]
    }
}
