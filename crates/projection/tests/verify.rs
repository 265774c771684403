//! Rows are held against the log, and what was changed by hand is found.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use brainops_projection::{CompareLimits, RowChange, Verification, generations, verify};
use common::history::workshop;
use common::{Bench, REFUSED, figure, figures, small_batches};
use tokio_util::sync::CancellationToken;

async fn verified(bench: &Bench, folder: &tempfile::TempDir) -> Verification {
    let shop = workshop(bench, folder, "verifier");
    let (model, stop) = (Arc::new(bench.model.clone()), CancellationToken::new());
    verify(model, &shop, CompareLimits::default(), &stop).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_proven_while_they_are_written_and_one_that_was_edited_is_found() {
    let (bench, folder) = (Bench::new("verify").await, tempfile::tempdir().unwrap());
    bench.append(figures(2_000, 150, 1)).await;
    bench.append(vec![figure("parked", "1", 1.0, REFUSED), figure("parked", "2", 1.0, "EUR")]).await;
    let running = bench.start(small_batches("live", 200));
    bench.caught_up().await;

    let writing = async {
        for round in 2..12 {
            bench.append(figures(200, 150, round)).await;
        }
    };
    let (proven, ()) = tokio::join!(verified(&bench, &folder), writing);
    assert!(proven.is_proven(), "{:#?}", proven.comparison);
    assert_eq!(proven.is_deterministic, None);
    let digests = &proven.comparison.tables;
    assert!(digests.iter().all(|table| table.left.rows > 0 && table.left.sha256 == table.right.sha256));
    let left = generations(bench.namespace.pool(), "metrics").await.unwrap();
    assert_eq!(left.len(), 1, "what was folded to be compared is removed");

    bench.caught_up().await;
    let edited = "UPDATE metrics_g1.metric SET total = total + 1 WHERE subject = (SELECT min(subject) FROM metrics_g1.metric)";
    sqlx::raw_sql(edited).execute(bench.namespace.pool()).await.unwrap();
    let found = verified(&bench, &folder).await;
    assert!(!found.is_proven());
    assert_eq!(found.is_deterministic, Some(true), "the fold is not to blame");
    let table = found.comparison.tables.iter().find(|table| table.table == "metric").unwrap();
    assert_eq!((table.added, table.removed, table.changed), (0, 0, 1));
    let row = &table.rows[0];
    assert_eq!(row.kind, RowChange::Changed);
    assert_eq!(row.columns.iter().map(|column| column.column.as_str()).collect::<Vec<_>>(), ["total"]);
    assert_eq!(row.left_event, row.right_event, "the event behind the row is named");
    assert!(row.left_event.is_some());
    running.stop().await;
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fold_that_gives_other_rows_each_time_is_said_to_do_so() {
    let (bench, folder) = (Bench::new("unsteady").await, tempfile::tempdir().unwrap());
    bench.append(figures(300, 20, 1)).await;
    let running = bench.start(small_batches("live", 100));
    bench.caught_up().await;
    running.stop().await;
    bench.model.is_unsteady.store(true, Ordering::SeqCst);
    let found = verified(&bench, &folder).await;
    assert!(!found.is_proven());
    assert_eq!(found.is_deterministic, Some(false));
    bench.namespace.close().await;
}
