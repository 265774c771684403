//! The answer to COMMIT gets lost, with and without the commit: the checkpoint decides.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what must hold")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brainops_projection::PostgresConfig;
use brainops_testkit::{Cut, Judge, Proxy, says};
use common::{Bench, figures, small_batches};

/// Cuts every third connection that commits a batch.
async fn cutting(server: String, cut: Cut) -> Proxy {
    let commits = Arc::new(AtomicUsize::new(0));
    let judges = move || -> Judge {
        let (commits, mut has_moved) = (Arc::clone(&commits), false);
        Box::new(move |said: &[u8]| {
            has_moved |= says(said, b"COPY metrics_g1.sample");
            let is_commit = has_moved && says(said, b"COMMIT\0");
            if is_commit && commits.fetch_add(1, Ordering::SeqCst) % 3 == 2 { cut } else { Cut::Not }
        })
    };
    Proxy::judging(server, judges).await
}

async fn check(name: &str, cut: Cut) {
    let bench = Bench::new(name).await;
    let postgres = bench.namespace.postgres().clone();
    let proxy = cutting(format!("{}:{}", postgres.host, postgres.port), cut).await;
    let through = PostgresConfig { host: "127.0.0.1".to_owned(), port: proxy.port(), ..postgres };
    let pool = through.pool().await.unwrap();
    bench.append(figures(400, 30, 60)).await;
    let running = bench.start_over(pool, small_batches("one", 25));
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    assert_eq!(bench.number("SELECT sum(times)::bigint FROM metrics.metric").await, 400);
    assert!(proxy.cuts() >= 3, "commits were cut");
    assert_eq!(
        bench.number("SELECT max(epoch) FROM metrics_g1.checkpoint").await,
        1,
        "nobody had to take over anew"
    );
    running.stop().await;
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_not_done_again() {
    check("lost-answer", Cut::Answer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_lost_is_done_again() {
    check("lost-commit", Cut::Question).await;
}
