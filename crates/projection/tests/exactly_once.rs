//! Rows are the fold of the topic, whatever happens to those who fold.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what must hold")]

mod common;

use std::time::Duration;

use brainops_projection::{RunOptions, RunState, list, wait_until};
use brainops_testkit::eventually;
use common::{Bench, LIMIT, figure, figures, small_batches};

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_the_fold_of_the_topic_and_repeats_count_once() {
    let bench = Bench::new("fold").await;
    let events = figures(700, 40, 1);
    bench.append(events.clone()).await;
    let running = bench.start(small_batches("one", 97));
    bench.caught_up().await;
    bench.append(events[..200].to_vec()).await; // all of them again
    bench.append(figures(100, 40, 2)).await;
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    assert_eq!(bench.number("SELECT sum(times)::bigint FROM metrics.metric").await, 800);
    assert_eq!(bench.number("SELECT count(*) FROM metrics.sample").await, 800);
    running.stop().await;

    let again = bench.start(RunOptions::new("two")); // goes on where the first one stopped
    bench.append(figures(50, 40, 3)).await;
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    freshness_says_that_nothing_is_behind(&bench).await;
    again.stop().await;
    let stopped =
        "SELECT count(*) FROM brainops.progress WHERE state = 'stopped' AND reason_class = 'ShutDown'";
    assert_eq!(bench.number(stopped).await, 8);
    let status = list(bench.namespace.pool()).await.unwrap().remove(0);
    assert_eq!((status.state, status.reasons.len()), (RunState::NotFollowed, 0));
    bench.namespace.close().await;
}

async fn freshness_says_that_nothing_is_behind(bench: &Bench) {
    let fresh = "SELECT count(*) FROM metrics.freshness \
                  WHERE lag_offsets = 0 AND lag_seconds = 0 AND state = 'running' AND next_offset = log_end_offset \
                    AND heartbeat_at > now() - interval '5 seconds'";
    eventually(LIMIT, || async { bench.number(fresh).await == 8 }).await.unwrap();
    let status = list(bench.namespace.pool()).await.unwrap().remove(0);
    assert_eq!(
        (status.state, status.lag_offsets, status.lag_seconds),
        (RunState::Running, Some(0), Some(0.0))
    );
    let rows: Vec<i64> = status.tables.iter().map(|table| table.rows).collect();
    assert_eq!(rows, [40, 850]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_share_the_partitions_and_count_nothing_twice() {
    let bench = Bench::new("two").await;
    bench.append(figures(300, 30, 4)).await;
    let one = bench.start(small_batches("one", 20));
    let two = bench.start(small_batches("two", 20));
    bench.append(figures(600, 30, 5)).await;
    let shared = "SELECT count(DISTINCT instance) FROM brainops.progress WHERE state = 'running'";
    eventually(LIMIT, || async { bench.number(shared).await == 2 }).await.unwrap();
    bench.append(figures(300, 30, 6)).await;
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    one.stop().await; // its partitions move to the other
    bench.append(figures(300, 30, 7)).await;
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    assert_eq!(bench.number("SELECT sum(times)::bigint FROM metrics.metric").await, 1500);
    two.stop().await;
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_writers_of_one_process_share_the_partitions() {
    let bench = Bench::new("writers").await;
    bench.append(figures(600, 30, 14)).await;
    let running = bench.start(RunOptions { writers: 3, ..small_batches("one", 20) });
    let shared = "SELECT count(DISTINCT instance) FROM brainops.progress WHERE state = 'running'";
    eventually(LIMIT, || async { bench.number(shared).await == 3 }).await.unwrap();
    bench.append(figures(600, 30, 15)).await;
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    assert_eq!(bench.number("SELECT sum(times)::bigint FROM metrics.metric").await, 1200);
    running.stop().await;
    bench.namespace.close().await;
}

/// A batch over two partitions is under way when another owner takes one of them over.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_taken_over_writes_nothing_of_that_partition_and_all_of_the_others() {
    let bench = Bench::new("zombie").await;
    bench.append(figures(100, 20, 8)).await;
    let running = bench.start(RunOptions::new("zombie"));
    bench.caught_up().await;

    // The newer owner holds the lock of its checkpoint until the batch of the older one waits for it.
    let mut newer = bench.namespace.pool().begin().await.unwrap();
    let take = "UPDATE metrics_g1.checkpoint SET epoch = epoch + 1 WHERE partition = 0 AND topic LIKE '%.business' RETURNING next_offset";
    let taken_at: i64 = sqlx::query_scalar(take).fetch_one(&mut *newer).await.unwrap();
    bench.append(figures(100, 20, 9)).await;
    let waiting = "SELECT count(*) FROM pg_stat_activity \
                    WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually(LIMIT, || async { bench.number(waiting).await > 0 }).await.unwrap();
    newer.commit().await.unwrap();

    let mut others = bench.end().await;
    let zero = brainops_event::Partition::new(0).unwrap();
    let end_of_zero = others.get(&bench.namespace.topic("business"), zero).unwrap().get();
    others.set(bench.namespace.topic("business"), zero, brainops_event::Offset::ZERO);
    wait_until(bench.namespace.pool(), "metrics", &others, LIMIT).await.unwrap();
    let at: i64 = bench
        .number(
            "SELECT next_offset FROM metrics_g1.checkpoint WHERE partition = 0 AND topic LIKE '%.business'",
        )
        .await;
    let samples = "SELECT count(*) FROM metrics_g1.sample WHERE partition = 0";
    assert!(taken_at < end_of_zero, "the batch has records of the lost partition");
    assert_eq!(
        (at, bench.number(samples).await),
        (taken_at, taken_at),
        "nothing of the lost partition is written"
    );

    // The newer owner never comes: the partition is taken over anew, and nothing is missing or doubled.
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    running.stop().await;
    bench.namespace.close().await;
}

/// Backends are ended in the middle of batches.
#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_tried_again_with_the_same_batch() {
    let bench = Bench::new("retry").await;
    let running = bench.start(small_batches("one", 10));
    for round in 10..14 {
        bench.append(figures(200, 20, round)).await;
        let end_backends = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        // The pool of the test is the pool of the projection: our own connection may be the next to go.
        sqlx::query_scalar::<_, i64>(end_backends).fetch_one(bench.namespace.pool()).await.ok();
    }
    let end = bench.end().await;
    let reached = || async {
        wait_until(bench.namespace.pool(), "metrics", &end, Duration::from_secs(1)).await.is_ok()
    };
    eventually(LIMIT, reached).await.unwrap();
    bench.check_rows(&end).await;
    running.stop().await;
    bench.namespace.close().await;
}

/// Lists, quotes, nulls and times come back as they went in, from both ways of writing.
#[tokio::test(flavor = "multi_thread")]
async fn values_come_back_as_they_went_in() {
    let bench = Bench::new("values").await;
    let units = ["EUR", "", "a,b", "{}", "\"", "\\", "NULL", " ", "é🦀", "line\nbreak\ttab"];
    let events =
        units.iter().enumerate().map(|(number, unit)| figure("metrics/all", &number.to_string(), 0.1, unit));
    bench.append(events.collect()).await;
    let running = bench.start(small_batches("one", 3));
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    let stored: Vec<String> = sqlx::query_scalar("SELECT units FROM metrics.metric")
        .fetch_one(bench.namespace.pool())
        .await
        .unwrap();
    assert_eq!(stored, units);
    let nulls = bench.number("SELECT count(*) FROM metrics.sample WHERE unit IS NULL").await;
    assert_eq!(nulls, 1);
    let month = "SELECT count(*) FROM pg_class WHERE relname = 'sample_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')";
    assert_eq!(bench.number(month).await, 1);
    assert_eq!(bench.number("SELECT count(*) FROM metrics.sample").await, 10);
    running.stop().await;
    bench.namespace.close().await;
}
