//! A record that can never be folded parks its subject from it on, or only itself; everything else goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what must hold")]

mod common;

use std::time::Duration;

use brainops_event::{Partition, PartitionCount, partition_for};
use brainops_outbox::{Outbox, OutboxConfig};
use brainops_projection::{ReasonClass, RunError, RunOptions, ShowPayload, list, parked_records};
use brainops_testkit::RawRecord;
use common::{Bad, Bench, LIMIT, OWN_FAULT, every_kind_of_bad, figure, figures, small_batches};

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

/// Small batches, an outbox, and a registry that is believed at once.
async fn options(bench: &Bench, max_records: usize) -> (Outbox, RunOptions) {
    let namespace = &bench.namespace;
    brainops_outbox::migrate(namespace.pool()).await.unwrap();
    let (cluster, registry) = (namespace.cluster(), namespace.registry());
    let outbox = Outbox::open(namespace.pool(), cluster, registry, OutboxConfig::default()).await.unwrap();
    let small = small_batches("one", max_records);
    let patience = Duration::from_millis(200);
    (outbox.clone(), RunOptions { outbox: Some(outbox), unknown_schema_patience: patience, ..small })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_bad_record_parks_its_subject_alone() {
    let bench = Bench::new("poison").await;
    let bad = every_kind_of_bad(&bench.namespace).await;
    bench.append(figures(100, 20, 20)).await;
    bench
        .append(
            bad.iter().map(|bad| figure(&bad.subject(), &format!("{}-0", bad.kind), 1.0, "EUR")).collect(),
        )
        .await;
    for one in &bad {
        one.append(&bench.namespace).await;
    }
    for round in 1..=3 {
        let behind =
            bad.iter().map(|bad| figure(&bad.subject(), &format!("{}-{round}", bad.kind), 1.0, "EUR"));
        bench.append(behind.collect()).await;
        bench.append(figures(100, 20, 20 + round)).await;
    }
    let (_outbox, options) = options(&bench, 17).await;
    let running = bench.start(options.clone());
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    for one in &bad {
        check_parked(&bench, one, 4).await;
    }
    running.stop().await;

    // A second start goes on holding, and says nothing twice.
    bench
        .append(
            bad.iter().map(|bad| figure(&bad.subject(), &format!("{}-4", bad.kind), 1.0, "EUR")).collect(),
        )
        .await;
    let again = bench.start(RunOptions { max_records: 1_000, ..options });
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    for one in &bad {
        check_parked(&bench, one, 5).await;
    }
    let said = "SELECT count(*) FROM brainops.reservation WHERE source = 'brainops/projection'";
    assert_eq!(bench.number(said).await, i64::try_from(bad.len()).unwrap());
    let status = list(bench.namespace.pool()).await.unwrap().remove(0);
    assert_eq!((status.parked, status.reasons.len()), (i64::try_from(bad.len()).unwrap(), 0));
    again.stop().await;
    bench.namespace.close().await;
}

async fn check_parked(bench: &Bench, bad: &Bad, held: u64) {
    let parked =
        bench.parked_of(&bad.subject()).await.unwrap_or_else(|| panic!("{} is not parked", bad.kind));
    assert_eq!((parked.held, parked.reason_class.as_str()), (held, bad.class), "{}: {parked:?}", bad.kind);
    assert!(parked.reason.contains(bad.reason), "{}: {}", bad.kind, parked.reason);
    let (cluster, registry) = (bench.namespace.cluster(), bench.namespace.registry());
    let records = parked_records(cluster, registry, &parked, 100, ShowPayload::No).await.unwrap();
    assert_eq!(records.len() as u64, held, "{}: {records:?}", bad.kind);
    assert_eq!(
        (&records[0].position, records.last().unwrap().position.offset),
        (&parked.first, parked.last_offset)
    );
    assert_eq!(records[1].verdict, "event");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misplaced_record_is_set_aside_alone() {
    let bench = Bench::new("misplaced").await;
    let topic = bench.namespace.topic("business");
    bench.append(figures(50, 20, 40)).await;
    let subject = "metrics/elsewhere";
    let headers_of_it = headers(subject, "elsewhere");
    let other = Partition::new((partition_of(subject).get() + 1) % 4).unwrap();
    let wrong = RawRecord {
        topic: &topic,
        partition: Some(other),
        key: Some(subject.as_bytes()),
        headers: &headers_of_it,
        value: None,
    };
    let headers_without_key = headers(subject, "without-key");
    let without_key = RawRecord { partition: Some(other), key: None, headers: &headers_without_key, ..wrong };
    // A key that no subject can have: whatever comes behind it cannot be of its subject.
    let long = "k".repeat(600);
    let headers_of_long = headers(&long, "long");
    let unusable =
        RawRecord { partition: None, key: Some(long.as_bytes()), headers: &headers_of_long, ..wrong };
    let (_, offset) = bench.namespace.append_raw(wrong).await;
    bench.namespace.append_raw(without_key).await;
    bench.namespace.append_raw(unusable).await;
    bench.append(figures(50, 20, 41)).await;
    let running = bench.start(small_batches("one", 7));
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    let parked = bench.parked().await;
    assert!(parked.iter().all(|parked| parked.subject.is_none() && parked.held == 1), "{parked:?}");
    let first =
        parked.iter().find(|parked| parked.first.offset == offset && parked.partition == other).unwrap();
    assert_eq!(first.reason_class, ReasonClass::Misplaced);
    assert_eq!(first.event.as_ref().map(|event| event.1.as_str()), Some("elsewhere"));
    assert!(first.reason.contains(&format!("partition {}", partition_of(subject))), "{}", first.reason);
    assert_eq!(parked.len(), 3);
    assert_eq!(list(bench.namespace.pool()).await.unwrap()[0].parked, 3);
    running.stop().await;
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fold_at_fault_stops_the_projection_and_blames_no_event() {
    let bench = Bench::new("fault").await;
    bench.append(vec![figure("metrics/0", "fault", 1.0, OWN_FAULT)]).await;
    let running = bench.start(RunOptions::new("one"));
    let ended = tokio::time::timeout(LIMIT, running.life).await.unwrap().unwrap();
    let Err(RunError::Model { position: Some(position), .. }) = ended else { panic!("{ended:?}") };
    assert_eq!(position.partition, partition_of("metrics/0"));
    let stand = "SELECT min(reason) FROM brainops.progress WHERE state = 'stopped' HAVING count(*) = 8";
    let found: String = sqlx::query_scalar(stand).fetch_one(bench.namespace.pool()).await.unwrap();
    assert!(found.contains("did not name") && found.contains(&position.to_string()), "{found}");
    assert_eq!(bench.number("SELECT count(*) FROM metrics.sample").await, 0);
    assert_eq!(bench.number("SELECT count(*) FROM metrics_g1.parked").await, 0);
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
