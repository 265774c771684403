//! What people decide about parked subjects is an event, and is carried out once, whoever owns the partition.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what must hold")]

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use brainops_projection::{
    Decide, DecisionState, ParkedSubject, Pause, RunOptions, RunState, list, paused, wait_until,
};
use brainops_testkit::eventually;
use chrono::Utc;
use common::{Bench, LIMIT, PANIC, REFUSED, figure, figures, small_batches};

fn done(state: &DecisionState) -> &str {
    match state {
        DecisionState::Done(outcome) => outcome,
        other => panic!("{other:?}"),
    }
}

fn refused(state: &DecisionState) -> &str {
    match state {
        DecisionState::Refused(reason) => reason,
        other => panic!("{other:?}"),
    }
}

/// Three subjects among others, each with five events of which some are bad.
async fn three_bad(bench: &Bench) {
    let mut events = figures(300, 20, 80);
    for (subject, bad) in [("a", &[1][..]), ("b", &[1, 3]), ("c", &[2])] {
        for number in 0..5 {
            let unit = match (subject, bad.contains(&number)) {
                (_, false) => "EUR",
                ("b", true) if number == 3 => PANIC,
                (_, true) => REFUSED,
            };
            let at = 50 * (number + 1);
            events.insert(at, figure(&format!("bad/{subject}"), &format!("{subject}-{number}"), 1.0, unit));
        }
    }
    bench.append(events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_folded_in_order_when_retried_and_without_its_head_when_dismissed() {
    let bench = Bench::new("decide").await;
    three_bad(&bench).await;
    let running = bench.start(small_batches("one", 40));
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    let (a, b, c) = (parked(&bench, "a").await, parked(&bench, "b").await, parked(&bench, "c").await);
    assert_eq!((a.held, b.held, c.held), (4, 4, 3));

    // The fold is as it was: everything fails again, where it did.
    let again = bench.decide(Decide::Retry(&a)).await;
    assert!(done(&again).starts_with("0 records were folded, 4 are held from"), "{again:?}");
    assert_eq!(parked(&bench, "a").await.first, a.first);

    let dismissed = bench.decide(Decide::Dismiss(&c)).await;
    assert!(done(&dismissed).starts_with("2 records were folded, nothing is held"), "{dismissed:?}");
    assert!(bench.parked_of("bad/c").await.is_none());
    bench.check_rows(&bench.end().await).await;
    assert_eq!(bench.number("SELECT times FROM metrics.metric WHERE subject = 'bad/c'").await, 4);

    // Now it is mended, but for one event.
    bench.model.is_mended.store(true, Ordering::SeqCst);
    assert!(done(&bench.decide(Decide::Retry(&a)).await).starts_with("4 records were folded"));
    let further = bench.decide(Decide::Retry(&b)).await;
    assert!(done(&further).starts_with("2 records were folded, 2 are held from"), "{further:?}");
    let head = parked(&bench, "b").await;
    assert!(head.first.offset > b.first.offset && head.held == 2, "{head:?}");
    assert_eq!((head.parked_at, head.last_offset), (b.parked_at, b.last_offset));
    bench.check_rows(&bench.end().await).await;

    // What was decided about another head is void.
    assert!(refused(&bench.decide(Decide::Retry(&b)).await).contains("nothing is parked from"));
    bench.append(vec![figure("bad/b", "b-5", 1.0, "EUR"), figure("bad/a", "a-5", 1.0, "EUR")]).await;
    bench.caught_up().await;
    assert_eq!(parked(&bench, "b").await.held, 3);
    assert!(done(&bench.decide(Decide::Dismiss(&head)).await).starts_with("2 records were folded, nothing"));
    assert_eq!(bench.parked().await, []);
    bench.append(figures(50, 20, 81)).await;
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    running.stop().await;
    bench.namespace.close().await;
}

async fn parked(bench: &Bench, name: &str) -> ParkedSubject {
    bench.parked_of(&format!("bad/{name}")).await.unwrap()
}

/// The number in a decision says which generation a person looked at; what is decided about a record holds in all.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_decided_about_a_record_holds_in_every_generation() {
    let bench = Bench::new("generations").await;
    let mut events = figures(50, 20, 85);
    for subject in ["bad/a", "bad/b"] {
        for (number, unit) in [REFUSED, "EUR"].into_iter().enumerate() {
            events.push(figure(subject, &format!("{subject}-{number}"), 1.0, unit));
        }
    }
    bench.append(events).await;
    let running = bench.start(small_batches("one", 20));
    bench.caught_up().await;
    let in_another = |parked: ParkedSubject| ParkedSubject { generation: parked.generation + 6, ..parked };
    let (a, b) = (in_another(parked(&bench, "a").await), in_another(parked(&bench, "b").await));

    let read_model = a.read_model.clone();
    let (reason, paused_at) = ("too many".to_owned(), Utc::now());
    let pause = Pause { read_model, generation: a.generation, number: 1, reason, paused_at };
    bench.say(Decide::Resume(&pause)).await;

    let dismissed = bench.decide(Decide::Dismiss(&a)).await;
    assert!(done(&dismissed).starts_with("1 records were folded, nothing is held"), "{dismissed:?}");
    bench.model.is_mended.store(true, Ordering::SeqCst);
    let retried = bench.decide(Decide::Retry(&b)).await;
    assert!(done(&retried).starts_with("2 records were folded, nothing is held"), "{retried:?}");
    assert_eq!(bench.parked().await, []);
    assert_eq!(bench.number("SELECT times FROM metrics.metric WHERE subject = 'bad/a'").await, 1);
    assert_eq!(bench.number("SELECT times FROM metrics.metric WHERE subject = 'bad/b'").await, 2);

    // A pause is counted by each generation: this one has nothing to do with the other's.
    assert_eq!(bench.number("SELECT count(*) FROM metrics_g1.decision").await, 2);
    assert_eq!(bench.number("SELECT count(*) FROM metrics_g1.decision WHERE kind = 'resume'").await, 0);
    running.stop().await;
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_carried_out_once_while_owners_come_and_go() {
    let bench = Bench::new("owners").await;
    let bad = |n: usize| format!("bad/{n}");
    let mut events = figures(200, 20, 82);
    events.extend((0..12).map(|n| figure(&bad(n), &format!("{n}-bad"), 1.0, REFUSED)));
    events.extend((0..36).map(|n| figure(&bad(n % 12), &format!("{n}-good"), 1.0, "EUR")));
    bench.append(events).await;
    let one = bench.start(small_batches("one", 20));
    bench.caught_up().await;
    assert_eq!(bench.parked().await.len(), 12);

    let two = bench.start(small_batches("two", 20));
    let mut said = Vec::new();
    for (number, parked) in bench.parked().await.iter().enumerate() {
        if number == 6 {
            bench.model.is_mended.store(true, Ordering::SeqCst);
        }
        let decide = if number % 2 == 0 { Decide::Dismiss(parked) } else { Decide::Retry(parked) };
        said.push((parked.clone(), bench.say(decide).await));
    }
    one.stop().await;
    let three = bench.start(small_batches("three", 20));
    for (_, position) in &said {
        bench.outcome(position).await;
    }
    two.stop().await;
    for (parked, _) in &said {
        // Those that were retried before the fold was mended are held still.
        if let Some(left) = bench.parked_of(parked.subject.as_deref().unwrap()).await {
            assert!(done(&bench.decide(Decide::Retry(&left)).await).starts_with("4 records were folded"));
        }
    }
    bench.append(figures(100, 20, 83)).await;
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    assert_eq!(bench.parked().await, []);
    three.stop().await;
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_parked_pause_the_read_model_until_a_person_resumes_it() {
    let bench = Bench::new("pause").await;
    let options = |name: &str| RunOptions { max_parked_per_minute: 5, ..RunOptions::new(name) };
    bench.append(figures(100, 20, 84)).await;
    let running = bench.start(options("one"));
    let before = bench.caught_up().await;

    // One event a subject, all in one partition's batch or in several: more than five in a minute at any rate.
    bench.append((0..40).map(|n| figure(&format!("bad/{n}"), &format!("{n}"), 1.0, REFUSED)).collect()).await;
    let stands = "SELECT count(*) FROM metrics.freshness WHERE state = 'stopped' AND reason_class = 'Paused'";
    eventually(LIMIT, || async { bench.number(stands).await == 4 }).await.unwrap();
    assert!(bench.parked().await.len() <= 5, "{:?}", bench.parked().await);
    running.stop().await;

    // A new process stands as well, and follows decisions all the same.
    let running = bench.start(options("two"));
    let stands_again =
        "SELECT count(*) FROM brainops.progress WHERE instance = 'two' AND reason_class = 'Paused'";
    eventually(LIMIT, || async { bench.number(stands_again).await == 4 }).await.unwrap();
    assert_eq!(list(bench.namespace.pool()).await.unwrap()[0].state, RunState::Stopped);
    let pause = paused(bench.namespace.pool(), None).await.unwrap().remove(0);
    assert_eq!(pause.number, 1);
    assert!(pause.reason.contains("within a minute, the most are 5"), "{}", pause.reason);
    let other = brainops_projection::Pause { number: 7, ..pause.clone() };
    assert!(refused(&bench.decide(Decide::Resume(&other)).await).contains("pause 7 does not hold"));

    assert_eq!(done(&bench.decide(Decide::Resume(&pause)).await), "pause 1 has ended");
    let end = bench.end().await;
    assert!(end.has_reached(&before));
    // It says that it stands until it has taken its partitions over anew.
    let pool = bench.namespace.pool();
    let reached = || async { wait_until(pool, "metrics", &end, Duration::from_secs(1)).await.is_ok() };
    eventually(LIMIT, reached).await.unwrap();
    bench.check_rows(&end).await;
    assert_eq!(bench.parked().await.len(), 40);
    assert_eq!(paused(bench.namespace.pool(), Some("metrics")).await.unwrap(), []);
    running.stop().await;
    bench.namespace.close().await;
}
