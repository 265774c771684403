//! The projector is a process of its own and is killed in mid-stream: rows are the fold of the topic all the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what must hold")]

mod common;

use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use brainops_projection::{PostgresConfig, run};
use brainops_testkit::{TestStack, eventually};
use common::{Bench, LIMIT, Metrics, figures, small_batches};
use tokio_util::sync::CancellationToken;

/// Names the namespace to the process that is started by this test.
const CHILD: &str = "BRAINOPS_TEST_CHILD";

/// The life of that process. As a test of its own it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(prefix) = std::env::var(CHILD) else { return };
    let stack = TestStack::from_env().unwrap();
    let postgres = PostgresConfig { database: prefix.clone(), ..stack.postgres.clone() };
    let (cluster, registry) = (stack.cluster(&prefix).unwrap(), stack.registry().unwrap());
    let pool = postgres.pool().await.unwrap();
    let options = small_batches("child", 20);
    run(Arc::new(Metrics::default()), pool, cluster, registry, options, CancellationToken::new())
        .await
        .unwrap();
}

/// A process that is killed when the test ends early.
struct Killed(Child);

impl Killed {
    fn start(bench: &Bench) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child", "--nocapture", "--test-threads", "1"]);
        command.env(CHILD, bench.namespace.prefix()).stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// SIGKILL, and the end of it.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        let status = self.0.wait().unwrap();
        assert!(!status.success(), "it must have been running: {status}");
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.0.kill().ok();
            self.0.wait().ok();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_mid_stream_again_and_again_nothing_is_lost_or_doubled() {
    let bench = Bench::new("kill").await;
    let total = 6_000;
    bench.append(figures(total, 300, 50)).await;
    let end = bench.end().await;
    let folded = "SELECT coalesce(sum(next_offset), 0)::bigint FROM metrics_g1.checkpoint";
    let mut before = 0;
    for part in [500, 2_500] {
        let mut child = Killed::start(&bench);
        eventually(LIMIT, || async { bench.number(folded).await > part }).await.unwrap();
        child.kill();
        let at = bench.number(folded).await;
        assert!(before < at && at < i64::try_from(total).unwrap(), "it was killed in mid-stream, at {at}");
        before = at;
    }
    let last = bench.start(small_batches("last", 500));
    bench.caught_up().await;
    bench.check_rows(&end).await;
    assert_eq!(
        bench.number("SELECT sum(times)::bigint FROM metrics.metric").await,
        i64::try_from(total).unwrap()
    );
    last.stop().await;
    bench.namespace.close().await;
}
