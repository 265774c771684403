//! Postgres loses connections and answers, the outbox is full, an owner sleeps and wakes: what is decided is decided once.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brainops_outbox::OutboxConfig;
use brainops_projection::PostgresConfig;
use brainops_saga::{Cast, SagaOptions, Stage, run};
use brainops_testkit::{Cut, Judge, Proxy, eventually, says};
use common::{LIMIT, Process, Running, Scene, Tally, check, child, count_with};

/// The life of a process that other tests start.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    child::live().await;
}

fn inputs(sagas: i64, from: i64, through: i64) -> Vec<brainops_event::Outgoing> {
    let all = (from..=through).flat_map(|number| {
        (0..sagas)
            .map(move |saga| count_with(&format!("h{saga}"), number, u32::try_from(number % 4).unwrap(), ""))
    });
    all.collect()
}

fn expected(sagas: i64, each: usize) -> BTreeMap<String, usize> {
    (0..sagas).map(|saga| (format!("h{saga}"), each)).collect()
}

/// Cuts the connection at every third COMMIT of a transaction that has moved checkpoints.
async fn commits_are_cut(name: &str, cut: Cut) {
    let scene = Scene::new(name).await;
    let postgres = scene.namespace.postgres().clone();
    let (commits, cuts) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&cuts);
    let judges = move || -> Judge {
        let (commits, cuts, mut has_reacted) = (Arc::clone(&commits), Arc::clone(&counted), false);
        Box::new(move |bytes: &[u8]| {
            has_reacted |= says(bytes, b"brainops.saga_inbox");
            if has_reacted && says(bytes, b"COMMIT\0") && commits.fetch_add(1, Ordering::SeqCst) % 3 == 1 {
                cuts.fetch_add(1, Ordering::SeqCst);
                return cut;
            }
            Cut::Not
        })
    };
    let proxy = Proxy::judging(format!("{}:{}", postgres.host, postgres.port), judges).await;
    let through = PostgresConfig { host: "127.0.0.1".to_owned(), port: proxy.port(), ..postgres };
    let stage = Stage { pool: through.pool().await.unwrap(), ..scene.stage.clone() };
    let options = SagaOptions { max_records: 10, ..SagaOptions::default() };
    let cast = Cast::of(Tally::default()).unwrap();
    let running = Running::start(|shutdown| run(cast, stage, options, shutdown));
    scene.append(inputs(6, 1, 30)).await;
    scene.until_taken(180).await;
    assert!(cuts.load(Ordering::SeqCst) > 2, "{} commits were cut", cuts.load(Ordering::SeqCst));
    check(&scene, &expected(6, 30)).await.unwrap();
    running.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_commit_is_lost_and_the_checkpoint_decides() {
    commits_are_cut("sagaanswer", Cut::Answer).await;
    commits_are_cut("sagaquestion", Cut::Question).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_that_are_ended_in_mid_transaction_cost_time_only() {
    let scene = Scene::new("sagabackends").await;
    let running = scene.run(Tally::default());
    for round in 0..15 {
        scene.append(inputs(4, round * 3 + 1, round * 3 + 3)).await;
        scene
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE application_name LIKE 'saga %' AND datname = current_database()",
            )
            .await;
    }
    scene.until_taken(180).await;
    check(&scene, &expected(4, 45)).await.unwrap();
    running.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_outbox_holds_agents_back_until_there_is_room() {
    let config = OutboxConfig { shards: 2, lease_ms: 1_500, max_pending: 100, ..OutboxConfig::default() };
    let scene = Scene::with("sagafull", config).await;
    scene.append(inputs(5, 1, 10)).await;
    // Somebody's events that no relay sends: the place of their shard is not one that there is.
    let full = "INSERT INTO brainops.outbox (outbox_id, shard, topic, partition, bytes)
                SELECT -number, 77, 'elsewhere', 0, 10 FROM generate_series(1, 200) AS number";
    scene.execute(full).await;
    let running = scene.run(Tally::default());
    let assigned = || async { scene.count("SELECT count(*) FROM brainops.saga_checkpoint").await > 0 };
    eventually(LIMIT, assigned).await.unwrap();
    assert_eq!(scene.count("SELECT count(*) FROM brainops.saga_inbox").await, 0, "nothing is taken");
    scene.execute("DELETE FROM brainops.outbox WHERE shard = 77").await;
    scene.until_taken(50).await;
    check(&scene, &expected(5, 10)).await.unwrap();
    running.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_sleeps_and_wakes_writes_nothing() {
    let scene = Scene::new("sagazombie").await;
    let sleeping = Process::start(&scene, Some("saga.begun=stop"), None);
    scene.append(inputs(3, 1, 4)).await;
    sleeping.until_stopped().await;
    // The group misses it, and another process takes its partitions over.
    let _other = Process::start(&scene, None, None);
    scene.until_taken(12).await;
    sleeping.wake();
    scene.append(inputs(3, 5, 8)).await;
    scene.until_taken(24).await;
    check(&scene, &expected(3, 8)).await.unwrap();
    scene.close().await;
}
