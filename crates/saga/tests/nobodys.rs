//! Records of which nobody can say whom they concern, decisions that stand in other words, tables that say what they mean.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod common;

use std::collections::BTreeMap;

use brainops_event::types::saga::SagaReacted;
use brainops_event::{Envelope, EventId, EventType, Outgoing, Source, Subject, TypedEvent as _, derived_id};
use brainops_saga::{Cast, RunError, SagaOptions, run};
use brainops_testkit::soon;
use common::{Scene, Tally, check, count};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// A message that the agent's routing cannot read.
fn unreadable(id: &str) -> Outgoing {
    let envelope = Envelope::new(
        EventId::new(id).unwrap(),
        Source::new("test").unwrap(),
        EventType::new("agent.task.count").unwrap(),
        Subject::new("a/0").unwrap(),
    );
    Outgoing::message(envelope, "{\"of\": 5}").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_which_nobody_can_say_whom_it_concerns_is_named_and_left_alone() {
    let scene = Scene::new("saganobody").await;
    let running = scene.run(Tally::default());
    scene.append(vec![count("a", 1), unreadable("bad"), count("a", 2)]).await;
    let unrouted = scene.until_said("saga", "saga.unrouted", 1).await;
    assert_eq!(unrouted[0].subject, "tally");
    assert_eq!(unrouted[0].data["event_id"], json!("bad"));
    assert_eq!(unrouted[0].data["code"], json!("unreadable_payload"));
    scene.until_said("agent", "agent.command.counted", 2).await;
    assert_eq!(scene.count("SELECT count(*) FROM brainops.saga_unrouted").await, 1);
    running.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_stands_in_other_words_parks_its_saga_and_no_other() {
    let scene = Scene::new("sagaconflict").await;
    // Somebody has said, under the very id of what the agent will decide, something else.
    let source = Source::new("brainops/agent/tally").unwrap();
    let id = derived_id(&source, &["a", "1", "test", "a-1", "agent.command.counted", "1"]);
    let event_type = EventType::new("agent.command.counted").unwrap();
    let envelope = Envelope::new(id, source, event_type, Subject::new("tally/a").unwrap());
    scene.append(vec![Outgoing::message(envelope, "{\"number\": 99}").unwrap()]).await;
    let running = scene.run(Tally::default());
    scene.append(vec![count("a", 1), count("b", 1), count("a", 2)]).await;
    let parked = scene.until_said("saga", "saga.parked", 1).await;
    assert_eq!(
        (&parked[0].data["correlation"], &parked[0].data["reason_class"]),
        (&json!("a"), &json!("conflict"))
    );
    scene.until_said("agent", "agent.command.counted", 2).await;
    check(&scene, &BTreeMap::from([("b".to_owned(), 1)])).await.unwrap();
    assert_eq!(scene.saga("a").await.unwrap().1, "parked");
    running.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_whose_saga_somebody_else_has_told_of_stops_and_names_it_and_writes_nothing() {
    let scene = Scene::new("sagaforged").await;
    // Not a decision, whose input could be refused, but the very event that says what was taken.
    let source = Source::new("brainops/agent/tally").unwrap();
    let id = derived_id(&source, &["a", "reacted", "1"]);
    let event_type = EventType::new(SagaReacted::EVENT_TYPE).unwrap();
    let envelope = Envelope::new(id, source, event_type, Subject::new("tally/a").unwrap());
    let told = SagaReacted {
        agent: "tally".to_owned(),
        correlation: "a".to_owned(),
        run: 1,
        version: 1,
        revision: 1,
        consumed: Vec::new(),
        status: "running".to_owned(),
        state_digest: String::new(),
        decisions: Vec::new(),
        waits: Vec::new(),
        refused: None,
    };
    scene.append(vec![Outgoing::typed(envelope, &told).unwrap(), count("a", 1)]).await;
    let running = run(
        Cast::of(Tally::default()).unwrap(),
        scene.stage.clone(),
        SagaOptions::default(),
        CancellationToken::new(),
    );
    let ended = soon("the end of the agent", running).await;
    assert!(
        matches!(&ended, Err(RunError::SaidInOtherWords { correlation, .. }) if correlation == "a"),
        "{ended:?}"
    );
    assert_eq!(scene.count("SELECT count(*) FROM brainops.saga_inbox").await, 0);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_and_column_says_what_it_means() {
    let scene = Scene::new("sagadocs").await;
    let undocumented = "SELECT count(*) FROM pg_catalog.pg_attribute AS part
                          JOIN pg_catalog.pg_class AS whole ON whole.oid = part.attrelid
                         WHERE whole.relnamespace = 'brainops'::regnamespace AND whole.relname LIKE 'saga%'
                           AND whole.relkind = 'r' AND NOT part.attisdropped AND part.attnum >= 0
                           AND (col_description(whole.oid, part.attnum) IS NULL OR obj_description(whole.oid) IS NULL)";
    assert_eq!(scene.count(undocumented).await, 0);
    brainops_saga::migrate(scene.namespace.pool()).await.expect("again is as good as once");
    scene.close().await;
}
