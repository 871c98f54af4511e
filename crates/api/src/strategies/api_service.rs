//! How an APIService behaves. Upstream's aggregator keeps one for each group version that it serves itself; here the API
//! server does. Those that name a service are stored, and their status says that nobody passes requests on to it.

use crate::field::{Error, Errors, Path};
use crate::meta;
use crate::strategies::defaults::value;
use crate::strategy::{Behaviour, Column, StatusMeta, age_cell, name_cell};
use crate::validation::names;
use jiff::Timestamp;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::{APIService, APIServiceSpec};
use serde_json::Value;

/// The condition that says whether requests are served.
pub const AVAILABLE: &str = "Available";

/// An APIService.
#[derive(Debug)]
pub struct ApiServiceStrategy;

impl Behaviour for ApiServiceStrategy {
    type Object = APIService;
    const STATUS_META: StatusMeta = StatusMeta::Kept;
    const GENERATION: bool = false;
    /// The server's own come with it; whatever others say is replaced by the server at once.
    const KEEPS_STATUS: bool = true;
    const COLUMNS: &'static [Column] = &[
        Column::NAME,
        Column::text("Service", "The reference to the service that hosts this API endpoint."),
        Column::text("Available", "Whether this service is available."),
        Column::AGE,
    ];

    fn set_defaults(service: &mut APIService) {
        if let Some(reference) = service.spec.as_mut().and_then(|it| it.service.as_mut()) {
            value(&mut reference.port, 443);
        }
    }

    fn validate(service: &APIService) -> Errors {
        let (mut errors, path) = (Errors::new(), Path::new("spec"));
        let spec = service.spec.clone().unwrap_or_default();
        check_name(&mut errors, service, &spec);
        for (field, number, most) in [
            ("groupPriorityMinimum", spec.group_priority_minimum, 20_000),
            ("versionPriority", spec.version_priority, 1000),
        ] {
            if !(1..=most).contains(&number) {
                let detail = format!("must be positive and less than or equal to {most}");
                errors.push(Error::invalid(&path.child(field), number, detail));
            }
        }
        check_service(&mut errors, &spec);
        errors
    }

    fn cells(service: &APIService, now: Timestamp) -> Vec<Value> {
        let reference = service.spec.as_ref().and_then(|it| it.service.as_ref());
        let text = |it: &Option<String>| it.clone().unwrap_or_default();
        let place =
            reference.map_or("Local".into(), |it| format!("{}/{}", text(&it.namespace), text(&it.name)));
        let conditions = service.status.iter().flat_map(|it| it.conditions.iter().flatten());
        let available = conditions.into_iter().find(|it| it.type_ == AVAILABLE);
        let available = available.map_or("Unknown".to_owned(), |it| match it.status.as_str() {
            "True" => it.status.clone(),
            other => format!("{other} ({})", text(&it.reason)),
        });
        vec![name_cell(&service.metadata), place.into(), available.into(), age_cell(&service.metadata, now)]
    }
}

/// It is `VERSION.GROUP`.
fn check_name(errors: &mut Errors, service: &APIService, spec: &APIServiceSpec) {
    let path = Path::new("spec");
    let (group, version) =
        (spec.group.as_deref().unwrap_or_default(), spec.version.as_deref().unwrap_or_default());
    let (name, wanted) = (meta::name(&service.metadata), format!("{version}.{group}"));
    if name != wanted {
        let detail = format!("must be `spec.version+\".\"+spec.group`: {wanted:?}");
        errors.push(Error::invalid(&Path::new("metadata").child("name"), name, detail));
    }
    if group.is_empty() && version != "v1" {
        errors.push(Error::required(
            &path.child("group"),
            "only v1 may have an empty group and it better be legacy kube",
        ));
    } else if !group.is_empty() {
        errors.extend(
            names::dns_subdomain(group).into_iter().map(|it| Error::invalid(&path.child("group"), group, it)),
        );
    }
    errors.extend(
        names::dns_1035_label(version)
            .into_iter()
            .map(|it| Error::invalid(&path.child("version"), version, it)),
    );
}

fn check_service(errors: &mut Errors, spec: &APIServiceSpec) {
    let path = Path::new("spec");
    let insecure = spec.insecure_skip_tls_verify.unwrap_or(false);
    let has_bundle = spec.ca_bundle.as_ref().is_some_and(|it| !it.0.is_empty());
    let Some(service) = &spec.service else {
        if has_bundle {
            errors.push(Error::invalid(
                &path.child("caBundle"),
                "",
                "local APIServices may not have a caBundle",
            ));
        }
        if insecure {
            let detail = "local APIServices may not have insecureSkipTLSVerify";
            errors.push(Error::invalid(&path.child("insecureSkipTLSVerify"), true, detail));
        }
        return;
    };
    let path_of_service = path.child("service");
    for (field, value) in [("namespace", &service.namespace), ("name", &service.name)] {
        if value.as_deref().is_none_or(str::is_empty) {
            errors.push(Error::required(&path_of_service.child(field), ""));
        }
    }
    let port = service.port.unwrap_or(443);
    errors.extend(
        names::port_number(port)
            .into_iter()
            .map(|it| Error::invalid(&path_of_service.child("port"), port, it)),
    );
    if insecure && has_bundle {
        let detail = "may not be true if caBundle is present";
        errors.push(Error::invalid(&path.child("insecureSkipTLSVerify"), true, detail));
    }
}
