//! What one worker, another one, and people can do with a task.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use brainops_event::Priority;
use brainops_projection::PostgresConfig;
use brainops_task::{
    Backoff, Decider, Failed, Filter, Holder, State, TaskError, TaskName, TaskOptions, Tasks, find, list,
};
use brainops_testkit::{Cut, Judge, Proxy, says};
use common::{Scene, kind, lease, outcome, said, worker};

fn holder<T: std::fmt::Debug>(refused: Result<T, TaskError>) -> Holder {
    match refused {
        Err(TaskError::Lost { holder, .. }) => holder,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_ran_out_does_nothing_and_says_who_has_the_task_now() {
    let scene = Scene::new("taskfenced").await;
    let following = scene.follow();
    scene.append(vec![said("review", "t-1", "s", None)]).await;
    let slept = scene.until_claimed("review", "first", 200).await;
    let claimed = scene.until_claimed("review", "second", 60_000).await;
    assert!(slept.claim.epoch < claimed.claim.epoch);
    assert_eq!((slept.task.lapses, claimed.task.lapses), (0, 1));
    let tasks = &scene.tasks;
    for holder in [
        holder(tasks.complete(&slept.claim, &outcome("done")).await),
        holder(tasks.fail(&slept.claim, "late", None).await),
        holder(tasks.renew(&slept.claim, lease(1_000)).await),
        holder(tasks.release(&slept.claim, None).await),
    ] {
        assert!(matches!(&holder, Holder::Worker { worker, .. } if worker == "second"), "{holder:?}");
    }
    let until = tasks.renew(&claimed.claim, lease(120_000)).await.unwrap();
    assert!(until > claimed.task.ready_at);
    tasks.release(&claimed.claim, None).await.unwrap();
    assert_eq!(holder(tasks.complete(&claimed.claim, &outcome("done")).await), Holder::Nobody);
    let third = scene.until_claimed("review", "third", 60_000).await;
    tasks.complete(&third.claim, &outcome("done")).await.unwrap();
    // Said again in other words it is refused, by the same claim too.
    let other_words = tasks.complete(&third.claim, &outcome("undone")).await;
    assert!(matches!(other_words, Err(TaskError::Ended { state: State::Completed, .. })), "{other_words:?}");
    assert_eq!(scene.until_said("agent.work.completed", 1).await.len(), 1);
    following.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_tried_so_often_with_pauses_and_then_abandoned() {
    let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
    let scene = Scene::with("taskretry", TaskOptions { max_attempts: 3, backoff }).await;
    let following = scene.follow();
    scene.append(vec![said("review", "t-1", "s", None), said("lapse", "t-2", "s", None)]).await;
    for _ in 0..2 {
        let claimed = scene.until_claimed("review", "w", 60_000).await;
        let failed = scene.tasks.fail(&claimed.claim, "no time", None).await.unwrap();
        assert!(matches!(failed, Failed::Again { .. }));
    }
    let claimed = scene.until_claimed("review", "w", 60_000).await;
    assert_eq!(scene.tasks.fail(&claimed.claim, "no time at all", None).await.unwrap(), Failed::Abandoned);
    for _ in 0..3 {
        scene.until_claimed("lapse", "w", 100).await;
    }
    let open = "SELECT count(*) FROM brainops.task WHERE state = 'open'";
    let abandoned = || async {
        assert_eq!(scene.tasks.claim(&[kind("lapse")], &worker("w"), lease(100)).await.unwrap(), None);
        scene.count(open).await == 0
    };
    brainops_testkit::eventually(common::LIMIT, abandoned).await.unwrap();
    let told = scene.until_said("agent.work.abandoned", 2).await;
    let mut reasons: Vec<&str> = told.iter().filter_map(|one| one.data["reason"].as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["lease_ran_out", "no time at all"]);
    assert!(told.iter().all(|one| one.data["attempts"] == 3), "{told:?}");
    assert_eq!(scene.until_said("agent.work.failed", 2).await.len(), 2);
    following.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_task_is_handed_out_to_nobody_and_completed_by_nobody() {
    let scene = Scene::new("taskcancel").await;
    let following = scene.follow();
    scene.append(vec![said("review", "t-1", "s", None)]).await;
    let claimed = scene.until_claimed("review", "w", 300).await;
    let (tasks, decider) = (&scene.tasks, Decider::new("kim", "not wanted").unwrap());
    tasks.cancel(&claimed.claim.task, &decider).await.unwrap();
    tasks.cancel(&claimed.claim.task, &decider).await.unwrap();
    let completed = tasks.complete(&claimed.claim, &outcome("done")).await;
    assert!(matches!(completed, Err(TaskError::Ended { state: State::Cancelled, .. })), "{completed:?}");
    scene.until_followed().await;
    assert_eq!(tasks.claim(&[kind("review")], &worker("v"), lease(1_000)).await.unwrap(), None);
    let told = scene.until_said("agent.work.cancelled", 1).await;
    assert_eq!((told.len(), told[0].data["decided_by"].as_str()), (1, Some("kim")));
    let nobody = TaskName { source: "test".to_owned(), id: "none".to_owned() };
    assert!(matches!(tasks.cancel(&nobody, &decider).await, Err(TaskError::Unknown { .. })));
    assert!(matches!(tasks.claim(&[], &worker("v"), lease(1_000)).await, Err(TaskError::Field(_))));
    following.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn urgent_tasks_go_first_and_old_ones_do_not_starve() {
    let scene = Scene::new("taskurgent").await;
    let following = scene.follow();
    let all = [("low", Some(Priority::Low)), ("normal", None), ("old", None), ("high", Some(Priority::High))];
    for (id, priority) in all {
        scene.append(vec![said("review", id, "s", priority)]).await;
    }
    scene.append(vec![said("answer", "urgent", "s", Some(Priority::Urgent))]).await;
    scene.until_followed().await;
    // Older than any head start.
    scene
        .execute("UPDATE brainops.task SET turn_at = turn_at - interval '20 minutes' WHERE id = 'old'")
        .await;
    let mut order = Vec::new();
    let kinds = [kind("review"), kind("answer"), kind("none_of_this")];
    while let Some(claimed) = scene.tasks.claim(&kinds, &worker("w"), lease(60_000)).await.unwrap() {
        order.push(claimed.task.name.id);
    }
    assert_eq!(order, ["old", "urgent", "high", "normal", "low"]);
    let filter = Filter { kind: Some(kind("review")), limit: 2, ..Filter::default() };
    let page: Vec<String> = ids(&scene, &filter).await;
    assert_eq!(page, ["old", "high"]);
    let after = Some(TaskName { source: "test".to_owned(), id: "high".to_owned() });
    assert_eq!(ids(&scene, &Filter { after, ..filter }).await, ["normal", "low"]);
    following.stop().await;
    scene.close().await;
}

async fn ids(scene: &Scene, filter: &Filter) -> Vec<String> {
    list(scene.tasks.pool(), filter).await.unwrap().into_iter().map(|task| task.name.id).collect()
}

/// Cuts the connection at every COMMIT of a transaction that has marked a task, until there were three cuts.
async fn commits_are_cut(name: &str, cut: Cut) {
    let scene = Scene::new(name).await;
    let following = scene.follow();
    scene.append((0..6).map(|number| said("review", &format!("t-{number}"), "s", None)).collect()).await;
    scene.until_followed().await;
    let postgres = scene.namespace.postgres().clone();
    let cuts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&cuts);
    let judges = move || -> Judge {
        let (cuts, mut has_marked) = (Arc::clone(&counted), false);
        Box::new(move |bytes: &[u8]| {
            has_marked |= says(bytes, b"UPDATE brainops.task");
            let is_last = has_marked && says(bytes, b"COMMIT\0");
            if is_last && cuts.fetch_add(1, Ordering::SeqCst) < 3 { cut } else { Cut::Not }
        })
    };
    let proxy = Proxy::judging(format!("{}:{}", postgres.host, postgres.port), judges).await;
    let through = PostgresConfig { host: "127.0.0.1".to_owned(), port: proxy.port(), ..postgres };
    let options = TaskOptions::default();
    let tasks = Tasks::new(through.pool().await.unwrap(), scene.outbox.clone(), options);
    for number in 0..6 {
        let claimed = scene.until_claimed("review", "w", 60_000).await;
        if number == 1 {
            let failed = tasks.fail(&claimed.claim, "not now", Some(Duration::ZERO)).await.unwrap();
            assert!(matches!(failed, Failed::Again { .. }));
        } else {
            tasks.complete(&claimed.claim, &outcome("done")).await.unwrap();
        }
    }
    assert!(cuts.load(Ordering::SeqCst) >= 3);
    scene.until_followed().await;
    assert_eq!(scene.until_said("agent.work.completed", 5).await.len(), 5);
    assert_eq!(scene.until_said("agent.work.failed", 1).await.len(), 1);
    let sql = "SELECT count(*) FROM brainops.task WHERE state = 'completed' AND ended_at IS NOT NULL";
    assert_eq!(scene.count(sql).await, 5);
    assert!(
        find(scene.tasks.pool(), &TaskName { source: "test".to_owned(), id: "t-0".to_owned() })
            .await
            .unwrap()
            .is_some()
    );
    following.stop().await;
    tasks.pool().close().await;
    drop(tasks);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_commit_is_lost_and_the_row_decides() {
    commits_are_cut("taskanswer", Cut::Answer).await;
    commits_are_cut("taskquestion", Cut::Question).await;
}
