//! The one place that spells API paths and store keys.
//!
//! An API path is `/api/v1/namespaces/NS/pods/NAME/SUB` for the core group and
//! `/apis/GROUP/VERSION/namespaces/NS/PLURAL/NAME/SUB` for the others. A store key is
//! `/registry/GROUP/PLURAL/NS/NAME`, without the version: one stored version per kind.

use crate::object::Key;
use crate::resources::{Kind, Row, Subresource};

/// Prefix of everything the API server stores.
pub const REGISTRY: &str = "/registry/";

/// Where the versions of the core group are listed.
pub const CORE: &str = "/api";

/// Where the other groups are listed.
pub const GROUPS: &str = "/apis";

/// `/apis/GROUP`, where the versions of a group are listed; also a route's pattern, when `group` is a placeholder.
pub fn group(group: &str) -> String {
    format!("{GROUPS}/{group}")
}

/// `/api/v1` or `/apis/GROUP/VERSION`.
pub fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

/// The collection of a kind: in one namespace, or in all when `namespace` is empty.
pub fn collection(row: &Row, namespace: &str) -> String {
    collection_of(row.group, row.version, row.plural, namespace)
}

/// The collection of a kind that has no row here, such as one that a client found by discovery.
pub fn collection_of(group: &str, version: &str, plural: &str, namespace: &str) -> String {
    let base = group_version(group, version);
    if namespace.is_empty() {
        format!("{base}/{plural}")
    } else {
        format!("{base}/namespaces/{namespace}/{plural}")
    }
}

/// One object.
pub fn object(key: &Key) -> String {
    format!("{}/{}", collection(key.kind.row(), &key.namespace), key.name)
}

/// What hangs below an object.
pub fn subresource(key: &Key, subresource: Subresource) -> String {
    format!("{}/{}", object(key), subresource.name())
}

/// The key prefix under which all objects of a kind are stored.
pub fn store_prefix(row: &Row) -> String {
    let group = if row.group.is_empty() { "core" } else { row.group };
    format!("{REGISTRY}{group}/{}/", row.plural)
}

/// The key under which an object is stored.
pub fn store_key(key: &Key) -> String {
    let prefix = store_prefix(key.kind.row());
    if key.kind.row().namespaced() {
        format!("{prefix}{}/{}", key.namespace, key.name)
    } else {
        format!("{prefix}{}", key.name)
    }
}

/// The namespace and name that a store key of this kind holds.
pub fn parse_store_key(kind: Kind, key: &str) -> Option<Key> {
    let rest = key.strip_prefix(&store_prefix(kind.row()))?;
    let (namespace, name) = if kind.row().namespaced() { rest.split_once('/')? } else { ("", rest) };
    Some(Key { kind, namespace: namespace.to_owned(), name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::{apps::v1::Deployment, core::v1::Node};

    #[test]
    fn paths_and_keys() {
        let web = Key::of::<Deployment>("shop", "web");
        assert_eq!(object(&web), "/apis/apps/v1/namespaces/shop/deployments/web");
        assert_eq!(store_key(&web), "/registry/apps/deployments/shop/web");
        assert_eq!(parse_store_key(web.kind, &store_key(&web)), Some(web.clone()));
        assert_eq!(collection(web.kind.row(), ""), "/apis/apps/v1/deployments");
        let node = Key::of::<Node>("", "one");
        assert_eq!(subresource(&node, Subresource::Status), "/api/v1/nodes/one/status");
        assert_eq!(parse_store_key(node.kind, &store_key(&node)), Some(node));
    }
}
