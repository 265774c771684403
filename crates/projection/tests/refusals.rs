//! A rebuild that cannot be, or cannot go on, says why and what it met; what serves is never touched.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod common;

use std::sync::Arc;

use brainops_event::{Catalog, Frontier, TopicId, error_chain};
use brainops_log::{delete_topics, ensure_topics};
use brainops_projection::{
    Asked, Clock, CompareLimits, Generation, GenerationState, MomentAt, MomentQuestion, MomentWanted, Pace,
    RebuildError, RebuildState, Request, Workshop, ask_rebuild, begin_rebuild, drop_generation,
    find_generation, moment_state, offer_moment, rebuild_progress, resolve_moment, verify,
};
use brainops_testkit::{Namespace, eventually, stored_rows};
use chrono::Utc;
use common::disk::SmallDisk;
use common::history::{parked_in, same, work, workshop};
use common::{Bench, LIMIT, Metrics, PANIC, PANIC_EARLY, REFUSED, figure, figures, small_batches};
use sqlx::Connection as _;
use tokio_util::sync::CancellationToken;

/// A read model that was followed to the end of its log, and is not followed any more.
async fn served(name: &str) -> (Bench, tempfile::TempDir, Frontier) {
    let (bench, folder) = (Bench::new(name).await, tempfile::tempdir().unwrap());
    bench.append(figures(2_000, 100, 1)).await;
    bench.append(vec![figure("left out", "1", 1.0, REFUSED), figure("left out", "2", 1.0, "EUR")]).await;
    let running = bench.start(small_batches("live", 500));
    let end = bench.caught_up().await;
    running.stop().await;
    (bench, folder, end)
}

/// Many small pieces.
fn in_pieces(shop: Workshop) -> Workshop {
    let pace = Pace { mark_bytes: 4_000, offsets_per_bucket: 50, records_at_once: 40, ..shop.pace };
    Workshop { pace, ..shop }
}

async fn begin(bench: &Bench, shop: &Workshop) -> Result<Generation, RebuildError> {
    begin_rebuild(&bench.model, shop, Request::next(None)).await
}

async fn progress(bench: &Bench, generation: &Generation) -> (RebuildState, String) {
    let progress = rebuild_progress(bench.namespace.pool(), generation).await.unwrap().unwrap();
    (progress.state, progress.reason.unwrap_or_default())
}

/// What a past moment or a verification of this log comes to, in words.
async fn refused_moment(bench: &Bench, shop: &Workshop, at: MomentAt) -> String {
    let wanted = MomentWanted { asked_by: "person-1", time_to_live: None, fresh: false, failed_stands: None };
    let question = MomentQuestion { at, clock: Clock::Recorded };
    let made = async {
        let resolved = resolve_moment(&bench.model, shop, &question).await?;
        offer_moment(&bench.model, shop, &resolved, wanted).await
    };
    error_chain(&made.await.unwrap_err())
}

async fn refused_verification(bench: &Bench, shop: &Workshop) -> String {
    let (model, stop) = (Arc::new(bench.model.clone()), CancellationToken::new());
    error_chain(&verify(model, shop, CompareLimits::default(), &stop).await.unwrap_err())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_rebuilds_the_second_names_the_first_and_who_works_on_it() {
    let (bench, folder, _) = served("two").await;
    let pool = bench.namespace.pool();
    let (first, second) = (workshop(&bench, &folder, "first"), workshop(&bench, &folder, "second"));
    let generation = begin(&bench, &first).await.unwrap();
    let refused = begin(&bench, &second).await.unwrap_err();
    assert!(matches!(&refused, RebuildError::Underway(found) if found.started_by == "first"), "{refused:?}");
    let said = refused.to_string();
    assert!(["metrics_g2", "first", "is not at work now"].iter().all(|part| said.contains(part)), "{said}");
    let taken =
        "UPDATE brainops.rebuild_unit SET worker = 'third', lease_until = now() + interval '1 minute'";
    sqlx::query(taken).execute(pool).await.unwrap();
    let said = begin(&bench, &second).await.unwrap_err().to_string();
    assert!(said.contains("is at work"), "{said}");
    sqlx::query("UPDATE brainops.rebuild_unit SET lease_until = NULL").execute(pool).await.unwrap();

    // Meanwhile a past moment can be asked for, and rows can be held against the log.
    let question = MomentQuestion { at: MomentAt::Time(Utc::now()), clock: Clock::Recorded };
    let resolved = resolve_moment(&bench.model, &second, &question).await.unwrap();
    let wanted = MomentWanted { asked_by: "person-1", time_to_live: None, fresh: false, failed_stands: None };
    let offered = offer_moment(&bench.model, &second, &resolved, wanted).await.unwrap();
    work(&bench, &second, &offered.generation).await.unwrap();
    assert!(moment_state(pool, &offered.generation).await.unwrap().unwrap().is_ready);
    same(&bench, &bench.generation, &offered.generation).await;

    work(&bench, &second, &generation).await.unwrap();
    same(&bench, &bench.generation, &generation).await;
    let over = ask_rebuild(pool, "metrics", Asked::Pause, "").await.unwrap_err();
    assert_eq!(over.to_string(), "no rebuild of metrics is under way");
    let unknown = ask_rebuild(pool, "No Name", Asked::Pause, "").await.unwrap_err();
    assert!(error_chain(&unknown).contains("accepted are"), "{unknown}");
    let other = Metrics { name: "others", ..bench.model.clone() };
    let refused = begin_rebuild(&other, &first, Request::next(None)).await.unwrap_err();
    assert_eq!(refused.to_string(), "read model others is not installed");
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_when_asked_in_the_midst_of_work_and_goes_on_or_ends() {
    let (bench, folder, _) = served("asked").await;
    let pool = bench.namespace.pool();
    let shop = in_pieces(workshop(&bench, &folder, "worker"));
    let shop = Workshop { pace: Pace { lease: std::time::Duration::from_secs(3), ..shop.pace }, ..shop };
    let generation = begin(&bench, &shop).await.unwrap();

    // Somebody holds the table, so that a bucket is being written for as long as it takes.
    let mut holder = sqlx::PgConnection::connect_with(&pool.connect_options()).await.unwrap();
    let mut held = holder.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE metrics_g2.metric IN EXCLUSIVE MODE").execute(&mut *held).await.unwrap();
    let working = async { work(&bench, &shop, &generation).await };
    let asking = async {
        let waits =
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'metrics_g2.metric'::regclass";
        eventually(LIMIT, || async { bench.number(waits).await > 0 }).await.unwrap();
        ask_rebuild(pool, "metrics", Asked::Pause, "lunch").await.unwrap();
    };
    let (worked, ()) = tokio::join!(working, asking);
    assert_eq!(worked.unwrap_err().to_string(), "the rebuild is paused: lunch");
    held.rollback().await.unwrap();
    let again = work(&bench, &shop, &generation).await.unwrap_err();
    assert!(matches!(again, RebuildError::Paused { .. }), "{again}");
    assert_eq!(progress(&bench, &generation).await, (RebuildState::Paused, "lunch".to_owned()));
    ask_rebuild(pool, "metrics", Asked::Resume, "").await.unwrap();
    work(&bench, &shop, &generation).await.unwrap();
    same(&bench, &bench.generation, &generation).await;

    let next = begin(&bench, &shop).await.unwrap();
    ask_rebuild(pool, "metrics", Asked::Cancel, "enough").await.unwrap();
    let ended = work(&bench, &shop, &next).await.unwrap_err();
    assert_eq!(ended.to_string(), "the rebuild has ended: enough");
    let known = find_generation(pool, "metrics", next.number).await.unwrap();
    drop_generation(pool, &known).await.unwrap();
    let fourth = begin(&bench, &shop).await.unwrap();
    assert_eq!(fourth.number, 4, "numbers are not given twice");
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_in_the_last_moment_is_not_taken_for_the_end() {
    let (bench, folder, _) = served("last").await;
    let pool = bench.namespace.pool();
    let shop = workshop(&bench, &folder, "worker");
    let generation = begin(&bench, &shop).await.unwrap();
    // Whoever makes the indexes waits; what is asked meanwhile is heeded before the generation is ready.
    let mut holder = sqlx::PgConnection::connect_with(&pool.connect_options()).await.unwrap();
    let mut held = holder.begin().await.unwrap();
    sqlx::raw_sql("SELECT 1 FROM brainops.rebuild_index FOR UPDATE").execute(&mut *held).await.unwrap();
    let working = async { work(&bench, &shop, &generation).await };
    let asking = async {
        let folded = "SELECT count(*) FROM brainops.rebuild WHERE folded_at IS NOT NULL";
        eventually(LIMIT, || async { bench.number(folded).await == 1 }).await.unwrap();
        ask_rebuild(pool, "metrics", Asked::Pause, "not now").await.unwrap();
        held.rollback().await.unwrap();
    };
    let (worked, ()) = tokio::join!(working, asking);
    assert_eq!(worked.unwrap_err().to_string(), "the rebuild is paused: not now");
    let known = find_generation(pool, "metrics", 2).await.unwrap();
    assert_eq!(known.state, GenerationState::Building);
    ask_rebuild(pool, "metrics", Asked::Resume, "").await.unwrap();
    work(&bench, &shop, &generation).await.unwrap();
    same(&bench, &bench.generation, &generation).await;
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_pauses_it_and_when_there_is_room_it_goes_on() {
    let (bench, folder, _) = served("full").await;
    let Some(disk) = SmallDisk::mount(folder.path(), 96) else {
        bench.namespace.close().await;
        return;
    };
    let shop = in_pieces(workshop(&bench, &folder, "worker"));
    let generation = begin(&bench, &shop).await.unwrap();
    let full = work(&bench, &shop, &generation).await.unwrap_err();
    let place = folder.path().join("metrics_g2").display().to_string();
    assert!(matches!(full, RebuildError::DiskFull { .. }) && full.to_string().contains(&place), "{full}");
    let (state, reason) = progress(&bench, &generation).await;
    assert!(state == RebuildState::Paused && reason.contains(&place), "{state:?}: {reason}");
    let paused = work(&bench, &shop, &generation).await.unwrap_err().to_string();
    assert!(paused.contains("is paused: ") && paused.contains("is full"), "{paused}");
    disk.grow(16 * 1024);
    ask_rebuild(bench.namespace.pool(), "metrics", Asked::Resume, "").await.unwrap();
    work(&bench, &shop, &generation).await.unwrap();
    same(&bench, &bench.generation, &generation).await;
    drop(disk);
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_set_aside_and_is_damaged_or_gone_is_read_again() {
    let (bench, folder, _) = served("damaged").await;
    let shop = in_pieces(workshop(&bench, &folder, "worker"));
    let generation = begin(&bench, &shop).await.unwrap();
    let mut holder =
        sqlx::PgConnection::connect_with(&bench.namespace.pool().connect_options()).await.unwrap();
    let mut held = holder.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE metrics_g2.metric IN EXCLUSIVE MODE").execute(&mut *held).await.unwrap();
    let stop = CancellationToken::new();
    let model = Arc::new(bench.model.clone());
    let working = brainops_projection::work_on_rebuild(model, shop.clone(), generation.clone(), stop.clone());
    let stopping = async {
        let waits =
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'metrics_g2.metric'::regclass";
        eventually(LIMIT, || async { bench.number(waits).await > 0 }).await.unwrap();
        stop.cancel();
        held.rollback().await.unwrap();
    };
    let (stopped, ()) = tokio::join!(working, stopping);
    assert!(matches!(stopped, Err(RebuildError::ShutDown)), "{stopped:?}");
    let files: Vec<_> =
        std::fs::read_dir(folder.path().join("metrics_g2")).unwrap().map(Result::unwrap).collect();
    assert!(!files.is_empty(), "something was set aside");
    for folder in files {
        let records = folder.path().join("records");
        let mut bytes = std::fs::read(&records).unwrap();
        bytes.iter_mut().for_each(|byte| *byte ^= 0x55);
        std::fs::write(&records, bytes).unwrap();
    }
    work(&bench, &shop, &generation).await.unwrap();
    same(&bench, &bench.generation, &generation).await;
    assert!(!folder.path().join("metrics_g2").exists(), "scratch is removed");
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fold_that_panics_parks_the_same_live_and_rebuilt() {
    let (bench, folder) = (Bench::new("panics").await, tempfile::tempdir().unwrap());
    for number in 0..5 {
        let subject = format!("panic/{number}");
        bench.append(vec![figure(&subject, &format!("{number}-1"), 1.0, "EUR")]).await;
        bench.append(vec![figure(&subject, &format!("{number}-2"), 1.0, PANIC)]).await;
        bench.append(vec![figure(&subject, &format!("{number}-3"), 1.0, "EUR")]).await;
    }
    bench.append(vec![figure("panic/early", PANIC_EARLY, 1.0, "EUR"), figure("good", "1", 1.0, "EUR")]).await;
    let running = bench.start(small_batches("live", 4));
    bench.caught_up().await;
    let shop = in_pieces(workshop(&bench, &folder, "worker"));
    let generation = begin(&bench, &shop).await.unwrap();
    work(&bench, &shop, &generation).await.unwrap();
    assert_eq!(parked_in(&bench, &generation).await.len(), 6);
    same(&bench, &bench.generation, &generation).await;
    bench.append(vec![figure("good", "2", 1.0, "EUR")]).await;
    bench.caught_up().await; // it lives
    running.stop().await;
    bench.namespace.close().await;
}

/// Deletes the topic and makes it again, with other events; answers with both ids.
async fn made_again(bench: &Bench, end: &Frontier) -> (TopicId, TopicId) {
    let (namespace, topic) = (&bench.namespace, bench.namespace.topic("business"));
    let before = end.topic_id(&topic).unwrap().clone();
    delete_topics(namespace.cluster(), std::slice::from_ref(&topic)).await.unwrap();
    let made = || async { ensure_topics(namespace.cluster(), Catalog::builtin()).await.is_ok() };
    eventually(LIMIT, made).await.unwrap();
    bench.append(figures(20, 5, 2)).await;
    let after = bench.end().await.topic_id(&topic).unwrap().clone();
    assert_ne!(before, after);
    (before, after)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_was_made_again_is_refused_with_both_ids_and_nothing_begins_from_zero() {
    let (bench, folder, end) = served("again").await;
    let shop = in_pieces(workshop(&bench, &folder, "worker"));
    let begun = begin(&bench, &shop).await.unwrap();
    let wait = MomentAt::Time(Utc::now());
    let rows = stored_rows::<Metrics>(bench.namespace.pool(), &bench.generation).await.unwrap();
    let (before, after) = made_again(&bench, &end).await;
    let names_both = |said: &str| {
        assert!(said.contains(before.as_str()) && said.contains(after.as_str()), "both ids: {said}");
        assert!(said.contains("deleted and made again"), "{said}");
    };
    names_both(&error_chain(&work(&bench, &shop, &begun).await.unwrap_err()));
    ask_rebuild(bench.namespace.pool(), "metrics", Asked::Cancel, "its log is gone").await.unwrap();
    names_both(&error_chain(&begin(&bench, &shop).await.unwrap_err()));
    names_both(&refused_verification(&bench, &shop).await);
    names_both(&refused_moment(&bench, &shop, wait).await);
    names_both(&refused_moment(&bench, &shop, MomentAt::Time(Utc::now())).await);
    names_both(&refused_moment(&bench, &shop, MomentAt::Frontier(end)).await);
    let left = stored_rows::<Metrics>(bench.namespace.pool(), &bench.generation).await.unwrap();
    assert!(left == rows, "what serves is as it was");
    let folded = "SELECT count(*) FROM brainops.generation WHERE state IN ('ready', 'serving')";
    assert_eq!(bench.number(folded).await, 1, "nothing was folded from the other log");
    bench.namespace.close().await;
}

/// Lets the log forget the beginning of its longest partition; answers with the partition and where it begins now.
async fn forget(namespace: &Namespace, end: &Frontier) -> (String, i64) {
    let (topic, partition, next) =
        end.iter().filter(|(topic, ..)| topic.as_str().ends_with("business")).max_by_key(|at| at.2).unwrap();
    let low = next.get() / 2;
    namespace.forget_before(topic, partition, brainops_event::Offset::new(low).unwrap()).await;
    (format!("{topic}/{partition}"), low)
}

#[tokio::test(flavor = "multi_thread")]
async fn history_that_is_gone_is_named_with_the_partition_and_where_it_begins_now() {
    let (bench, folder, end) = served("gone").await;
    let shop = in_pieces(workshop(&bench, &folder, "worker"));
    let begun = begin(&bench, &shop).await.unwrap();
    let (place, low) = forget(&bench.namespace, &end).await;
    let names_it = |said: &str| {
        assert!(said.contains(&place) && said.contains(&low.to_string()), "{place} and {low}: {said}");
    };
    names_it(&error_chain(&work(&bench, &shop, &begun).await.unwrap_err()));
    ask_rebuild(bench.namespace.pool(), "metrics", Asked::Cancel, "its log is gone").await.unwrap();
    let refused = begin(&bench, &shop).await.unwrap_err();
    assert!(matches!(refused, RebuildError::HistoryGone { .. }), "{refused:?}");
    names_it(&error_chain(&refused));
    names_it(&refused_verification(&bench, &shop).await);
    names_it(&refused_moment(&bench, &shop, MomentAt::Time(Utc::now())).await);
    names_it(&refused_moment(&bench, &shop, MomentAt::Frontier(end)).await);
    bench.namespace.close().await;
}
