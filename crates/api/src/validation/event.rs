//! What is wrong with events: both kinds of them are stored as the older one, and the newer one is held to more.

use crate::field::{Error, Errors, Path};
use crate::meta;
use crate::validation::common::{all, immutable};
use crate::validation::names;
use k8s_openapi::api::core::v1::{Event, EventSource};

/// Most bytes of the reason, the action and the name of who reports.
const MOST_OF_WORDS: usize = 128;
/// Most bytes of the message.
const MOST_OF_MESSAGE: usize = 1024;

/// Which of the kinds the client wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// That of the core group.
    Core,
    /// That of the group events.k8s.io.
    Events,
}

/// What is wrong with an Event: it lives beside the object it is about, and one with a time says who reports.
pub fn event(event: &Event, version: Version) -> Errors {
    let mut errors = Errors::new();
    let about = event.involved_object.namespace.as_deref().unwrap_or_default();
    let own = meta::namespace(&event.metadata);
    let beside = match event.event_time.is_some() {
        true => !about.is_empty() || matches!(own, "default" | "kube-system"),
        false => about == own || (about.is_empty() && own == "default"),
    };
    if !beside {
        let path = Path::new("involvedObject").child("namespace");
        errors.push(Error::invalid(&path, about, "does not match event.namespace"));
    }
    if event.event_time.is_some() {
        reported(&mut errors, event, version);
    }
    errors
}

fn reported(errors: &mut Errors, event: &Event, version: Version) {
    let component = match version {
        Version::Core => "reportingComponent",
        Version::Events => "reportingController",
    };
    let given = |it: &Option<String>| it.clone().unwrap_or_default();
    let reporter = given(&event.reporting_component);
    for (field, value, most) in [
        (component, reporter.clone(), usize::MAX),
        ("reportingInstance", given(&event.reporting_instance), MOST_OF_WORDS),
        ("action", given(&event.action), MOST_OF_WORDS),
        ("reason", given(&event.reason), MOST_OF_WORDS),
    ] {
        let path = Path::new(field);
        if value.is_empty() {
            errors.push(Error::required(&path, ""));
        }
        at_most(errors, &path, &value, most);
    }
    all(errors, &Path::new(component), &reporter, names::qualified_name(&reporter));
    at_most(errors, &Path::new("message"), &given(&event.message), MOST_OF_MESSAGE);
}

fn at_most(errors: &mut Errors, path: &Path, value: &str, most: usize) {
    if value.len() > most {
        errors.push(Error::invalid(path, "", format!("can have at most {most} characters")));
    }
}

/// What is wrong with a new event of the group events.k8s.io, besides [`event`].
pub fn create(event: &Event) -> Errors {
    let mut errors = series(event);
    if event.event_time.is_none() {
        errors.push(Error::required(&Path::new("eventTime"), ""));
    }
    let type_ = event.type_.as_deref().unwrap_or_default();
    if !matches!(type_, "Normal" | "Warning") {
        errors.push(Error::invalid(&Path::new("type"), "", format!("has invalid value: {type_}")));
    }
    let named = |it: &EventSource| {
        [&it.component, &it.host].iter().any(|it| it.as_ref().is_some_and(|it| !it.is_empty()))
    };
    for (field, given) in [
        ("firstTimestamp", event.first_timestamp.is_some()),
        ("lastTimestamp", event.last_timestamp.is_some()),
        ("count", event.count.unwrap_or(0) != 0),
        ("source", event.source.as_ref().is_some_and(named)),
    ] {
        if given {
            errors.push(Error::invalid(&Path::new(field), "", "needs to be unset"));
        }
    }
    errors
}

/// What is wrong with a change of an event of the group events.k8s.io: its series may grow, and nothing else.
pub fn update(new: &Event, old: &Event) -> Errors {
    let mut errors = if new.series == old.series { Errors::new() } else { series(new) };
    macro_rules! kept {
        ($($name:literal $field:ident),* $(,)?) => {
            $(immutable(&mut errors, &Path::new($name), &new.$field, &old.$field);)*
        };
    }
    kept!(
        "involvedObject" involved_object, "reason" reason, "message" message, "source" source,
        "firstTimestamp" first_timestamp, "lastTimestamp" last_timestamp, "count" count, "type" type_,
        "eventTime" event_time, "action" action, "related" related,
        "reportingController" reporting_component, "reportingInstance" reporting_instance,
    );
    errors
}

fn series(event: &Event) -> Errors {
    let mut errors = Errors::new();
    let Some(series) = &event.series else { return errors };
    if series.count.unwrap_or(0) < 2 {
        errors.push(Error::invalid(&Path::new("series.count"), "", "should be at least 2"));
    }
    if series.last_observed_time.is_none() {
        errors.push(Error::required(&Path::new("series.lastObservedTime"), ""));
    }
    errors
}
