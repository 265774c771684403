//! One bad record costs its partition, or only itself; the others go on, and the progress says why.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what must hold")]

mod common;

use brainops_event::{Partition, PartitionCount, partition_for};
use brainops_projection::{RunError, RunOptions, RunState, WaitError, list, wait_until};
use brainops_testkit::{RawRecord, eventually};
use common::{Bench, LIMIT, OWN_FAULT, REFUSED, figure, figures, small_batches};
use sqlx::Row as _;

/// The partition of a subject in a namespace.
fn partition_of(subject: &str) -> Partition {
    partition_for(subject.as_bytes(), PartitionCount::new(4).unwrap())
}

/// The headers of an event of the read model's type.
fn headers<'a>(subject: &'a str, id: &'a str) -> Vec<(&'a str, &'a [u8])> {
    let text = [
        ("ce_specversion", "1.0"),
        ("ce_id", id),
        ("ce_source", "tests/raw"),
        ("ce_type", "business.metric.recorded"),
        ("ce_subject", subject),
        ("content-type", "application/vnd.confluent.avro"),
    ];
    text.map(|(name, value)| (name, value.as_bytes())).to_vec()
}

async fn check_stopped(bench: &Bench, subject: &str, class: &str, reason: &str) {
    let partition = partition_of(subject).get();
    let stopped = "SELECT reason_class, reason, at_position, next_offset FROM brainops.progress \
                    WHERE state = 'stopped' AND partition = $1";
    let row = || sqlx::query(stopped).bind(partition).fetch_optional(bench.namespace.pool());
    eventually(LIMIT, || async { row().await.unwrap().is_some() }).await.unwrap();
    let row = row().await.unwrap().unwrap();
    let (found_class, found_reason, at): (String, String, String) = (row.get(0), row.get(1), row.get(2));
    assert_eq!(found_class, class, "{found_reason}");
    assert!(found_reason.contains(reason), "{found_reason}");
    let next: i64 = row.get(3);
    assert_eq!(at, format!("{}/{partition}@{next}", bench.namespace.topic("business")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_stops_its_partition_alone() {
    let bench = Bench::new("poison").await;
    let topic = bench.namespace.topic("business");
    bench.append(figures(200, 20, 20)).await;
    let (key, headers) = ("metrics/bad", headers("metrics/bad", "bad"));
    let value: &[u8] = b"\x01 no frame begins like this";
    let bad = RawRecord {
        topic: &topic,
        partition: None,
        key: Some(key.as_bytes()),
        headers: &headers,
        value: Some(value),
    };
    let (partition, offset) = bench.namespace.append_raw(bad).await;
    assert_eq!(partition, partition_of(key));
    bench.append(figures(200, 20, 21)).await; // some of them behind it

    let running = bench.start(RunOptions::new("one"));
    check_stopped(&bench, key, "EventSerialization", "does not say which schema wrote it").await;
    let mut reachable = bench.end().await;
    let stands = wait_until(bench.namespace.pool(), "metrics", &reachable, LIMIT).await.unwrap_err();
    assert!(matches!(stands, WaitError::Stopped { .. }), "{stands}");
    assert!(stands.to_string().contains(&format!("{topic}/{partition}@{offset}")), "{stands}");
    reachable.set(topic.clone(), partition, offset);
    wait_until(bench.namespace.pool(), "metrics", &reachable, LIMIT).await.unwrap();
    bench.check_rows(&bench.end().await).await; // the fold of the topic ends there too

    bench.append(figures(100, 20, 22)).await; // the others still go on
    let mut reachable = bench.end().await;
    reachable.set(topic, partition, offset);
    wait_until(bench.namespace.pool(), "metrics", &reachable, LIMIT).await.unwrap();
    let status = list(bench.namespace.pool()).await.unwrap().remove(0);
    assert_eq!((status.state, status.reasons.len()), (RunState::Stopped, 1));
    assert!(status.lag_seconds.unwrap() > 0.0, "the lag of what stands grows: {status:?}");
    running.stop().await;
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_fold_refuses_or_no_table_holds_stops_its_partition_alone() {
    let bench = Bench::new("refused").await;
    // Two partitions stop in one batch; what is before and beside the bad events is folded.
    let (first, second) = (
        "metrics/0",
        (1..)
            .map(|n| format!("metrics/{n}"))
            .find(|name| partition_of(name) != partition_of("metrics/0"))
            .unwrap(),
    );
    let mut events = figures(100, 20, 30);
    events.insert(50, figure(first, "refused", 1.0, REFUSED));
    events.insert(60, figure(&second, "nul", 1.0, "a\0b"));
    bench.append(events).await;
    let running = bench.start(RunOptions::new("one"));
    check_stopped(&bench, first, "ApplyEvent", "the event is refused: its unit says so").await;
    check_stopped(&bench, &second, "ApplyEvent", "sample.unit cannot be stored: it has a NUL character")
        .await;
    let go_on = "SELECT count(*) FROM metrics.freshness WHERE state = 'running' AND lag_offsets = 0 AND next_offset > 0";
    eventually(LIMIT, || async { bench.number(go_on).await == 2 }).await.unwrap();
    bench.check_rows(&bench.end().await).await;
    running.stop().await;

    // A second start finds the same, and a checkpoint that stopped within a batch knows its last record.
    let digests =
        "SELECT count(*) FROM metrics_g1.checkpoint WHERE next_offset > 0 AND length(last_digest) = 16";
    let begun = bench.number("SELECT count(*) FROM metrics_g1.checkpoint WHERE next_offset > 0").await;
    assert_eq!(bench.number(digests).await, begun);
    let again = bench.start(RunOptions::new("two"));
    let found =
        "SELECT count(*) FROM brainops.progress WHERE reason_class = 'ApplyEvent' AND instance = 'two'";
    eventually(LIMIT, || async { bench.number(found).await == 2 }).await.unwrap();
    bench.check_rows(&bench.end().await).await;
    again.stop().await;
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misplaced_record_is_set_aside_alone() {
    let bench = Bench::new("misplaced").await;
    let topic = bench.namespace.topic("business");
    bench.append(figures(50, 20, 40)).await;
    let subject = "metrics/elsewhere";
    let headers = headers(subject, "elsewhere");
    let other = Partition::new((partition_of(subject).get() + 1) % 4).unwrap();
    let wrong = RawRecord {
        topic: &topic,
        partition: Some(other),
        key: Some(subject.as_bytes()),
        headers: &headers,
        value: None,
    };
    let without_key = RawRecord { partition: Some(other), key: None, ..wrong };
    let (_, offset) = bench.namespace.append_raw(wrong).await;
    bench.namespace.append_raw(without_key).await;
    bench.append(figures(50, 20, 41)).await;
    let running = bench.start(small_batches("one", 7));
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    let parked = "SELECT record_offset, reason_code, reason, event_id FROM metrics_g1.parked WHERE partition = $1 ORDER BY record_offset";
    let parked = sqlx::query(parked).bind(other.get()).fetch_all(bench.namespace.pool()).await.unwrap();
    let first: (i64, String, String, Option<String>) =
        (parked[0].get(0), parked[0].get(1), parked[0].get(2), parked[0].get(3));
    assert_eq!(
        (first.0, first.1.as_str(), first.3.as_deref()),
        (offset.get(), "misplaced", Some("elsewhere"))
    );
    assert!(first.2.contains(&format!("partition {}", partition_of(subject))), "{}", first.2);
    assert_eq!(list(bench.namespace.pool()).await.unwrap()[0].parked, i64::try_from(parked.len()).unwrap());
    running.stop().await;
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fold_at_fault_stops_the_projection_and_blames_no_event() {
    let bench = Bench::new("fault").await;
    bench.append(vec![figure("metrics/0", "fault", 1.0, OWN_FAULT)]).await;
    let running = bench.start(RunOptions::new("one"));
    let ended = tokio::time::timeout(LIMIT, running.life).await.unwrap().unwrap();
    assert!(matches!(ended, Err(RunError::Model { .. })), "{ended:?}");
    let stand =
        "SELECT count(*) FROM brainops.progress WHERE state = 'stopped' AND reason LIKE '%did not name%'";
    assert_eq!(bench.number(stand).await, 4);
    assert_eq!(bench.number("SELECT count(*) FROM metrics.sample").await, 0);
    bench.namespace.close().await;
}

/// A row that a constraint of its table refuses is the fold's fault as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_constraint_stops_the_projection_and_parks_nothing() {
    let bench = Bench::new("constraint").await;
    let rule = "ALTER TABLE metrics_g1.metric ADD CHECK (total < 1000)";
    sqlx::raw_sql(rule).execute(bench.namespace.pool()).await.unwrap();
    bench.append(vec![figure("metrics/0", "much", 5000.0, "EUR")]).await;
    let running = bench.start(RunOptions::new("one"));
    let ended = tokio::time::timeout(LIMIT, running.life).await.unwrap().unwrap();
    assert!(matches!(ended, Err(RunError::Constraint { .. })), "{ended:?}");
    assert_eq!(bench.number("SELECT count(*) FROM metrics_g1.parked").await, 0);
    assert_eq!(bench.number("SELECT sum(next_offset)::bigint FROM metrics_g1.checkpoint").await, 0);
    bench.namespace.close().await;
}
