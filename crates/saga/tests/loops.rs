//! Agents that wake each other are cut off, by an event that names them; and what was cut is cut in a replay too.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod common;

use brainops_event::{Outgoing, Recorded, new_id};
use brainops_fault::Bug;
use brainops_log::{end_frontier, start_frontier};
use brainops_saga::{
    Agent, Cast, Decide, Decider, Input, Life, Limits, Refusal, Route, Say, Selection, Turn, Wait,
    decision_event, payload, replay,
};
use brainops_testkit::Records;
use common::{Counted, Scene, Stood, child, count};
use serde::{Deserialize, Serialize};
use serde_json::json;

const LIMITS: Limits = Limits { hops: 12, rounds: 3, ..Limits::DEFAULT };

/// Wakes another agent about the same, whenever it is woken.
#[derive(Debug, Clone, Copy)]
struct Echo {
    name: &'static str,
    hears: &'static str,
    says: &'static str,
}

const PING: Echo = Echo { name: "ping", hears: "agent.task.ping", says: "pong" };
const PONG: Echo = Echo { name: "pong", hears: "agent.task.pong", says: "ping" };

#[derive(Debug, Default, Serialize, Deserialize)]
struct Heard(u32);

impl Agent for Echo {
    type State = Heard;

    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        &["agent"]
    }

    fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal> {
        match event.envelope.event_type() {
            // What begins the game comes from outside.
            "agent.task.count" if self.name == "ping" => Ok(Route::begins(payload::<Counted>(event)?.of)),
            event_type if event_type == self.hears => Ok(Route::begins(payload::<Counted>(event)?.of)),
            _ => Ok(Route::nobody()),
        }
    }

    fn react(&self, state: &mut Heard, _: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
        state.0 += 1;
        let of = turn.correlation().to_owned();
        turn.say(
            Say::task(self.says, &json!({"of": of, "number": state.0, "then": ""})).about(format!("{of}/0")),
        );
        Ok(())
    }

    fn waits_for(&self, _: &Heard) -> Vec<Wait> {
        vec![Wait::for_anything("more")]
    }

    fn limits(&self) -> Limits {
        LIMITS
    }
}

/// The two over a log in memory, until nothing follows any more; all that they said.
fn game(first: Outgoing) -> Vec<Outgoing> {
    let mut lives = [PING, PONG].map(|agent| Life::new(Cast::of(agent).unwrap()));
    let (mut records, mut said, mut next) = (Records::new(), Vec::new(), vec![first]);
    while let Some(event) = next.pop() {
        assert!(records.len() < 200, "it goes on for ever");
        records.append(event);
        let record = records.last().unwrap().clone();
        for life in &mut lives {
            let written = life.take(&record.recorded()).unwrap();
            next.extend(written.iter().filter(|one| !one.is_fact).map(|one| one.event.clone()));
            said.extend(written.into_iter().map(|one| one.event));
        }
    }
    said
}

fn of<'a>(said: &'a [Outgoing], event_type: &'a str) -> Vec<&'a Outgoing> {
    said.iter().filter(|event| event.envelope.event_type().as_str() == event_type).collect()
}

#[test]
fn a_game_of_two_ends_after_the_rounds_that_are_allowed_and_their_names_are_told() {
    let said = game(count("a", 1));
    assert_eq!((of(&said, "agent.task.pong").len(), of(&said, "agent.task.ping").len()), (4, 4));
    let paths: Vec<_> = of(&said, "agent.task.pong")
        .iter()
        .map(|event| event.envelope.extensions()["causepath"].clone())
        .collect();
    assert_eq!(paths, ["1;1*ping/a", "3;1*pong/a;2*ping/a", "5;2*pong/a;3*ping/a", "7;3*pong/a;4*ping/a"]);
    let cut = of(&said, "saga.loop.cut");
    assert_eq!(cut.len(), 1);
    let entry = brainops_event::decode_datum::<brainops_event::types::saga::SagaLoopCut>(
        &cut[0].schema.fast,
        &cut[0].datum,
    );
    let told = entry.unwrap();
    assert_eq!((told.cycle, told.rounds, told.hops), (vec!["ping/a".to_owned(), "pong/a".to_owned()], 4, 9));
    let parked = of(&said, "saga.parked");
    assert_eq!(parked.len(), 1, "one of them stands");
}

#[test]
fn a_loop_that_nobody_cuts_is_seen() {
    let test = "a_game_of_two_ends_after_the_rounds_that_are_allowed_and_their_names_are_told";
    assert!(child::turns_red(test, Bug::LoopsAllowed));
}

async fn decide(scene: &Scene, agent: &str, parked: &Stood) {
    let input = parked.data["input"].as_str().unwrap().to_owned();
    let decider = Decider { by: "op-1".to_owned(), reason: "once more".to_owned() };
    let named = (new_id(uuid::Uuid::now_v7()), chrono::Utc::now());
    let retry = Decide::Retry { input, skip: false };
    scene.append(vec![decision_event((agent, "a"), &retry, &decider, named).unwrap()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_real_stack_it_ends_too_a_person_lets_it_begin_anew_and_replay_agrees() {
    let scene = Scene::new("sagaloop").await;
    let (ping, pong) = (scene.run(PING), scene.run(PONG));
    scene.append(vec![count("a", 1)]).await;
    let cut = scene.until_said("saga", "saga.loop.cut", 1).await;
    assert_eq!(cut[0].data["cycle"], json!(["ping/a", "pong/a"]));
    assert_eq!(cut[0].data["code"], json!("too_many_rounds"));
    let parked = scene.until_said("saga", "saga.parked", 1).await;
    assert_eq!((parked.len(), &parked[0].data["reason_class"]), (1, &json!("looping")));
    assert_eq!(scene.said("agent", "agent.task.pong").await.len(), 4);
    // A person lets it pass: another game of as many rounds, and no more.
    decide(&scene, "ping", &parked[0]).await;
    scene.until_said("saga", "saga.loop.cut", 2).await;
    assert_eq!(scene.said("agent", "agent.task.pong").await.len(), 8);
    ping.stop().await;
    pong.stop().await;
    for agent in [PING, PONG] {
        let topics = ["agent", "saga"].map(|name| scene.namespace.topic(name));
        let from = start_frontier(scene.namespace.cluster(), &topics).await.unwrap();
        let to = end_frontier(scene.namespace.cluster(), &topics).await.unwrap();
        let (cast, cluster) = (Cast::of(agent).unwrap(), scene.namespace.cluster().read_only());
        let selection = Selection { correlation: None, from, to };
        let replayed = replay(&cast, &cluster, scene.namespace.registry(), &selection).await.unwrap();
        assert_eq!((replayed.differing, replayed.unfinished), (0, 0), "{replayed:#?}");
        assert_eq!(replayed.decisions.0, 8);
    }
    scene.close().await;
}
