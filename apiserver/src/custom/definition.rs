//! From a definition to the kinds that it adds: one row of the table for each version.
//!
//! Start at [`kinds_of`]. Rows of the table live as long as the process, so what a definition says is leaked once for
//! each change of it: a few kilobytes for a version, which only happens when somebody edits the definition.

use super::conversion::Converter;
use super::strategy::{CustomStrategy, ScalePaths};
use api::custom::{self, leak, leak_all};
use api::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, CustomResourceDefinitionVersion,
    CustomResourceSubresourceScale, JSONSchemaProps,
};
use api::resources::{Row, Verbs};
use api::strategies::custom_resource_definition::scope;
use api::strategy::Column;
use api::{Kind, Subresource};
use serde_json::Value;
use std::sync::Arc;
use structural::{JsonPath, Structural, columns};

/// The column that objects have when their definition names none, and that `kubectl` expects last.
const AGE: Column = Column { kind: "date", ..Column::AGE };

/// The kinds of one definition.
#[derive(Clone)]
pub(crate) struct Kinds {
    /// The version in which objects are stored.
    pub(crate) stored: Kind,
    /// The versions that are served.
    pub(crate) served: Vec<Served>,
    /// Every version, also those in which objects may be stored that nobody is served.
    pub(crate) all: Vec<Kind>,
    /// Who converts between versions; without one they differ in their name alone.
    pub(crate) converter: Option<Arc<Converter>>,
}

/// A version that is served.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) kind: Kind,
    /// The schema as its author wrote it, for documents.
    pub(crate) schema: Value,
    /// The same, compiled.
    pub(crate) structural: &'static Structural,
    /// What to tell users of a deprecated version.
    pub(crate) deprecation: Option<String>,
}

/// Why a definition adds no kinds.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoKinds {
    /// No version is marked as the one in which objects are stored.
    #[error("no version is the stored one")]
    Storage,
    /// The schema of a version does not compile.
    #[error("failed to compile the schema of version {version}")]
    Schema { version: String, source: structural::Error },
}

/// The kinds that a definition adds. Validation keeps definitions out for which there are none.
pub(crate) fn kinds_of(definition: &CustomResourceDefinition) -> Result<Kinds, NoKinds> {
    let versions = &definition.spec.versions;
    let storage = versions.iter().find(|it| it.storage).ok_or(NoKinds::Storage)?;
    let stored = kind_of(definition, storage, None)?;
    let (mut served, mut all) = (Vec::new(), Vec::new());
    for version in versions {
        let (kind, structural) = match version.storage {
            true => stored,
            false => kind_of(definition, version, Some(stored.0))?,
        };
        all.push(kind);
        if !version.served {
            continue;
        }
        let schema = serde_json::to_value(schema_of(version)).unwrap_or_default();
        served.push(Served { kind, schema, structural, deprecation: deprecation_of(kind, version) });
    }
    let converter = Converter::of(definition).map(Arc::new);
    Ok(Kinds { stored: stored.0, served, all, converter })
}

fn kind_of(
    definition: &CustomResourceDefinition,
    version: &CustomResourceDefinitionVersion,
    stored: Option<Kind>,
) -> Result<(Kind, &'static Structural), NoKinds> {
    let names = definition.status.as_ref().and_then(|it| it.accepted_names.as_ref());
    let names = names.filter(|it| !it.plural.is_empty()).unwrap_or(&definition.spec.names);
    let strategy: &'static CustomStrategy = Box::leak(Box::new(CustomStrategy {
        converts: converts(definition),
        ..strategy_of(version, stored)?
    }));
    let row = Row {
        group: leak(&definition.spec.group),
        version: leak(&version.name),
        kind: leak(&names.kind),
        plural: leak(&names.plural),
        singular: leak(names.singular.as_deref().unwrap_or_default()),
        short_names: leak_all(names.short_names.as_deref().unwrap_or_default()),
        categories: leak_all(names.categories.as_deref().unwrap_or_default()),
        scope: scope(definition),
        verbs: Verbs::All,
        subresources: Box::leak(subresources_of(version).into_boxed_slice()),
        strategy,
        decode: custom::decode,
    };
    Ok((Kind::new(Box::leak(Box::new(row))), &strategy.schema))
}

fn strategy_of(
    version: &CustomResourceDefinitionVersion,
    stored: Option<Kind>,
) -> Result<CustomStrategy, NoKinds> {
    let definitions = version.additional_printer_columns.as_deref().unwrap_or_default();
    // A column or field whose path does not parse has been refused by validation.
    let compiled = definitions.iter().filter_map(|it| columns::Column::compile(it).ok().zip(Some(it)));
    let (cells, shown): (Vec<_>, Vec<_>) = compiled.unzip();
    let fields = version.selectable_fields.iter().flatten().map(|it| it.json_path.as_str());
    let fields = fields.filter_map(|it| JsonPath::parse(it).ok().zip(Some(it.trim_start_matches('.'))));
    let (fields, names): (Vec<_>, Vec<_>) = fields.unzip();
    let scale = version.subresources.as_ref().and_then(|it| it.scale.as_ref());
    let schema = Structural::compile(&schema_of(version));
    Ok(CustomStrategy {
        schema: schema.map_err(|source| NoKinds::Schema { version: version.name.clone(), source })?,
        stored,
        converts: false,
        columns: columns_of(&shown),
        cells,
        field_names: leak_all(&names),
        fields,
        scale: scale.and_then(scale_of),
    })
}

/// Whether versions differ in more than their name.
fn converts(definition: &CustomResourceDefinition) -> bool {
    definition.spec.conversion.as_ref().is_some_and(|it| it.strategy == "Webhook")
}

/// A version without a schema takes anything.
fn schema_of(version: &CustomResourceDefinitionVersion) -> JSONSchemaProps {
    version.schema.as_ref().and_then(|it| it.open_api_v3_schema.clone()).unwrap_or_default()
}

fn columns_of(shown: &[&CustomResourceColumnDefinition]) -> &'static [Column] {
    let added = shown.iter().map(|it| Column {
        name: leak(&it.name),
        kind: leak(&it.type_),
        format: leak(it.format.as_deref().unwrap_or_default()),
        description: leak(it.description.as_deref().unwrap_or_default()),
        priority: it.priority.unwrap_or(0),
    });
    let mut columns = vec![Column::NAME];
    columns.extend(added);
    if shown.is_empty() {
        columns.push(AGE);
    }
    Box::leak(columns.into_boxed_slice())
}

fn scale_of(scale: &CustomResourceSubresourceScale) -> Option<ScalePaths> {
    Some(ScalePaths {
        desired: JsonPath::parse(&scale.spec_replicas_path).ok()?,
        current: JsonPath::parse(&scale.status_replicas_path).ok()?,
        selector: scale.label_selector_path.as_ref().and_then(|it| JsonPath::parse(it).ok()),
    })
}

fn subresources_of(version: &CustomResourceDefinitionVersion) -> Vec<Subresource> {
    let below = version.subresources.as_ref();
    let status = below.and_then(|it| it.status.as_ref()).map(|_| Subresource::Status);
    let scale = below.and_then(|it| it.scale.as_ref()).map(|_| Subresource::Scale);
    status.into_iter().chain(scale).collect()
}

fn deprecation_of(kind: Kind, version: &CustomResourceDefinitionVersion) -> Option<String> {
    let row = kind.row();
    let standard = || format!("{} {} is deprecated", row.api_version(), row.kind);
    (version.deprecated == Some(true)).then(|| version.deprecation_warning.clone().unwrap_or_else(standard))
}
