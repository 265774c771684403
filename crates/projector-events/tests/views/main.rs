//! From the log to the index, on the test stack.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use brainops_event::types::lead::LeadLost;
use brainops_event::types::monitor::AlertFired;
use brainops_event::{
    Envelope, EventId, EventType, Outgoing, PartitionCount, Source, Subject, partition_for,
};
use brainops_log::WINDOW_OFFSETS;
use brainops_projection::undocumented;
use brainops_projector_events::Events;
use brainops_testkit::{Namespace, project, said};
use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::{PgPool, Row as _};

fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600 + seconds, 0).unwrap()
}

/// An event of a flow, about one of seven subjects.
fn step(number: i64) -> Outgoing {
    let envelope = Envelope::new(
        EventId::new(format!("e{number}")).unwrap(),
        Source::new("tests/agent").unwrap(),
        EventType::new("agent.intent.plan").unwrap(),
        Subject::new(format!("s{}", number % 7)).unwrap(),
    );
    Outgoing::message(envelope.with_correlation_id("flow-1").unwrap(), "{}").unwrap()
}

fn leads_of_different_partitions(partitions: u16) -> [String; 2] {
    let count = PartitionCount::new(partitions.into()).unwrap();
    let partition = |lead: &str| partition_for(lead.as_bytes(), count);
    let other = (2..).map(|number| format!("l{number}")).find(|lead| partition(lead) != partition("l1"));
    ["l1".to_owned(), other.unwrap()]
}

type Key = (DateTime<Utc>, String, i32, i64);

async fn tail(pool: &PgPool, event_type: Option<&str>, after: Option<Key>, limit: i64) -> Vec<Key> {
    let tail = include_str!("../../../../projections/events/queries/tail.sql");
    let (at, topic, partition, offset) = match after {
        Some((at, topic, partition, offset)) => (Some(at), Some(topic), Some(partition), Some(offset)),
        None => (None, None, None, None),
    };
    let query = sqlx::query(tail).bind(event_type).bind(None::<&str>).bind(None::<&str>).bind(None::<&str>);
    let query = query.bind(at).bind(topic).bind(partition).bind(offset).bind(limit);
    let rows = query.fetch_all(pool).await.unwrap();
    let key = |row: &sqlx::postgres::PgRow| {
        (row.get("recorded_at"), row.get("topic"), row.get("partition"), row.get("log_offset"))
    };
    rows.iter().map(key).collect()
}

async fn check_tail(pool: &PgPool) {
    let all = tail(pool, None, None, 100).await;
    assert_eq!(all.len(), 35, "the repeat stands in another partition, so it is no duplicate");
    assert!(all.is_sorted_by(|one, other| one > other), "the latest first");
    let (first, rest) = (tail(pool, None, None, 10).await, tail(pool, None, Some(all[9].clone()), 100).await);
    assert_eq!([first, rest].concat(), all);
    assert_eq!(tail(pool, Some("monitor.alert.fired"), None, 100).await.len(), 2);
}

async fn check_identities(pool: &PgPool) {
    let event = include_str!("../../../../projections/events/queries/event.sql");
    let rows = sqlx::query(event).bind("tests/agent").bind("e3").fetch_all(pool).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].get::<String, _>("schema_name"), "brainops.agent.Message");

    let known = include_str!("../../../../projections/events/queries/known_ids.sql");
    let asked = ["e3", "e29", "e30", "x"].map(str::to_owned).to_vec();
    let found: Vec<String> =
        sqlx::query_scalar(known).bind("tests/agent").bind(asked).fetch_all(pool).await.unwrap();
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), ["e29", "e3"].map(str::to_owned).into());

    let ids = include_str!("../../../../projections/events/queries/ids_of_source.sql");
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let query = sqlx::query_scalar(ids).bind("tests/agent").bind(after).bind(8_i64);
        let page: Vec<String> = query.fetch_all(pool).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        all.extend(page);
    }
    assert_eq!(all.len(), 30);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 30);

    let [moved, twice] = &repeats(pool).await[..] else { panic!("two events stand twice") };
    assert_eq!((moved.id.as_str(), moved.times, moved.partitions, moved.differs), ("moved", 2, 2, true));
    assert!(moved.positions[0].contains(".lead/") && moved.positions[1].contains(".monitor/"), "{moved:?}");
    assert_eq!((twice.id.as_str(), twice.times, twice.partitions, twice.differs), ("twice", 2, 2, true));
    assert_eq!((twice.positions.len(), twice.recorded_at.len()), (2, 2));
    let count = include_str!("../../../../projections/events/queries/repeat_count.sql");
    let row = sqlx::query(count).fetch_one(pool).await.unwrap();
    assert_eq!((row.get::<i64, _>("events"), row.get::<i64, _>("times_too_many")), (2, 2));
}

/// A row of the query `repeats`.
#[derive(Debug)]
struct Repeat {
    id: String,
    times: i64,
    partitions: i64,
    differs: bool,
    positions: Vec<String>,
    recorded_at: Vec<DateTime<Utc>>,
}

/// By id.
async fn repeats(pool: &PgPool) -> Vec<Repeat> {
    let query = include_str!("../../../../projections/events/queries/repeats.sql");
    let rows = sqlx::query(query).bind(Some("testkit")).bind(100_i64).fetch_all(pool).await.unwrap();
    let repeat = |row: &sqlx::postgres::PgRow| Repeat {
        id: row.get("id"),
        times: row.get("times"),
        partitions: row.get("partitions"),
        differs: row.get("envelope_differs"),
        positions: row.get("positions"),
        recorded_at: row.get("recorded_at"),
    };
    let mut repeats: Vec<Repeat> = rows.iter().map(repeat).collect();
    repeats.sort_by(|one, other| one.id.cmp(&other.id));
    repeats
}

/// The window is 65,536 offsets: what is said again at that distance is dropped, one offset further it is counted and
/// reported. What fills the distance is one event said again and again, which costs readers no row.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_beyond_the_window_is_reported() {
    let namespace = Namespace::new("repeats").await;
    let lost = |id: &str| said::<LeadLost>(id, "l1", moment(0), json!({"lead_id": "l1"}));
    let distance = usize::try_from(WINDOW_OFFSETS).unwrap();
    let mut events = vec![lost("far"), lost("near")];
    events.extend(std::iter::repeat_n(lost("filler"), distance - 1));
    events.extend([lost("near"), lost("far")]);
    for appended in namespace.appender().append_all(events).await {
        appended.unwrap();
    }
    project(&namespace, Events).await;
    let pool = namespace.pool();
    let counted = "SELECT count(*) FROM events.event";
    assert_eq!(sqlx::query_scalar::<_, i64>(counted).fetch_one(pool).await.unwrap(), 4);
    let [far] = &repeats(pool).await[..] else { panic!("one event was counted twice") };
    assert_eq!((far.id.as_str(), far.times, far.partitions, far.differs), ("far", 2, 1, false));
    let offsets: Vec<&str> = far.positions.iter().filter_map(|at| at.split('@').nth(1)).collect();
    assert_eq!(offsets, ["0", &(distance + 2).to_string()]);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_can_be_found() {
    let namespace = Namespace::new("events").await;
    let alert = json!({"fingerprint": "f1", "alert_name": "Errors", "starts_at": 0});
    let mut events: Vec<Outgoing> = (0..30).map(step).collect();
    events.push(step(3)); // a duplicate in its own partition: left out by the reader
    for lead in leads_of_different_partitions(namespace.stack().log.partitions) {
        events.push(said::<LeadLost>("twice", &lead, moment(0), json!({"lead_id": lead})));
    }
    events.push(said::<AlertFired>("a1", "prometheus/f1", moment(0), alert.clone()));
    let mut appended = namespace.appender().append_all(events).await;
    // Said in two topics, one after the other.
    let moved = [
        said::<LeadLost>("moved", "l1", moment(0), json!({"lead_id": "l1"})),
        said::<AlertFired>("moved", "prometheus/f1", moment(0), alert),
    ];
    for event in moved {
        appended.push(namespace.appender().append(event).await);
    }
    for appended in appended {
        appended.unwrap();
    }
    let generation = project(&namespace, Events).await;
    let pool = namespace.pool();
    assert_eq!(undocumented(pool, &generation).await.unwrap(), Vec::<String>::new());
    check_tail(pool).await;
    check_identities(pool).await;

    let types = include_str!("../../../../projections/events/queries/types.sql");
    let rows = sqlx::query(types).fetch_all(pool).await.unwrap();
    let counts: Vec<(String, i64)> = rows.iter().map(|row| (row.get("type"), row.get("events"))).collect();
    let expected = [("agent.intent.plan", 30), ("lead.lost", 3), ("monitor.alert.fired", 2)];
    assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)));
    let flow = include_str!("../../../../projections/events/queries/flow.sql");
    assert_eq!(sqlx::query(flow).bind("flow-1").bind(100_i64).fetch_all(pool).await.unwrap().len(), 30);
    let freshness = include_str!("../../../../projections/events/queries/freshness.sql");
    assert!(!sqlx::query(freshness).fetch_all(pool).await.unwrap().is_empty());
    namespace.close().await;
}
