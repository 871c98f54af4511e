//! Makes services.

use crate::args::{CreateExternalName, CreatePorts};
use anyhow::{Result, anyhow, bail};
use serde_json::{Value, json};

/// `PORT` or `PORT:TARGET`.
fn port(text: &str) -> Result<Value> {
    let (port, target) = text.split_once(':').unwrap_or((text, text));
    let number: u16 = port.parse().map_err(|_| anyhow!("invalid port {port:?}: give PORT or PORT:TARGET"))?;
    let target = target.parse::<u16>().map_or_else(|_| Value::from(target), Value::from);
    Ok(json!({"name": text.replace(':', "-"), "port": number, "protocol": "TCP", "targetPort": target}))
}

/// `create service clusterip`, `nodeport`, `loadbalancer`.
pub(super) fn with_ports(kind: &str, args: &CreatePorts) -> Result<Value> {
    let is_headless = args.clusterip.as_deref() == Some("None");
    if args.tcp.is_empty() && !is_headless {
        bail!("at least one tcp port specifier must be provided: --tcp=PORT[:TARGET]");
    }
    let mut ports = args.tcp.iter().map(|it| port(it)).collect::<Result<Vec<_>>>()?;
    if let (Some(node_port), Some(first)) = (args.node_port, ports.first_mut()) {
        first["nodePort"] = node_port.into();
    }
    let labels = json!({"app": args.name});
    let mut spec = json!({"type": kind, "selector": labels});
    if !ports.is_empty() {
        spec["ports"] = ports.into();
    }
    if let Some(address) = &args.clusterip {
        spec["clusterIP"] = address.clone().into();
    }
    let meta = json!({"name": args.name, "labels": labels});
    Ok(
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec, "status": {"loadBalancer": {}}}),
    )
}

/// `create service externalname`
pub(super) fn external_name(args: &CreateExternalName) -> Value {
    let labels = json!({"app": args.name});
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": args.name, "labels": labels},
        "spec": {"type": "ExternalName", "externalName": args.external_name, "selector": labels},
        "status": {"loadBalancer": {}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_have_targets() {
        let check = |text: &str, expect: Value| assert_eq!(port(text).unwrap(), expect);
        check("80", json!({"name": "80", "port": 80, "protocol": "TCP", "targetPort": 80}));
        check("80:8080", json!({"name": "80-8080", "port": 80, "protocol": "TCP", "targetPort": 8080}));
        check("80:web", json!({"name": "80-web", "port": 80, "protocol": "TCP", "targetPort": "web"}));
        assert!(port("web").is_err());
    }
}
