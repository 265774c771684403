//! Comparing costs memory by the row, not by the table. A file of its own, since it measures its process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what must hold")]

mod common;

use brainops_projection::{CompareLimits, Side, compare, install};
use brainops_testkit::Namespace;
use common::hand::{MONTHS_SQL, execute, ready, rows_sql};
use common::{Metrics, TABLES_SQL, VIEWS_SQL};

const ROWS: u32 = 100_000;
/// The rows of one side are more than this.
const BOUND_KB: u64 = 12_000;

/// The most memory that this process ever had.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_rows_are_compared_in_bounded_memory() {
    let namespace = Namespace::new("compare-large").await;
    let pool = namespace.pool();
    let left = install(pool, &Metrics::default()).await.unwrap();
    let right = ready(pool, 2, 1, TABLES_SQL, VIEWS_SQL).await;
    for side in [&left, &right] {
        execute(pool, side, MONTHS_SQL).await;
        execute(pool, side, &rows_sql(1, ROWS)).await;
    }
    execute(pool, &right, "UPDATE {generation}.metric SET total = -1 WHERE times % 4 = 0").await;

    let (mut left, mut right) =
        (Side::open(pool, &left).await.unwrap(), Side::open(pool, &right).await.unwrap());
    let before = peak_kb();
    let compared = compare(&mut left, &mut right, CompareLimits { rows: 3 }).await.unwrap();
    let grown = peak_kb() - before;
    let metric = &compared.tables[0];
    assert_eq!((metric.changed, metric.rows.len()), (u64::from(ROWS / 4), 3));
    assert_eq!(compared.tables[1].left.rows, u64::from(ROWS));
    assert!(grown < BOUND_KB, "{grown} kB");
    left.close().await.unwrap();
    right.close().await.unwrap();
    namespace.close().await;
}
