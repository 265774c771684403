//! An agent decides no more in an hour than it allows itself, however many processes run it; what it could not do it does in
//! the hours after.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod common;

use std::collections::BTreeSet;

use brainops_event::Recorded;
use brainops_fault::Bug;
use brainops_log::{end_frontier, start_frontier};
use brainops_saga::{Agent, Cast, Input, Limits, Refusal, Route, Say, Selection, Turn, Wait, replay};
use brainops_testkit::eventually;
use common::{LIMIT, Scene, Tally, TallyState, child, count_with};
use serde_json::json;

/// How much may be decided in an hour.
const BUDGET: usize = 40;
/// Sagas, and what each has to count.
const SAGAS: i64 = 30;
const EACH: i64 = 4;

/// The counting agent with a budget: each thing that it counts is one command, which costs ten.
#[derive(Debug, Clone, Copy)]
struct Thrifty(Limits);

impl Agent for Thrifty {
    type State = TallyState;

    fn name(&self) -> &'static str {
        Tally::default().name()
    }

    fn version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        &["agent"]
    }

    fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal> {
        Tally::default().route(event)
    }

    fn react(&self, state: &mut TallyState, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
        let number = brainops_saga::payload::<common::Counted>(input.recorded())?.number;
        state.seen.push(number);
        turn.say(Say::command("counted", &json!({"number": number, "place": state.seen.len()})).costing(10));
        Ok(())
    }

    fn waits_for(&self, state: &TallyState) -> Vec<Wait> {
        Tally::default().waits_for(state)
    }

    fn limits(&self) -> Limits {
        self.0
    }
}

/// Sets the clock of sagas, for all processes, to an hour of a day and stops it.
async fn stop_clock_at(scene: &Scene, hour: u32) {
    let sql = format!(
        "CREATE OR REPLACE FUNCTION brainops.saga_clock() RETURNS timestamptz LANGUAGE sql STABLE
             AS $$ SELECT timestamptz '2026-11-26 {hour:02}:30:00Z' $$"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&scene.stage.pool).await.unwrap();
}

/// Waits until everything is read and said; answers with the commands on the log.
async fn settled(scene: &Scene) -> usize {
    let unsent = "SELECT count(*) FROM brainops.outbox WHERE log_offset IS NULL";
    let settled = || async { scene.is_read_to_the_end().await && scene.count(unsent).await == 0 };
    eventually(LIMIT, settled).await.expect("everything is read");
    scene.said("agent", "agent.command.counted").await.len()
}

/// Waits until more is decided than before, and all of it is said.
async fn more_than(scene: &Scene, before: usize) -> usize {
    let more = || async { scene.said("agent", "agent.command.counted").await.len() > before };
    eventually(LIMIT, more).await.expect("the next hour has come");
    settled(scene).await
}

async fn an_hour_ends_at_the_budget(name: &str, limits: Limits, code: &str) {
    let scene = Scene::new(name).await;
    stop_clock_at(&scene, 0).await;
    let agents = [scene.run(Thrifty(limits)), scene.run(Thrifty(limits))];
    let firing = scene.fire();
    let inputs = (1..=EACH).flat_map(|number| (0..SAGAS).map(move |saga| (saga, number)));
    let inputs = inputs
        .map(|(saga, number)| count_with(&format!("b{saga}"), number, u32::try_from(number).unwrap(), ""));
    scene.append(inputs.collect()).await;
    let exhausted = scene.until_said("agent", "agent.budget.exhausted", 1).await;
    let mut decided = settled(&scene).await;
    assert_eq!(decided, BUDGET, "not one more, and not one less");
    assert_eq!((exhausted[0].subject.as_str(), &exhausted[0].data["budget"]), ("tally", &json!(code)));
    let parked = scene.said("saga", "saga.parked").await;
    assert!(!parked.is_empty() && parked.iter().all(|one| one.data["reason_class"] == json!("over_budget")));
    for hour in 1..24 {
        if decided == usize::try_from(SAGAS * EACH).unwrap() {
            break;
        }
        stop_clock_at(&scene, hour).await;
        let now = more_than(&scene, decided).await;
        assert!(now - decided <= BUDGET, "{} in one hour", now - decided);
        decided = now;
    }
    for saga in 0..SAGAS {
        let (state, status) = scene.saga(&format!("b{saga}")).await.unwrap();
        let mut seen: Vec<i64> = serde_json::from_value(state["seen"].clone()).unwrap();
        seen.sort_unstable();
        assert_eq!(
            (seen, status.as_str()),
            ((1..=EACH).collect(), "running"),
            "b{saga}: each once, and none lost"
        );
    }
    let commands = scene.said("agent", "agent.command.counted").await;
    let distinct: BTreeSet<(&str, Option<i64>)> =
        commands.iter().map(|one| (one.subject.as_str(), one.data["number"].as_i64())).collect();
    assert_eq!((distinct.len(), commands.len()), (decided, decided), "each decided once");
    assert_eq!(scene.count("SELECT count(*) FROM brainops.saga_over_budget").await, 0);
    let hours = scene.said("agent", "agent.budget.exhausted").await.len();
    assert!((2..=4).contains(&hours), "it is said once an hour, and was said {hours} times");
    for agent in agents {
        agent.stop().await;
    }
    firing.stop().await;
    let topics = ["agent", "saga"].map(|name| scene.namespace.topic(name));
    let cluster = scene.namespace.cluster();
    let (from, to) =
        (start_frontier(cluster, &topics).await.unwrap(), end_frontier(cluster, &topics).await.unwrap());
    let selection = Selection { correlation: None, from, to };
    let cast = Cast::of(Thrifty(limits)).unwrap();
    let again = replay(&cast, &cluster.read_only(), scene.namespace.registry(), &selection).await.unwrap();
    assert_eq!((again.differing, again.unfinished), (0, 0), "{:?}", again.first_divergence());
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_decide_as_much_as_one_hour_allows_and_the_rest_in_the_hours_after() {
    let limits = Limits { actions_per_hour: Some(BUDGET as u64), ..Limits::DEFAULT };
    an_hour_ends_at_the_budget("sagabudget", limits, "actions_per_hour").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_actions_cost_is_a_budget_as_well() {
    let limits = Limits { cost_per_hour: Some(BUDGET as u64 * 10 + 9), ..Limits::DEFAULT };
    an_hour_ends_at_the_budget("sagacost", limits, "cost_per_hour").await;
}

#[test]
fn a_budget_that_is_not_counted_is_seen() {
    let test = "two_processes_decide_as_much_as_one_hour_allows_and_the_rest_in_the_hours_after";
    assert!(child::turns_red(test, Bug::BudgetNotCounted));
}
