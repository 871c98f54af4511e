//! One operation of a path, as OpenAPI v3.

use serde_json::{Map, Value, json};

use crate::{
    parameters,
    rows::Deleted,
    schemas::{gvk, meta_reference, reference},
};

const JSON: &str = "application/json";

/// What an operation does, after upstream's `x-kubernetes-action`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Get,
    List,
    Post,
    Put,
    Patch,
    Delete,
    DeleteCollection,
    Connect,
}

/// Everything an operation's text depends on.
pub(crate) struct Operation<'a> {
    pub(crate) action: Action,
    /// The method, in lower case.
    pub(crate) method: &'static str,
    /// Such as `core_v1`.
    pub(crate) tag: String,
    /// What comes between the verb and the end of the operation's name, such as `CoreV1` and `NamespacedPod`.
    pub(crate) prefix: String,
    pub(crate) suffix: String,
    /// Group, version and kind.
    pub(crate) gvk: (&'a str, &'a str, &'a str),
    /// The schema name of the body; none where it is text or a stream.
    pub(crate) body: Option<String>,
    /// The schema name of a list's answer.
    pub(crate) list: Option<String>,
    /// Whether strategic merge patches are taken: not for custom kinds.
    pub(crate) strategic: bool,
    /// What a delete answers.
    pub(crate) deleted: Deleted,
}

impl Action {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Action::Get => "get",
            Action::List => "list",
            Action::Post => "post",
            Action::Put => "put",
            Action::Patch => "patch",
            Action::Delete => "delete",
            Action::DeleteCollection => "deletecollection",
            Action::Connect => "connect",
        }
    }

    /// The verb in an operation's name.
    fn verb(self) -> &'static str {
        match self {
            Action::Get => "read",
            Action::List => "list",
            Action::Post => "create",
            Action::Put => "replace",
            Action::Patch => "patch",
            Action::Delete | Action::DeleteCollection => "delete",
            Action::Connect => "connect",
        }
    }

    fn codes(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Action::Post => &[("200", "OK"), ("201", "Created"), ("202", "Accepted")],
            Action::Put | Action::Patch => &[("200", "OK"), ("201", "Created")],
            Action::Delete => &[("200", "OK"), ("202", "Accepted")],
            _ => &[("200", "OK")],
        }
    }
}

impl Operation<'_> {
    /// The operation's entry under its method.
    pub(crate) fn value(&self) -> Value {
        let (group, version, kind) = self.gvk;
        let mut value = json!({
            "tags": [self.tag],
            "description": self.description(),
            "operationId": self.id(),
            "responses": self.responses(),
            "x-kubernetes-action": self.action.name(),
            "x-kubernetes-group-version-kind": gvk(group, version, kind),
        });
        let parameters = parameters::of_action(self.action.name());
        if !parameters.is_empty() {
            value["parameters"] = Value::Array(parameters);
        }
        if let Some(content) = self.request() {
            value["requestBody"] = json!({ "content": content, "required": self.action != Action::Delete });
        }
        value
    }

    fn id(&self) -> String {
        let verb = match self.action {
            // Each method of a connection is an operation of its own.
            Action::Connect => format!("connect{}{}", self.method[..1].to_uppercase(), &self.method[1..]),
            action => action.verb().to_owned(),
        };
        let collection = if self.action == Action::DeleteCollection { "Collection" } else { "" };
        format!("{verb}{}{collection}{}", self.prefix, self.suffix)
    }

    fn description(&self) -> String {
        let kind = self.gvk.2;
        match self.action {
            Action::List => format!("list or watch objects of kind {kind}"),
            Action::DeleteCollection => format!("delete a collection of {kind}"),
            Action::Connect => format!("open a connection by {}", self.method.to_uppercase()),
            action => format!("{} the specified {kind}", action.verb()),
        }
    }

    fn request(&self) -> Option<Value> {
        let of = |schema: Value, types: &[&str]| -> Value {
            let content = types.iter().map(|name| ((*name).to_owned(), json!({ "schema": schema })));
            Value::Object(content.collect::<Map<_, _>>())
        };
        match self.action {
            Action::Post | Action::Put => Some(of(reference(self.body.as_ref()?), &["*/*"])),
            Action::Delete | Action::DeleteCollection => Some(of(meta_reference("DeleteOptions"), &["*/*"])),
            Action::Patch => Some(of(meta_reference("Patch"), patch_types(self.strategic))),
            Action::Get | Action::List | Action::Connect => None,
        }
    }

    fn responses(&self) -> Value {
        let content = match (self.action, &self.body, &self.list) {
            (Action::Delete, Some(body), _) if self.deleted == Deleted::Object => {
                json_of(reference(body), &[JSON])
            }
            (Action::Delete | Action::DeleteCollection, ..) => json_of(meta_reference("Status"), &[JSON]),
            (Action::List, _, Some(list)) => {
                json_of(reference(list), &[JSON, "application/json;stream=watch"])
            }
            (_, Some(body), _) => json_of(reference(body), &[JSON]),
            _ => json_of(json!({ "type": "string" }), &["*/*"]),
        };
        let answered = self.action.codes().iter().map(|(code, description)| {
            ((*code).to_owned(), json!({ "description": description, "content": content }))
        });
        let refused = ("401".to_owned(), json!({ "description": "Unauthorized" }));
        Value::Object(answered.chain([refused]).collect())
    }
}

fn json_of(schema: Value, types: &[&str]) -> Value {
    Value::Object(types.iter().map(|name| ((*name).to_owned(), json!({ "schema": schema }))).collect())
}

/// The body types of a patch. Clients read from here whether strategic merge patch is worth trying.
fn patch_types(strategic: bool) -> &'static [&'static str] {
    const ALL: &[&str] = &[
        "application/apply-patch+yaml",
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
    ];
    if strategic { ALL } else { &ALL[..3] }
}
