//! What a retry would come to is known before it is said, and nothing is written to know it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what must hold")]

mod common;

use std::sync::atomic::Ordering;

use brainops_event::{Partition, PartitionCount, partition_for};
use brainops_projection::{
    AnyReadModel, ChangedRow, Decide, DecisionState, FailedAgain, ParkedSubject, Payload, ReasonClass,
    ShowPayload, Tried, TryError, any, dismissed, parked_records,
};
use brainops_testkit::RawRecord;
use common::{Bench, Metrics, OWN_FAULT, PANIC, REFUSED, figure, figures, small_batches};
use serde_json::{Value, json};

/// Tries the fold of a program by name, mended or not.
async fn attempt(bench: &Bench, parked: &ParkedSubject, is_mended: bool) -> Result<Tried, TryError> {
    let model = Metrics::default();
    model.is_mended.store(is_mended, Ordering::SeqCst);
    let model: Box<dyn AnyReadModel> = any(model);
    let dismissed = dismissed(bench.namespace.pool(), parked).await.unwrap();
    let log = bench.namespace.cluster().read_only();
    model.try_parked(&log, bench.namespace.registry(), parked, &dismissed).await
}

/// A subject's events among others: each has the value 1 and the unit that is given.
async fn among_others(bench: &Bench, subjects: &[(&str, &[&str])], seed: u64) {
    let mut events = figures(200, 20, seed);
    for (subject, units) in subjects {
        for (number, unit) in units.iter().enumerate() {
            events.insert(30 * (number + 1), figure(subject, &format!("{subject}-{number}"), 1.0, unit));
        }
    }
    bench.append(events).await;
}

async fn parked(bench: &Bench, subject: &str) -> ParkedSubject {
    bench.parked_of(subject).await.unwrap_or_else(|| panic!("{subject} is not parked"))
}

fn failed(tried: &Tried) -> &FailedAgain {
    tried.failed.as_ref().expect("it fails again")
}

fn rows_of<'a>(tried: &'a Tried, table: &str) -> Vec<&'a ChangedRow> {
    tried.changed.iter().filter(|row| row.table == table).collect()
}

/// Before and after of a column.
fn column(row: &ChangedRow, name: &str) -> (Value, Value) {
    let column = row.columns.iter().find(|column| column.name == name);
    column.map(|column| (column.before.clone(), column.after.clone())).expect("it changes")
}

/// Everything that a retry could have written: rows, what is parked, decisions, events.
async fn traces(bench: &Bench) -> (Vec<ParkedSubject>, [i64; 5], String) {
    let numbers = [
        bench.number("SELECT count(*) FROM metrics_g1.decision").await,
        bench.number("SELECT count(*) FROM metrics.sample").await,
        bench.number("SELECT sum(times)::bigint FROM metrics.metric").await,
        bench.number("SELECT sum(next_offset)::bigint FROM metrics_g1.checkpoint").await,
        bench.number("SELECT sum(epoch)::bigint FROM metrics_g1.checkpoint").await,
    ];
    (bench.parked().await, numbers, format!("{:?}", bench.end().await))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_comes_to_what_was_tried() {
    let bench = Bench::new("tried").await;
    let (good, bad) = (&["EUR", REFUSED, "USD", "EUR"][..], &["EUR", REFUSED, "EUR", PANIC, "EUR"][..]);
    among_others(&bench, &[("bad/a", good), ("bad/b", bad)], 90).await;
    let running = bench.start(small_batches("one", 40));
    bench.caught_up().await;
    let (a, b) = (parked(&bench, "bad/a").await, parked(&bench, "bad/b").await);
    let before = traces(&bench).await;

    // As it is, the fold refuses what it refused.
    let again = attempt(&bench, &a, false).await.unwrap();
    assert_eq!((again.folded, again.left_out, again.rows_before, &again.changed[..]), (0, 0, 2, &[][..]));
    let failure = failed(&again);
    assert_eq!((&failure.position, failure.held, failure.reason_class), (&a.first, 3, a.reason_class));
    assert_eq!((&failure.reason, &failure.event), (&a.reason, &a.event));
    assert_eq!(failure.event_type.as_deref(), Some("business.metric.recorded"));

    // Mended, it folds all of one, and of the other what is before a panic; nothing of the event at which it panics.
    let all = attempt(&bench, &a, true).await.unwrap();
    assert_eq!((all.folded, &all.failed), (3, &None));
    let (metrics, samples) = (rows_of(&all, "metric"), rows_of(&all, "sample"));
    assert_eq!((metrics.len(), samples.len(), all.changed.len()), (1, 3, 4));
    assert!(!metrics[0].is_new && samples.iter().all(|row| row.is_new), "{:?}", all.changed);
    assert_eq!(metrics[0].key, [("subject", json!("bad/a"))]);
    assert_eq!(column(metrics[0], "times"), (json!(1), json!(4)));
    assert_eq!(column(metrics[0], "units"), (json!(["EUR"]), json!(["EUR", REFUSED, "USD"])));
    assert_eq!(column(samples[1], "unit"), (Value::Null, json!("USD")));
    let some = attempt(&bench, &b, true).await.unwrap();
    assert_eq!((some.folded, failed(&some).held), (2, 2));
    assert_eq!(failed(&some).reason_class, ReasonClass::ApplyEvent);
    assert_eq!(failed(&some).reason, "the fold panicked: the fold cannot bear this unit");
    assert_eq!((rows_of(&some, "sample").len(), rows_of(&some, "metric").len()), (2, 1));

    assert_eq!(traces(&bench).await, before, "nothing is written");

    // The retry itself says and does the same.
    bench.model.is_mended.store(true, Ordering::SeqCst);
    for (parked, folded) in [(&a, 3), (&b, 2)] {
        let DecisionState::Done(outcome) = bench.decide(Decide::Retry(parked)).await else {
            panic!("refused")
        };
        assert!(outcome.starts_with(&format!("{folded} records were folded")), "{outcome}");
    }
    assert_eq!(parked(&bench, "bad/b").await.first, failed(&some).position);
    assert_eq!(bench.number("SELECT times FROM metrics.metric WHERE subject = 'bad/a'").await, 4);
    assert_eq!(bench.number("SELECT times FROM metrics.metric WHERE subject = 'bad/b'").await, 3);
    assert_eq!(bench.number("SELECT count(*) FROM metrics.sample WHERE subject = 'bad/b'").await, 3);

    // A fold that refuses what was folded before the queue says so.
    let worse = attempt(&bench, &parked(&bench, "bad/b").await, false).await.unwrap();
    assert_eq!((worse.folded, &failed(&worse).position, &worse.changed[..]), (0, &b.first, &[][..]));
    assert_eq!((failed(&worse).held, worse.rows_before), (2, 2));
    running.stop().await;
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_have_dismissed_is_left_out_and_a_fold_at_fault_is_told() {
    let bench = Bench::new("triedout").await;
    let (twice, fault) = (&[REFUSED, "EUR", REFUSED, "EUR"][..], &["EUR", REFUSED, OWN_FAULT][..]);
    among_others(&bench, &[("bad/c", twice), ("bad/d", fault)], 91).await;
    let running = bench.start(small_batches("one", 40));
    bench.caught_up().await;
    let (c, d) = (parked(&bench, "bad/c").await, parked(&bench, "bad/d").await);
    bench.decide(Decide::Dismiss(&c)).await;
    let behind = parked(&bench, "bad/c").await;
    assert!(behind.first.offset > c.first.offset, "{behind:?}");
    let tried = attempt(&bench, &behind, true).await.unwrap();
    assert_eq!((tried.folded, tried.left_out, &tried.failed), (2, 1, &None));
    assert_eq!(column(rows_of(&tried, "metric")[0], "times"), (json!(1), json!(3)));

    let at_fault = attempt(&bench, &d, true).await.unwrap_err();
    assert!(
        matches!(&at_fault, TryError::OwnFault { position, .. } if position.offset == d.last_offset),
        "{at_fault:?}"
    );
    let elsewhere = ParkedSubject { first: behind.first.clone(), ..d.clone() };
    let not_there = attempt(&bench, &elsewhere, true).await.unwrap_err();
    assert!(!matches!(not_there, TryError::Read { .. }), "{not_there:?}");
    running.stop().await;
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_held_alone_can_only_be_dismissed_and_its_bytes_be_shown() {
    let bench = Bench::new("triedalone").await;
    let (topic, subject) = (bench.namespace.topic("business"), "metrics/elsewhere");
    let its = partition_for(subject.as_bytes(), PartitionCount::new(4).unwrap());
    let headers: [(&str, &[u8]); 2] = [("ce_id", b"one"), ("x\x1b", b"\x00\xff")];
    let wrong = RawRecord {
        topic: &topic,
        partition: Some(Partition::new((its.get() + 1) % 4).unwrap()),
        key: Some(subject.as_bytes()),
        headers: &headers,
        value: None,
    };
    bench.namespace.append_raw(wrong).await;
    let running = bench.start(small_batches("one", 40));
    bench.caught_up().await;
    let alone = bench.parked().await.remove(0);
    let tried = attempt(&bench, &alone, true).await.unwrap();
    assert_eq!((tried.folded, failed(&tried).held), (0, 1));
    assert!(failed(&tried).reason.contains("can only be dismissed"), "{tried:?}");

    let (cluster, registry) = (bench.namespace.cluster(), bench.namespace.registry());
    let records = parked_records(cluster, registry, &alone, 10, ShowPayload::Decoded).await.unwrap();
    let Some(Payload::Bytes(bytes)) = &records[0].payload else { panic!("{records:?}") };
    let undecoded = bytes.undecoded.as_deref().unwrap();
    assert!(undecoded.contains("names no subject"), "{undecoded}");
    assert_eq!(bytes.key.as_ref().unwrap().bytes, subject.as_bytes());
    assert_eq!((&bytes.value, bytes.headers.len(), bytes.more_headers), (&None, 2, 0));
    assert_eq!(bytes.headers[1].1.as_ref().unwrap().bytes, b"\x00\xff");
    assert_eq!(format!("{:?}", records[0].payload), "Some(Payload(29 bytes))", "messages tell no payload");
    running.stop().await;
    bench.namespace.close().await;
}
