//! The stop switch: what agents ask for waits or fails with nothing done; what people and services ask for is done.

use std::time::Instant;

use brainops_testkit::eventually;
use serde_json::json;

use crate::check::{by_call, check};
use crate::scene::{IN_FLIGHT, LIMIT, Scene, asked, asked_by};

const STOP: &str = "INSERT INTO brainops.saga_switch (agent, number, is_stopped, decided_by, reason, decided_at) \
                    VALUES ('tester', 1, true, 'kim', 'enough', now()) \
                    ON CONFLICT (agent) DO UPDATE SET is_stopped = true";
const START: &str = "UPDATE brainops.saga_switch SET is_stopped = false";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stopped_agent_asks_for_waits_until_it_is_started() {
    let scene = Scene::new("toolhalt").await;
    let gate = scene.gate();
    scene.execute(STOP).await;
    let call =
        |number: u32| asked("probe.once", &format!("c-{number}"), &json!({"word": format!("w{number}")}));
    scene.ask((1..=10).map(call).collect()).await;
    scene.ask(vec![asked_by("shop", "probe.once", "s-1", "{\"word\":\"of the shop\"}")]).await;
    scene.until_ended(1).await;
    assert_eq!(scene.lines(), ["of the shop"]);
    assert_eq!(scene.count("SELECT count(*) FROM brainops.tool_call WHERE state = 'waiting'").await, 10);
    scene.execute(START).await;
    let stood = scene.until_ended(11).await;
    check(&stood, &scene.lines()).unwrap();
    assert_eq!(scene.lines().len(), 11);
    gate.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_was_claimed_before_the_stop_and_has_not_begun_fails_with_nothing_done() {
    let scene = Scene::new("toolhaltlate").await;
    let late = scene.process(Some("tool.started=stop"), None);
    scene.ask(vec![asked("probe.once", "c-1", &json!({"word": "one"}))]).await;
    late.until_stopped().await;
    scene.execute(STOP).await;
    late.wake();
    let stood = scene.until_ended(1).await;
    let calls = by_call(&stood);
    let end = calls["c-1"].after.last().unwrap();
    assert_eq!((end.event_type.as_str(), &end.data["reason_code"]), ("tool.call.failed", &json!("stopped")));
    assert_eq!(end.data["is_without_effect"], json!(true));
    assert_eq!(scene.lines(), Vec::<String>::new());
    drop(late);
    scene.close().await;
}

/// Prints how long it took; `cargo test … -- --nocapture under_load` shows it.
#[tokio::test(flavor = "multi_thread")]
async fn under_load_nothing_begins_once_the_switch_is_thrown() {
    const CALLS: u32 = 3_000;
    let scene = Scene::new("toolhaltload").await;
    let gate = scene.gate();
    let call =
        |number: u32| asked("probe.again", &format!("c-{number}"), &json!({"word": format!("w{number}")}));
    scene.ask((1..=CALLS).map(call).collect()).await;
    eventually(LIMIT, || async { scene.lines().len() >= 100 }).await.expect("it is at work");
    scene.execute(STOP).await;
    let (thrown, begun) = (Instant::now(), scene.lines().len());
    let claimed = "SELECT count(*) FROM brainops.tool_call WHERE state = 'claimed'";
    eventually(LIMIT, || async { scene.count(claimed).await == 0 }).await.expect("it comes to rest");
    let (took, done) = (thrown.elapsed(), scene.lines().len());
    eprintln!(
        "at rest {} ms after the switch; {} acts were under way, {done} of {CALLS} done",
        took.as_millis(),
        done - begun
    );
    assert!(done - begun <= IN_FLIGHT, "only what had begun goes on: {begun}, then {done}");
    assert!(done < CALLS as usize, "the load was too small to say anything");
    assert_eq!(scene.lines().len(), done, "nothing begins");
    scene.execute(START).await;
    let stood = scene.until_ended(i64::from(CALLS)).await;
    check(&stood, &scene.lines()).unwrap();
    gate.stop().await;
    scene.close().await;
}
