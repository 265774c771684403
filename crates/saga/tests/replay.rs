//! History taken again: the same code decides the same, another version differs where it should, nothing is appended; and
//! tables that a backup has forgotten are made from the log.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod common;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use brainops_event::{Frontier, Recorded, new_id};
use brainops_log::{end_frontier, start_frontier};
use brainops_saga::{
    Agent, Cast, Decide, Decider, DifferenceKind, Input, Pace, Recovered, Refusal, Replayed, Route, Say,
    Selection, Turn, Wait, decision_event, recover, replay, replay_at,
};
use common::{AGENT, LIMIT, Scene, Tally, TallyState, check, count, count_with};
use serde_json::json;

/// The next version: it asks for an approval at every third, and says nothing of what fires.
#[derive(Debug)]
struct Cautious;

impl Agent for Cautious {
    type State = TallyState;

    fn name(&self) -> &'static str {
        AGENT
    }

    fn version(&self) -> u32 {
        2
    }

    fn topics(&self) -> &'static [&'static str] {
        &["agent"]
    }

    fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal> {
        Tally::default().route(event)
    }

    fn react(&self, state: &mut TallyState, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
        if let Some(timer) = input.timer() {
            state.fired.push(timer.to_owned());
            return Ok(());
        }
        Tally::default().react(state, input, turn)?;
        if state.seen.len().is_multiple_of(3) {
            turn.say(Say::command("ask", &json!({"about": state.seen.len()})));
        }
        Ok(())
    }

    fn waits_for(&self, state: &TallyState) -> Vec<Wait> {
        Tally::default().waits_for(state)
    }
}

async fn ends(scene: &Scene) -> Frontier {
    let topics = ["agent", "saga"].map(|name| scene.namespace.topic(name));
    end_frontier(scene.namespace.cluster(), &topics).await.unwrap()
}

async fn replayed(scene: &Scene, cast: &Cast, correlation: Option<&str>) -> Replayed {
    let topics = ["agent", "saga"].map(|name| scene.namespace.topic(name));
    let from = start_frontier(scene.namespace.cluster(), &topics).await.unwrap();
    let correlation = correlation.map(str::to_owned);
    let selection = Selection { correlation, from, to: ends(scene).await };
    let cluster = scene.namespace.cluster().read_only();
    let found = replay(cast, &cluster, scene.namespace.registry(), &selection).await.unwrap();
    for jobs in [2, 4, 9] {
        let pace = Pace { jobs: NonZeroUsize::new(jobs).unwrap(), ..Pace::default() };
        let shared = replay_at(cast, &cluster, scene.namespace.registry(), &selection, &pace).await.unwrap();
        assert_eq!(shared, found, "with {jobs} workers");
        assert_eq!((pace.progress.sagas(), pace.progress.transactions()), (found.sagas, found.transactions));
        assert!(pace.progress.total() > 0, "there is something to read");
        assert_eq!(pace.progress.read(), pace.progress.total(), "all of it is read");
    }
    found
}

async fn decide(scene: &Scene, correlation: &str, decide: Decide) {
    let decider = Decider { by: "op-1".to_owned(), reason: "because".to_owned() };
    let (id, now) = (new_id(uuid::Uuid::now_v7()), chrono::Utc::now());
    scene.append(vec![decision_event((AGENT, correlation), &decide, &decider, (id, now)).unwrap()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_code_decides_the_same_and_another_version_differs_where_it_should() {
    let scene = Scene::new("sagareplay").await;
    let (running, firing) = (scene.run(Tally::default()), scene.fire());
    let lanes = (1..=9).flat_map(|number| {
        (0..4)
            .map(move |saga| count_with(&format!("r{saga}"), number, u32::try_from(number % 4).unwrap(), ""))
    });
    scene.append(lanes.collect()).await;
    scene.append(vec![count_with("r0", 10, 0, "set soon 200"), count_with("r1", 10, 0, "panic")]).await;
    scene.until_said("agent", "agent.command.fired", 1).await;
    let parked = scene.until_said("saga", "saga.parked", 1).await;
    let input = parked[0].data["input"].as_str().unwrap().to_owned();
    decide(&scene, "r1", Decide::Retry { input, skip: true }).await;
    scene.until_status("r1", "running").await;
    scene.until_taken(40).await;
    let before = ends(&scene).await;
    let same = replayed(&scene, &Cast::of(Tally::default()).unwrap(), None).await;
    assert_eq!((same.sagas, same.inputs, same.differing, same.unfinished), (4, 40, 0, 0), "{same:?}");
    assert_eq!(same.decisions, (38, 38));
    // A program that has the next version too: each with the one that it was on.
    let both = Cast::of(Tally::default()).unwrap().with(Cautious).unwrap();
    let same = replayed(&scene, &both, None).await;
    assert_eq!((same.sagas, same.inputs, same.differing, same.unfinished), (4, 40, 0, 0), "{same:?}");
    // The next version alone, over the same history.
    let next = replayed(&scene, &Cast::of(Cautious).unwrap(), None).await;
    assert_eq!((next.sagas, next.diverged, next.unfinished), (4, 4, 0));
    let of = |is: fn(&DifferenceKind) -> bool| next.differences.iter().filter(|one| is(&one.kind)).count();
    assert_eq!(of(|kind| matches!(kind, DifferenceKind::Added(_))), 12, "three more questions each");
    assert_eq!(of(|kind| matches!(kind, DifferenceKind::Removed(_))), 1, "what fired is not said");
    assert_eq!(of(|kind| matches!(kind, DifferenceKind::Changed { .. })), 0);
    let one = replayed(&scene, &Cast::of(Cautious).unwrap(), Some("r2")).await;
    assert_eq!((one.sagas, one.inputs), (1, 9));
    assert!(one.first_divergence().is_some_and(|first| first.correlation == "r2"));
    assert_eq!(ends(&scene).await, before, "a replay appends nothing");
    firing.stop().await;
    running.stop().await;
    scene.close().await;
}

/// The tables of sagas and of the outbox, as a backup has them.
const TABLES: [&str; 11] = [
    "saga",
    "saga_inbox",
    "saga_kept",
    "saga_timer",
    "saga_unrouted",
    "saga_checkpoint",
    "reservation",
    "outbox",
    "outbox_record",
    "outbox_shard",
    "outbox_partition",
];

async fn back_up(scene: &Scene) {
    scene.execute("CREATE SCHEMA backup").await;
    for table in TABLES {
        scene.execute(format!("CREATE TABLE backup.{table} AS SELECT * FROM brainops.{table}").leak()).await;
    }
}

/// As after a night without the database: whoever relayed begins anew.
async fn restore(scene: &mut Scene) {
    let tables = TABLES.map(|table| format!("brainops.{table}")).join(", ");
    scene.execute(format!("TRUNCATE {tables}").leak()).await;
    for table in TABLES {
        scene.execute(format!("INSERT INTO brainops.{table} SELECT * FROM backup.{table}").leak()).await;
    }
    scene.execute("UPDATE brainops.outbox_shard SET lease_until = '-infinity'").await;
    scene.kill_relay().await;
    scene.stage.outbox.opened(LIMIT).await.expect("another relay has read the ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_backup_has_forgotten_is_made_from_the_log_and_gone_on_with() {
    let mut scene = Scene::new("sagarestore").await;
    let running = scene.run(Tally::default());
    let lanes = |numbers: std::ops::RangeInclusive<i64>| {
        let all = numbers.flat_map(|number| {
            (0..3).map(move |saga| {
                count_with(&format!("b{saga}"), number, u32::try_from(number % 4).unwrap(), "")
            })
        });
        all.collect::<Vec<_>>()
    };
    scene.append(lanes(1..=5)).await;
    scene.until_taken(15).await;
    back_up(&scene).await;
    scene.append(lanes(6..=10)).await;
    scene
        .append(vec![
            count_with("b3", 1, 0, "panic"),
            count("b3", 2),
            count_with("b0", 11, 0, "set far 3600000"),
        ])
        .await;
    scene.until_taken(33).await;
    running.stop().await;
    // What is to come when nobody runs: it is taken after the restore.
    scene.append(vec![count("b1", 11)]).await;
    let (b0, b3) = (scene.saga("b0").await.unwrap(), scene.saga("b3").await.unwrap());
    restore(&mut scene).await;
    // The program is another by now: it mends the one version and has a next one.
    let cast = Cast::of(Tally { is_frail: false, ..Tally::default() }).unwrap().with(Cautious).unwrap();
    let recovered = recover(&cast, &scene.stage).await.unwrap();
    assert_eq!((recovered.differing, recovered.unfinished), (0, 0), "{recovered:?}");
    assert!(recovered.transactions > 0);
    assert_eq!(scene.saga("b0").await.unwrap(), b0);
    assert_eq!(scene.saga("b3").await.unwrap(), b3, "it is parked where it was, though its code is mended");
    assert_eq!(scene.count("SELECT count(*) FROM brainops.saga_timer").await, 1);
    let on = "SELECT count(*) FROM brainops.saga WHERE version <> 1";
    assert_eq!(scene.count(on).await, 0, "each is on the version on which it began");
    assert_eq!(
        recover(&cast, &scene.stage).await.unwrap(),
        Recovered::default(),
        "again, nothing is to be done"
    );
    let running = scene.run_cast(cast);
    scene.until_taken(34).await;
    let expected = [("b0", 11), ("b1", 11), ("b2", 10)].map(|(name, count)| (name.to_owned(), count));
    check(&scene, &BTreeMap::from(expected)).await.unwrap();
    running.stop().await;
    scene.close().await;
}

/// How many records a topic has, repeats and all.
async fn records(scene: &Scene, topic: &str) -> i64 {
    let topic = scene.namespace.topic(topic);
    let ends = end_frontier(scene.namespace.cluster(), &[topic]).await.unwrap();
    ends.iter().map(|(_, _, end)| end.get()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_was_lost_on_its_way_while_it_was_told_is_enqueued_again_once() {
    let mut scene = Scene::new("sagalost").await;
    let running = scene.run(Tally::default());
    scene.append(vec![count("a", 1)]).await;
    scene.until_taken(1).await;
    running.stop().await;
    back_up(&scene).await;
    scene.append(vec![count("a", 2)]).await;
    // From here on nothing is sent to the agent's topic: its rows are in a shard that nobody has, without a number.
    scene
        .execute(
            "CREATE FUNCTION public.lose() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN NEW.shard = 77; NEW.send_no = NULL; RETURN NEW; END $$;
             CREATE TRIGGER lose BEFORE INSERT ON brainops.outbox FOR EACH ROW
             WHEN (NEW.topic LIKE '%.agent') EXECUTE FUNCTION public.lose()",
        )
        .await;
    let running = scene.run(Tally::default());
    let reacted = scene.until_said("saga", "saga.reacted", 2).await;
    running.stop().await;
    let lost = reacted[1].data["decisions"][0]["id"].as_str().unwrap().to_owned();
    let (agent, saga) = (records(&scene, "agent").await, records(&scene, "saga").await);
    assert_eq!(agent, 3, "two inputs, one decision: the other was lost with the database");
    scene.execute("DROP TRIGGER lose ON brainops.outbox").await;
    restore(&mut scene).await;
    let recovered = recover(&Cast::of(Tally::default()).unwrap(), &scene.stage).await.unwrap();
    assert_eq!(recovered, Recovered { transactions: 1, ..Recovered::default() });
    let decided = scene.until_said("agent", "agent.command.counted", 2).await;
    assert_eq!(decided[1].id, lost);
    let running = scene.run(Tally::default());
    scene.append(vec![count("a", 3)]).await;
    scene.until_taken(3).await;
    check(&scene, &BTreeMap::from([("a".to_owned(), 3)])).await.unwrap();
    assert_eq!(records(&scene, "agent").await, agent + 3, "the lost one, one input, what it leads to");
    assert_eq!(records(&scene, "saga").await, saga + 1, "what was told is not told again");
    running.stop().await;
    scene.close().await;
}
