//! Rows that are numbered by the transaction that queues them, beside those that the relay numbers.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]
mod common;

use std::collections::HashSet;

use brainops_outbox::{Outbox, Prepared, enqueue};
use brainops_testkit::{Namespace, eventually};
use common::{
    LIMIT, Running, agent, appended, config, count, event, firsts, namespace, open, orders, running, stands,
};

async fn prepared(outbox: &Outbox, ids: &[String], subject: &str) -> Vec<Prepared> {
    let events = ids.iter().map(|id| event(id, subject, "x")).collect();
    outbox.prepare(events).await.into_iter().map(|one| one.expect("prepared")).collect()
}

/// Says events in a transaction of its own; answers how many of them it has numbered.
async fn hand_over(namespace: &Namespace, outbox: &Outbox, ids: &[String], subject: &str) -> usize {
    let prepared = prepared(outbox, ids, subject).await;
    let mut transaction = namespace.pool().begin().await.expect("begun");
    let mut handover = outbox.handover(&prepared).await;
    let gates: Vec<Option<usize>> = (0..ids.len()).map(|nth| (nth > 0).then_some(0)).collect();
    handover.enqueue_behind(&mut transaction, &prepared, &gates).await.expect("enqueued");
    let left = handover.left().to_vec();
    handover.commit(transaction).await.expect("committed");
    outbox.wake_for(left.iter().copied());
    ids.len() - left.len()
}

async fn until_sent(namespace: &Namespace, events: usize) {
    let sent = || async { firsts(&stands(namespace, &agent(namespace)).await).len() == events };
    eventually(LIMIT, sent).await.expect("all is sent");
}

fn ids(names: std::ops::Range<usize>, writer: &str) -> Vec<String> {
    names.map(|name| format!("{name:05}-{writer}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_transaction_numbers_itself_is_sent_in_its_order_beside_what_others_append() {
    let namespace = namespace("handover").await;
    let (outbox, relay) = running(&namespace, config()).await;
    let others = tokio::spawn({
        let outbox = outbox.clone();
        async move {
            for id in ids(0..300, "other") {
                appended(&outbox, event(&id, "other", "x")).await;
            }
        }
    });
    let mut numbered = 0;
    for turn in 0..100 {
        for writer in ["a", "b", "c"] {
            numbered += hand_over(&namespace, &outbox, &ids(turn * 3..turn * 3 + 3, writer), writer).await;
        }
    }
    others.await.expect("no panic");
    until_sent(&namespace, 1_200).await;
    let stands = stands(&namespace, &agent(&namespace)).await;
    assert_eq!(stands.len(), 1_200, "each once");
    assert!(numbered > 300, "{numbered} of 900 were numbered where they were queued");
    for order in orders(&stands).values() {
        for writer in ["a", "b", "c", "other"] {
            assert!(order.iter().filter(|id| id.ends_with(&format!("-{writer}"))).is_sorted(), "{writer}");
        }
    }
    let marked = || async {
        count(&namespace, "SELECT count(*) FROM brainops.outbox WHERE acked_at IS NULL").await == 0
    };
    eventually(LIMIT, marked).await.expect("all is marked");
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_finds_others_waiting_for_a_number_does_not_overtake_them() {
    let namespace = namespace("overtaking").await;
    let (outbox, relay) = running(&namespace, config()).await;
    // The relay is not told of it, and somebody comes first.
    let waiting = prepared(&outbox, &ids(0..1, "a"), "a").await;
    let mut transaction = namespace.pool().begin().await.expect("begun");
    enqueue(&mut transaction, &waiting).await.expect("enqueued");
    transaction.commit().await.expect("committed");
    assert_eq!(hand_over(&namespace, &outbox, &ids(1..2, "a"), "a").await, 0);
    until_sent(&namespace, 2).await;
    let stands = stands(&namespace, &agent(&namespace)).await;
    let order: Vec<&str> = stands.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(order, ["00000-a", "00001-a"]);
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_no_relay_beside_it_leaves_its_rows_to_the_others() {
    let namespace = namespace("nobody").await;
    let (relaying, relay) = running(&namespace, config()).await;
    let outbox = open(&namespace, config()).await;
    assert_eq!(hand_over(&namespace, &outbox, &ids(0..3, "a"), "a").await, 0);
    until_sent(&namespace, 3).await;
    relay.stop().await;
    drop((relaying, outbox));
    namespace.close().await;
}

/// Nothing is known of a commit that was begun and not ended: numbers that nobody sends would hold up whoever comes
/// after them, and be sent behind them in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_a_commit_that_nobody_heard_the_end_of_are_found_by_the_next_session() {
    let namespace = namespace("doubt").await;
    let (outbox, relay) = running(&namespace, config()).await;
    hand_over(&namespace, &outbox, &ids(0..1, "a"), "a").await;
    let epochs = "SELECT sum(epoch)::bigint FROM brainops.outbox_shard";
    let before = count(&namespace, epochs).await;
    // A deferred check lets COMMIT itself fail, or takes its time in it.
    common::run_sql(
        &namespace,
        "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON brainops.outbox DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW WHEN (NEW.bytes > 5000) EXECUTE FUNCTION linger()",
    )
    .await;
    let large = event("00001-a", "a", &"x".repeat(6_000));
    let large: Vec<Prepared> =
        outbox.prepare(vec![large]).await.into_iter().map(|one| one.expect("prepared")).collect();
    let mut transaction = namespace.pool().begin().await.expect("begun");
    let mut handover = outbox.handover(&large).await;
    handover.enqueue_behind(&mut transaction, &large, &[]).await.expect("enqueued");
    assert!(handover.left().is_empty(), "it is numbered");
    let heard =
        tokio::time::timeout(std::time::Duration::from_millis(100), handover.commit(transaction)).await;
    heard.expect_err("whoever waits for COMMIT is gone before it ends");
    hand_over(&namespace, &outbox, &ids(2..3, "a"), "a").await;
    until_sent(&namespace, 3).await;
    let stands = stands(&namespace, &agent(&namespace)).await;
    let order: Vec<&str> = stands.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(order, ["00000-a", "00001-a", "00002-a"]);
    assert!(count(&namespace, epochs).await > before, "another session");
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_stands_still_with_a_shard_in_his_hands_does_not_keep_it_from_others() {
    let namespace = namespace("still").await;
    let (outbox, relay) = running(&namespace, config()).await;
    let events = prepared(&outbox, &ids(0..1, "a"), "a").await;
    let mut transaction = namespace.pool().begin().await.expect("begun");
    let mut handover = outbox.handover(&events).await;
    handover.enqueue_behind(&mut transaction, &events, &[]).await.expect("enqueued");
    assert!(handover.left().is_empty(), "it is numbered");
    relay.kill().await;
    let other = open(&namespace, config()).await;
    let heir = Running::start(&other, "heir");
    let its =
        "SELECT count(*) FROM brainops.outbox_shard WHERE holder LIKE 'heir/%' AND opened_epoch = epoch";
    let has_all = || async { count(&namespace, its).await == 2 };
    eventually(LIMIT, has_all).await.expect("somebody else gets the shard");
    handover.commit(transaction).await.expect_err("it is too late");
    appended(&other, event("00001-a", "a", "x")).await;
    until_sent(&namespace, 1).await;
    heir.stop().await;
    drop((outbox, other));
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_that_die_leave_the_order_and_nothing_behind() {
    let namespace = namespace("dying").await;
    let (outbox, mut relay) = running(&namespace, config()).await;
    let writing = tokio::spawn({
        let (pool, outbox) = (namespace.pool().clone(), outbox.clone());
        async move {
            for turn in 0..400usize {
                let prepared = prepared(&outbox, &ids(turn..turn + 1, "a"), "a").await;
                let mut transaction = pool.begin().await.expect("begun");
                let mut handover = outbox.handover(&prepared).await;
                handover.enqueue_behind(&mut transaction, &prepared, &[]).await.expect("enqueued");
                let left: HashSet<_> = handover.left().iter().copied().collect();
                handover.commit(transaction).await.expect("committed");
                outbox.wake_for(left);
            }
        }
    });
    let queued = "SELECT count(*) FROM brainops.outbox";
    for number in 0..5 {
        outbox.opened(LIMIT).await.expect("it opens again");
        let before = count(&namespace, queued).await;
        let goes_on = || async { count(&namespace, queued).await > before + 20 || writing.is_finished() };
        eventually(LIMIT, goes_on).await.expect("it goes on");
        relay.kill().await;
        relay = Running::start(&outbox, &format!("relay-{number}"));
    }
    writing.await.expect("no panic");
    until_sent(&namespace, 400).await;
    let stands = stands(&namespace, &agent(&namespace)).await;
    assert!(orders(&stands).values().all(|order| order.is_sorted()));
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}
