//! One stored version per kind: how other served versions read it.
//!
//! Events are served in two groups, autoscalers in two versions: their strategies say how one becomes the other. Custom
//! kinds are served in as many versions as their definitions say. Conversion of custom
//! kinds by webhooks gets its place here; without one, versions differ in their name alone.

use crate::cache::entry::Entry;
use api::custom::Custom;
use api::{ApiError, Kind, Object};
use bytes::Bytes;

/// The object's JSON in a served version: the cached bytes themselves, unless it is stored in another one.
pub(crate) fn json_of(served: Kind, entry: &Entry) -> Result<Bytes, ApiError> {
    if served == entry.kind {
        return Ok(entry.json.clone());
    }
    let object = entry.decode().map_err(ApiError::internal)?;
    Ok(to_served(served, object)?.to_json().into())
}

/// The object in a served version.
pub(crate) fn to_served(served: Kind, object: Object) -> Result<Object, ApiError> {
    convert(served, object)
}

/// The object in the version that is stored.
pub(crate) fn to_stored(object: Object) -> Result<Object, ApiError> {
    let kind = object.kind();
    convert(kind.stored(), object)
}

fn convert(wanted: Kind, object: Object) -> Result<Object, ApiError> {
    let found = object.kind();
    if found == wanted {
        return Ok(object);
    }
    if let Some(custom) = object.downcast_ref::<Custom>() {
        return Ok(Object::new(Box::new(custom.clone().relabeled(wanted))));
    }
    let encodes = |kind: Kind, stored: Kind| kind.row().strategy.encoding().filter(|it| it.kind == stored);
    match (encodes(found, wanted), encodes(wanted, found)) {
        (Some(encoding), _) => Ok((encoding.to_stored)(object)),
        (_, Some(encoding)) => Ok((encoding.to_served)(object)),
        _ => Err(ApiError::internal(format!("no conversion from {found:?} to {wanted:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Resource;
    use api::k8s::api::{core, events};

    #[test]
    fn events_are_one_object_in_two_groups() {
        let stored = br#"{"apiVersion":"v1","kind":"Event","involvedObject":{"name":"p"},"metadata":{"name":"e"},"reason":"R"}"#;
        let entry = Entry::new(core::v1::Event::KIND, "ns/e".into(), stored, 7);
        let json = json_of(events::v1::Event::KIND, &entry).unwrap();
        let served = events::v1::Event::KIND.decode(&json).unwrap();
        let event = served.get::<events::v1::Event>().unwrap();
        assert_eq!(event.regarding.as_ref().and_then(|it| it.name.as_deref()), Some("p"));
        assert_eq!(served.meta().resource_version.as_deref(), Some("7"));
        assert_eq!(to_stored(served).unwrap(), entry.decode().unwrap());
    }
}
