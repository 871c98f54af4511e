//! The two encodings of an event, field by field. Going there and back changes nothing.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSeries};
use k8s_openapi::api::events::v1::{Event as NewEvent, EventSeries as NewSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

/// The event of the core group that says the same.
pub fn to_core(event: NewEvent) -> Event {
    let series = |it: NewSeries| EventSeries {
        count: Some(it.count),
        last_observed_time: Some(it.last_observed_time),
    };
    Event {
        action: event.action,
        count: event.deprecated_count,
        event_time: event.event_time,
        first_timestamp: event.deprecated_first_timestamp,
        involved_object: event.regarding.unwrap_or_default(),
        last_timestamp: event.deprecated_last_timestamp,
        message: event.note,
        metadata: event.metadata,
        reason: event.reason,
        related: event.related,
        reporting_component: event.reporting_controller,
        reporting_instance: event.reporting_instance,
        series: event.series.map(series),
        source: event.deprecated_source,
        type_: event.type_,
    }
}

/// The event of events.k8s.io that says the same.
pub fn from_core(event: Event) -> NewEvent {
    let series = |it: EventSeries| NewSeries {
        count: it.count.unwrap_or(0),
        last_observed_time: it.last_observed_time.unwrap_or(MicroTime(Timestamp::UNIX_EPOCH)),
    };
    NewEvent {
        action: event.action,
        deprecated_count: event.count,
        deprecated_first_timestamp: event.first_timestamp,
        deprecated_last_timestamp: event.last_timestamp,
        deprecated_source: event.source,
        event_time: event.event_time,
        metadata: event.metadata,
        note: event.message,
        reason: event.reason,
        regarding: Some(event.involved_object),
        related: event.related,
        reporting_controller: event.reporting_component,
        reporting_instance: event.reporting_instance,
        series: event.series.map(series),
        type_: event.type_,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn there_and_back() {
        let event: Event = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": "a"}, "action": "Killing",
            "involvedObject": {"kind": "Pod", "name": "web"}, "message": "stopping", "reason": "Killing",
            "count": 2, "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:01:00Z",
            "eventTime": "2026-01-01T00:00:00.000001Z", "reportingComponent": "kubelet", "type": "Normal",
            "reportingInstance": "one", "source": {"component": "kubelet", "host": "one"},
            "series": {"count": 3, "lastObservedTime": "2026-01-01T00:00:00.5Z"},
        }))
        .expect("it is an event");
        let new = from_core(event.clone());
        assert_eq!((new.note.as_deref(), new.deprecated_count), (Some("stopping"), Some(2)));
        assert_eq!(to_core(new), event);
    }
}
