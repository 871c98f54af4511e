//! A container's environment: variables of Services, whole ConfigMaps and Secrets, and single variables, in this order.

use std::collections::{BTreeMap, BTreeSet};

use api::k8s::api::core::v1::{
    ConfigMapKeySelector, Container, EnvFromSource, EnvVar, EnvVarSource, SecretKeySelector, Service,
    ServicePort,
};

use super::{ConfigError, Inputs, Needs, Sources, expand, field_text, resource_text};

/// The ConfigMaps and Secrets that a container's environment refers to.
pub fn needs_of(container: &Container) -> Needs {
    let mut needs = Needs::default();
    for source in container.env_from.iter().flatten() {
        needs.config_maps.extend(source.config_map_ref.iter().map(|it| it.name.clone()));
        needs.secrets.extend(source.secret_ref.iter().map(|it| it.name.clone()));
    }
    for source in container.env.iter().flatten().filter_map(|it| it.value_from.as_ref()) {
        needs.config_maps.extend(source.config_map_key_ref.iter().map(|it| it.name.clone()));
        needs.secrets.extend(source.secret_key_ref.iter().map(|it| it.name.clone()));
    }
    needs
}

/// Variables by name, and the order in which they were first set.
#[derive(Default)]
pub(super) struct Environment {
    values: BTreeMap<String, String>,
    order: Vec<String>,
}

impl Environment {
    fn set(&mut self, name: &str, value: String) {
        if self.values.insert(name.to_owned(), value).is_none() {
            self.order.push(name.to_owned());
        }
    }

    pub(super) fn lookup(&self) -> impl Fn(&str) -> Option<String> + '_ {
        |name| self.values.get(name).cloned()
    }

    pub(super) fn into_pairs(mut self) -> Vec<(String, String)> {
        let order = std::mem::take(&mut self.order);
        order.into_iter().filter_map(|name| self.values.remove_entry(&name)).collect()
    }
}

/// The environment of a container.
pub(super) fn environment(inputs: &Inputs<'_>) -> Result<Environment, ConfigError> {
    let mut environment = Environment::default();
    for service in inputs.services {
        for (name, value) in service_variables(service) {
            environment.set(&name, value);
        }
    }
    for source in inputs.container.env_from.iter().flatten() {
        for (name, value) in whole_source(source, inputs.sources)? {
            environment.set(&name, value);
        }
    }
    for variable in inputs.container.env.iter().flatten() {
        if let Some(value) = value_of(variable, inputs, &environment)? {
            environment.set(&variable.name, value);
        }
    }
    Ok(environment)
}

/// Every key of a ConfigMap or Secret.
fn whole_source(source: &EnvFromSource, sources: &Sources) -> Result<Vec<(String, String)>, ConfigError> {
    let prefix = source.prefix.as_deref().unwrap_or_default();
    let mut data = BTreeMap::new();
    if let Some(reference) = &source.config_map_ref {
        match sources.config_maps.get(&reference.name).and_then(Option::as_ref) {
            Some(map) => {
                data.extend(map.data.iter().flatten().map(|(key, value)| (key.clone(), value.clone())))
            }
            None if reference.optional == Some(true) => {}
            None => return Err(ConfigError::NoSource { kind: "configmap", name: reference.name.clone() }),
        }
    }
    if let Some(reference) = &source.secret_ref {
        match sources.secrets.get(&reference.name).and_then(Option::as_ref) {
            Some(secret) => {
                data.extend(secret.data.iter().flatten().map(|(key, value)| (key.clone(), text(&value.0))))
            }
            None if reference.optional == Some(true) => {}
            None => return Err(ConfigError::NoSource { kind: "secret", name: reference.name.clone() }),
        }
    }
    // A name with an equals sign cannot be told from its value.
    let named = data.into_iter().map(|(key, value)| (format!("{prefix}{key}"), value));
    Ok(named.filter(|(name, _)| !name.is_empty() && !name.contains('=')).collect())
}

/// The value of one variable; `None` when an optional source lacks it.
fn value_of(
    variable: &EnvVar,
    inputs: &Inputs<'_>,
    before: &Environment,
) -> Result<Option<String>, ConfigError> {
    let Some(source) = &variable.value_from else {
        let value = variable.value.as_deref().unwrap_or_default();
        return Ok(Some(expand(value, &before.lookup())));
    };
    value_from(source, inputs)
}

fn value_from(source: &EnvVarSource, inputs: &Inputs<'_>) -> Result<Option<String>, ConfigError> {
    let namespace = inputs.pod.metadata.namespace.as_deref().unwrap_or_default();
    if let Some(field) = &source.field_ref {
        let text = field_text(inputs.pod, &field.field_path, &inputs.node.addresses, inputs.addresses)?;
        return Ok(Some(text));
    }
    if let Some(resource) = &source.resource_field_ref {
        let text = resource_text(inputs.spec, Some(inputs.container), resource, &inputs.node.allocatable)?;
        return Ok(Some(text));
    }
    if let Some(key) = &source.config_map_key_ref {
        return config_map_key(key, inputs.sources, namespace);
    }
    match &source.secret_key_ref {
        Some(key) => secret_key(key, inputs.sources, namespace),
        None => {
            Err(ConfigError::Unsupported("the source of an environment variable is not known".to_owned()))
        }
    }
}

fn config_map_key(
    reference: &ConfigMapKeySelector,
    sources: &Sources,
    namespace: &str,
) -> Result<Option<String>, ConfigError> {
    let (name, key, optional) = (&reference.name, &reference.key, reference.optional == Some(true));
    let Some(map) = sources.config_maps.get(name).and_then(Option::as_ref) else {
        return absent(optional, ConfigError::NoSource { kind: "configmap", name: name.clone() });
    };
    match map.data.as_ref().and_then(|data| data.get(key)) {
        Some(value) => Ok(Some(value.clone())),
        None => absent(optional, no_key("ConfigMap", namespace, name, key)),
    }
}

fn secret_key(
    reference: &SecretKeySelector,
    sources: &Sources,
    namespace: &str,
) -> Result<Option<String>, ConfigError> {
    let (name, key, optional) = (&reference.name, &reference.key, reference.optional == Some(true));
    let Some(secret) = sources.secrets.get(name).and_then(Option::as_ref) else {
        return absent(optional, ConfigError::NoSource { kind: "secret", name: name.clone() });
    };
    match secret.data.as_ref().and_then(|data| data.get(key)) {
        Some(value) => Ok(Some(text(&value.0))),
        None => absent(optional, no_key("Secret", namespace, name, key)),
    }
}

fn absent(optional: bool, error: ConfigError) -> Result<Option<String>, ConfigError> {
    if optional { Ok(None) } else { Err(error) }
}

fn no_key(kind: &'static str, namespace: &str, name: &str, key: &str) -> ConfigError {
    let (namespace, name, key) = (namespace.to_owned(), name.to_owned(), key.to_owned());
    ConfigError::NoKey { kind, namespace, name, key }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The variables that tell of a Service, in the form that Docker's links once had.
fn service_variables(service: &Service) -> Vec<(String, String)> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let address = spec.cluster_ip.as_deref().unwrap_or_default();
    let ports: Vec<&ServicePort> = spec.ports.iter().flatten().collect();
    let (Some(first), false) = (ports.first(), address.is_empty() || address == "None") else {
        return Vec::new();
    };
    let name = variable_name(service.metadata.name.as_deref().unwrap_or_default());
    let mut all = vec![
        (format!("{name}_SERVICE_HOST"), address.to_owned()),
        (format!("{name}_SERVICE_PORT"), first.port.to_string()),
    ];
    for port in ports.iter().filter(|it| it.name.as_deref().is_some_and(|it| !it.is_empty())) {
        let port_name = variable_name(port.name.as_deref().unwrap_or_default());
        all.push((format!("{name}_SERVICE_PORT_{port_name}"), port.port.to_string()));
    }
    all.push((format!("{name}_PORT"), url_of(first, address)));
    let mut seen = BTreeSet::new();
    for port in ports {
        let protocol = protocol_of(port).to_uppercase();
        let prefix = format!("{name}_PORT_{}_{protocol}", port.port);
        if seen.insert(prefix.clone()) {
            all.push((prefix.clone(), url_of(port, address)));
            all.push((format!("{prefix}_PROTO"), protocol_of(port).to_lowercase()));
            all.push((format!("{prefix}_PORT"), port.port.to_string()));
            all.push((format!("{prefix}_ADDR"), address.to_owned()));
        }
    }
    all
}

fn protocol_of(port: &ServicePort) -> &str {
    port.protocol.as_deref().unwrap_or("TCP")
}

fn url_of(port: &ServicePort, address: &str) -> String {
    format!("{}://{address}:{}", protocol_of(port).to_lowercase(), port.port)
}

fn variable_name(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}
