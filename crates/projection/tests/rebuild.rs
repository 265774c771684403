//! A generation that is folded from history holds what following gave, and goes on like it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod common;

use brainops_event::frame;
use brainops_projection::{
    Decide, DecisionState, Generation, GenerationState, Pace, RunOptions, Workshop, drop_generation,
    find_generation,
};
use brainops_testkit::{Namespace, RawRecord};
use common::history::{PATIENCE, followed, rebuild, same, workshop};
use common::{Bench, PANIC, REFUSED, every_kind_of_bad, figure, figures, small_batches};

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuilt_generation_holds_what_following_gave_and_goes_on_like_it() {
    let (bench, folder) = (Bench::new("rebuild").await, tempfile::tempdir().unwrap());
    bench.append(figures(3_000, 200, 7)).await;
    for bad in every_kind_of_bad(&bench.namespace).await {
        bad.append(&bench.namespace).await;
    }
    bench.append(vec![figure("left out", "1", 1.0, "EUR"), figure("left out", "2", 2.0, REFUSED)]).await;
    bench.append(vec![figure("left out", "3", 3.0, "EUR"), figure("held", "1", 1.0, PANIC)]).await;
    bench.append(vec![figure("held", "2", 2.0, "EUR"), figure("left out", "4", 4.0, REFUSED)]).await;
    bench.append(figures(2_000, 200, 8)).await;
    let options = RunOptions { unknown_schema_patience: PATIENCE, ..small_batches("live", 500) };
    let running = bench.start(options);
    bench.caught_up().await;
    let head = bench.parked_of("left out").await.unwrap();
    assert!(matches!(bench.decide(Decide::Dismiss(&head)).await, DecisionState::Done(_)));
    let frontier = bench.caught_up().await;
    let shop = workshop(&bench, &folder, "rebuilder");
    let next = rebuild(&bench, &shop).await;
    assert_eq!((next.number, next.schema()), (2, "metrics_g2".to_owned()));
    same(&bench, &bench.generation, &next).await;
    bench.check_rows(&frontier).await;
    let known = find_generation(bench.namespace.pool(), "metrics", 2).await.unwrap();
    assert_eq!(known.state, GenerationState::Ready);
    let left = std::fs::read_dir(folder.path().join("metrics_g2")).map(Iterator::count).unwrap_or_default();
    assert_eq!(left, 0, "scratch is removed");

    bench.append(figures(1_000, 300, 9)).await;
    bench.caught_up().await;
    followed(&bench, &next).await;
    same(&bench, &bench.generation, &next).await;
    running.stop().await;
    bench.namespace.close().await;
}

/// Some of the partitions below have events that are refused, so that they are set aside after all.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_the_same_whether_history_is_folded_in_memory_or_set_aside() {
    let (bench, folder) = (Bench::new("in-memory").await, tempfile::tempdir().unwrap());
    bench.append(figures(2_000, 200, 3)).await;
    for bad in every_kind_of_bad(&bench.namespace).await {
        bad.append(&bench.namespace).await;
    }
    misplaced(&bench.namespace).await;
    bench.append(vec![figure("held", "1", 1.0, PANIC), figure("held", "2", 2.0, "EUR")]).await;
    bench.append(figures(2_000, 200, 3)).await; // said twice
    bench.append(figures(1_000, 250, 4)).await;
    let options = RunOptions { unknown_schema_patience: PATIENCE, ..small_batches("live", 700) };
    let running = bench.start(options);
    bench.caught_up().await;
    running.stop().await;
    for in_memory_bytes in [0, 1, 20_000, Pace::default().in_memory_bytes] {
        let pace = Pace { in_memory_bytes, ..Pace::default() };
        let shop = Workshop { pace, ..workshop(&bench, &folder, "rebuilder") };
        let next = rebuild(&bench, &shop).await;
        same(&bench, &bench.generation, &next).await;
        same_checkpoints(&bench, &bench.generation, &next).await;
        let known = find_generation(bench.namespace.pool(), "metrics", next.number).await.unwrap();
        drop_generation(bench.namespace.pool(), &known).await.unwrap();
    }
    bench.namespace.close().await;
}

/// Appends a record whose key is not its subject, and one without a key.
async fn misplaced(namespace: &Namespace) {
    let good = figure("elsewhere", "1", 1.0, "EUR");
    let value = frame(namespace.registry().id_for(good.schema).await.unwrap(), &good.datum);
    for (id, key) in [("misplaced-1", Some(&b"another key"[..])), ("misplaced-2", None)] {
        let headers: [(&str, &[u8]); 6] = [
            ("ce_specversion", b"1.0"),
            ("ce_id", id.as_bytes()),
            ("ce_source", b"tests/raw"),
            ("ce_type", good.envelope.event_type().as_str().as_bytes()),
            ("ce_subject", good.key().as_bytes()),
            ("content-type", b"application/vnd.confluent.avro"),
        ];
        let (topic, value) = (namespace.topic("business"), Some(value.as_slice()));
        let record = RawRecord { topic: &topic, partition: None, key, headers: &headers, value };
        namespace.append_raw(record).await;
    }
}

/// Checks that two generations stand at the same places, after the same records.
async fn same_checkpoints(bench: &Bench, left: &Generation, right: &Generation) {
    let mut checkpoints = Vec::new();
    for generation in [left, right] {
        let sql = format!(
            "SELECT format('%s/%s@%s %s %s', topic, partition, next_offset, last_digest, last_recorded_at) \
               FROM {}.checkpoint WHERE next_offset > 0 ORDER BY topic, partition",
            generation.schema()
        );
        let rows: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(bench.namespace.pool()).await.unwrap();
        assert!(!rows.is_empty());
        checkpoints.push(rows);
    }
    assert_eq!(checkpoints[0], checkpoints[1]);
}
