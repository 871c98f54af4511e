//! `explain`: what a kind's fields mean, from the server's OpenAPI documents.

use crate::args::Explain;
use crate::output;
use crate::print::explain::{Explained, explain};
use crate::print::text;
use crate::request::Call;
use crate::resolve::{Resource, resource_of};
use crate::session::Session;
use anyhow::{Result, anyhow};
use serde_json::Value;

/// Runs the command.
pub(super) async fn run(session: &Session, args: Explain) -> Result<()> {
    let (resource, fields) = divided(session, &args.what).await?;
    let mut resource = resource;
    if let Some(api_version) = &args.api_version {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        resource = Resource { group: group.to_owned(), version: version.to_owned(), ..resource };
    }
    let document = document(session, &resource).await?;
    let fields: Vec<&str> = fields.split('.').filter(|it| !it.is_empty()).collect();
    let wanted = Explained {
        group: &resource.group,
        version: &resource.version,
        kind: &resource.kind,
        fields: &fields,
        recursive: args.recursive,
    };
    output::text(&explain(&document, &wanted)?)
}

/// The kind and the fields: `pod.spec`, or `foos.example.com.spec` for kinds whose name has dots.
async fn divided<'a>(session: &Session, what: &'a str) -> Result<(Resource, &'a str)> {
    let (first, rest) = what.split_once('.').unwrap_or((what, ""));
    let plain = resource_of(session, first).await;
    if plain.is_ok() || rest.is_empty() {
        return plain.map(|it| (it, rest));
    }
    let ends = what.match_indices('.').map(|(index, _)| index).chain([what.len()]);
    for end in ends {
        if let Ok(found) = resource_of(session, &what[..end]).await
            && what[..end].contains('.')
        {
            return Ok((found, what[end..].trim_start_matches('.')));
        }
    }
    plain.map(|it| (it, rest))
}

async fn document(session: &Session, resource: &Resource) -> Result<Value> {
    let index = session.json(Call::get("/openapi/v3")).await?;
    let name = api::path::group_version(&resource.group, &resource.version);
    let entry = &index["paths"][name.trim_start_matches('/')];
    match text(entry, "serverRelativeURL") {
        "" => {
            Err(anyhow!("couldn't find resource for \"{}, Kind={}\"", resource.api_version(), resource.kind))
        }
        path => session.json(Call::get(path)).await,
    }
}
