//! Urgent inputs are reacted to before the backlog in front of them, each saga's in order, and without starving the others.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod common;

use std::collections::BTreeMap;

use brainops_event::Outgoing;
use brainops_testkit::eventually;
use common::{LIMIT, Scene, Tally, check, count_urgently, count_with};
use serde_json::json;

/// Ordinary inputs, each of a saga of its own: eight batches.
const BACKLOG: i64 = 400;

fn ordinary() -> Vec<Outgoing> {
    (0..BACKLOG).map(|saga| count_with(&format!("o{saga}"), 1, 0, "")).collect()
}

/// How many sagas of the backlog were written by transactions after all those of the urgent ones.
const WRITTEN_LATER: &str = "\
SELECT count(*) FROM brainops.saga
 WHERE correlation LIKE 'o%'
   AND xmin::text::bigint > (SELECT max(xmin::text::bigint) FROM brainops.saga WHERE correlation LIKE 'u%')";

#[tokio::test(flavor = "multi_thread")]
async fn urgent_inputs_are_taken_before_the_backlog_in_front_of_them_and_each_saga_keeps_its_order() {
    let scene = Scene::new("sagaurgent").await;
    scene.append(ordinary()).await;
    let mut behind = vec![count_with("order", 1, 0, ""), count_urgently("order", 2, 0, "")];
    behind.extend((0..5).map(|saga| count_urgently(&format!("u{saga}"), 1, 0, "")));
    scene.append(behind).await;
    let running = scene.run(Tally::default());
    let taken = || async { scene.count("SELECT count(*) FROM brainops.saga_inbox").await == BACKLOG + 7 };
    eventually(LIMIT, taken).await.expect("everything is taken");
    let later = scene.count(WRITTEN_LATER).await;
    assert!(
        later >= BACKLOG / 2,
        "{later} of {BACKLOG} sagas in front of the urgent ones were written after them"
    );
    assert_eq!(
        scene.saga("order").await.unwrap().0["seen"],
        json!([1, 2]),
        "nothing overtakes within a saga"
    );
    let early = "SELECT count(*) FROM brainops.saga_inbox WHERE passed_at = 'infinity'";
    let all_passed = || async { scene.is_read_to_the_end().await && scene.count(early).await == 0 };
    eventually(LIMIT, all_passed).await.expect("the turn of each comes, and is noted");
    let mut expected: BTreeMap<String, usize> = (0..BACKLOG).map(|saga| (format!("o{saga}"), 1)).collect();
    expected.extend((0..5).map(|saga| (format!("u{saga}"), 1)));
    expected.insert("order".to_owned(), 2);
    check(&scene, &expected).await.unwrap();
    running.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_urgent_inputs_starves_nobody() {
    let scene = Scene::new("sagastream").await;
    scene.append(ordinary()).await;
    let running = scene.run(Tally::default());
    let mut urgent = 0;
    let ordinary = "SELECT count(*) FROM brainops.saga WHERE correlation LIKE 'o%'";
    // The stream goes on until the last of the others is done, more of it each time than is taken in two batches.
    while scene.count(ordinary).await < BACKLOG {
        assert!(urgent < 30_000, "the backlog is not done while {urgent} urgent inputs came");
        scene
            .append(
                (urgent..urgent + 100)
                    .map(|number| count_urgently(&format!("u{number}"), 1, 0, ""))
                    .collect(),
            )
            .await;
        urgent += 100;
    }
    running.stop().await;
    scene.close().await;
}
