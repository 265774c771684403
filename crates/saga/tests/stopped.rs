//! The stop switch: when it answers, nothing is decided any more, anywhere; and nothing is lost.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test says what must hold"
)]

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use brainops_fault::Bug;
use brainops_saga::{Cast, Decider, Stopped, recover, stopped, throw_switch};
use brainops_testkit::eventually;
use common::{AGENT, LIMIT, Process, Scene, Tally, check, child, count_with};

/// How long a stop may take at most, from the question to the answer, whoever is in its way.
const STOP_LIMIT: Duration = Duration::from_secs(3);
/// Everything that was committed by agents: their transactions.
const DECIDED: &str = "SELECT coalesce(sum(revision), 0)::bigint FROM brainops.saga";

/// The life of a process that other tests start.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    child::live().await;
}

async fn throw(scene: &Scene, agent: Option<&str>, stop: bool) -> Duration {
    let decider = Decider { by: "op-1".to_owned(), reason: "because".to_owned() };
    let asked = Instant::now();
    throw_switch(&scene.stage.pool, &scene.stage.outbox, (agent, stop), &decider).await.unwrap();
    asked.elapsed()
}

async fn who(scene: &Scene) -> Vec<Option<String>> {
    let all = stopped(&scene.stage.pool).await.unwrap();
    all.into_iter().map(|Stopped { agent, .. }| agent).collect()
}

fn load(from: i64, through: i64) -> Vec<brainops_event::Outgoing> {
    let all = (from..=through).flat_map(|number| {
        (0..30)
            .map(move |saga| count_with(&format!("l{saga}"), number, u32::try_from(number % 4).unwrap(), ""))
    });
    all.collect()
}

async fn taken(scene: &Scene, inputs: i64) {
    let all = || async { scene.count("SELECT count(*) FROM brainops.saga_inbox").await >= inputs };
    eventually(LIMIT, all).await.expect("everything is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_no_process_decides_anything_after_the_answer_and_killed_ones_stay_stopped() {
    let scene = Scene::new("sagastop").await;
    let (mut one, _other) = (Process::start(&scene, None, None), Process::start(&scene, None, None));
    scene.append(load(1, 10)).await;
    taken(&scene, 200).await;
    let appending = scene.append(load(11, 30));
    let stopping = async {
        taken(&scene, 330).await;
        let took = throw(&scene, None, true).await;
        let answered = Instant::now();
        let (decided, mut last) = (scene.count(DECIDED).await, Duration::ZERO);
        // While the rest of the load comes into the log, with two processes that follow it.
        let all_came = || async {
            scene.count("SELECT count(*) FROM brainops.outbox WHERE log_offset IS NOT NULL").await >= 900
        };
        while !all_came().await {
            if scene.count(DECIDED).await != decided {
                last = answered.elapsed();
            }
        }
        (took, last, decided)
    };
    let ((), (took, last, decided)) = tokio::join!(appending, stopping);
    println!("stopped under load: answered after {took:?}; the last decision came {last:?} after that");
    assert!(took < STOP_LIMIT, "it took {took:?}");
    one.restart(&scene); // killed while stopped
    scene.append(load(31, 32)).await;
    assert_eq!((last, scene.count(DECIDED).await), (Duration::ZERO, decided));
    assert_eq!(who(&scene).await, [None]);
    assert!(
        scene.count("SELECT count(*) FROM brainops.saga_inbox").await < 960,
        "there is something left to do"
    );
    let events = scene.until_said("saga", "saga.agents.stopped", 1).await;
    assert_eq!(
        (events[0].subject.as_str(), &events[0].data["decided_by"]),
        ("*", &serde_json::json!("op-1"))
    );
    throw(&scene, None, false).await;
    taken(&scene, 960).await;
    let expected: BTreeMap<_, _> = (0..30).map(|saga| (format!("l{saga}"), 32)).collect();
    scene.until_said("agent", "agent.command.counted", 960).await;
    check(&scene, &expected).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn timers_wait_for_the_agent_that_is_stopped_by_name() {
    let scene = Scene::new("sagastopname").await;
    let (running, firing) = (scene.run(Tally::default()), scene.fire());
    scene.append(vec![count_with("a", 1, 0, "set soon 1500")]).await;
    taken(&scene, 1).await;
    throw(&scene, Some(AGENT), true).await;
    let decider = Decider { by: "op-1".to_owned(), reason: "because".to_owned() };
    let nobody = throw_switch(&scene.stage.pool, &scene.stage.outbox, (Some("talli"), true), &decider).await;
    assert_eq!(nobody.unwrap_err().to_string(), "no agent talli has run here; there are: tally");
    assert_eq!(who(&scene).await, [Some(AGENT.to_owned())]);
    let due = || async {
        let sql = "SELECT count(*) FROM brainops.saga_timer WHERE deadline < now() - interval '1 second'";
        scene.count(sql).await == 1
    };
    eventually(LIMIT, due).await.unwrap();
    assert!(scene.said("saga", "saga.timer.fired").await.is_empty(), "it waits");
    throw(&scene, Some(AGENT), false).await;
    scene.until_said("agent", "agent.command.fired", 1).await;
    running.stop().await;
    firing.stop().await;
    scene.close().await;
}

/// A process sleeps in its transaction, the switch is thrown, the process wakes.
async fn asleep(scene: &Scene, bug: Option<Bug>) -> Result<Duration, String> {
    let process = Process::start(scene, Some("saga.saved=stop"), bug);
    scene.append(vec![count_with("a", 1, 0, "")]).await;
    process.until_stopped().await;
    let took = throw(scene, None, true).await;
    let answered = scene.count(DECIDED).await;
    process.wake();
    let looks = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                    AND query LIKE 'SELECT EXISTS (SELECT FROM brainops.saga_switch%'";
    let settled = || async { scene.count(DECIDED).await > answered || scene.count(looks).await > 0 };
    eventually(LIMIT, settled).await.map_err(|_| "it does nothing".to_owned())?;
    match scene.count(DECIDED).await - answered {
        0 => Ok(took),
        decided => Err(format!("{decided} transactions were committed after the stop was")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_in_the_way_of_a_stop_is_ended_and_decides_nothing_when_it_wakes() {
    let scene = Scene::new("sagastopasleep").await;
    let took = asleep(&scene, None).await.unwrap();
    println!("stopped although a process slept in its transaction: answered after {took:?}");
    assert!(took < STOP_LIMIT, "it took {took:?}");
    let running = scene.run(Tally::default());
    throw(&scene, None, false).await;
    taken(&scene, 1).await;
    running.stop().await;
    scene.close().await;
    let scene = Scene::new("sagastopbug").await;
    let seen = asleep(&scene, Some(Bug::StopSwitchNotHeld)).await;
    assert!(seen.unwrap_err().contains("after the stop"), "it decides after the stop");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_has_forgotten_a_stop_learns_it_from_the_log() {
    let scene = Scene::new("sagastoplog").await;
    let running = scene.run(Tally::default());
    scene.append(vec![count_with("a", 1, 0, "")]).await;
    taken(&scene, 1).await;
    running.stop().await;
    throw(&scene, None, true).await;
    throw(&scene, None, false).await;
    throw(&scene, Some(AGENT), true).await;
    scene.until_said("saga", "saga.agents.stopped", 2).await;
    let remembered = stopped(&scene.stage.pool).await.unwrap();
    scene.execute("DELETE FROM brainops.saga_switch").await;
    let cast = Cast::of(Tally::default()).unwrap();
    recover(&cast, &scene.stage).await.unwrap();
    let found = stopped(&scene.stage.pool).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].agent, found[0].number), (&remembered[0].agent, remembered[0].number));
    scene.close().await;
}
