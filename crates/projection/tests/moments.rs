//! Past moments are what a fold of the log up to there gives, from wherever they were begun.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod common;

use std::time::Duration;

use brainops_event::{Envelope, Frontier, Outgoing, Timestamp, parse_timestamp};
use brainops_projection::{
    Clock, Generation, MomentAt, MomentError, MomentQuestion, MomentState, MomentWanted, Workshop,
    find_generation, moment_state, offer_moment, resolve_moment, withdraw_expired,
};
use brainops_testkit::{refold, stored_rows};
use chrono::{TimeDelta, Utc};
use common::history::{rebuild, same, work, workshop};
use common::{Bench, Metrics, REFUSED, figure, figures, small_batches};
use sqlx::AssertSqlSafe;

const KEPT: MomentWanted<'static> =
    MomentWanted { asked_by: "person-1", time_to_live: None, fresh: false, failed_stands: None };

fn at(time: Timestamp, clock: Clock) -> MomentQuestion {
    MomentQuestion { at: MomentAt::Time(time), clock }
}

async fn moment(bench: &Bench, shop: &Workshop, question: &MomentQuestion) -> MomentState {
    let resolved = resolve_moment(&bench.model, shop, question).await.unwrap();
    let offered = offer_moment(&bench.model, shop, &resolved, KEPT).await.unwrap();
    work(bench, shop, &offered.generation).await.unwrap();
    let state = moment_state(bench.namespace.pool(), &offered.generation).await.unwrap().unwrap();
    assert!(state.is_ready);
    state
}

/// The rows that a fold apart from the runtime gives up to a frontier.
async fn check(bench: &Bench, generation: &Generation, to: &Frontier) {
    let expected = refold(&bench.model, bench.namespace.cluster(), bench.namespace.registry(), to).await;
    let found = stored_rows::<Metrics>(bench.namespace.pool(), generation).await.unwrap();
    assert!(expected.unwrap() == found, "{} is not the fold of the log up to {to}", generation.schema());
}

/// A moment after all that was recorded so far, by the clock of the log.
async fn now(bench: &Bench) -> Timestamp {
    bench.append(vec![figure("clock", &uuid::Uuid::now_v7().to_string(), 0.0, "s")]).await;
    let now = Utc::now();
    tokio::time::timeout(Duration::from_secs(5), async {
        while Utc::now() <= now + TimeDelta::milliseconds(2) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    now
}

#[tokio::test(flavor = "multi_thread")]
async fn three_moments_are_what_a_fold_up_to_there_gives_and_the_last_is_what_serves() {
    let (bench, folder) = (Bench::new("moments").await, tempfile::tempdir().unwrap());
    let shop = workshop(&bench, &folder, "historian");
    bench.append(figures(1_500, 100, 1)).await;
    let first = now(&bench).await;
    bench.append(figures(1_500, 100, 2)).await;
    bench.append(vec![figure("parked", "1", 1.0, REFUSED)]).await;
    let second = now(&bench).await;
    bench.append(figures(300, 120, 3)).await;
    let running = bench.start(small_batches("live", 400));
    let end = bench.caught_up().await;

    for time in [first, second] {
        let made = moment(&bench, &shop, &at(time, Clock::Recorded)).await;
        check(&bench, &made.generation, &made.frontier).await;
        let again = moment(&bench, &shop, &at(time, Clock::Recorded)).await;
        assert_eq!(again.generation, made.generation, "it is there already");
    }
    // The end: begun with the rows of the second moment, which is close.
    let last = moment(
        &bench,
        &shop,
        &MomentQuestion { at: MomentAt::Frontier(end.clone()), clock: Clock::Recorded },
    )
    .await;
    let base = "SELECT base::bigint FROM brainops.rebuild WHERE generation = (SELECT max(generation) FROM brainops.rebuild)";
    assert_eq!(bench.number(base).await, 3, "it began with the rows of the second moment");
    check(&bench, &last.generation, &end).await;
    same(&bench, &bench.generation, &last.generation).await;

    // A moment can be asked like the read model itself, with its derived views.
    let asked = format!("SELECT count(*) FROM {}.freshness", last.generation.schema());
    let partitions: i64 =
        sqlx::query_scalar(AssertSqlSafe(asked)).fetch_one(bench.namespace.pool()).await.unwrap();
    assert!(partitions > 0);
    // And while a rebuild runs.
    let next = rebuild(&bench, &shop).await;
    let made = moment(&bench, &shop, &at(first, Clock::Recorded)).await;
    assert!(made.generation.number < next.number);
    running.stop().await;
    bench.namespace.close().await;
}

fn happened(subject: &str, id: &str, value: f64, at: &str) -> Outgoing {
    let event = figure(subject, id, value, "EUR");
    let Outgoing { envelope, schema, datum } = event;
    let envelope: Envelope = envelope.with_time(parse_timestamp(at).unwrap());
    Outgoing::from_datum(envelope, schema, datum).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn by_time_of_happening_late_arrivals_count_and_the_answer_says_up_to_where() {
    let (bench, folder) = (Bench::new("happened").await, tempfile::tempdir().unwrap());
    let shop = workshop(&bench, &folder, "historian");
    let (may, june, july) = ("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z");
    bench
        .append(vec![
            happened("a", "1", 1.0, may),
            happened("a", "2", 10.0, july),
            happened("b", "1", 5.0, july),
        ])
        .await;
    let question = at(parse_timestamp(june).unwrap(), Clock::Happened);
    let total = async |generation: &Generation| {
        let sql = format!("SELECT coalesce(sum(total), 0)::float8 FROM {}.metric", generation.schema());
        sqlx::query_scalar::<_, f64>(AssertSqlSafe(sql)).fetch_one(bench.namespace.pool()).await.unwrap()
    };
    let early = moment(&bench, &shop, &question).await;
    assert_eq!(total(&early.generation).await, 1.0);
    bench.append(vec![happened("a", "3", 100.0, june)]).await; // late, and of that very time
    assert_eq!(
        moment(&bench, &shop, &question).await.generation,
        early.generation,
        "an answer is used again"
    );
    let resolved = resolve_moment(&bench.model, &shop, &question).await.unwrap();
    let fresh =
        offer_moment(&bench.model, &shop, &resolved, MomentWanted { fresh: true, ..KEPT }).await.unwrap();
    work(&bench, &shop, &fresh.generation).await.unwrap();
    assert_eq!(total(&fresh.generation).await, 101.0);
    assert!(fresh.frontier.has_reached(&early.frontier) && fresh.frontier != early.frontier);
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shown_is_refused_with_what_can_and_what_is_over_is_dropped() {
    let (bench, folder) = (Bench::new("refusals").await, tempfile::tempdir().unwrap());
    let shop = workshop(&bench, &folder, "historian");
    let refused = async |question: MomentQuestion| {
        let resolved = match resolve_moment(&bench.model, &shop, &question).await {
            Ok(resolved) => resolved,
            Err(error) => return error,
        };
        offer_moment(&bench.model, &shop, &resolved, KEPT).await.unwrap_err()
    };
    let past = at(Utc::now(), Clock::Recorded);
    assert!(matches!(refused(past).await, MomentError::Empty));
    bench.append(figures(50, 5, 1)).await;
    let running = bench.start(small_batches("live", 400));
    let end = bench.caught_up().await;
    running.stop().await;

    let long_ago = refused(at(parse_timestamp("2001-01-01T00:00:00Z").unwrap(), Clock::Recorded)).await;
    assert!(matches!(long_ago, MomentError::BeforeTheFirst { .. }), "{long_ago}");
    let tomorrow = refused(at(Utc::now() + TimeDelta::days(1), Clock::Recorded)).await;
    assert!(matches!(tomorrow, MomentError::Future { .. }), "{tomorrow}");

    let topic = bench.namespace.topic("business");
    let mut of_another = end.clone();
    of_another.set_topic_id(topic.clone(), brainops_event::TopicId::new("AAAAAAAAAAAAAAAAAAAAAA").unwrap());
    let frontier = |frontier| MomentQuestion { at: MomentAt::Frontier(frontier), clock: Clock::Recorded };
    let other = brainops_event::error_chain(&refused(frontier(of_another)).await);
    assert!(other.contains("AAAAAAAAAAAAAAAAAAAAAA") && other.contains("deleted and made again"), "{other}");
    let mut beyond = end.clone();
    beyond.set(
        topic.clone(),
        brainops_event::Partition::new(0).unwrap(),
        brainops_event::Offset::new(1_000_000).unwrap(),
    );
    let beyond = brainops_event::error_chain(&refused(frontier(beyond)).await);
    assert!(beyond.contains("1000000"), "{beyond}");
    let mut foreign = Frontier::new();
    foreign.set(
        bench.namespace.topic("lead"),
        brainops_event::Partition::new(0).unwrap(),
        brainops_event::Offset::ZERO,
    );
    let foreign = brainops_event::error_chain(&refused(frontier(foreign)).await);
    assert!(foreign.contains("does not fold") && foreign.contains("business"), "{foreign}");
    let timeless =
        refused(MomentQuestion { at: MomentAt::Frontier(end.clone()), clock: Clock::Happened }).await;
    assert!(matches!(timeless, MomentError::NotATime { .. }), "{timeless}");

    let resolved = resolve_moment(&bench.model, &shop, &frontier(end.clone())).await.unwrap();
    let over = MomentWanted { time_to_live: Some(TimeDelta::seconds(-1)), ..KEPT };
    let offered = offer_moment(&bench.model, &shop, &resolved, over).await.unwrap();
    work(&bench, &shop, &offered.generation).await.unwrap();
    assert_eq!(withdraw_expired(bench.namespace.pool()).await.unwrap(), 1);
    let gone = find_generation(bench.namespace.pool(), "metrics", offered.generation.number).await;
    assert!(gone.is_err(), "{gone:?}");

    // Three may be on their way for one who asks.
    for number in 0..4 {
        let part: Frontier = end
            .iter()
            .map(|(topic, partition, next)| {
                (topic.clone(), partition, brainops_event::Offset::new((next.get() - number).max(0)).unwrap())
            })
            .collect();
        let resolved = resolve_moment(&bench.model, &shop, &frontier(part)).await.unwrap();
        let offered = offer_moment(&bench.model, &shop, &resolved, KEPT).await;
        assert_eq!(
            matches!(offered, Err(MomentError::TooMany { found: 3, limit: 3, .. })),
            number == 3,
            "{number}"
        );
    }
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_making_has_failed_is_not_begun_again_by_whoever_asks_once_more() {
    let (bench, folder) = (Bench::new("failed").await, tempfile::tempdir().unwrap());
    let shop = workshop(&bench, &folder, "historian");
    bench.append(figures(100, 10, 1)).await;
    let question = at(now(&bench).await, Clock::Recorded);
    let resolved = resolve_moment(&bench.model, &shop, &question).await.unwrap();
    let patient = MomentWanted { failed_stands: Some(Duration::from_secs(60)), ..KEPT };
    let offer = async |wanted| offer_moment(&bench.model, &shop, &resolved, wanted).await;

    let first = offer(patient).await.unwrap().generation;
    let fail = "UPDATE brainops.rebuild SET state = 'failed', reason = 'no room', finished_at = now() WHERE generation = $1";
    sqlx::query(fail).bind(first.number).execute(bench.namespace.pool()).await.unwrap();
    let again = offer(patient).await.unwrap_err();
    let reason = Some("no room".to_owned());
    assert!(
        matches!(&again, MomentError::JustFailed { generation, reason: found, .. } if *generation == first.number && *found == reason),
        "{again:?}"
    );
    let past = "UPDATE brainops.rebuild SET finished_at = now() - interval '61 s' WHERE generation = $1";
    sqlx::query(past).bind(first.number).execute(bench.namespace.pool()).await.unwrap();
    let second = offer(patient).await.unwrap().generation;
    assert!(second.number > first.number, "{second:?}");

    sqlx::query(fail).bind(second.number).execute(bench.namespace.pool()).await.unwrap();
    let third = offer(KEPT).await.unwrap().generation;
    assert!(third.number > second.number, "whoever works on it by themselves begins at once: {third:?}");
    bench.namespace.close().await;
}
