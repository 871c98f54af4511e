//! Services with their endpoints.

use super::Around;
use super::text::{NONE, Text, number, or_none, plain};
use crate::print::{at, items, text};
use serde_json::Value;

/// A service.
pub(super) fn service(out: &mut Text, object: &Value, around: &Around) {
    out.head(object);
    out.pairs(0, "Selector", at(object, "spec.selector"));
    out.field(0, "Type", text(object, "spec.type"));
    out.optional(0, "External Name", object, "spec.externalName");
    out.optional(0, "IP Family Policy", object, "spec.ipFamilyPolicy");
    out.field(0, "IP Families", or_none(&joined(items(object, "spec.ipFamilies"))));
    out.field(0, "IP", text(object, "spec.clusterIP"));
    out.field(0, "IPs", or_none(&joined(items(object, "spec.clusterIPs"))));
    if !items(object, "spec.externalIPs").is_empty() {
        out.field(0, "External IPs", joined(items(object, "spec.externalIPs")));
    }
    ingress(out, object);
    for port in items(object, "spec.ports") {
        ports(out, port, around);
    }
    out.field(0, "Session Affinity", text(object, "spec.sessionAffinity"));
    out.optional(0, "External Traffic Policy", object, "spec.externalTrafficPolicy");
    out.optional(0, "Internal Traffic Policy", object, "spec.internalTrafficPolicy");
}

fn joined(list: &[Value]) -> String {
    list.iter().map(plain).collect::<Vec<_>>().join(",")
}

fn ingress(out: &mut Text, object: &Value) {
    let addresses = items(object, "status.loadBalancer.ingress").iter();
    let addresses: Vec<&str> = addresses
        .map(|it| Some(text(it, "ip")).filter(|ip| !ip.is_empty()).unwrap_or(text(it, "hostname")))
        .collect();
    if !addresses.is_empty() {
        out.field(0, "LoadBalancer Ingress", addresses.join(", "));
    }
}

fn ports(out: &mut Text, port: &Value, around: &Around) {
    let name = Some(text(port, "name")).filter(|it| !it.is_empty());
    let shown = name.unwrap_or("<unset>");
    let protocol = text(port, "protocol");
    out.field(0, "Port", format!("{shown}\t{}/{protocol}", number(port, "port")));
    out.field(0, "TargetPort", format!("{}/{protocol}", plain(&port["targetPort"])));
    if number(port, "nodePort") != 0 {
        out.field(0, "NodePort", format!("{shown}\t{}/{protocol}", number(port, "nodePort")));
    }
    out.field(0, "Endpoints", endpoints(&around.endpoint_slices, name));
}

/// The older form of a service's endpoints.
pub(super) fn old_endpoints(out: &mut Text, object: &Value) {
    out.head(object);
    out.line(0, "Subsets:");
    for subset in items(object, "subsets") {
        let addresses = |path: &str| {
            let all: Vec<&str> = items(subset, path).iter().map(|it| text(it, "ip")).collect();
            or_none(&all.join(",")).to_owned()
        };
        out.field(1, "Addresses", addresses("addresses"));
        out.field(1, "NotReadyAddresses", addresses("notReadyAddresses"));
        let ports = items(subset, "ports");
        if ports.is_empty() {
            continue;
        }
        out.line(1, "Ports:");
        out.line(2, "Name\tPort\tProtocol");
        out.line(2, "----\t----\t--------");
        for port in ports {
            let name = Some(text(port, "name")).filter(|it| !it.is_empty()).unwrap_or("<unset>");
            out.line(2, format!("{name}\t{}\t{}", number(port, "port"), text(port, "protocol")));
        }
    }
    out.line(0, "");
}

/// The ready addresses behind a port, the first three of them.
fn endpoints(slices: &[Value], name: Option<&str>) -> String {
    let mut found = Vec::new();
    for slice in slices {
        let ports = items(slice, "ports").iter();
        for port in ports.filter(|it| text(it, "name") == name.unwrap_or_default()) {
            for endpoint in items(slice, "endpoints").iter().filter(|it| at(it, "conditions.ready") != false)
            {
                let addresses = items(endpoint, "addresses").iter();
                found.extend(addresses.map(|it| format!("{}:{}", plain(it), number(port, "port"))));
            }
        }
    }
    match found.len() {
        0 => NONE.to_owned(),
        count if count > 3 => format!("{} + {} more...", found[..3].join(","), count - 3),
        _ => found.join(","),
    }
}
