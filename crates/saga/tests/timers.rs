//! Timers fire once: across restarts, whatever dies, whatever the clock does, and however many wait.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod common;

use brainops_fault::Bug;
use brainops_testkit::eventually;
use common::{LIMIT, Process, Scene, Tally, child, count, count_with};
use serde_json::json;

/// The life of a process that other tests start.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    child::live().await;
}

/// Names of the timers that have fired, in the order of the log.
async fn fired(scene: &Scene) -> Vec<String> {
    let fired = scene.said("saga", "saga.timer.fired").await;
    fired.iter().map(|stood| stood.data["timer"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_fires_once_and_one_that_was_cancelled_or_set_anew_does_not() {
    let scene = Scene::new("sagatimers").await;
    let (running, firing, another) = (scene.run(Tally::default()), scene.fire(), scene.fire());
    scene.append(vec![count_with("a", 1, 0, "set one 600"), count_with("a", 2, 0, "set two 600")]).await;
    scene.append(vec![count_with("a", 3, 0, "cancel one"), count_with("a", 4, 0, "set two 1200")]).await;
    scene.append(vec![count_with("a", 5, 0, "set three 1500")]).await;
    let decided = scene.until_said("agent", "agent.command.fired", 2).await;
    assert_eq!(
        decided.iter().map(|one| &one.data).collect::<Vec<_>>(),
        [&json!({"timer": "two"}), &json!({"timer": "three"})]
    );
    let (state, _) = scene.saga("a").await.unwrap();
    assert_eq!(state["fired"], json!(["two", "three"]));
    assert_eq!(scene.count("SELECT count(*) FROM brainops.saga_timer").await, 0);
    for running in [firing, another] {
        running.stop().await;
    }
    running.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_was_replaced_while_its_event_was_on_its_way_is_ignored() {
    let scene = Scene::new("sagastale").await;
    let running = scene.run(Tally::default());
    scene.append(vec![count_with("a", 1, 0, "set one 1")]).await;
    scene.until_said("saga", "saga.reacted", 1).await;
    running.stop().await;
    // It fires while nobody reacts, and what comes before the event is that it is set anew.
    scene.append(vec![count_with("a", 2, 0, "set one 3600000")]).await;
    let firing = scene.fire();
    scene.until_said("saga", "saga.timer.fired", 1).await;
    firing.stop().await;
    let saga = Tally::default();
    // Both inputs are taken in the order of the batch; whatever it is, the old setting does not count as the new one.
    let running = scene.run(saga);
    let taken = || async { scene.count("SELECT count(*) FROM brainops.saga_inbox").await == 3 };
    eventually(LIMIT, taken).await.unwrap();
    assert_eq!(scene.count("SELECT count(*) FROM brainops.saga_timer").await, 1, "the new setting waits");
    running.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn timers_outlive_every_process_and_late_ones_fire_at_once() {
    let scene = Scene::new("sagalate").await;
    let running = scene.run(Tally::default());
    let timers = (1..=20).map(|number| count_with(&format!("t{number}"), number, 0, "set late 400"));
    scene.append(timers.collect()).await;
    scene.until_said("saga", "saga.timer.set", 20).await;
    running.kill().await;
    // All are late by now, and nobody lives; then three processes die in the middle of it.
    let due = || async {
        scene.count("SELECT count(*) FROM brainops.saga_timer WHERE deadline < now()").await == 20
    };
    eventually(LIMIT, due).await.unwrap();
    for point in ["saga.timers_taken", "saga.timers_enqueued", "saga.timers_committed"] {
        Process::start(&scene, Some(&format!("{point}=kill")), None).until_dead().await;
    }
    let _last = Process::start(&scene, None, None);
    assert_eq!(scene.until_said("agent", "agent.command.fired", 20).await.len(), 20);
    assert_eq!(fired(&scene).await.len(), 20);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_an_hour_either_way_neither_loses_nor_doubles_a_timer() {
    let scene = Scene::new("sagaclock").await;
    let (running, firing) = (scene.run(Tally::default()), scene.fire());
    scene
        .append(vec![count_with("a", 1, 0, "set soon 1800000"), count_with("a", 2, 0, "set later 7200000")])
        .await;
    scene.until_said("saga", "saga.timer.set", 2).await;
    assert!(fired(&scene).await.is_empty());
    scene.execute(clock("+ interval '1 hour'")).await;
    scene.until_said("agent", "agent.command.fired", 1).await;
    // Back again: what has fired does not fire again, although its deadline lies ahead now.
    scene.execute(clock("- interval '1 hour'")).await;
    scene.append(vec![count_with("a", 3, 0, "set back 0")]).await;
    scene.until_said("saga", "saga.timer.set", 3).await;
    assert_eq!(fired(&scene).await, ["soon"]);
    scene.execute(clock("+ interval '3 hours'")).await;
    scene.until_said("agent", "agent.command.fired", 3).await;
    let mut all = fired(&scene).await;
    all.sort_unstable();
    assert_eq!(all, ["back", "later", "soon"]);
    firing.stop().await;
    running.stop().await;
    scene.close().await;
}

fn clock(jump: &str) -> &'static str {
    let sql = "CREATE OR REPLACE FUNCTION brainops.saga_clock() RETURNS timestamptz LANGUAGE sql STABLE
               AS $$ SELECT statement_timestamp()";
    format!("{sql} {jump} $$").leak()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_timers_wait_and_one_that_is_due_fires_within_a_second() {
    let scene = Scene::new("sagacrowd").await;
    scene
        .execute(
            "INSERT INTO brainops.saga_timer (setting, agent, correlation, run, name, deadline)
             SELECT 's' || number, 'tally', 'c' || number, 1, 'far', now() + interval '30 days' + number * interval '1 second'
               FROM generate_series(1, 100000) AS number",
        )
        .await;
    let (running, firing) = (scene.run(Tally::default()), scene.fire());
    scene.append(vec![count_with("a", 1, 0, "set due 1500")]).await;
    scene.until_said("saga", "saga.timer.fired", 1).await;
    let late = "SELECT (extract(epoch FROM max(row.inserted_at)) * 1000)::bigint FROM brainops.outbox AS row
                JOIN brainops.outbox_record AS record USING (outbox_id) WHERE record.headers::text LIKE '%saga.timer.fired%'";
    let enqueued = scene.count(late).await;
    let fired = scene.said("saga", "saga.timer.fired").await;
    let deadline = fired[0].data["deadline"].as_str().unwrap();
    let deadline = chrono::DateTime::parse_from_rfc3339(deadline).unwrap().timestamp_millis();
    assert!(
        (0..1_000).contains(&(enqueued - deadline)),
        "fired {} ms after its deadline",
        enqueued - deadline
    );
    firing.stop().await;
    running.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_that_fires_twice_is_seen() {
    let scene = Scene::new("sagatwicetimer").await;
    let _process = Process::start(&scene, None, Some(Bug::TimerFiredTwice));
    scene.append(vec![count_with("a", 1, 0, "set once 1")]).await;
    let fired = scene.until_said("saga", "saga.timer.fired", 2).await;
    assert!(fired.len() > 1, "one setting, {} events", fired.len());
    scene.append(vec![count("a", 2)]).await;
    scene.close().await;
}
