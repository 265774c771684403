//! What stands after a crash between any two steps of the relay, or with two relays alive.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]
mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brainops_event::{Offset, Partition, Position};
use brainops_log::{Sender, SentRecord};
use brainops_outbox::{AppendError, OutboxConfig, Receipt, state};
use brainops_testkit::{Namespace, eventually};
use common::{
    LIMIT, Running, agent, append, appended, check_receipts, config, count, event, firsts, namespace, open,
    orders, run_sql, running, stands,
};
use futures::future::join_all;
use sqlx::Row as _;

async fn is_empty(namespace: &Namespace) -> bool {
    state(namespace.pool()).await.expect("a state").pending_rows == 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_while_no_relay_ran_is_sent_later_in_order() {
    let namespace = namespace("down").await;
    let config = OutboxConfig { answer_limit_ms: 100, ..config() };
    let (outbox, relay) = running(&namespace, config.clone()).await;
    relay.kill().await;
    let mut ids = Vec::new();
    for id in 0..20 {
        let id = format!("{id:02}");
        match append(&outbox, event(&id, "s", "x")).await {
            Err(AppendError::NotAcknowledged { .. }) => ids.push(id),
            other => panic!("{other:?}"),
        }
    }
    let relay = Running::start(&outbox, "next");
    eventually(LIMIT, || is_empty(&namespace)).await.expect("all is sent");
    let stands = stands(&namespace, &agent(&namespace)).await;
    assert_eq!(orders(&stands).into_values().flatten().collect::<Vec<_>>(), ids);
    assert_eq!(stands.len(), 20);
    let again = appended(&outbox, event("07", "s", "x")).await;
    assert_eq!((Some(&again.position), again.repeated), (firsts(&stands).get("07"), true));
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}

/// As a crash after sending leaves it: the rows are numbered, what stands in the log is not marked.
const FORGET_MARKS: &str = "
    UPDATE brainops.outbox SET log_offset = NULL, recorded_at = NULL, acked_at = NULL;
    UPDATE brainops.outbox_partition SET read_through = 0, confirmed_send_no = 0;
    UPDATE brainops.outbox_shard SET lease_until = '-infinity'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_stand_though_nobody_saw_the_answer_are_found_and_not_sent_again() {
    let namespace = namespace("unseen").await;
    let (outbox, relay) = running(&namespace, config()).await;
    let events = || (0..50).map(|id| event(&format!("{id:02}"), &format!("s{}", id % 7), "x")).collect();
    let before: Vec<Receipt> =
        outbox.append_all(events()).await.into_iter().map(|one| one.expect("taken")).collect();
    relay.stop().await;
    run_sql(&namespace, FORGET_MARKS).await;
    let relay = Running::start(&outbox, "next");
    eventually(LIMIT, || is_empty(&namespace)).await.expect("all is found");
    let after: Vec<Receipt> =
        outbox.append_all(events()).await.into_iter().map(|one| one.expect("taken")).collect();
    assert_eq!(stands(&namespace, &agent(&namespace)).await.len(), 50);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(
            (&before.position, before.recorded_at, true),
            (&after.position, after.recorded_at, after.repeated)
        );
    }
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}

/// What a relay that sleeps has in its producer: rows that are numbered, in their order.
async fn zombie_rows(namespace: &Namespace) -> Vec<(String, Partition, String, String, Vec<u8>)> {
    let rows = sqlx::query(
        "SELECT record.id, row.partition, record.key, record.headers::text AS headers, record.value
         FROM brainops.outbox AS row JOIN brainops.outbox_record AS record USING (outbox_id)
         ORDER BY row.partition, row.send_no",
    )
    .fetch_all(namespace.pool())
    .await
    .expect("rows");
    rows.iter()
        .map(|row| {
            let partition = Partition::new(row.get("partition")).expect("a partition");
            (row.get("id"), partition, row.get("key"), row.get("headers"), row.get("value"))
        })
        .collect()
}

async fn send_as_zombie(namespace: &Namespace, rows: &[(String, Partition, String, String, Vec<u8>)]) {
    let (sender, mut answers) = Sender::start(namespace.cluster(), Duration::ZERO).expect("a producer");
    let topic = agent(namespace);
    for (ticket, (_, partition, key, headers, value)) in rows.iter().enumerate() {
        let headers: Vec<(String, String)> = serde_json::from_str(headers).expect("headers");
        let record = SentRecord { topic: &topic, partition: *partition, key, headers: &headers, value };
        sender.send(ticket, record).expect("queued");
    }
    for _ in rows {
        let answer = common::soon("an answer", answers.recv()).await.expect("an answer");
        answer.result.expect("acknowledged");
    }
    tokio::task::spawn_blocking(move || drop(sender)).await.expect("dropped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_former_relay_that_wakes_only_repeats() {
    let namespace = namespace("zombie").await;
    let config = OutboxConfig { answer_limit_ms: 300, ..config() };
    let (outbox, relay) = running(&namespace, config.clone()).await;
    relay.kill().await;
    let ids: Vec<String> = (0..30).map(|id| format!("{id:02}")).collect();
    let events = || ids.iter().map(|id| event(id, &format!("s{}", &id[1..]), "x")).collect::<Vec<_>>();
    for answer in outbox.append_all(events()).await {
        answer.expect_err("nobody sends");
    }
    // the former one had numbered them, then slept
    run_sql(
        &namespace,
        "UPDATE brainops.outbox SET send_no = numbered.send_no, epoch = 1
         FROM (SELECT outbox_id, row_number() OVER (PARTITION BY topic, partition ORDER BY outbox_id) AS send_no
               FROM brainops.outbox) AS numbered
         WHERE outbox.outbox_id = numbered.outbox_id;
         UPDATE brainops.outbox_partition SET next_send_no = 1000",
    )
    .await;
    let rows = zombie_rows(&namespace).await;
    // it wakes before its successor has read, while that sends, and afterwards
    let some: Vec<_> = rows.iter().filter(|row| row.1.get() % 2 == 0).cloned().collect();
    send_as_zombie(&namespace, &some).await;
    let relay = Running::start(&outbox, "next");
    send_as_zombie(&namespace, &rows).await;
    eventually(LIMIT, || is_empty(&namespace)).await.expect("all is sent or found");
    send_as_zombie(&namespace, &rows).await;
    let receipts: Vec<(String, Receipt)> = ids
        .iter()
        .cloned()
        .zip(outbox.append_all(events()).await.into_iter().map(|answer| answer.expect("kept")))
        .collect();
    let stands = stands(&namespace, &agent(&namespace)).await;
    check_receipts(&stands, &receipts);
    for order in orders(&stands).values() {
        assert!(order.is_sorted(), "{order:?}");
    }
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_that_take_the_shards_from_each_other_lose_and_reorder_nothing() {
    let namespace = namespace("two").await;
    let (outbox, one) = running(&namespace, config()).await;
    let other = open(&namespace, config()).await;
    let two = Running::start(&other, "two");
    let enough = Arc::new(AtomicBool::new(false));
    let caller = |caller: usize| {
        let enough = Arc::clone(&enough);
        let outbox = if caller.is_multiple_of(2) { outbox.clone() } else { other.clone() };
        async move {
            let mut receipts = Vec::new();
            for step in 0.. {
                if enough.load(Ordering::Relaxed) {
                    break;
                }
                let id = format!("{caller:02}-{step:03}");
                // what is not acknowledged in time is said again, before anything else of its subject
                let receipt = loop {
                    match append(&outbox, event(&id, &format!("s{caller}"), "x")).await {
                        Ok(receipt) => break receipt,
                        Err(error) => assert!(error.is_transient(), "{error:?}"),
                    }
                };
                receipts.push((id, receipt));
            }
            receipts
        }
    };
    let pool = namespace.pool().clone();
    let stealing = async {
        let mut every = tokio::time::interval(Duration::from_millis(300));
        for _ in 0..15 {
            every.tick().await;
            // whoever comes first has it; the former one learns of it when it wants to write
            let stolen = "UPDATE brainops.outbox_shard SET epoch = epoch + 1, lease_until = '-infinity'";
            sqlx::query(stolen).execute(&pool).await.expect("the lease is stolen");
        }
        enough.store(true, Ordering::Relaxed);
    };
    let (receipts, ()) = tokio::join!(join_all((0..16).map(caller)), stealing);
    let receipts: Vec<_> = receipts.into_iter().flatten().collect();
    let epochs = count(&namespace, "SELECT max(epoch) FROM brainops.outbox_shard").await;
    assert!(epochs > 20, "the lease went to and fro {epochs} times");
    let stands = stands(&namespace, &agent(&namespace)).await;
    assert_eq!(firsts(&stands).len(), receipts.len());
    check_receipts(&stands, &receipts);
    for order in orders(&stands).values() {
        for caller in 0..16 {
            let own: Vec<_> = order.iter().filter(|id| id.starts_with(&format!("{caller:02}-"))).collect();
            assert!(own.is_sorted(), "{own:?}");
        }
    }
    one.stop().await;
    two.stop().await;
    drop((outbox, other));
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_that_are_killed_again_and_again_lose_and_reorder_nothing() {
    let namespace = namespace("killed").await;
    let config = OutboxConfig { lease_ms: 500, ..config() };
    let (outbox, mut relay) = running(&namespace, config).await;
    let ids: Vec<String> = (0..3_000).map(|id| format!("{id:05}")).collect();
    let appending = tokio::spawn({
        let (outbox, ids) = (outbox.clone(), ids.clone());
        async move {
            let mut receipts = Vec::new();
            for chunk in ids.chunks(50) {
                let events = || chunk.iter().map(|id| event(id, &format!("s{}", &id[4..]), "x")).collect();
                let answers = loop {
                    let answers = outbox.append_all(events()).await;
                    if answers.iter().all(Result::is_ok) {
                        break answers;
                    }
                };
                receipts.extend(
                    chunk.iter().cloned().zip(answers.into_iter().map(|one| one.expect("just seen"))),
                );
            }
            receipts
        }
    });
    for number in 0..6 {
        outbox.opened(LIMIT).await.expect("it opens again");
        let before = count(&namespace, "SELECT count(*) FROM brainops.reservation").await;
        let goes_on = || async {
            count(&namespace, "SELECT count(*) FROM brainops.reservation").await > before
                || appending.is_finished()
        };
        eventually(LIMIT, goes_on).await.expect("appends go on");
        relay.kill().await;
        relay = Running::start(&outbox, &format!("relay-{number}"));
    }
    let receipts = common::soon("all is taken", appending).await.expect("no panic");
    let stands = stands(&namespace, &agent(&namespace)).await;
    assert_eq!(firsts(&stands).len(), ids.len());
    check_receipts(&stands, &receipts);
    for order in orders(&stands).values() {
        for subject in 0..10 {
            let own: Vec<_> = order.iter().filter(|id| id.ends_with(&subject.to_string())).collect();
            assert!(own.is_sorted(), "{own:?}");
        }
    }
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_was_restored_learns_from_the_log_before_it_opens() {
    let namespace = namespace("restored").await;
    let config = OutboxConfig { answer_limit_ms: 5_000, ..config() };
    let (outbox, relay) = running(&namespace, config.clone()).await;
    let mut receipts = vec![("old".to_owned(), appended(&outbox, event("old", "s", "x")).await)];
    relay.stop().await;
    // in the backup: a row that is queued and not numbered
    let waiting = event("waiting", "s", "x");
    let prepared: Vec<_> =
        outbox.prepare(vec![waiting]).await.into_iter().map(|one| one.expect("fits")).collect();
    let mut transaction = namespace.pool().begin().await.expect("begun");
    brainops_outbox::enqueue(&mut transaction, &prepared).await.expect("enqueued");
    transaction.commit().await.expect("committed");
    run_sql(
        &namespace,
        "CREATE SCHEMA backup;
         CREATE TABLE backup.reservation AS TABLE brainops.reservation;
         CREATE TABLE backup.outbox AS TABLE brainops.outbox;
         CREATE TABLE backup.outbox_record AS TABLE brainops.outbox_record;
         CREATE TABLE backup.outbox_shard AS TABLE brainops.outbox_shard;
         CREATE TABLE backup.outbox_partition AS TABLE brainops.outbox_partition",
    )
    .await;
    let relay = Running::start(&outbox, "after the backup");
    outbox.opened(LIMIT).await.expect("open");
    for id in 0..20 {
        let id = format!("new-{id:02}");
        receipts.push((id.clone(), appended(&outbox, event(&id, "s", "x")).await));
    }
    receipts.push(("waiting".to_owned(), appended(&outbox, event("waiting", "s", "x")).await));
    relay.stop().await;
    drop(outbox);
    run_sql(
        &namespace,
        "TRUNCATE brainops.reservation, brainops.outbox, brainops.outbox_record, brainops.outbox_shard,
             brainops.outbox_partition;
         INSERT INTO brainops.reservation TABLE backup.reservation;
         INSERT INTO brainops.outbox TABLE backup.outbox;
         INSERT INTO brainops.outbox_record TABLE backup.outbox_record;
         INSERT INTO brainops.outbox_shard TABLE backup.outbox_shard;
         INSERT INTO brainops.outbox_partition TABLE backup.outbox_partition",
    )
    .await;
    let stood = stands(&namespace, &agent(&namespace)).await;
    let (outbox, relay) = running(&namespace, config).await;
    for (id, receipt) in &receipts {
        let again = appended(&outbox, event(id, "s", "x")).await;
        assert_eq!(
            (&again.position, again.recorded_at, again.repeated),
            (&receipt.position, receipt.recorded_at, true),
            "{id}"
        );
        match append(&outbox, event(id, "s", "other")).await {
            Err(AppendError::Conflict { first: Some(at) }) => assert_eq!(at, receipt.position),
            other => panic!("{id}: {other:?}"),
        }
    }
    assert!(is_empty(&namespace).await);
    assert_eq!(stands(&namespace, &agent(&namespace)).await, stood, "nothing was sent again");
    let next: Position = appended(&outbox, event("next", "s", "x")).await.position;
    assert!(stood.iter().all(|(_, at)| at.partition != next.partition || at.offset < next.offset));
    assert_ne!(next.offset, Offset::ZERO);
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}
