//! The fold, without a stack: given events, then rows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use brainops_event::types::lead::LeadLost;
use brainops_event::{
    Body, Catalog, Envelope, EventId, EventType, Offset, Outgoing, Partition, PartitionCount, Recorded,
    Source, Subject, TopicName, Trust, partition_for,
};
use brainops_projection::{AnyRows as _, Changed, ReadModel as _};
use brainops_projector_events::{EventRow, EventTables, Events, IdentityRow};
use brainops_testkit::{given, said};
use chrono::{DateTime, Utc};
use serde_json::json;

fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600 + seconds, 0).unwrap()
}

fn envelope(id: &str) -> Envelope {
    Envelope::new(
        EventId::new(id).unwrap(),
        Source::new("tests").unwrap(),
        EventType::new("agent.intent.plan").unwrap(),
        Subject::new("s1").unwrap(),
    )
}

#[test]
fn a_row_says_what_the_envelope_says_and_where_the_record_stands() {
    let full = envelope("e1").with_time(moment(-5)).with_correlation_id("flow").unwrap();
    let full =
        full.with_causation_id("cause").unwrap().with_auth_id("operator").unwrap().with_trust(Trust::Model);
    let outcome = given(Events)
        .recorded_from(moment(0))
        .events([Outgoing::message(full, "{}").unwrap(), Outgoing::message(envelope("e2"), "{}").unwrap()])
        .fold();
    let (topic, partition) = {
        let first = outcome.tables().event.all()[0];
        (first.topic.clone(), first.partition)
    };
    assert_eq!(topic.as_str(), "brainops.agent");
    let changed = |id: &str, offset: i64| Changed {
        source: "tests".to_owned(),
        id: id.to_owned(),
        position: format!("{topic}/{partition}@{offset}"),
    };
    let bare = EventRow {
        topic: topic.clone(),
        partition,
        offset: Offset::new(1).unwrap(),
        recorded_at: moment(1),
        event_type: "agent.intent.plan".to_owned(),
        subject: "s1".to_owned(),
        happened_at: moment(1),
        correlation_id: None,
        causation_id: None,
        schema_id: outcome.tables().event.all()[0].schema_id,
        schema_name: Some("brainops.agent.Message".to_owned()),
        trust: None,
        auth_id: None,
        changed: changed("e2", 1),
    };
    let full = EventRow {
        offset: Offset::ZERO,
        recorded_at: moment(0),
        happened_at: moment(-5),
        correlation_id: Some("flow".to_owned()),
        causation_id: Some("cause".to_owned()),
        trust: Some("model".to_owned()),
        auth_id: Some("operator".to_owned()),
        changed: changed("e1", 0),
        ..bare.clone()
    };
    assert!(full.schema_id.is_some());
    outcome.expect(|tables| &tables.event, [full, bare]);
}

#[test]
fn records_of_every_topic_and_without_a_schema_are_indexed() {
    assert_eq!(Events.topics(), Catalog::builtin().topics());
    assert_eq!(Events.topics().len(), 17);
    let lead = said::<LeadLost>("e1", "l1", moment(0), json!({"lead_id": "l1"}));
    let envelope = lead.envelope.view();
    let topic = TopicName::new("other.prefix.tool").unwrap();
    for body in [Body::Json("{}".into()), Body::Empty] {
        let (partition, offset) = (Partition::new(3).unwrap(), Offset::new(9).unwrap());
        let recorded_at = moment(0);
        let event =
            Recorded { topic: &topic, partition, offset, recorded_at, envelope: envelope.clone(), body };
        let mut tables = EventTables::default();
        Events.want(&event, &mut tables).unwrap();
        Events.fold(&event, &mut tables).unwrap();
        let row = tables.event.all()[0].clone();
        assert_eq!((row.schema_id, row.schema_name), (None, None));
        assert_eq!(row.changed.position, "other.prefix.tool/3@9");
        assert_eq!(tables.event.tuples().unwrap().len(), 1);
    }
}

/// The identity is the same, the places are not: each has a row, whoever else said the same.
#[test]
fn each_record_of_an_identity_has_a_row_of_its_own() {
    let lost = |lead: &str| said::<LeadLost>("same", lead, moment(0), json!({"lead_id": lead}));
    let message = Outgoing::message(envelope("same"), "{}").unwrap();
    let count = PartitionCount::new(8).unwrap();
    let partition = |lead: &String| partition_for(lead.as_bytes(), count) != partition_for(b"l1", count);
    let elsewhere = (2..).map(|number| format!("l{number}")).find(partition).unwrap();
    let outcome = given(Events).events([lost("l1"), lost(&elsewhere), message]).fold();
    let rows: Vec<IdentityRow> = outcome.tables().identity.all().into_iter().cloned().collect();
    let indexed: Vec<(Partition, Offset)> =
        outcome.tables().event.all().iter().map(|row| (row.partition, row.offset)).collect();
    assert_eq!(rows.iter().map(|row| (row.partition, row.offset)).collect::<Vec<_>>(), indexed);
    let [first, second, other] = rows.as_slice() else { panic!("three rows: {rows:?}") };
    assert_eq!((first.id.as_str(), &first.source), ("same", &second.source));
    assert_eq!((first.topic.as_str(), other.topic.as_str()), ("brainops.lead", "brainops.agent"));
    assert_eq!((first.recorded_at, other.recorded_at), (moment(0), moment(2)));
}

#[test]
fn the_data_dictionary_says_what_the_sql_says() {
    let readme = include_str!("../../../../projections/events/README.md");
    let sql = [
        include_str!("../../../../projections/events/tables.sql"),
        include_str!("../../../../projections/events/views.sql"),
    ];
    brainops_testkit::check_dictionary("events", readme, &sql);
}
