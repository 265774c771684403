//! Row 17: the topic is not what it was. The partition stands with words that name both sides; nothing is ever reset.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::ensure;
use brainops_log::ensure_topics;
use brainops_testkit::Part;
use brainops_trial::{Order, Scenario, Stage};
use rdkafka::admin::NewPartitions;
use rdkafka::{Offset, TopicPartitionList};
use rustix::process::Signal;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(17, "topic deleted and made again", |stage| Box::pin(made_again(stage))),
        Scenario::new(17, "retention past the checkpoint", |stage| Box::pin(retention(stage))),
        Scenario::new(17, "partitions added", |stage| Box::pin(partitions_added(stage))),
        Scenario::new(17, "the log's tail is lost", |stage| Box::pin(tail_lost(stage))).alone(),
    ]
}

/// Folds some hundred events, and stops everybody.
async fn begin(stage: &mut Stage) -> anyhow::Result<()> {
    stage.speak()?;
    stage.start(Order::projector("before"));
    stage.folded(400).await?;
    stage.silence().await?;
    stage.recover().await?;
    stage.worker("before").signal(Signal::TERM);
    stage.worker("before").until_ended(Duration::from_secs(10)).await;
    Ok(())
}

/// Waits until these partitions stand, for this reason, and have not moved.
async fn stands(
    stage: &mut Stage,
    class: &'static str,
    partitions: &BTreeSet<i32>,
) -> anyhow::Result<Vec<String>> {
    let topic = stage.room.topic().to_string();
    let sql = "SELECT partition, reason FROM brainops.progress \
                WHERE state = 'stopped' AND reason_class = $1 AND topic = $2 ORDER BY partition";
    let ask = || async {
        let asked = sqlx::query_as(sql).bind(class).bind(&topic).fetch_all(stage.room.pool()).await;
        asked.unwrap_or_default()
    };
    let all = || async {
        let found: Vec<(i32, String)> = ask().await;
        found.iter().map(|(partition, _)| *partition).collect::<BTreeSet<i32>>() == *partitions
    };
    let stood = stage.until("they stand", all).await;
    let found: Vec<(i32, String)> = ask().await;
    ensure!(stood.is_ok(), "{partitions:?} should stand for {class}, found {found:?}");
    Ok(found.into_iter().map(|(_, reason)| reason).collect())
}

async fn made_again(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    let (topic, before) = (stage.room.topic(), stage.room.checkpoints().await?);
    brainops_log::delete_topics(stage.room.cluster(), std::slice::from_ref(&topic)).await?;
    let cluster = stage.room.cluster().clone();
    let catalog = brainops_event::Catalog::builtin();
    stage
        .until("the topic is made again", || async { ensure_topics(&cluster, catalog).await.is_ok() })
        .await?;
    stage.start(Order::projector("after"));
    stage.speak()?;
    stage.said(200).await?;
    stage.silence().await?;
    let all: BTreeSet<i32> = before.keys().copied().collect();
    let reasons = stands(stage, "TopicReplaced", &all).await?;
    let id = stage
        .room
        .number("SELECT count(DISTINCT topic_id) FROM trial_g1.checkpoint WHERE topic LIKE '%.business'");
    ensure!(id.await? == 1, "the checkpoints keep the id that they know");
    ensure!(reasons.iter().all(|reason| reason.contains(" id")), "both ids are named: {reasons:?}");
    stage.expected.standing = all;
    stage.expected.rows_match = false; // what was folded is no longer there to be folded again
    ensure!(stage.room.checkpoints().await? == before, "no checkpoint has moved");
    Ok(())
}

async fn retention(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    let (topic, before) = (stage.room.topic(), stage.room.checkpoints().await?);
    stage.speak()?;
    stage.said(400).await?;
    stage.silence().await?;
    let ends = stage.room.ends().await?;
    let victim = *ends.iter().max_by_key(|(partition, end)| *end - before[partition]).expect("partitions").0;
    let (admin, options) = stage.room.raw().admin();
    let mut cut = TopicPartitionList::new();
    cut.add_partition_offset(topic.as_str(), victim, Offset::Offset(before[&victim] + 2))?;
    admin.delete_records(&cut, &options).await?;
    stage.expected.standing.insert(victim);
    stage.start(Order::projector("after"));
    let reasons = stands(stage, "RetentionPassed", &BTreeSet::from([victim])).await?;
    let both = [before[&victim].to_string(), (before[&victim] + 2).to_string()];
    ensure!(both.iter().all(|side| reasons[0].contains(side)), "both sides are named: {reasons:?}");
    stage.recover().await?; // the others go on
    ensure!(stage.room.checkpoints().await?[&victim] == before[&victim], "the checkpoint stands");
    stage.expected.rows_match = false;
    Ok(())
}

/// New partitions are followed from their beginning. Keys whose home has changed lie in two partitions from then on,
/// which is why the number is never to be changed: what the old partitioning had is misplaced by the new one.
async fn partitions_added(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    let topic = stage.room.topic();
    let (admin, options) = stage.room.raw().admin();
    admin.create_partitions([&NewPartitions::new(topic.as_str(), 10)], &options).await?;
    stage.start(Order::projector("after"));
    stage
        .until("the new partitions are known", || async {
            stage.room.ends().await.is_ok_and(|ends| ends.len() == 10)
        })
        .await?;
    stage.speak()?;
    stage.said(300).await?;
    stage.silence().await?;
    stage.healed();
    stage.expected.rows_match = false;
    stage.expected.within = Duration::from_secs(60);
    stage.recover().await?;
    let of_new = stage.room.number("SELECT count(*) FROM trial_g1.seen WHERE partition >= 8").await?;
    let twice = stage.room.number("SELECT count(*) - count(DISTINCT number) FROM trial_g1.seen").await?;
    ensure!(of_new > 0 && twice == 0, "{of_new} rows of new partitions, {twice} events counted twice");
    Ok(())
}

/// Kafka comes back from an earlier copy of its folder: events that were acknowledged and folded are gone.
async fn tail_lost(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    let early = stage.room.checkpoints().await?;
    let stack = stage.room.stack().clone();
    let data = stack.folder().join("kafka/data");
    let copy = stack.folder().join("kafka/copy");
    stack.end(Part::Kafka, Signal::TERM).await;
    run("cp", &["-a", &data.to_string_lossy(), &copy.to_string_lossy()])?;
    stack.up_again().await;
    stage.start(Order::projector("second"));
    stage.speak()?;
    stage.folded(400).await?;
    stage.silence().await?;
    stage.recover().await?;
    stage.worker("second").signal(Signal::TERM);
    stage.worker("second").until_ended(Duration::from_secs(10)).await;
    let late = stage.room.checkpoints().await?;
    stack.end(Part::Kafka, Signal::KILL).await;
    std::fs::remove_dir_all(&data)?;
    run("mv", &[&copy.to_string_lossy(), &data.to_string_lossy()])?;
    stack.up_again().await;

    let lost: BTreeSet<i32> = late
        .iter()
        .filter(|(partition, at)| early[partition] < **at)
        .map(|(partition, _)| *partition)
        .collect();
    ensure!(!lost.is_empty(), "something was lost");
    stage.start(Order::projector("after"));
    stage.expected.standing = lost.clone();
    stage.expected.rows_match = false;
    let sql = "SELECT partition::bigint FROM brainops.progress WHERE state = 'stopped' \
                AND reason_class NOT IN ('ShutDown', 'Interrupted') AND topic LIKE '%.business'";
    let standing = || async {
        let found: Vec<i64> = sqlx::query_scalar(sql).fetch_all(stage.room.pool()).await.unwrap_or_default();
        lost.iter().all(|partition| found.contains(&i64::from(*partition)))
    };
    stage.until("what lost its tail stands", standing).await?;
    let reasons: Vec<String> = sqlx::query_scalar(
        "SELECT reason FROM brainops.progress WHERE state = 'stopped' AND topic LIKE '%.business'",
    )
    .fetch_all(stage.room.pool())
    .await?;
    for (partition, at) in late.iter().filter(|(partition, _)| lost.contains(partition)) {
        let named = reasons
            .iter()
            .any(|reason| reason.contains(&at.to_string()) && reason.contains(&early[partition].to_string()));
        ensure!(named, "{partition} folded to {at}, the log ends at {}: {reasons:?}", early[partition]);
    }
    ensure!(stage.room.checkpoints().await? == late, "no checkpoint has moved");
    Ok(())
}

fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let status = std::process::Command::new(program).args(arguments).status()?;
    ensure!(status.success(), "{program}: {status}");
    Ok(())
}
