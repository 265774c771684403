//! Partitions that must stop, rows whose time has passed, and shards that change in number.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]
mod common;

use brainops_outbox::{AppendError, Outbox, OutboxConfig, OutboxError, state};
use brainops_testkit::{Namespace, eventually};
use common::{
    LIMIT, Running, agent, append, appended, config, count, event, namespace, run_sql, running, stands,
};

/// Breaks what the outbox remembers of partition 0 of `agent`, and expects that partition to stop, saying both sides.
async fn stops(namespace: &Namespace, outbox: &Outbox, remembered: &'static str, words: &[&str]) {
    run_sql(namespace, remembered).await;
    let relay = Running::start(outbox, "suspicious");
    outbox.opened(LIMIT).await.expect("the others open");
    let told = || async {
        let stopped = state(namespace.pool()).await.expect("a state").stopped;
        stopped.iter().any(|one| words.iter().all(|word| one.reason.contains(word)))
    };
    eventually(LIMIT, told).await.expect("it is told");
    let stopped = state(namespace.pool()).await.expect("a state").stopped;
    assert_eq!((stopped.len(), stopped[0].partition), (1, 0), "{stopped:?}");
    assert_eq!(stopped[0].topic, agent(namespace).as_str());
    let (mut there, mut elsewhere) = (0, 0);
    for subject in 0..40 {
        let id = format!("{}-{subject}", words[0]);
        match append(outbox, event(&id, &format!("s{subject}"), "x")).await {
            Ok(receipt) => {
                assert_ne!(receipt.position.partition.get(), 0);
                elsewhere += 1;
            }
            Err(AppendError::NotAcknowledged { .. }) => there += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(there > 0 && elsewhere > 0, "{there} {elsewhere}");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_another_stops_its_partition_and_no_other() {
    let namespace = namespace("another").await;
    let (outbox, relay) = running(&namespace, config()).await;
    for subject in 0..40 {
        appended(&outbox, event(&format!("before-{subject}"), &format!("s{subject}"), "x")).await;
    }
    relay.stop().await;
    drop(outbox);
    let outbox = common::open(&namespace, OutboxConfig { answer_limit_ms: 300, ..config() }).await;
    run_sql(&namespace, "CREATE TABLE public.good AS TABLE brainops.outbox_partition").await;
    let lost = "UPDATE brainops.outbox_partition SET read_through = 1000000
        WHERE partition = 0 AND topic LIKE '%.agent'";
    stops(&namespace, &outbox, lost, &["1000000", "its end was lost"]).await;
    let other = "UPDATE brainops.outbox_partition SET topic_id = 'anotheranotheranother0', read_through = 1
        WHERE partition = 0 AND topic LIKE '%.agent'";
    stops(&namespace, &outbox, other, &["anotheranotheranother0", "deleted and made again"]).await;
    // a person has decided: it goes on where it stood
    run_sql(
        &namespace,
        "UPDATE brainops.outbox_partition AS now SET topic_id = good.topic_id, read_through = good.read_through
         FROM public.good WHERE now.topic = good.topic AND now.partition = good.partition",
    )
    .await;
    let relay = Running::start(&outbox, "content");
    let empty = || async {
        let state = state(namespace.pool()).await.expect("a state");
        state.pending_rows == 0 && state.stopped.is_empty()
    };
    eventually(LIMIT, empty).await.expect("what was held back is sent");
    assert_eq!(stands(&namespace, &agent(&namespace)).await.len(), 120);
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_go_after_their_time_and_names_stay() {
    let namespace = namespace("purge").await;
    let (outbox, relay) = running(&namespace, config()).await;
    let first = appended(&outbox, event("1", "s", "x")).await;
    relay.stop().await;
    assert_eq!(count(&namespace, "SELECT count(*) FROM brainops.outbox_record").await, 1);
    drop(outbox);
    let (outbox, relay) = running(&namespace, OutboxConfig { keep_hours: 0, ..config() }).await;
    let gone = || async {
        count(&namespace, "SELECT count(*) FROM brainops.outbox").await
            + count(&namespace, "SELECT count(*) FROM brainops.outbox_record").await
            == 0
    };
    eventually(LIMIT, gone).await.expect("the row goes");
    let again = appended(&outbox, event("1", "s", "x")).await;
    assert_eq!(
        (again.position, again.recorded_at, again.repeated),
        (first.position, first.recorded_at, true)
    );
    assert!(matches!(
        append(&outbox, event("1", "s", "y")).await,
        Err(AppendError::Conflict { first: Some(_) })
    ));
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_number_of_shards_changes_only_when_nothing_depends_on_it() {
    let namespace = namespace("shards").await;
    let (outbox, relay) = running(&namespace, config()).await;
    appended(&outbox, event("1", "s", "x")).await;
    let three = OutboxConfig { shards: 3, ..config() };
    let open = || Outbox::open(namespace.pool(), namespace.cluster(), namespace.registry(), three.clone());
    match open().await {
        Err(OutboxError::Shards { configured: 3, found: 2, .. }) => {}
        other => panic!("{other:?}"),
    }
    relay.stop().await;
    drop(outbox);
    let (outbox, relay) = running(&namespace, three.clone()).await;
    let epochs = count(&namespace, "SELECT min(epoch) FROM brainops.outbox_shard").await;
    assert!(epochs > 1, "no epoch is used twice: {epochs}");
    assert!(appended(&outbox, event("1", "s", "x")).await.repeated);
    for subject in 0..20 {
        appended(&outbox, event(&format!("n{subject}"), &format!("s{subject}"), "x")).await;
    }
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}
