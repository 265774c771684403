//! A topic that was deleted and made again is another topic: nothing starts from zero in silence.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what must hold")]

mod common;

use brainops_event::Catalog;
use brainops_log::{delete_topics, ensure_topics};
use brainops_projection::RunOptions;
use brainops_testkit::eventually;
use common::{Bench, LIMIT, figures};

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_was_made_again_stops_its_partitions_and_names_both_ids() {
    let bench = Bench::new("replaced").await;
    let (cluster, topic) = (bench.namespace.cluster(), bench.namespace.topic("business"));
    bench.append(figures(100, 20, 70)).await;
    let running = bench.start(RunOptions::new("before"));
    let before = bench.caught_up().await;
    running.stop().await;

    delete_topics(cluster, std::slice::from_ref(&topic)).await.unwrap();
    eventually(LIMIT, || async { ensure_topics(cluster, Catalog::builtin()).await.is_ok() }).await.unwrap();
    eventually(LIMIT, || async { bench.end().await.topic_id(&topic) != before.topic_id(&topic) })
        .await
        .unwrap();
    bench.append(figures(500, 20, 71)).await;
    let after = bench.end().await;

    let running = bench.start(RunOptions::new("after"));
    let stopped = "SELECT count(*) FROM metrics.freshness WHERE reason_class = 'TopicReplaced'";
    eventually(LIMIT, || async { bench.number(stopped).await == 4 }).await.unwrap();
    let reason = "SELECT min(reason) FROM metrics.freshness";
    let reason: String = sqlx::query_scalar(reason).fetch_one(bench.namespace.pool()).await.unwrap();
    for frontier in [&before, &after] {
        assert!(reason.contains(frontier.topic_id(&topic).unwrap().as_str()), "{reason}");
    }
    assert_eq!(
        bench.number("SELECT sum(times)::bigint FROM metrics.metric").await,
        100,
        "nothing new is folded"
    );
    running.stop().await;
    bench.namespace.close().await;
}
