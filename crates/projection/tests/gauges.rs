//! How long something is parked can be watched.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what must hold")]

mod common;

use brainops_projection::Decide;
use brainops_testkit::eventually;
use common::{Bench, LIMIT, REFUSED, figure, small_batches};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// A gauge of the read model, once it is there.
fn gauge(handle: &PrometheusHandle, name: &str) -> Option<f64> {
    let text = handle.render();
    let named = format!("brainops_projection_{name}{{read_model=\"metrics\",generation=\"1\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&named)?.parse().ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_age_of_what_was_parked_first_is_a_gauge_and_zero_when_nothing_is() {
    let handle = PrometheusBuilder::new().install_recorder().unwrap();
    let bench = Bench::new("gauges").await;
    bench.append(vec![figure("bad/a", "a", 1.0, REFUSED)]).await;
    let running = bench.start(small_batches("one", 40));
    bench.caught_up().await;
    let an_hour_ago = "UPDATE metrics_g1.parked SET parked_at = now() - interval '1 hour'";
    sqlx::raw_sql(an_hour_ago).execute(bench.namespace.pool()).await.unwrap();
    let oldest = || gauge(&handle, "oldest_parked_seconds");
    let is_old = || async { oldest().is_some_and(|age| (3_600.0..3_700.0).contains(&age)) };
    eventually(LIMIT, is_old).await.expect("the age is that of the oldest");
    assert_eq!((gauge(&handle, "parked"), gauge(&handle, "held_records")), (Some(1.0), Some(1.0)));

    bench.decide(Decide::Dismiss(&bench.parked().await[0])).await;
    let is_zero = || async { oldest() == Some(0.0) };
    eventually(LIMIT, is_zero).await.expect("nothing is parked");
    running.stop().await;
    bench.namespace.close().await;
}
