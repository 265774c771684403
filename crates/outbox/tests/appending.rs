//! What a caller can rely on: position, repeat, conflict, order, bounds.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]
mod common;

use std::time::{Duration, Instant};

use brainops_event::Outgoing;
use brainops_outbox::{AppendError, Enqueued, OutboxConfig, Prepared, Receipt, enqueue, state};
use brainops_testkit::eventually;
use common::{
    LIMIT, Running, agent, append, appended, check_receipts, config, count, event, firsts, namespace, open,
    orders, running, stands,
};
use futures::future::join_all;

/// Callers are answered a moment before Postgres knows.
async fn marked(namespace: &brainops_testkit::Namespace) {
    let empty = || async { state(namespace.pool()).await.expect("a state").pending_rows == 0 };
    eventually(LIMIT, empty).await.expect("marked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_has_one_position_and_one_content() {
    let namespace = namespace("position").await;
    let (outbox, relay) = running(&namespace, config()).await;
    let first = appended(&outbox, event("1", "s", "hello")).await;
    assert!(!first.repeated);
    let again = appended(&outbox, event("1", "s", "hello")).await;
    assert_eq!(
        (again.position.clone(), again.recorded_at, again.repeated),
        (first.position.clone(), first.recorded_at, true)
    );
    marked(&namespace).await;
    for other in [event("1", "s", "other"), event("1", "t", "hello")] {
        match append(&outbox, other).await {
            Err(AppendError::Conflict { first: Some(at) }) => assert_eq!(at, first.position),
            other => panic!("{other:?}"),
        }
    }
    let stands = stands(&namespace, &agent(&namespace)).await;
    assert_eq!(stands, [("1".to_owned(), first.position)]);
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_twice_is_judged_alike_within_a_call_and_between_calls() {
    let namespace = namespace("twice").await;
    let (outbox, relay) = running(&namespace, config()).await;
    let mut large = event("large", "s", "x");
    large.datum = vec![0; 1_000_000];
    let call = vec![
        event("1", "s", "one"),
        event("1", "s", "one"),
        event("1", "s", "two"),
        large,
        event("2", "s", "two"),
    ];
    let answers = outbox.append_all(call).await;
    let position = answers[0].as_ref().expect("new").position.clone();
    assert!(answers[1].as_ref().is_ok_and(|same| same.repeated && same.position == position));
    assert!(matches!(answers[2], Err(AppendError::Conflict { .. })), "{:?}", answers[2]);
    assert!(matches!(answers[3], Err(AppendError::TooLarge { limit: 1_000_000, .. })), "{:?}", answers[3]);
    assert!(answers[4].as_ref().is_ok_and(|new| !new.repeated));
    // twenty at once: each name is new for exactly one of them
    let calls =
        (0..20).map(|_| outbox.append_all((0..10).map(|id| event(&format!("c{id}"), "s", "same")).collect()));
    let answers: Vec<_> =
        join_all(calls).await.into_iter().flatten().map(|answer| answer.expect("taken")).collect();
    assert_eq!(answers.iter().filter(|answer| !answer.repeated).count(), 10);
    let calls = (0..20).map(|caller| outbox.append_all(vec![event("d", "s", &caller.to_string())]));
    let answers: Vec<_> = join_all(calls).await.into_iter().flatten().collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(stands(&namespace, &agent(&namespace)).await.len(), 13);
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subject_keeps_its_order_whoever_else_appends() {
    let namespace = namespace("order").await;
    let (outbox, relay) = running(&namespace, config()).await;
    let caller = |caller: usize| {
        let outbox = outbox.clone();
        async move {
            let mut receipts = Vec::new();
            for step in 0..10 {
                // one after the other, and several in one call
                let ids: Vec<String> = (0..3).map(|nth| format!("{caller:02}-{step:02}-{nth}")).collect();
                let events = ids.iter().map(|id| event(id, &format!("subject-{caller}"), "x")).collect();
                let answers = outbox.append_all(events).await;
                receipts
                    .extend(ids.into_iter().zip(answers.into_iter().map(|answer| answer.expect("taken"))));
            }
            receipts
        }
    };
    let receipts: Vec<_> = join_all((0..64).map(caller)).await.into_iter().flatten().collect();
    let stands = stands(&namespace, &agent(&namespace)).await;
    assert_eq!((receipts.len(), stands.len()), (1920, 1920));
    check_receipts(&stands, &receipts);
    let mut by_caller: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    for id in orders(&stands).into_values().flatten() {
        by_caller.entry(id[..2].to_owned()).or_default().push(id);
    }
    for ids in by_caller.values() {
        assert!(ids.is_sorted(), "{ids:?}");
    }
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_call_is_kept_in_chunks_and_in_order() {
    let namespace = namespace("bulk").await;
    let (outbox, relay) = running(&namespace, config()).await;
    let events: Vec<Outgoing> = (0..20_000)
        .map(|id| event(&format!("{id:06}"), &format!("s{}", id % 50), "some text that is not very long"))
        .collect();
    let began = Instant::now();
    let answers = outbox.append_all(events).await;
    println!("20,000 events in {:?}", began.elapsed());
    let receipts: Vec<_> = answers
        .into_iter()
        .enumerate()
        .map(|(id, answer)| (format!("{id:06}"), answer.expect("taken")))
        .collect();
    let stands = stands(&namespace, &agent(&namespace)).await;
    assert_eq!(stands.len(), 20_000);
    check_receipts(&stands, &receipts);
    for ids in orders(&stands).values() {
        assert!(ids.is_sorted());
    }
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_outbox_says_when_to_come_again_and_recovers() {
    let namespace = namespace("full").await;
    let config = OutboxConfig { max_pending: 10, answer_limit_ms: 300, ..config() };
    let (outbox, relay) = running(&namespace, config).await;
    let taken = || async { append(&outbox, event("before", "s", "x")).await.is_ok() };
    eventually(LIMIT, taken).await.expect("acknowledged, though the first one takes its time");
    relay.stop().await;
    // The row before them is acknowledged; until the outbox has seen that it is gone, ten more are one too many.
    let is_full = |answer: &Result<Receipt, AppendError>| matches!(answer, Err(AppendError::Full { .. }));
    let began = Instant::now();
    let answers = loop {
        let ten = (0..10).map(|id| event(&id.to_string(), "s", "x")).collect();
        let answers = outbox.append_all(ten).await;
        if !answers.iter().all(is_full) || began.elapsed() > LIMIT {
            break answers;
        }
        tokio::task::yield_now().await;
    };
    assert!(
        answers.iter().all(|answer| matches!(answer, Err(AppendError::NotAcknowledged { .. }))),
        "{answers:?}"
    );
    match append(&outbox, event("10", "s", "x")).await {
        Err(AppendError::Full { retry_after }) => assert!(retry_after > Duration::ZERO),
        other => panic!("{other:?}"),
    }
    let seen = state(namespace.pool()).await.expect("a state");
    assert_eq!((seen.pending_rows, seen.is_open()), (10, false));
    assert!(seen.oldest_pending_seconds.is_some_and(|seconds| seconds > 0.0));
    let relay = Running::start(&outbox, "next");
    let empty = || async { state(namespace.pool()).await.expect("a state").pending_rows == 0 };
    eventually(LIMIT, empty).await.expect("what was kept is sent");
    let taken = || async { append(&outbox, event("10", "s", "x")).await.is_ok() };
    eventually(LIMIT, taken).await.expect("there is room again");
    let stood = stands(&namespace, &agent(&namespace)).await;
    let expected: Vec<String> =
        ["before".to_owned()].into_iter().chain((0..=10).map(|id| id.to_string())).collect();
    assert_eq!(orders(&stood).into_values().flatten().collect::<Vec<_>>(), expected);
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_appends_before_a_relay_has_read_the_ends() {
    let namespace = namespace("closed").await;
    let outbox = open(&namespace, config()).await;
    let error = outbox.opened(Duration::from_millis(100)).await.expect_err("there is no relay");
    assert!(error.shards.contains("shard 0: no relay yet"), "{error}");
    match append(&outbox, event("1", "s", "x")).await {
        Err(AppendError::NotOpen(_)) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(count(&namespace, "SELECT count(*) FROM brainops.reservation").await, 0);
    let relay = Running::start(&outbox, "relay");
    outbox.opened(LIMIT).await.expect("it opens");
    appended(&outbox, event("1", "s", "x")).await;
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shares_only_postgres_is_told_at_once() {
    let namespace = namespace("apart").await;
    let (relaying, relay) = running(&namespace, config()).await;
    let outbox = open(&namespace, config()).await;
    outbox.opened(LIMIT).await.expect("the other's relay has it open");
    let mut quickest = Duration::MAX;
    for id in 0..10 {
        let began = Instant::now();
        appended(&outbox, event(&id.to_string(), "s", "x")).await;
        quickest = quickest.min(began.elapsed());
    }
    assert!(quickest < Duration::from_millis(500), "{quickest:?}: told by nobody, found by looking");
    relay.stop().await;
    drop((relaying, outbox));
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_writes_in_his_own_transaction_keeps_both_or_none() {
    let namespace = namespace("enqueue").await;
    let (outbox, relay) = running(&namespace, config()).await;
    let first = appended(&outbox, event("said", "s", "x")).await;
    marked(&namespace).await;
    let events = ["a", "b", "a"]
        .map(|id| event(id, "s", "x"))
        .into_iter()
        .chain([event("said", "s", "x"), event("said", "s", "y")]);
    let prepared: Vec<Prepared> =
        outbox.prepare(events.collect()).await.into_iter().map(|one| one.expect("prepared")).collect();
    let mut transaction = namespace.pool().begin().await.expect("begun");
    enqueue(&mut transaction, &prepared).await.expect("enqueued");
    transaction.rollback().await.expect("rolled back"); // as a crash after the reservation would
    let mut transaction = namespace.pool().begin().await.expect("begun");
    let enqueued = enqueue(&mut transaction, &prepared).await.expect("enqueued");
    transaction.commit().await.expect("committed");
    outbox.wake();
    assert!(matches!(enqueued[0], Enqueued::New { .. }) && matches!(enqueued[1], Enqueued::New { .. }));
    assert!(matches!(enqueued[2], Enqueued::Repeated { first: None, .. }));
    let known = (first.position.clone(), first.recorded_at);
    assert!(matches!(&enqueued[3], Enqueued::Repeated { first: Some(first), .. } if *first == known));
    assert!(matches!(&enqueued[4], Enqueued::Conflict { first: Some(at) } if *at == first.position));
    let sent = || async { firsts(&stands(&namespace, &agent(&namespace)).await).len() == 3 };
    eventually(LIMIT, sent).await.expect("what was committed is sent");
    assert_eq!(stands(&namespace, &agent(&namespace)).await.len(), 3);
    relay.stop().await;
    drop(outbox);
    namespace.close().await;
}
