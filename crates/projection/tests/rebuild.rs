//! A generation that is folded from history holds what following gave, and goes on like it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod common;

use brainops_projection::{Decide, DecisionState, GenerationState, RunOptions, find_generation};
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
