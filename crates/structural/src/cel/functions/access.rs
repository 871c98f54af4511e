//! Rights: what the user of a request, or a service account, may do.
//!
//! Start at [`Authority`], which whoever evaluates brings along. Questions are put together piece by piece; only `check`
//! asks, and that costs as much as upstream says.

use super::{Cost, Function, Outcome, Param, member, text};
use crate::cel::error::EvalError;
use crate::cel::types::Opaque;
use crate::cel::value::Val;
use Param::{Bool, String as Str};
use std::fmt;
use std::rc::Rc;

const AUTHORIZER: Param = Param::Opaque(Opaque::Authorizer);
const PATH: Param = Param::Opaque(Opaque::PathCheck);
const GROUP: Param = Param::Opaque(Opaque::GroupCheck);
const RESOURCE: Param = Param::Opaque(Opaque::ResourceCheck);
const DECISION: Param = Param::Opaque(Opaque::Decision);

/// Who decides about rights.
pub trait Authority {
    /// Whether somebody may.
    fn decide(&self, question: &Question) -> Answer;
    /// The resource that the request is about, to ask about it.
    fn request_resource(&self) -> Question;
}

/// What is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The verb, such as `get`.
    pub verb: String,
    /// Namespace and name of the service account that is meant instead of the request's user.
    pub service_account: Option<(String, String)>,
    /// A path that is no resource; the other parts are then empty.
    pub path: Option<String>,
    /// The API group.
    pub group: String,
    /// The plural of a kind.
    pub resource: String,
    /// What hangs below the object.
    pub subresource: String,
    /// The namespace; empty for all of them, or none.
    pub namespace: String,
    /// The name; empty for any.
    pub name: String,
    /// A field selector, as text.
    pub fields: String,
}

/// What was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Why.
    pub reason: String,
}

/// A question that is being put together, or that has been answered.
#[derive(Clone)]
pub(crate) struct Access<'a> {
    authority: &'a dyn Authority,
    pub(crate) stage: Opaque,
    question: Question,
    answer: Answer,
}

impl fmt::Debug for Access<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} {:?}", self.stage, self.question, self.answer)
    }
}

impl<'a> Access<'a> {
    /// The variable `authorizer`.
    pub(crate) fn new(authority: &'a dyn Authority) -> Self {
        let (question, answer) = (Question::default(), Answer::default());
        Self { authority, stage: Opaque::Authorizer, question, answer }
    }

    /// `authorizer.requestResource`.
    pub(crate) fn request_resource(&self) -> Self {
        let service_account = self.question.service_account.clone();
        let question = Question { service_account, ..self.authority.request_resource() };
        Self { stage: Opaque::ResourceCheck, question, ..self.clone() }
    }

    fn asked(&self, verb: &str) -> Self {
        let question = Question { verb: verb.to_owned(), ..self.question.clone() };
        let answer = self.authority.decide(&question);
        Self { stage: Opaque::Decision, question, answer, ..self.clone() }
    }
}

pub(super) const FUNCTIONS: &[Function] = &[
    member("path", &[AUTHORIZER, Str], PATH, Cost::One, |_, args| {
        next(args, Opaque::PathCheck, |it| it.path = Some(text(args, 1).to_owned()))
    }),
    member("group", &[AUTHORIZER, Str], GROUP, Cost::One, |_, args| {
        next(args, Opaque::GroupCheck, |it| it.group = text(args, 1).to_owned())
    }),
    member("serviceAccount", &[AUTHORIZER, Str, Str], AUTHORIZER, Cost::One, |_, args| {
        let account = (text(args, 1).to_owned(), text(args, 2).to_owned());
        next(args, Opaque::Authorizer, |it| it.service_account = Some(account))
    }),
    member("resource", &[GROUP, Str], RESOURCE, Cost::One, |_, args| {
        next(args, Opaque::ResourceCheck, |it| it.resource = text(args, 1).to_owned())
    }),
    member("subresource", &[RESOURCE, Str], RESOURCE, Cost::One, |_, args| {
        next(args, Opaque::ResourceCheck, |it| it.subresource = text(args, 1).to_owned())
    }),
    member("namespace", &[RESOURCE, Str], RESOURCE, Cost::One, |_, args| {
        next(args, Opaque::ResourceCheck, |it| it.namespace = text(args, 1).to_owned())
    }),
    member("name", &[RESOURCE, Str], RESOURCE, Cost::One, |_, args| {
        next(args, Opaque::ResourceCheck, |it| it.name = text(args, 1).to_owned())
    }),
    member("fieldSelector", &[RESOURCE, Str], RESOURCE, Cost::One, |_, args| {
        next(args, Opaque::ResourceCheck, |it| it.fields = text(args, 1).to_owned())
    }),
    // Roles say nothing of labels, so a label selector narrows no right.
    member("labelSelector", &[RESOURCE, Str], RESOURCE, Cost::One, |_, args| {
        next(args, Opaque::ResourceCheck, |_| {})
    }),
    member("check", &[PATH, Str], DECISION, Cost::Rights, |_, args| check(args)),
    member("check", &[RESOURCE, Str], DECISION, Cost::Rights, |_, args| check(args)),
    member("allowed", &[DECISION], Bool, Cost::One, |_, args| Ok(Val::Bool(access(args)?.answer.allowed))),
    member("reason", &[DECISION], Str, Cost::One, |_, args| {
        Ok(Val::made(access(args)?.answer.reason.as_str()))
    }),
    // The roles are always at hand, so there is nothing that could go wrong on the way.
    member("errored", &[DECISION], Bool, Cost::One, |_, _| Ok(Val::Bool(false))),
    member("error", &[DECISION], Str, Cost::One, |_, _| Ok(Val::made(""))),
];

fn access<'v, 'a>(args: &'v [Val<'a>]) -> Result<&'v Access<'a>, EvalError> {
    match args.first() {
        Some(Val::Access(access)) => Ok(access),
        _ => Err(EvalError::no_such_overload()),
    }
}

fn next<'a>(args: &[Val<'a>], stage: Opaque, add: impl FnOnce(&mut Question)) -> Outcome<'a> {
    let mut access = access(args)?.clone();
    access.stage = stage;
    add(&mut access.question);
    Ok(Val::Access(Rc::new(access)))
}

fn check<'a>(args: &[Val<'a>]) -> Outcome<'a> {
    Ok(Val::Access(Rc::new(access(args)?.asked(text(args, 1)))))
}
