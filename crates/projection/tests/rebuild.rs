//! A generation that is folded from history holds what following gave, and goes on like it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use brainops_projection::{
    Asked, Decide, DecisionState, Generation, GenerationState, RebuildError, RebuildState, Request, RunOptions, Workshop,
    ask_rebuild, begin_rebuild, find_generation, rebuild_progress, work_on_rebuild,
};
use brainops_testkit::{eventually, stored_rows};
use common::{Bench, LIMIT, Metrics, PANIC, REFUSED, every_kind_of_bad, figure, figures, small_batches};
use sqlx::AssertSqlSafe;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// How long an unknown schema is waited for here.
const PATIENCE: Duration = Duration::from_millis(1_500);

fn workshop(bench: &Bench, folder: &TempDir, worker: &str) -> Workshop {
    Workshop {
        pool: bench.namespace.pool().clone(),
        log: bench.namespace.cluster().read_only(),
        registry: bench.namespace.registry().clone(),
        scratch: folder.path().to_owned(),
        worker: worker.to_owned(),
        at_once: 2,
        unknown_schema_patience: PATIENCE,
    }
}

async fn rebuild(bench: &Bench, shop: &Workshop) -> Generation {
    let generation = begin_rebuild(&bench.model, shop, Request::next(None)).await.unwrap();
    work(bench, shop, &generation).await.unwrap();
    generation
}

async fn work(bench: &Bench, shop: &Workshop, generation: &Generation) -> Result<(), RebuildError> {
    let model = Arc::new(bench.model.clone());
    work_on_rebuild(model, shop.clone(), generation.clone(), CancellationToken::new()).await
}

/// What is parked in a generation, without when.
async fn parked_in(bench: &Bench, generation: &Generation) -> Vec<String> {
    let sql = format!(
        "SELECT format('%s/%s@%s..%s %s %s %s', topic, partition, record_offset, last_offset, held, subject, reason_code) \
           FROM {}.parked ORDER BY topic, partition, record_offset",
        generation.schema()
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(bench.namespace.pool()).await.unwrap()
}

async fn same(bench: &Bench, left: &Generation, right: &Generation) {
    let rows = async |generation| stored_rows::<Metrics>(bench.namespace.pool(), generation).await.unwrap();
    let (left_rows, right_rows) = (rows(left).await, rows(right).await);
    assert!(left_rows == right_rows, "{} and {} hold other rows", left.schema(), right.schema());
    assert_eq!(parked_in(bench, left).await, parked_in(bench, right).await);
}

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

/// Waits until a generation is folded up to the end of the log.
async fn followed(bench: &Bench, generation: &Generation) {
    let end = bench.end().await;
    let reached = async || {
        let sql = format!("SELECT topic, partition, next_offset FROM {}.checkpoint", generation.schema());
        let rows: Vec<(String, i32, i64)> =
            sqlx::query_as(AssertSqlSafe(sql)).fetch_all(bench.namespace.pool()).await.unwrap();
        end.iter().all(|(topic, partition, next)| {
            rows.iter().any(|row| row.0 == topic.as_str() && row.1 == partition.get() && row.2 >= next.get())
        })
    };
    eventually(LIMIT, reached).await.unwrap();
}
