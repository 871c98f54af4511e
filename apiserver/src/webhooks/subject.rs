//! What admission by others judges: a request with its objects as JSON.
//!
//! Start at [`Facts`], which cost nothing and are enough for rules; [`Subject`] adds the objects once a rule matched.

use crate::admission::{Attempt, Operation, Options};
use crate::handlers::scale::scale_of;
use crate::handlers::subresource;
use crate::state::State;
use crate::versions;
use access::UserInfo;
use api::{ApiError, Kind, Object, Subresource};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Group, version, and kind or resource.
pub(crate) type Name = (&'static str, &'static str, &'static str);

/// A request without its objects.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) operation: Operation,
    /// The resource of the path.
    pub(crate) resource: Kind,
    /// Empty for the object itself.
    pub(crate) subresource: &'a str,
    /// A namespace is in itself, as for authorization.
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) user: &'a UserInfo,
    pub(crate) options: Options<'a>,
    /// What is sent, when it is not an object of the resource: such as a Scale.
    pub(crate) sent: Option<Name>,
}

impl<'a> Facts<'a> {
    /// The facts of a write.
    pub(crate) fn of(attempt: &Attempt<'a>) -> Self {
        let key = attempt.key;
        let is_namespace = attempt.kind.row().plural == "namespaces";
        Self {
            operation: attempt.operation,
            resource: attempt.kind,
            subresource: attempt.subresource,
            namespace: if is_namespace { &key.name } else { &key.namespace },
            name: &key.name,
            user: attempt.user,
            options: attempt.options,
            sent: if attempt.subresource == "scale" { subresource::kind(Subresource::Scale) } else { None },
        }
    }

    /// The kind of what is sent, for a webhook that sees the resource as `seen`.
    pub(crate) fn kind_as(&self, seen: Kind) -> Name {
        let row = seen.row();
        self.sent.unwrap_or((row.group, row.version, row.kind))
    }

    /// Whether it is about a namespace itself.
    pub(crate) fn is_namespace(&self) -> bool {
        self.resource.row().group.is_empty() && self.resource.row().plural == "namespaces"
    }

    /// Other versions and groups of the same objects.
    pub(crate) fn equivalents(&self, state: &State) -> Vec<Kind> {
        let (own, stored) = (self.resource, self.resource.stored());
        let custom = state.catalogue.now().versions(own);
        let same = Kind::all().chain(custom).filter(|it| it.stored() == stored && *it != own);
        same.collect()
    }

    /// The request as expressions and webhooks know it; the objects and the uid are beside it.
    pub(crate) fn request(&self, seen: Kind) -> Value {
        let name = |(group, version, kind): Name| json!({ "group": group, "version": version, "kind": kind });
        let resource = |kind: Kind| {
            let row = kind.row();
            json!({ "group": row.group, "version": row.version, "resource": row.plural })
        };
        let mut request = json!({
            "kind": name(self.kind_as(seen)),
            "resource": resource(seen),
            "requestKind": name(self.kind_as(self.resource)),
            "requestResource": resource(self.resource),
            "operation": self.operation.name(),
            "userInfo": self.user.to_wire(),
            "dryRun": self.options.is_dry_run(),
            "options": self.options.to_value(self.operation),
        });
        let texts = [
            ("subResource", self.subresource),
            ("requestSubResource", self.subresource),
            ("name", self.name),
            ("namespace", self.namespace),
        ];
        for (field, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            request[field] = text.into();
        }
        request
    }
}

/// A request with its objects, in the version in which they were sent.
pub(crate) struct Subject<'a> {
    pub(crate) facts: Facts<'a>,
    /// What will be stored, or what was sent; none for deletes.
    pub(crate) object: Option<Value>,
    /// What is stored; none for creates.
    pub(crate) old: Option<Value>,
    /// Both in other versions, for those who know the resource in one.
    seen: BTreeMap<Kind, (Value, Value)>,
}

impl<'a> Subject<'a> {
    /// What a write is about.
    pub(crate) fn of(attempt: &Attempt<'a>) -> Result<Self, ApiError> {
        let facts = Facts::of(attempt);
        let shown = |object: &Object| match facts.sent {
            None => Ok(object.to_value()),
            Some(_) => serde_json::to_value(scale_of(object)?).map_err(ApiError::internal),
        };
        let object = attempt.object.as_deref().map(shown).transpose()?;
        let old = attempt.old.map(shown).transpose()?;
        Ok(Self { facts, object, old, seen: BTreeMap::new() })
    }

    /// What is posted and not stored itself.
    pub(crate) fn posted(facts: Facts<'a>, body: Value) -> Self {
        Self { facts, object: Some(body), old: None, seen: BTreeMap::new() }
    }

    /// Puts another object in place of what is judged.
    pub(crate) fn replace(&mut self, object: Value) {
        self.object = Some(object);
        self.seen.clear();
    }

    /// Makes the objects ready to be seen in a version, which may take a conversion.
    pub(crate) async fn prepare(&mut self, state: &State, seen: Kind) -> Result<(), ApiError> {
        let own = self.facts.resource;
        if seen == own || self.facts.sent.is_some() || self.seen.contains_key(&seen) {
            return Ok(());
        }
        let object = converted(state, self.object.as_ref(), own, seen).await?;
        let old = converted(state, self.old.as_ref(), own, seen).await?;
        self.seen.insert(seen, (object, old));
        Ok(())
    }

    /// The objects as a webhook sees them that knows the resource as `seen`, once they have been prepared.
    pub(crate) fn seen_as(&self, seen: Kind) -> Result<(Value, Value), ApiError> {
        let own = seen == self.facts.resource || self.facts.sent.is_some();
        match self.seen.get(&seen) {
            Some(prepared) if !own => Ok(prepared.clone()),
            None if !own => Err(ApiError::internal("the object was not converted before it was judged")),
            _ => Ok((self.object.clone().unwrap_or_default(), self.old.clone().unwrap_or_default())),
        }
    }
}

/// An object of one version in another; null if there is none.
async fn converted(state: &State, value: Option<&Value>, from: Kind, to: Kind) -> Result<Value, ApiError> {
    let Some(value) = value else { return Ok(Value::Null) };
    let object = from.decode_value(value.clone()).map_err(ApiError::internal)?;
    Ok(versions::object(state, to, object).await?.to_value())
}
