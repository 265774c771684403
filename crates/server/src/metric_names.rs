//! The names of this crate's metrics, each with its unit.
use metrics::{Unit, describe_counter, describe_histogram};

/// Requests answered, by method, path pattern and status.
pub const HTTP_REQUESTS: &str = "brainops_http_requests_total";
/// Seconds from a request's arrival to its answer, by method and path pattern.
pub const HTTP_REQUEST_SECONDS: &str = "brainops_http_request_seconds";
/// Events that a door was given, by door and outcome (`acknowledged`, `repeated`, `conflict`, `full`,
/// `unacknowledged`, `failed`).
pub const DOOR_EVENTS: &str = "brainops_door_events_total";

/// Tells the recorder what each name means.
pub fn describe() {
    describe_counter!(HTTP_REQUESTS, Unit::Count, "Requests answered, by method, path pattern and status.");
    describe_histogram!(
        HTTP_REQUEST_SECONDS,
        Unit::Seconds,
        "Seconds from a request's arrival to its answer."
    );
    describe_counter!(DOOR_EVENTS, Unit::Count, "Events that a door was given, by door and outcome.");
}
