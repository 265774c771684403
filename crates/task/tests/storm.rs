//! Many workers on one queue, one killed at random every second: each task is done once, and none is lost. And mistakes that
//! must be seen.
//!
//! `TASK_STORM` says how many tasks there are (3,000 by default), `TASK_STORM_SEED` which dice are thrown.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test says what must hold, and with which dice"
)]

mod common;

use std::time::{Duration, Instant};

use brainops_fault::Bug;
use brainops_task::{TaskOptions, Tasks};
use brainops_testkit::eventually;
use common::{LIMIT, Process, Running, Scene, check, child, kind, lease, outcome, said, worker};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::{MissedTickBehavior, interval};

/// How many work at a time.
const WORKERS: usize = 50;
/// How long everything may take.
const STORM_LIMIT: Duration = Duration::from_secs(240);

/// The life of a process that other tests start.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    child::live().await;
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn some(tasks: u64) -> Vec<brainops_event::Outgoing> {
    (0..tasks)
        .map(|number| said("work", &format!("t-{number}"), &format!("tally/{}", number % 97), None))
        .collect()
}

/// A worker that looks at each task for a moment, and fails at some.
fn at_work(tasks: &Tasks, number: u64, seed: u64) -> Running<()> {
    let tasks = tasks.clone();
    Running::start(|shutdown| async move {
        let mut dice = StdRng::seed_from_u64(seed ^ number);
        let name = worker(&format!("w-{number}"));
        while !shutdown.is_cancelled() {
            let Ok(Some(claimed)) = tasks.claim(&[kind("work")], &name, lease(3_000)).await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            tokio::time::sleep(Duration::from_millis(dice.random_range(0..300))).await;
            let ended = if dice.random_range(0..40) == 0 {
                tasks
                    .fail(&claimed.claim, "as chance would have it", Some(Duration::from_millis(200)))
                    .await
                    .map(drop)
            } else {
                tasks.complete(&claimed.claim, &outcome("done")).await
            };
            drop(ended); // what is refused is somebody else's now
        }
        Ok(())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_workers_with_one_killed_every_second_do_each_task_once() {
    let (count, seed) = (setting("TASK_STORM", 3_000), setting("TASK_STORM_SEED", 7));
    let mut dice = StdRng::seed_from_u64(seed);
    let scene = Scene::with("taskstorm", TaskOptions { max_attempts: 50, ..TaskOptions::default() }).await;
    let following = scene.follow();
    scene.append(some(count)).await;
    let began = Instant::now();
    let mut hired = 0;
    let mut hire = || {
        hired += 1;
        at_work(&scene.tasks, hired, seed)
    };
    let mut workers: Vec<Running<()>> = (0..WORKERS).map(|_| hire()).collect();
    let (mut kills, mut process_kills) = (0, 0);
    let mut process = Process::start(&scene.namespace, "work process 3000", None, None);
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    second.tick().await;
    let open = "SELECT count(*) FROM brainops.task WHERE state = 'open'";
    while scene.count(open).await > 0
        || scene.count("SELECT count(*) FROM brainops.task").await < count.cast_signed()
    {
        assert!(began.elapsed() < STORM_LIMIT, "{} are open", scene.count(open).await);
        second.tick().await;
        let place = dice.random_range(0..WORKERS);
        std::mem::replace(&mut workers[place], hire()).kill().await;
        kills += 1;
        if kills % 3 == 0 {
            process = Process::start(&scene.namespace, "work process 3000", None, None); // the one before is killed
            process_kills += 1;
        }
    }
    let took = began.elapsed();
    for worker in workers {
        worker.stop().await;
    }
    drop(process);
    scene.until_followed().await;
    check(&scene, usize::try_from(count).unwrap()).await.unwrap();
    let lapses = scene.count("SELECT sum(lapses)::bigint FROM brainops.task").await;
    let failures = scene.count("SELECT sum(failures)::bigint FROM brainops.task").await;
    let told = scene.stands().await.iter().filter(|one| one.event_type == "agent.work.failed").count();
    assert_eq!(told, usize::try_from(failures).unwrap(), "each failure is told once");
    println!(
        "{count} tasks, seed {seed}: {:.1} s, {kills} workers and {process_kills} processes killed, {lapses} leases ran out, {failures} failures",
        took.as_secs_f64()
    );
    following.stop().await;
    scene.close().await;
}

/// Two workers in processes of their own: the first sleeps past its lease with a claim in its hands, the second has the task
/// when the first wakes.
async fn sleeper(scene: &Scene, bug: Option<Bug>) -> Result<(), String> {
    scene.execute("CREATE TABLE tried (worker text, is_taken boolean)").await;
    let following = scene.follow();
    scene.append(some(1)).await;
    let sleeping =
        Process::start(&scene.namespace, "work sleeper 500", Some("task.claimed=stop"), bug.map(Bug::name));
    sleeping.until_stopped().await;
    let next =
        Process::start(&scene.namespace, "work next 30000", Some("task.claimed=stop"), bug.map(Bug::name));
    next.until_stopped().await;
    sleeping.wake();
    let tried = "SELECT count(*) FROM tried WHERE worker = 'sleeper'";
    eventually(LIMIT, || async { scene.count(tried).await == 1 }).await.expect("it tries");
    next.wake();
    let ended = "SELECT count(*) FROM brainops.task WHERE state = 'completed'";
    eventually(LIMIT, || async { scene.count(ended).await == 1 }).await.expect("it is done");
    scene.until_followed().await;
    check(scene, 1).await?;
    following.stop().await;
    // Workers of this test give their name for an outcome.
    let by = scene.until_said("agent.work.completed", 1).await[0].data["outcome"].clone();
    if by == "next" { Ok(()) } else { Err(format!("{by} has completed what next had")) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_slept_past_its_lease_completes_nothing() {
    let scene = Scene::new("tasksleeper").await;
    sleeper(&scene, None).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_is_not_checked_is_seen() {
    let scene = Scene::new("taskanyclaim").await;
    sleeper(&scene, Some(Bug::CompletedUnderAnyClaim)).await.expect_err("the sleeper ends what next has");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_does_not_raise_the_epoch_is_seen() {
    let scene = Scene::new("tasknoepoch").await;
    sleeper(&scene, Some(Bug::ClaimWithoutEpoch)).await.expect_err("two claims are one");
    scene.close().await;
}

/// A worker dies at this point; another one goes on.
async fn killed_at(scene: &Scene, point: &str, bug: Option<Bug>) -> Result<(), String> {
    let following = scene.follow();
    scene.append(some(1)).await;
    let mut dying = Process::start(
        &scene.namespace,
        "work dying 500",
        Some(&format!("{point}=kill")),
        bug.map(Bug::name),
    );
    dying.until_dead().await;
    let _next = Process::start(&scene.namespace, "work next 30000", None, None);
    let ended = "SELECT count(*) FROM brainops.task WHERE state = 'completed'";
    eventually(LIMIT, || async { scene.count(ended).await == 1 }).await.expect("it is done");
    scene.until_followed().await;
    following.stop().await;
    check(scene, 1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_any_two_steps_a_worker_loses_and_doubles_nothing() {
    let all = ["task.claimed", "task.held", "task.marked", "task.enqueued", "task.committed"].map(
        |point| async move {
            let scene = Scene::new("taskkilled").await;
            killed_at(&scene, point, None).await.unwrap_or_else(|wrong| panic!("{point}: {wrong}"));
            scene.close().await;
        },
    );
    futures::future::join_all(all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_marked_before_its_event_is_lost_and_seen_to_be() {
    let scene = Scene::new("taskmarked").await;
    let killed = killed_at(&scene, "task.marked_alone", Some(Bug::TaskMarkedBeforeEvent)).await;
    let wrong = killed.expect_err("its completion is not told");
    assert!(wrong.contains("completed 0 times"), "{wrong}");
    scene.close().await;
}
