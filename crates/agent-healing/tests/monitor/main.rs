//! `monitor`, without a stack: given samples, when more come, then conclusions.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use brainops_agent_healing::{Monitor, QUIET_SAMPLES, Watch};
use brainops_event::types::monitor::SampleRecorded;
use brainops_event::{Outgoing, Timestamp, format_timestamp};
use brainops_testkit::{GivenAgent, Said, given_agent, said};
use chrono::{DateTime, TimeDelta};
use serde_json::json;

const SAGA: &str = "shop/eu/access_log/d-1";

fn second(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap() + TimeDelta::seconds(seconds)
}

/// A sample of five seconds that ends then.
fn sample_of(deployment: &str, through: i64, requests: i64, errors: i64) -> Outgoing {
    let data = json!({
        "sensor": "access_log", "service": "shop", "environment": "eu", "deployment_id": deployment,
        "from": second(through - 5).timestamp_millis(), "through": second(through).timestamp_millis(),
        "requests": requests, "errors": errors, "max_error_percent": 1.0, "window_seconds": 60, "minimum_requests": 20,
    });
    said::<SampleRecorded>(&format!("{deployment} {through}"), "shop/eu", second(through), data)
}

fn sample(through: i64, requests: i64, errors: i64) -> Outgoing {
    sample_of("d-1", through, requests, errors)
}

fn given() -> GivenAgent {
    given_agent(Monitor).recorded_from(second(0))
}

fn rate(event_type: &str, (from, through): (i64, i64), requests: i64, errors: i64) -> Said {
    let data = json!({
        "service": "shop", "environment": "eu", "deployment_id": "d-1", "from": format_timestamp(&second(from)),
        "through": format_timestamp(&second(through)), "requests": requests, "errors": errors, "max_error_percent": 1.0,
    });
    Said::new(event_type, "shop/eu", data)
}

fn high(span: (i64, i64), requests: i64, errors: i64) -> Said {
    rate("monitor.high_error_rate", span, requests, errors)
}

fn normal(span: (i64, i64), requests: i64, errors: i64) -> Said {
    rate("monitor.error_rate_normal", span, requests, errors)
}

fn watch(given: &GivenAgent) -> Watch {
    serde_json::from_str(&given.saga(SAGA).unwrap().state).unwrap()
}

#[test]
fn one_percent_is_not_too_much_and_more_is() {
    given().when(sample(5, 100, 1)).then_nothing();
    given().when(sample(5, 100, 2)).then([high((0, 5), 100, 2)]);
    given().when(sample(5, 1_000, 11)).then([high((0, 5), 1_000, 11)]);
}

#[test]
fn too_few_requests_say_nothing_whatever_became_of_them() {
    let given = given().when(sample(5, 19, 19)).then_nothing();
    let given = given.when(sample(10, 0, 0)).then_nothing();
    given.when(sample(15, 1, 1)).then([high((0, 15), 20, 20)]);
}

#[test]
fn it_is_said_once_until_it_is_over() {
    let given = given().when(sample(5, 50, 50)).then([high((0, 5), 50, 50)]);
    let given = given.when(sample(10, 50, 50)).then_nothing();
    // The bad samples leave the window, and then it is normal again.
    let given = given.events((3..=12).map(|place| sample(place * 5, 50, 0)));
    let given = given.when(sample(65, 50, 0)).then_nothing();
    let given = given.when(sample(70, 50, 0)).then([normal((10, 70), 600, 0)]);
    given.when(sample(75, 600, 100)).then([high((15, 75), 1_150, 100)]);
}

#[test]
fn no_traffic_is_not_well() {
    let given = given().when(sample(5, 50, 50)).then([high((0, 5), 50, 50)]);
    // All that is left of the window is silence.
    given.when(sample(200, 0, 0)).then_nothing();
}

#[test]
fn deployments_do_not_speak_for_each_other() {
    let given = given().events([sample(5, 50, 50)]);
    let given = given.when(sample_of("d-2", 10, 50, 0)).then_nothing();
    let correlations: Vec<String> = given.sagas().map(|saga| saga.correlation.clone()).collect();
    assert_eq!(correlations, [SAGA, "shop/eu/access_log/d-2"]);
}

#[test]
fn samples_in_any_order_and_twice_are_judged_alike() {
    let given = given().events([sample(10, 10, 0), sample(5, 10, 10)]);
    assert!(watch(&given).is_high);
    let given = given.events((3..=900).map(|place| sample(place * 5, 1, 0)));
    assert_eq!(watch(&given).samples.len(), 12, "those of the window");
}

#[test]
fn it_ends_when_no_samples_come_and_begins_again() {
    let given = given().events([sample(5, 50, 0)]);
    let given = given.recorded_from(second(300)).events([sample(300, 50, 0)]);
    let given = given.after(QUIET_SAMPLES - TimeDelta::seconds(10)).status(SAGA, "running");
    let given = given.after(TimeDelta::seconds(20)).ended(SAGA, "quiet");
    let given = given.recorded_from(second(2_000)).when(sample(2_000, 50, 50));
    given.then([high((1_995, 2_000), 50, 50)]);
}
