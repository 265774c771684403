//! The follower: killed, doubled, asleep, over repeats, and the table made again from the log.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use brainops_event::types::agent::TaskCancelled;
use brainops_event::{Envelope, EventId, EventType, Outgoing, Source, Subject, TypedEvent as _};
use brainops_projection::PostgresConfig;
use brainops_task::{Decider, Failed, FollowOptions, FollowStage, State, TaskError, TaskName, find, follow};
use brainops_testkit::{Cut, Judge, Proxy, eventually, says};
use common::{LIMIT, Process, Running, Scene, child, kind, lease, outcome, said, worker};

/// The life of a process that other tests start.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    child::live().await;
}

fn some(from: u64, through: u64) -> Vec<Outgoing> {
    (from..=through)
        .map(|number| said("work", &format!("t-{number}"), &format!("f/{}", number % 13), None))
        .collect()
}

/// What an agent says that does not want a task any more.
fn no_more(task_id: &str, subject: &str) -> Outgoing {
    let envelope = Envelope::new(
        EventId::new(format!("no-{task_id}")).unwrap(),
        Source::new("brainops/agent/tally").unwrap(),
        EventType::new(TaskCancelled::EVENT_TYPE).unwrap(),
        Subject::new(subject).unwrap(),
    );
    let data = TaskCancelled {
        task_source: "test".to_owned(),
        task_id: task_id.to_owned(),
        task_subject: subject.to_owned(),
        decided_by: "brainops/agent/tally".to_owned(),
        reason: "not wanted".to_owned(),
    };
    Outgoing::typed(envelope, &data).unwrap()
}

const ROWS: &str = "SELECT count(*) FROM brainops.task";

async fn until_rows(scene: &Scene, rows: i64) {
    let there = || async { scene.count(ROWS).await >= rows };
    eventually(LIMIT, there).await.unwrap_or_else(|_| panic!("not {rows} rows"));
    assert_eq!(scene.count(ROWS).await, rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_any_two_steps_it_goes_on_where_the_checkpoints_are() {
    let scene = Scene::new("taskfollowkill").await;
    let mut through = 0;
    for point in ["task.follow_moved", "task.follow_written", "task.follow_moved@3"] {
        let mut dying = Process::start(&scene.namespace, "follow", Some(&format!("{point}=kill")), None);
        scene.append(some(through + 1, through + 40)).await;
        through += 40;
        dying.until_dead().await;
    }
    let following = scene.follow();
    until_rows(&scene, 120).await;
    scene.until_followed().await;
    following.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_slept_while_another_took_its_partitions_writes_nothing() {
    let scene = Scene::new("taskfollowsleep").await;
    let sleeping = Process::start(&scene.namespace, "follow", Some("task.follow_moved=stop"), None);
    scene.append(some(1, 30)).await;
    sleeping.until_stopped().await;
    let _other = Process::start(&scene.namespace, "follow", None, None);
    until_rows(&scene, 30).await;
    sleeping.wake();
    scene.append(some(31, 60)).await;
    until_rows(&scene, 60).await;
    scene.until_followed().await;
    scene.close().await;
}

/// Cuts the connection at every second COMMIT of a transaction that has moved checkpoints and written tasks.
async fn commits_are_cut(name: &str, cut: Cut) {
    let scene = Scene::new(name).await;
    let postgres = scene.namespace.postgres().clone();
    let (commits, cuts) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&cuts);
    let judges = move || -> Judge {
        let (commits, cuts, mut has_written) = (Arc::clone(&commits), Arc::clone(&counted), false);
        Box::new(move |bytes: &[u8]| {
            has_written |= says(bytes, b"INSERT INTO brainops.task AS task");
            if has_written && says(bytes, b"COMMIT\0") && commits.fetch_add(1, Ordering::SeqCst) % 2 == 1 {
                cuts.fetch_add(1, Ordering::SeqCst);
                return cut;
            }
            Cut::Not
        })
    };
    let proxy = Proxy::judging(format!("{}:{}", postgres.host, postgres.port), judges).await;
    let through = PostgresConfig { host: "127.0.0.1".to_owned(), port: proxy.port(), ..postgres };
    let stage = FollowStage {
        pool: through.pool().await.unwrap(),
        cluster: scene.namespace.cluster().clone(),
        registry: scene.namespace.registry().clone(),
    };
    let options = FollowOptions { max_records: 10, ..FollowOptions::default() };
    let following = Running::start(|shutdown| follow(stage, options, shutdown));
    for round in 0..6 {
        scene.append(some(round * 20 + 1, round * 20 + 20)).await;
        until_rows(&scene, i64::try_from(round * 20 + 20).unwrap()).await;
    }
    scene.until_followed().await;
    assert!(cuts.load(Ordering::SeqCst) > 2, "{} commits were cut", cuts.load(Ordering::SeqCst));
    following.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_commit_is_lost_and_the_checkpoint_decides() {
    commits_are_cut("taskfollowanswer", Cut::Answer).await;
    commits_are_cut("taskfollowquestion", Cut::Question).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_said_again_is_one_task() {
    let scene = Scene::new("tasktwice").await;
    let (one, other) = (scene.follow(), scene.follow());
    scene.append(some(1, 1)).await;
    let claimed = scene.until_claimed("work", "w", 60_000).await;
    // The outbox knows a repeat; another producer does not ask it. Once in the same partition, once elsewhere.
    let appender = scene.namespace.appender();
    appender.append(some(1, 1).remove(0)).await.unwrap();
    appender.append(said("work", "t-1", "elsewhere/7", None)).await.unwrap();
    scene.until_followed().await;
    assert_eq!(scene.count(ROWS).await, 1);
    assert_eq!(scene.tasks.claim(&[kind("work")], &worker("v"), lease(1_000)).await.unwrap(), None);
    scene.tasks.complete(&claimed.claim, &outcome("done")).await.unwrap();
    assert_eq!(scene.until_said("agent.work.completed", 1).await.len(), 1);
    one.stop().await;
    other.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_cancels_is_never_handed_out_whichever_is_read_first() {
    let scene = Scene::new("taskcancelled").await;
    scene.append(vec![no_more("t-9", "another/subject"), no_more("t-1", "f/1")]).await;
    scene.append(vec![said("work", "t-1", "f/1", None), said("work", "t-9", "f/9", None)]).await;
    scene.append(vec![said("work", "t-2", "f/2", None)]).await;
    let following = scene.follow();
    let claimed = scene.until_claimed("work", "w", 60_000).await;
    scene.until_followed().await;
    assert_eq!(claimed.task.name.id, "t-2");
    for id in ["t-1", "t-9"] {
        let name = TaskName { source: "test".to_owned(), id: id.to_owned() };
        let task = find(&scene.tasks.pool().clone(), &name).await.unwrap().unwrap();
        assert_eq!((task.state, task.payload), (State::Cancelled, None), "{id}");
    }
    following.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_made_again_from_the_log_is_the_same_but_for_leases() {
    let scene = Scene::new("taskagain").await;
    let following = scene.follow();
    scene.append(some(1, 60)).await;
    until_rows(&scene, 60).await;
    let retry_at_once = Some(Duration::ZERO);
    for number in 0..40 {
        let claimed = scene.until_claimed("work", "w", 60_000).await;
        match number % 5 {
            0 => drop(
                scene.tasks.fail(&claimed.claim, "not now", Some(Duration::from_secs(3_600))).await.unwrap(),
            ),
            1 => {
                let decider = Decider::new("kim", "not wanted").unwrap();
                scene.tasks.cancel(&claimed.claim.task, &decider).await.unwrap();
            }
            2 => {} // it stays claimed
            3 => {
                let failed = scene.tasks.fail(&claimed.claim, "again", retry_at_once).await.unwrap();
                assert!(matches!(failed, Failed::Again { .. }));
            }
            _ => scene.tasks.complete(&claimed.claim, &outcome("done")).await.unwrap(),
        }
    }
    // An agent cancels what is done: done counts.
    let done = scene.until_said("agent.work.completed", 8).await[0].clone();
    scene.append(vec![no_more(done.data["task_id"].as_str().unwrap(), &done.subject)]).await;
    scene.until_followed().await;
    following.stop().await;
    // Who has a task when the leases are forgotten does not count any more once somebody else has it.
    let claimed = scene.until_claimed("work", "w", 60_000).await;
    let before = scene.rows_of_the_log().await;
    scene.execute("TRUNCATE brainops.task, brainops.task_checkpoint").await;
    let following = scene.follow();
    until_rows(&scene, 60).await;
    scene.until_followed().await;
    let again = scene.rows_of_the_log().await;
    for (one, other) in before.iter().zip(&again) {
        assert_eq!(one, other);
    }
    assert_eq!(before.len(), again.len());
    let find_it = || async {
        let found = scene.until_claimed("work", "another", 60_000).await;
        found.claim.task == claimed.claim.task
    };
    eventually(LIMIT, find_it).await.unwrap();
    let late = scene.tasks.complete(&claimed.claim, &outcome("done")).await;
    assert!(matches!(late, Err(TaskError::Lost { .. })), "{late:?}");
    following.stop().await;
    scene.close().await;
}
