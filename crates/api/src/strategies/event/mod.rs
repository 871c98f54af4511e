//! How Events behave. The core and the events.k8s.io kinds are two encodings of one stored object: [`convert`].

pub mod convert;

pub use convert::{from_core, to_core};

use crate::field::Errors;
use crate::strategies::cells::{UNKNOWN, since};
use crate::strategy::{Behaviour, Column, Encoding, SelectableField, StoredAs};
use crate::validation::event::{self, Version};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::api::events::v1::Event as NewEvent;
use serde_json::Value;

/// An event of the core group.
#[derive(Debug)]
pub struct EventStrategy;

/// An event of the group events.k8s.io.
#[derive(Debug)]
pub struct NewEventStrategy;

const COLUMNS: &[Column] = &[
    Column::text("Last Seen", "How long ago it happened last."),
    Column::text("Type", "Normal or Warning."),
    Column::text("Reason", "Why, in one word."),
    Column::text("Object", "What the event is about."),
    Column::text("Subobject", "Which part of the object the event is about.").wide(),
    Column::text("Source", "Who reported it.").wide(),
    Column::text("Message", "What happened."),
    Column::text("First Seen", "How long ago it happened first.").wide(),
    Column::number("Count", "How often it happened.").wide(),
    Column { priority: 1, ..Column::NAME },
];

impl Behaviour for EventStrategy {
    type Object = Event;
    const CREATES: bool = true;
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = COLUMNS;
    const FIELDS: &'static [&'static str] = &[
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ];

    fn validate(object: &Event) -> Errors {
        event::event(object, Version::Core)
    }

    fn cells(event: &Event, now: Timestamp) -> Vec<Value> {
        cells(event, now)
    }

    fn fields(event: &Event) -> Vec<SelectableField> {
        let text = |it: &Option<String>| it.clone().unwrap_or_default();
        let about = &event.involved_object;
        let component = event.source.as_ref().and_then(|it| it.component.clone()).filter(|it| !it.is_empty());
        vec![
            ("involvedObject.kind", text(&about.kind)),
            ("involvedObject.namespace", text(&about.namespace)),
            ("involvedObject.name", text(&about.name)),
            ("involvedObject.uid", text(&about.uid)),
            ("involvedObject.apiVersion", text(&about.api_version)),
            ("involvedObject.resourceVersion", text(&about.resource_version)),
            ("involvedObject.fieldPath", text(&about.field_path)),
            ("reason", text(&event.reason)),
            ("reportingComponent", text(&event.reporting_component)),
            ("source", component.unwrap_or_else(|| text(&event.reporting_component))),
            ("type", text(&event.type_)),
        ]
    }
}

impl Encoding for NewEventStrategy {
    type Served = NewEvent;
    type Stored = Event;

    fn to_stored(served: NewEvent) -> Event {
        to_core(served)
    }

    fn to_served(stored: Event) -> NewEvent {
        from_core(stored)
    }
}

impl Behaviour for NewEventStrategy {
    type Object = NewEvent;
    const CREATES: bool = true;
    const STORED_AS: Option<StoredAs> = Some(StoredAs::by::<Self>());
    const GENERATION: bool = false;
    const COLUMNS: &'static [Column] = COLUMNS;
    const FIELDS: &'static [&'static str] = &[
        "regarding.kind",
        "regarding.namespace",
        "regarding.name",
        "regarding.uid",
        "regarding.apiVersion",
        "regarding.resourceVersion",
        "regarding.fieldPath",
        "reason",
        "reportingController",
        "type",
    ];
    const STORED_FIELDS: &'static [(&'static str, &'static str)] = &[
        ("regarding.kind", "involvedObject.kind"),
        ("regarding.namespace", "involvedObject.namespace"),
        ("regarding.name", "involvedObject.name"),
        ("regarding.uid", "involvedObject.uid"),
        ("regarding.apiVersion", "involvedObject.apiVersion"),
        ("regarding.resourceVersion", "involvedObject.resourceVersion"),
        ("regarding.fieldPath", "involvedObject.fieldPath"),
        ("reportingController", "reportingComponent"),
    ];

    fn validate(object: &NewEvent) -> Errors {
        event::event(&to_core(object.clone()), Version::Events)
    }

    fn validate_create(object: &NewEvent) -> Errors {
        event::create(&to_core(object.clone()))
    }

    fn validate_update(object: &NewEvent, old: &NewEvent) -> Errors {
        event::update(&to_core(object.clone()), &to_core(old.clone()))
    }

    fn cells(event: &NewEvent, now: Timestamp) -> Vec<Value> {
        cells(&to_core(event.clone()), now)
    }

    fn fields(event: &NewEvent) -> Vec<SelectableField> {
        let stored = EventStrategy::fields(&to_core(event.clone()));
        let named = |name: &'static str| {
            let own = Self::STORED_FIELDS.iter().find(|it| it.1 == name).map_or(name, |it| it.0);
            Self::FIELDS.contains(&own).then_some(own)
        };
        stored.into_iter().filter_map(|(name, value)| Some((named(name)?, value))).collect()
    }
}

fn cells(event: &Event, now: Timestamp) -> Vec<Value> {
    let (first, last, count) = times(event);
    let shown = |it: Option<Timestamp>| it.map_or_else(|| UNKNOWN.to_owned(), |it| since(Some(it), now));
    let about = &event.involved_object;
    let kind = about.kind.as_deref().unwrap_or_default().to_lowercase();
    let target = match about.name.as_deref().unwrap_or_default() {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    let text = |it: &Option<String>| Value::from(it.clone().unwrap_or_default());
    vec![
        shown(last).into(),
        text(&event.type_),
        text(&event.reason),
        target.into(),
        text(&about.field_path),
        source(event).into(),
        event.message.as_deref().unwrap_or_default().trim().into(),
        shown(first).into(),
        count.into(),
        text(&event.metadata.name),
    ]
}

/// When it happened first and last, and how often.
fn times(event: &Event) -> (Option<Timestamp>, Option<Timestamp>, i32) {
    let first = event.first_timestamp.as_ref().map(|it| it.0).or(event.event_time.as_ref().map(|it| it.0));
    let last = event.last_timestamp.as_ref().map(|it| it.0).or(first);
    match &event.series {
        Some(series) => {
            let last = series.last_observed_time.as_ref().map(|it| it.0).or(last);
            (first, last, series.count.unwrap_or(0))
        }
        None => (first, last, event.count.filter(|it| *it != 0).unwrap_or(1)),
    }
}

fn source(event: &Event) -> String {
    let component = event.source.as_ref().and_then(|it| it.component.as_deref()).filter(|it| !it.is_empty());
    let component = component.or(event.reporting_component.as_deref()).unwrap_or_default();
    let host = event.source.as_ref().and_then(|it| it.host.as_deref()).filter(|it| !it.is_empty());
    match host.or(event.reporting_instance.as_deref()).filter(|it| !it.is_empty()) {
        Some(host) => format!("{component}, {host}"),
        None => component.to_owned(),
    }
}
