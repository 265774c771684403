//! Folding history again has no effects: whoever does it has a login that can only read, and the log is as it was.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod common;

use std::sync::Arc;

use brainops_event::{Catalog, Frontier};
use brainops_log::{ReadOnlyCluster, end_frontier};
use brainops_projection::{
    Clock, CompareLimits, MomentAt, MomentQuestion, MomentWanted, Workshop, compare_aligned, offer_moment,
    resolve_moment, verify,
};
use common::history::{rebuild, same, work, workshop};
use common::{Bench, PANIC, REFUSED, figure, figures, small_batches};
use tokio_util::sync::CancellationToken;

/// Where every topic that there is ends.
async fn ends(bench: &Bench) -> Frontier {
    let topics: Vec<_> = Catalog::builtin().topics().iter().map(|name| bench.namespace.topic(name)).collect();
    end_frontier(bench.namespace.cluster(), &topics).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_a_verification_and_a_past_moment_leave_every_topic_as_it_was() {
    let (bench, folder) = (Bench::new("effects").await, tempfile::tempdir().unwrap());
    bench.append(figures(1_000, 80, 1)).await;
    bench.append(vec![figure("left out", "1", 1.0, REFUSED), figure("held", "1", 1.0, PANIC)]).await;
    let running = bench.start(small_batches("live", 300));
    let end = bench.caught_up().await;

    // The login of the reader, and no other: there is nothing that Kafka would let append.
    let mut kafka = bench.namespace.stack().kafka.clone();
    (kafka.appender, kafka.admin) = (None, None);
    let log = ReadOnlyCluster::new(kafka, bench.namespace.cluster().log_config().clone()).unwrap();
    let shop = Workshop { log, ..workshop(&bench, &folder, "reader") };
    let before = ends(&bench).await;

    let next = rebuild(&bench, &shop).await;
    same(&bench, &bench.generation, &next).await;
    let (model, stop) = (Arc::new(bench.model.clone()), CancellationToken::new());
    let pair = (&bench.generation, &next);
    let compared = compare_aligned(&model, &shop, pair, CompareLimits::default(), &stop).await.unwrap();
    assert!(compared.is_equal());
    assert!(verify(model, &shop, CompareLimits::default(), &stop).await.unwrap().is_proven());
    let question = MomentQuestion { at: MomentAt::Frontier(end), clock: Clock::Recorded };
    let resolved = resolve_moment(&bench.model, &shop, &question).await.unwrap();
    let wanted = MomentWanted { asked_by: "person-1", time_to_live: None, fresh: false, failed_stands: None };
    let offered = offer_moment(&bench.model, &shop, &resolved, wanted).await.unwrap();
    work(&bench, &shop, &offered.generation).await.unwrap();
    same(&bench, &bench.generation, &offered.generation).await;

    assert_eq!(ends(&bench).await, before, "nothing was appended anywhere");
    running.stop().await;
    bench.namespace.close().await;
}
