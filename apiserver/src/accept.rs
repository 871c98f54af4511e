//! Which form an answer takes: content negotiation by the Accept header.
//!
//! Start at [`negotiate`]. JSON is always spoken, YAML when asked for, protobuf never; JSON may be asked for in another
//! shape (a table, metadata only, aggregated discovery), which each endpoint offers or not.

use api::ApiError;
use api::status::reason;

/// How the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    Json,
    Yaml,
}

/// Which shape the answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The object or list itself.
    Plain,
    /// What `kubectl get` prints.
    Table,
    /// Objects without anything but their metadata.
    Metadata,
    /// All groups with their resources in one document.
    Discovery,
}

/// The outcome of a negotiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) media: Media,
    pub(crate) shape: Shape,
    /// The group and version that tables and metadata are in.
    pub(crate) shape_version: &'static str,
}

const META: &str = "meta.k8s.io/v1";
const META_BETA: &str = "meta.k8s.io/v1beta1";

impl Form {
    /// What who asks for nothing gets.
    pub(crate) const JSON: Self = Self { media: Media::Json, shape: Shape::Plain, shape_version: META };

    /// The answer's Content-Type.
    pub(crate) fn content_type(self) -> &'static str {
        match (self.media, self.shape) {
            (_, Shape::Discovery) => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            (Media::Json, _) => "application/json",
            (Media::Yaml, _) => "application/yaml",
        }
    }
}

/// The shapes of objects, lists and watches.
pub(crate) const OBJECTS: &[Shape] = &[Shape::Table, Shape::Metadata];

/// Picks the first clause that the endpoint can answer, the highest quality first.
pub(crate) fn negotiate(accept: Option<&str>, offered: &[Shape]) -> Result<Form, ApiError> {
    let Some(accept) = accept.filter(|it| !it.trim().is_empty()) else { return Ok(Form::JSON) };
    let mut clauses: Vec<Clause<'_>> = accept.split(',').map(Clause::parse).collect();
    clauses.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    clauses.iter().find_map(|it| it.form(offered)).ok_or_else(not_acceptable)
}

fn not_acceptable() -> ApiError {
    let message = "only the following media types are accepted: application/json, application/yaml";
    ApiError::new(406, reason::NOT_ACCEPTABLE, message)
}

struct Clause<'a> {
    media: &'a str,
    kind: &'a str,
    group: &'a str,
    version: &'a str,
    quality: f32,
}

impl<'a> Clause<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let mut clause = Self { media, kind: "", group: "", version: "", quality: 1.0 };
        for (name, value) in parts.filter_map(|it| it.split_once('=')) {
            match name.trim() {
                "as" => clause.kind = value,
                "g" => clause.group = value,
                "v" => clause.version = value,
                "q" => clause.quality = value.parse().unwrap_or(1.0),
                _ => {}
            }
        }
        clause
    }

    fn form(&self, offered: &[Shape]) -> Option<Form> {
        let media = match self.media {
            "application/json" | "*/*" | "application/*" => Media::Json,
            "application/yaml" => Media::Yaml,
            _ => return None,
        };
        let shape = self.shape()?;
        let shape_version = if self.version == "v1beta1" { META_BETA } else { META };
        let is_offered = shape == Shape::Plain || offered.contains(&shape);
        is_offered.then_some(Form { media, shape, shape_version })
    }

    fn shape(&self) -> Option<Shape> {
        let meta = self.group == "meta.k8s.io" && matches!(self.version, "v1" | "v1beta1");
        match self.kind {
            "" => Some(Shape::Plain),
            "Table" if meta => Some(Shape::Table),
            "PartialObjectMetadata" | "PartialObjectMetadataList" if meta => Some(Shape::Metadata),
            "APIGroupDiscoveryList" if self.group == "apidiscovery.k8s.io" && self.version == "v2" => {
                Some(Shape::Discovery)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, offered: &[Shape], expect: Option<(Media, Shape)>) {
        let got = negotiate(Some(accept), offered).ok().map(|it| (it.media, it.shape));
        assert_eq!(got, expect, "{accept}");
    }

    #[test]
    fn clients_get_what_they_ask_for() {
        use {Media::*, Shape::*};
        check("", OBJECTS, Some((Json, Plain)));
        check("*/*", OBJECTS, Some((Json, Plain)));
        check("application/yaml", OBJECTS, Some((Yaml, Plain)));
        check("application/vnd.kubernetes.protobuf,application/json", OBJECTS, Some((Json, Plain)));
        check("application/vnd.kubernetes.protobuf", OBJECTS, None);
        check("application/pdf", OBJECTS, None);
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
        check(table, OBJECTS, Some((Json, Table)));
        check(&format!("{table},application/json"), &[], Some((Json, Plain)));
        check(&format!("application/json;q=0.5, {table}"), OBJECTS, Some((Json, Table)));
        check("application/json;as=Table;v=v9;g=meta.k8s.io", OBJECTS, None);
        check(
            "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
            OBJECTS,
            Some((Json, Metadata)),
        );
        let discovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        check(&format!("{discovery},application/json"), &[Discovery], Some((Json, Discovery)));
        check(&format!("{discovery},application/json"), OBJECTS, Some((Json, Plain)));
    }
}
