//! Whoever is in the way of a projection, what passes is waited out with the same batch; only our own stuck former
//! owner is ended.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what must hold")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use brainops_projection::{PostgresConfig, RunOptions, install, run, wait_until};
use brainops_testkit::eventually;
use common::{Bench, LIMIT, Metrics, figures, small_batches};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

/// How many backends wait for a lock.
const WAITING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

fn options(postgres: &PostgresConfig) -> PgConnectOptions {
    postgres.options().unwrap()
}

async fn connection(bench: &Bench) -> PgConnection {
    options(bench.namespace.postgres()).connect().await.unwrap()
}

async fn execute(connection: &mut PgConnection, sql: impl Into<String>) {
    sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(connection).await.unwrap();
}

/// Somebody holds the checkpoints under this name; how many seconds a takeover then took, and whether they still live.
async fn taken_over_in_spite_of(bench: &Bench, name: &str, patience: Duration) -> bool {
    bench.append(figures(100, 20, 90)).await;
    let running = bench.start(RunOptions::new("first"));
    bench.caught_up().await;
    running.stop().await;
    let mut former = connection(bench).await;
    execute(&mut former, format!("BEGIN; SET LOCAL application_name = '{name}'")).await;
    execute(&mut former, "UPDATE metrics_g1.checkpoint SET updated_at = now()").await;

    bench.append(figures(100, 20, 91)).await;
    let running = bench.start(RunOptions::new("second"));
    let end = bench.end().await;
    let reached = wait_until(bench.namespace.pool(), "metrics", &end, patience).await.is_ok();
    let lives = sqlx::query("SELECT 1").execute(&mut former).await.is_ok();
    assert_eq!(reached, !lives, "it is taken over if and only if they were ended");
    if lives {
        execute(&mut former, "ROLLBACK").await;
        wait_until(bench.namespace.pool(), "metrics", &end, LIMIT).await.unwrap();
    }
    bench.check_rows(&end).await;
    running.stop().await;
    lives
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_former_owner_is_ended() {
    let bench = Bench::new("stuck").await;
    assert!(!taken_over_in_spite_of(&bench, "projection metrics_g1", LIMIT).await);
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_with_the_locks_is_waited_for_and_never_ended() {
    let bench = Bench::new("else").await;
    assert!(taken_over_in_spite_of(&bench, "a report", Duration::from_secs(14)).await);
    bench.namespace.close().await;
}

/// A pool whose sessions have these settings.
async fn pool_with(bench: &Bench, settings: &[(&str, &str)]) -> PgPool {
    let options = options(bench.namespace.postgres()).options(settings.iter().copied());
    PgPoolOptions::new().max_connections(10).connect_with(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_locked_is_waited_for_also_past_a_statement_timeout() {
    let bench = Bench::new("locked").await;
    bench.append(figures(50, 20, 92)).await;
    let pool = pool_with(&bench, &[("statement_timeout", "300ms")]).await;
    let running = bench.start_over(pool, small_batches("one", 20));
    bench.caught_up().await;
    let mut other = connection(&bench).await;
    execute(&mut other, "BEGIN; LOCK TABLE metrics_g1.metric IN ACCESS EXCLUSIVE MODE").await;
    bench.append(figures(50, 20, 93)).await;
    // Seen to wait, given up, and seen to wait again.
    for waits in [1, 0, 1, 0, 1] {
        eventually(LIMIT, || async { bench.number(WAITING).await == waits }).await.unwrap();
    }
    execute(&mut other, "ROLLBACK").await;
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    assert_eq!(bench.number("SELECT sum(times)::bigint FROM metrics.metric").await, 100);
    running.stop().await;
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_deadlock_the_same_batch_is_folded_again() {
    let bench = Bench::new("deadlock").await;
    bench.append(figures(50, 1, 94)).await;
    let running = bench.start(small_batches("one", 20));
    bench.caught_up().await;
    let mut other = connection(&bench).await;
    execute(&mut other, "BEGIN; SELECT 1 FROM metrics_g1.metric FOR UPDATE").await;
    bench.append(figures(50, 1, 95)).await;
    eventually(LIMIT, || async { bench.number(WAITING).await == 1 }).await.unwrap();
    // The batch has waited longer than we will have, so it is the one to see the deadlock and to give way.
    execute(&mut other, "UPDATE metrics_g1.checkpoint SET updated_at = now()").await;
    execute(&mut other, "COMMIT").await;
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    assert_eq!(bench.number("SELECT sum(times)::bigint FROM metrics.metric").await, 100);
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    eventually(LIMIT, || async { bench.number(deadlocks).await == 1 }).await.unwrap();
    running.stop().await;
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_serialization_failure_the_same_batch_is_folded_again() {
    let bench = Bench::new("serialize").await;
    bench.append(figures(50, 20, 96)).await;
    let pool = pool_with(&bench, &[("default_transaction_isolation", "serializable")]).await;
    let running = bench.start_over(pool, small_batches("one", 20));
    bench.caught_up().await;
    let mut other = connection(&bench).await;
    execute(&mut other, "BEGIN; UPDATE metrics_g1.checkpoint SET updated_at = now()").await;
    bench.append(figures(50, 20, 97)).await;
    eventually(LIMIT, || async { bench.number(WAITING).await == 1 }).await.unwrap();
    execute(&mut other, "COMMIT").await; // what the batch waited for has changed under its snapshot
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    assert_eq!(bench.number("SELECT sum(times)::bigint FROM metrics.metric").await, 100);
    running.stop().await;
    bench.namespace.close().await;
}

/// One read model is locked out of its table; the other does not notice.
#[tokio::test(flavor = "multi_thread")]
async fn each_read_model_has_a_pace_of_its_own() {
    let bench = Bench::new("pace").await;
    let pool = bench.namespace.pool();
    let other_model = Metrics { name: "others", ..Metrics::default() };
    install(pool, &other_model).await.unwrap();
    let shutdown = CancellationToken::new();
    let (cluster, registry) = (bench.namespace.cluster().clone(), bench.namespace.registry().clone());
    let options = small_batches("other", 20);
    let others = run(Arc::new(other_model), pool.clone(), cluster, registry, options, shutdown.clone());
    let others = tokio::spawn(others);
    let running = bench.start(small_batches("one", 20));
    bench.append(figures(50, 20, 98)).await;
    bench.caught_up().await;

    let mut lock = connection(&bench).await;
    execute(&mut lock, "BEGIN; LOCK TABLE metrics_g1.metric IN ACCESS EXCLUSIVE MODE").await;
    bench.append(figures(50, 20, 99)).await;
    let end = bench.end().await;
    wait_until(pool, "others", &end, LIMIT).await.unwrap();
    assert!(wait_until(pool, "metrics", &end, Duration::ZERO).await.is_err(), "it is locked out");
    execute(&mut lock, "ROLLBACK").await;
    lock.close().await.unwrap();
    bench.caught_up().await;
    bench.check_rows(&end).await;
    shutdown.cancel();
    others.await.unwrap().unwrap();
    running.stop().await;
    bench.namespace.close().await;
}
