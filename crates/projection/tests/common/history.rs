//! What tests of history share: where it is folded, and what a generation holds.

use std::sync::Arc;
use std::time::Duration;

use brainops_projection::{
    Generation, Pace, RebuildError, Request, Workshop, begin_rebuild, work_on_rebuild,
};
use brainops_testkit::{eventually, stored_rows};
use sqlx::AssertSqlSafe;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{Bench, LIMIT, Metrics};

/// How long an unknown schema is waited for here.
pub const PATIENCE: Duration = Duration::from_millis(1_500);

/// Where history is folded, under the name of a worker.
pub fn workshop(bench: &Bench, folder: &TempDir, worker: &str) -> Workshop {
    Workshop {
        pool: bench.namespace.pool().clone(),
        log: bench.namespace.cluster().read_only(),
        registry: bench.namespace.registry().clone(),
        scratch: folder.path().to_owned(),
        worker: worker.to_owned(),
        at_once: 2,
        unknown_schema_patience: PATIENCE,
        pace: Pace { in_memory_bytes: 0, ..Pace::default() },
    }
}

/// Folds the next generation from all of history.
pub async fn rebuild(bench: &Bench, shop: &Workshop) -> Generation {
    let generation = begin_rebuild(&bench.model, shop, Request::next(None)).await.unwrap();
    work(bench, shop, &generation).await.unwrap();
    generation
}

/// Works on what was begun, until it ends.
pub async fn work(bench: &Bench, shop: &Workshop, generation: &Generation) -> Result<(), RebuildError> {
    let model = Arc::new(bench.model.clone());
    work_on_rebuild(model, shop.clone(), generation.clone(), CancellationToken::new()).await
}

/// What is parked in a generation, without when.
pub async fn parked_in(bench: &Bench, generation: &Generation) -> Vec<String> {
    let sql = format!(
        "SELECT format('%s/%s@%s..%s %s %s %s', topic, partition, record_offset, last_offset, held, subject, reason_code) \
           FROM {}.parked ORDER BY topic, partition, record_offset",
        generation.schema()
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(bench.namespace.pool()).await.unwrap()
}

/// Checks that two generations hold the same rows, byte for byte, and have the same parked.
pub async fn same(bench: &Bench, left: &Generation, right: &Generation) {
    let rows = async |generation| stored_rows::<Metrics>(bench.namespace.pool(), generation).await.unwrap();
    let (left_rows, right_rows) = (rows(left).await, rows(right).await);
    assert!(left_rows == right_rows, "{} and {} hold other rows", left.schema(), right.schema());
    assert_eq!(parked_in(bench, left).await, parked_in(bench, right).await);
}

/// Waits until a generation is folded up to the end of the log.
pub async fn followed(bench: &Bench, generation: &Generation) {
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
