//! The process dies between any two steps: what was decided is decided once all the same.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod common;

use std::collections::BTreeMap;

use brainops_fault::Bug;
use common::{Process, Scene, check, child, count_with};

/// Where it dies.
const POINTS: [&str; 9] = [
    "saga.taken_over",
    "saga.batch_received",
    "saga.begun",
    "saga.checkpoint_moved",
    "saga.locked",
    "saga.reacted",
    "saga.saved",
    "saga.enqueued",
    "saga.committed",
];

/// The life of a process that other tests start.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    child::live().await;
}

/// Kills a process at its n-th passage of a point, and lets another one go on.
async fn killed_at(scene: &Scene, point: &str, passage: u32, round: u32, bug: Option<Bug>) {
    let mut dying = Process::start(scene, Some(&format!("{point}@{passage}=kill")), bug);
    let lanes =
        (0..6).map(|lane| count_with(&format!("k{}", lane % 3), i64::from(round * 6 + lane), lane, ""));
    scene.append(lanes.collect()).await;
    dying.until_dead().await;
}

/// Dies at each of these points, one after the other, and goes on each time.
async fn killed_at_each(points: &[&str]) {
    let scene = Scene::new("sagakilled").await;
    for (round, point) in (0..).zip(points) {
        killed_at(&scene, point, 1, round, None).await;
    }
    let _last = Process::start(&scene, None, None);
    let inputs = 6 * points.len();
    scene.until_taken(i64::try_from(inputs).unwrap()).await;
    let expected: BTreeMap<_, _> = (0..3).map(|saga| (format!("k{saga}"), inputs / 3)).collect();
    check(&scene, &expected).await.unwrap();
    scene.close().await;
}

/// The group misses a killed member after ten seconds only, so several are killed beside each other.
#[tokio::test(flavor = "multi_thread")]
async fn killed_between_any_two_steps_nothing_is_lost_or_doubled() {
    futures::future::join_all(POINTS.chunks(3).map(killed_at_each)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_saved_before_it_is_told_is_lost_and_seen_to_be() {
    let scene = Scene::new("sagasavedbug").await;
    killed_at(&scene, "saga.enqueued", 1, 0, Some(Bug::SavedBeforeOutbox)).await;
    let _last = Process::start(&scene, None, None);
    scene.until_taken(6).await;
    let expected: BTreeMap<_, _> = (0..3).map(|saga| (format!("k{saga}"), 2)).collect();
    check(&scene, &expected).await.expect_err("decisions are lost");
    scene.close().await;
}
