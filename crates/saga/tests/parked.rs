//! A reaction that panics parks its saga; the others go on, and a person lets it go on.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod common;

use std::collections::BTreeMap;

use brainops_saga::Decide;
use brainops_testkit::eventually;
use common::{LIMIT, Scene, Tally, check, count, count_with};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_parks_one_saga_and_its_inputs_wait_in_order_for_mended_code() {
    let scene = Scene::new("sagaparked").await;
    let running = scene.run(Tally::default());
    scene.append(vec![count("a", 1), count_with("a", 2, 0, "panic"), count("a", 3), count("b", 1)]).await;
    scene.until_status("a", "parked").await;
    let parked = scene.until_said("saga", "saga.parked", 1).await;
    assert_eq!(parked[0].data["reason_class"], json!("panicked"));
    assert_eq!(parked[0].data["event_id"], json!("a-2"));
    // Its further inputs wait, those of the others do not.
    scene.append(vec![count("a", 4), count("b", 2)]).await;
    let waiting = || async { scene.count("SELECT count(*) FROM brainops.saga_kept").await == 3 };
    eventually(LIMIT, waiting).await.unwrap();
    assert_eq!(scene.saga("a").await.unwrap().0["seen"], json!([1]), "its state is as it was");
    let both = || async { scene.saga("b").await.is_some_and(|(state, _)| state["seen"] == json!([1, 2])) };
    eventually(LIMIT, both).await.unwrap();
    // The program is mended, and a person lets the saga go on.
    running.stop().await;
    let running = scene.run(Tally { is_frail: false, ..Tally::default() });
    let input = parked[0].data["input"].as_str().unwrap().to_owned();
    scene.decide("a", Decide::Retry { input, skip: false }).await;
    scene.until_status("a", "running").await;
    assert_eq!(scene.saga("a").await.unwrap().0["seen"], json!([1, 2, 3, 4]));
    assert_eq!(scene.count("SELECT count(*) FROM brainops.saga_kept").await, 0);
    scene.until_said("agent", "agent.command.counted", 6).await;
    let places: Vec<_> = scene.said("agent", "agent.command.counted").await;
    let places: Vec<_> =
        places.iter().filter(|one| one.subject == "tally/a").map(|one| one.data["number"].clone()).collect();
    assert_eq!(places, [1, 2, 3, 4]);
    check(&scene, &BTreeMap::from([("b".to_owned(), 2)])).await.unwrap();
    running.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_pause_resume_skip_and_cancel() {
    let scene = Scene::new("sagapeople").await;
    let running = scene.run(Tally::default());
    scene.append(vec![count_with("a", 1, 0, "step"), count_with("b", 1, 0, "refuse")]).await;
    scene.until_status("a", "running").await;
    scene.decide("a", Decide::Pause).await;
    scene.until_status("a", "paused").await;
    scene.append(vec![count("a", 2)]).await;
    let waiting = || async {
        scene.count("SELECT count(*) FROM brainops.saga_kept WHERE correlation = 'a'").await == 1
    };
    eventually(LIMIT, waiting).await.unwrap();
    scene.decide("a", Decide::Resume).await;
    scene.until_status("a", "running").await;
    assert_eq!(scene.saga("a").await.unwrap().0["seen"], json!([1, 2]));
    scene.decide("a", Decide::Cancel).await;
    scene.until_status("a", "compensating").await;
    let undo = scene.until_said("agent", "agent.command.undo", 1).await;
    assert_eq!(undo[0].data, json!({"step": "step-1"}));
    scene.until_status("b", "parked").await;
    let parked = scene.until_said("saga", "saga.parked", 1).await;
    let input = parked[0].data["input"].as_str().unwrap().to_owned();
    scene.decide("b", Decide::Retry { input, skip: true }).await;
    scene.until_status("b", "ended").await;
    running.stop().await;
    scene.close().await;
}
