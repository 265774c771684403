//! Many sagas, processes that are killed at random, and a pure model: what the log and the tables say is what the model says.
//!
//! `SAGA_STORM` says how many sagas there are (300 by default), `SAGA_STORM_SEED` which dice are thrown, `SAGA_BATCH` how
//! many records a batch has (7 by default).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test says what must hold, and with which dice"
)]

mod common;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use brainops_event::{Outgoing, Recorded};
use brainops_log::{Item, end_frontier, read, start_frontier};
use brainops_saga::{Cast, Life, Selection, replay};
use brainops_testkit::eventually;
use common::{Process, Scene, Tally, child, count_urgently, count_with};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

/// Inputs of each saga.
const INPUTS: i64 = 8;

/// The life of a process that other tests start.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    child::live().await;
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What chance lets happen: counting, timers that fire, timers that are cancelled, steps that are undone, an end.
fn story(dice: &mut StdRng, sagas: i64) -> Vec<Outgoing> {
    let mut all = Vec::new();
    for number in 1..=INPUTS {
        for saga in 0..sagas {
            let then = match dice.random_range(0..20) {
                0 => "set t 1",
                1 => "set t 3600000",
                2 => "cancel t",
                3 => "step",
                4 if number == INPUTS => "compensate",
                5 if number == INPUTS => "end",
                _ => "",
            };
            let (of, lane) = (format!("m{saga}"), dice.random_range(0..6));
            let is_urgent = dice.random_range(0..8) == 0;
            let say = if is_urgent { count_urgently } else { count_with };
            all.push(say(&of, number, lane, then));
        }
    }
    all
}

/// Lets the model take every input, each saga's in the order that `saga.reacted` says, and compares.
async fn is_like_the_model(scene: &Scene) -> usize {
    let told = scene.stands("saga").await;
    let mut orders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for reacted in told.iter().filter(|one| one.event_type == "saga.reacted") {
        let order = orders.entry(reacted.subject.clone()).or_default();
        order.extend(
            reacted.data["consumed"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()),
        );
    }
    let topics = ["agent", "saga"].map(|name| scene.namespace.topic(name));
    let cluster = scene.namespace.cluster();
    let (from, to) =
        (start_frontier(cluster, &topics).await.unwrap(), end_frontier(cluster, &topics).await.unwrap());
    let mut reading = read(cluster, scene.namespace.registry(), &from, &to).await.unwrap();
    let mut batches = Vec::new();
    while let Some(batch) = reading.next().await {
        batches.push(batch.unwrap());
    }
    let items: Vec<Item<'_>> = batches.iter().flat_map(|batch| batch.items()).collect();
    let events: HashMap<String, &Recorded<'_>> = items
        .iter()
        .filter_map(|item| match item {
            Item::Event(event) => Some((event.position().to_string(), event)),
            _ => None,
        })
        .collect();
    let mut model = Life::new(Cast::of(Tally::default()).unwrap());
    let mut decided: Vec<String> = Vec::new();
    for position in orders.values().flatten() {
        let written = model.take(events[position]).unwrap();
        let own = written.into_iter().filter(|one| !one.is_fact);
        decided.extend(own.map(|one| one.event.envelope.id().to_string()));
    }
    for instance in model.instances() {
        let (state, status) = scene.saga(&instance.correlation).await.expect("the model has it");
        assert_eq!(
            serde_json::from_str::<Value>(&instance.state).unwrap(),
            state,
            "{}",
            instance.correlation
        );
        assert_eq!(instance.status(), status, "{}", instance.correlation);
    }
    let mut found: Vec<String> = events
        .values()
        .filter(|event| event.envelope.event_type().starts_with("agent.command."))
        .map(|event| event.envelope.id().to_owned())
        .collect();
    found.sort_unstable();
    decided.sort_unstable();
    assert!(found == decided, "{} decisions stand in the log, the model has {}", found.len(), decided.len());
    model.instances().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn sagas_with_random_kills_equal_a_pure_model_of_them() {
    let sagas = i64::try_from(setting("SAGA_STORM", 300)).unwrap();
    let seed = setting("SAGA_STORM_SEED", 7);
    println!("{sagas} sagas, seed {seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let scene = Scene::new("sagastorm").await;
    let mut processes = [Process::start(&scene, None, None), Process::start(&scene, None, None)];
    let mut kills = 0;
    for part in story(&mut dice, sagas).chunks(usize::try_from(sagas).unwrap()) {
        scene.append(part.to_vec()).await;
        let before = scene.count("SELECT count(*) FROM brainops.saga_inbox").await;
        let goes_on = || async { scene.count("SELECT count(*) FROM brainops.saga_inbox").await > before };
        eventually(Duration::from_secs(120), goes_on).await.expect("some progress");
        processes[dice.random_range(0..2)].restart(&scene);
        kills += 1;
    }
    let due = "SELECT count(*) FROM brainops.saga_timer WHERE deadline < now() + interval '10 minutes'";
    let settled = || async {
        scene.count(due).await == 0
            && scene.count("SELECT count(*) FROM brainops.outbox WHERE log_offset IS NULL").await == 0
            && scene.is_read_to_the_end().await
    };
    eventually(Duration::from_secs(400), settled).await.expect("everything is taken");
    // What a saga takes for set is set: no timer is lost, and none fires that is not.
    let set = "SELECT count(*) FROM brainops.saga, json_each(book->'timers')";
    let waiting = "SELECT count(*) FROM brainops.saga_timer";
    assert_eq!(scene.count(set).await, scene.count(waiting).await);
    let fired = scene.said("saga", "saga.timer.fired").await.len();
    let settings = scene.said("saga", "saga.timer.set").await.len();
    assert_eq!(is_like_the_model(&scene).await, usize::try_from(sagas).unwrap());
    let topics = ["agent", "saga"].map(|name| scene.namespace.topic(name));
    let cluster = scene.namespace.cluster();
    let (from, to) =
        (start_frontier(cluster, &topics).await.unwrap(), end_frontier(cluster, &topics).await.unwrap());
    let selection = Selection { correlation: None, from, to };
    let cast = Cast::of(Tally::default()).unwrap();
    let again = replay(&cast, &cluster.read_only(), scene.namespace.registry(), &selection).await.unwrap();
    assert_eq!((again.differing, again.unfinished), (0, 0), "{:?}", again.first_divergence());
    println!(
        "{kills} kills, {settings} timers set, {fired} fired, {} transactions, {} inputs, {} decisions",
        again.transactions, again.inputs, again.decisions.0
    );
    drop(processes);
    scene.close().await;
}
