//! The variable `authorizer` of expressions: what the user of a request, or a service account, may do.

use super::subject::Facts;
use crate::authz;
use crate::state::State;
use access::{Attributes, ResourceTarget, UserInfo};
use api::Kind;
use api::selector::FieldSelector;
use std::borrow::Cow;
use structural::cel::{Answer, Authority, Question};

/// Any version: roles name none.
const ANY_VERSION: &str = "*";

/// See the module.
pub(crate) struct Rights<'a> {
    state: &'a State,
    facts: &'a Facts<'a>,
    /// The version under which the policy or webhook knows the resource.
    seen: Kind,
}

impl<'a> Rights<'a> {
    pub(crate) fn of(state: &'a State, facts: &'a Facts<'a>, seen: Kind) -> Self {
        Self { state, facts, seen }
    }
}

impl Authority for Rights<'_> {
    fn decide(&self, question: &Question) -> Answer {
        let user: Cow<'_, UserInfo> = match &question.service_account {
            Some((namespace, name)) => Cow::Owned(UserInfo::service_account(namespace, name, "")),
            None => Cow::Borrowed(self.facts.user),
        };
        // A selector that makes no sense narrows nothing, as upstream.
        let fields = FieldSelector::parse(&question.fields).unwrap_or_default().0;
        let attributes = match &question.path {
            Some(path) => Attributes::path(&user, &question.verb, path),
            None => {
                let target = ResourceTarget::of(&question.group, ANY_VERSION, &question.resource)
                    .subresource(&question.subresource)
                    .in_namespace(&question.namespace)
                    .named(&question.name)
                    .selecting(&fields);
                Attributes::resource(&user, &question.verb, target)
            }
        };
        let decision = authz::decide(self.state, &attributes);
        Answer { allowed: decision.is_allowed(), reason: decision.reason().to_owned() }
    }

    fn request_resource(&self) -> Question {
        let (facts, row) = (self.facts, self.seen.row());
        Question {
            group: row.group.to_owned(),
            resource: row.plural.to_owned(),
            subresource: facts.subresource.to_owned(),
            namespace: facts.namespace.to_owned(),
            name: facts.name.to_owned(),
            ..Question::default()
        }
    }
}
