//! Row 24: a rebuild is killed at every step, stopped, shared, and cut off from what it reads and writes. The generation
//! that it makes is the fold of the topic, and the one that serves never stands.

use std::time::Duration;

use anyhow::ensure;
use brainops_testkit::Part;
use brainops_trial::{Order, Scenario, Stage};
use rustix::process::Signal;

use crate::poison;

/// Every step of a rebuild, and how often it is passed at least.
const POINTS: [(&str, u64); 10] = [
    ("rebuild.taken", 12),
    ("rebuild.marked", 12),
    ("rebuild.set_aside", 7),
    ("rebuild.bucket_folded", 20),
    ("rebuild.bucket_written", 20),
    ("rebuild.bucket_committed", 20),
    ("rebuild.unit_done", 7),
    ("rebuild.folded", 1),
    ("rebuild.indexed", 1),
    ("rebuild.ready", 1),
];

/// The same of a rebuild that folds partitions in memory.
const POINTS_IN_MEMORY: [(&str, u64); 5] = [
    ("rebuild.taken", 20),
    ("rebuild.bucket_folded", 7),
    ("rebuild.bucket_written", 7),
    ("rebuild.bucket_committed", 7),
    ("rebuild.unit_done", 7),
];

pub fn scenarios() -> Vec<Scenario> {
    let mut all: Vec<Scenario> = POINTS.iter().map(|(point, passages)| at(point, *passages)).collect();
    all.extend(POINTS_IN_MEMORY.map(|(point, passages)| {
        let name = format!("rebuild in memory killed at {point}");
        Scenario::new(24, name, move |stage| Box::pin(killed_at(stage, point, passages, Order::in_memory)))
    }));
    all.push(Scenario::new(24, "two on one rebuild, one killed at random", |stage| Box::pin(shared(stage))));
    all.extend(["rebuild.taken", "rebuild.bucket_folded", "rebuild.bucket_written"].map(stopped_at));
    let cut_off = [
        ("postgres killed during a rebuild", "rebuild.bucket_folded", Part::Postgres),
        ("postgres killed while a rebuild reads", "rebuild.taken", Part::Postgres),
        ("kafka killed during a rebuild", "rebuild.taken", Part::Kafka),
    ];
    all.extend(cut_off.map(|(name, point, part)| {
        Scenario::new(24, name, move |stage| Box::pin(cut_off_at(stage, point, part))).alone()
    }));
    all
}

/// Whoever rebuilds dies at this point, at one of so many passages; another process goes on.
pub fn at(point: &'static str, passages: u64) -> Scenario {
    let name = format!("rebuild killed at {point}");
    Scenario::new(24, name, move |stage| Box::pin(killed_at(stage, point, passages, |order| order)))
}

/// A history with poison in it, somebody who serves, and somebody who goes on speaking; then a rebuild.
async fn begin(stage: &mut Stage) -> anyhow::Result<()> {
    let subjects: Vec<String> = (0..60).map(|number| format!("metrics/old-{number}")).collect();
    let subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
    stage.say_about(&subjects, 10).await?;
    poison::refused(stage).await?;
    stage.say_about(&subjects, 10).await?;
    stage.speak()?;
    stage.start(Order::projector("serving"));
    stage.folded(50).await?;
    stage.begin_rebuild().await
}

async fn killed_at(
    stage: &mut Stage,
    point: &str,
    passages: u64,
    manner: fn(Order) -> Order,
) -> anyhow::Result<()> {
    begin(stage).await?;
    let passage = stage.dice.between(1, passages + 1);
    stage.start(manner(Order::rebuilder("one")).striking(format!("{point}@{passage}=kill")));
    stage.worker("one").until_ended(Duration::from_secs(40)).await;
    ensure!(stage.worker("one").was_killed(), "it does not die: {}", stage.worker("one").last_words());
    stage.start(manner(Order::rebuilder("two")));
    stage.rebuilt().await?;
    stage.healed();
    Ok(())
}

async fn shared(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    // Each stands for a moment at its first steps, so that one alone does not do it all.
    for name in ["one", "two"] {
        stage.start(Order::rebuilder(name).striking("rebuild.taken@2=stop"));
    }
    for name in ["one", "two"] {
        stage.worker(name).until_stopped(Duration::from_secs(40)).await;
    }
    for name in ["one", "two"] {
        stage.worker(name).signal(Signal::CONT);
    }
    let buckets = stage.dice.between(1, 10);
    stage.buckets_done(i64::try_from(buckets)?).await?;
    stage.worker("one").kill().await;
    stage.rebuilt().await?;
    stage.healed();
    Ok(())
}

/// It stands at this point until its lease is over and another one has taken all over; then it wakes up.
fn stopped_at(point: &'static str) -> Scenario {
    let name = format!("rebuild stopped at {point}, then woken");
    Scenario::new(24, name, move |stage| Box::pin(woken(stage, point)))
}

async fn woken(stage: &mut Stage, point: &str) -> anyhow::Result<()> {
    begin(stage).await?;
    let passage = stage.dice.between(2, 10);
    stage.start(Order::rebuilder("zombie").striking(format!("{point}@{passage}=stop")));
    stage.worker("zombie").until_stopped(Duration::from_secs(40)).await;
    stage.start(Order::rebuilder("heir"));
    stage.all_taken_from("zombie").await?;
    stage.worker("zombie").signal(Signal::CONT);
    stage.rebuilt().await?;
    stage.healed();
    Ok(())
}

/// A part of the stack dies under it; it wakes up while that is away, and goes on when it is back.
async fn cut_off_at(stage: &mut Stage, point: &str, part: Part) -> anyhow::Result<()> {
    begin(stage).await?;
    let passage = stage.dice.between(2, 10);
    stage.start(Order::rebuilder("one").striking(format!("{point}@{passage}=stop")));
    stage.worker("one").until_stopped(Duration::from_secs(40)).await;
    let stack = stage.room.stack().clone();
    stack.end(part, Signal::KILL).await;
    stage.worker("one").signal(Signal::CONT);
    stack.up_again().await;
    stage.rebuilt().await?;
    stage.healed();
    stage.expected.within = Duration::from_secs(40);
    stage.said(100).await
}
