//! Nothing is decided twice, lost or reordered: over partitions, over processes, over repeats.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod common;

use std::collections::BTreeMap;

use brainops_fault::Bug;
use common::{Process, Scene, Tally, check, child, count_with};

/// The life of a process that other tests start.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    child::live().await;
}

/// So many sagas with so many inputs each, spread over partitions; answers what is to be found.
async fn append(scene: &Scene, sagas: i64, inputs: i64) -> BTreeMap<String, usize> {
    let names: Vec<String> = (0..sagas).map(|saga| format!("s{saga}")).collect();
    let events = (1..=inputs).flat_map(|number| {
        names.iter().map(move |name| count_with(name, number, u32::try_from(number % 5).unwrap(), ""))
    });
    scene.append(events.collect()).await;
    names.into_iter().map(|name| (name, usize::try_from(inputs).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_of_one_saga_from_several_partitions_and_processes_are_taken_once_in_one_order() {
    let scene = Scene::new("sagaorder").await;
    let (one, other) = (scene.run(Tally::default()), scene.run(Tally::default()));
    let expected = append(&scene, 20, 30).await;
    scene.until_taken(600).await;
    check(&scene, &expected).await.unwrap();
    // A process that comes and one that goes.
    other.kill().await;
    let third = scene.run(Tally::default());
    let more =
        (31..=40).flat_map(|number| (0..20).map(move |saga| count_with(&format!("s{saga}"), number, 3, "")));
    scene.append(more.collect()).await;
    scene.until_taken(800).await;
    check(&scene, &expected.into_keys().map(|name| (name, 40)).collect()).await.unwrap();
    one.stop().await;
    third.stop().await;
    scene.close().await;
}

/// The same event in two partitions: no window of one partition knows it for a repeat.
async fn said_twice(scene: &Scene, bug: Option<Bug>) -> Result<(), String> {
    let _running = Process::start(scene, None, bug);
    scene.append(vec![count_with("a", 1, 0, ""), count_with("a", 2, 0, "")]).await;
    scene.until_taken(2).await;
    let mut again = count_with("a", 1, 4, "");
    // The outbox knows it for a repeat; another producer does not ask the outbox.
    let appender = scene.namespace.appender();
    again.envelope = again.envelope.with_time(chrono::DateTime::UNIX_EPOCH);
    appender.append(again).await.expect("appended");
    scene.append(vec![count_with("a", 3, 0, ""), count_with("a", 4, 4, "")]).await;
    scene.until_taken(4).await;
    let positions = scene.said("agent", "agent.task.count").await.len();
    assert_eq!(positions, 5, "it stands twice, in two partitions");
    check(scene, &BTreeMap::from([("a".to_owned(), 4)])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_said_again_elsewhere_is_taken_once() {
    let scene = Scene::new("sagatwice").await;
    said_twice(&scene, None).await.unwrap();
    scene.close().await;
    let scene = Scene::new("sagatwicebug").await;
    said_twice(&scene, Some(Bug::InboxCheckRemoved)).await.expect_err("without the inbox it is taken twice");
    scene.close().await;
}
