//! Rows 1 and 2 for the relay and for those who append through the outbox: killed at every step, at random, stopped
//! past its lease; two are always alive.

use std::time::Duration;

use anyhow::ensure;
use brainops_fault::POINTS;
use brainops_testkit::{Proxy, Weather};
use brainops_trial::{Order, Scenario, Stage};
use rustix::process::Signal;

/// Reached only where agents decide: see `sagas: the relay killed`.
const ONLY_BEHIND_GATES: &str = "relay.gate_opened";

pub fn scenarios() -> Vec<Scenario> {
    let steps_of = |who: &'static str| POINTS.iter().filter(move |point| point.starts_with(who));
    let relays = steps_of("relay.").filter(|point| **point != ONLY_BEHIND_GATES).map(|point| at(point));
    let appenders = steps_of("outbox.").map(|point| {
        let name = format!("appender killed at {point}");
        Scenario::new(1, name, move |stage| Box::pin(appender_at(stage, point)))
    });
    let random = Scenario::new(1, "relay killed at random", |stage| Box::pin(relay_at_random(stage)));
    let narrow = while_sending();
    let stopped = ["relay.numbered", "relay.half_sent", "relay.acknowledged"].map(stopped_at);
    relays.chain(appenders).chain([random, narrow]).chain(stopped).collect()
}

/// The relay dies at this point.
pub fn at(point: &'static str) -> Scenario {
    Scenario::new(1, format!("relay killed at {point}"), move |stage| Box::pin(relay_at(stage, point)))
}

/// The relay dies while a part of what it sends has arrived.
pub fn while_sending() -> Scenario {
    Scenario::new(1, "relay killed while it sends over a narrow way", |stage| {
        Box::pin(dies_while_sending(stage))
    })
}

/// The relay stands at this point until its lease is another's.
pub fn stopped_at(point: &'static str) -> Scenario {
    let name = format!("relay stopped at {point}, then woken");
    Scenario::new(2, name, move |stage| Box::pin(relay_stands_at(stage, point)))
}

/// At which passage: a shard takes its lease and reads its tail only once.
fn passage(stage: &mut Stage, point: &str) -> u64 {
    match point {
        "relay.lease_taken" | "relay.tail_read" => stage.dice.between(1, 3),
        _ => stage.dice.between(3, 25),
    }
}

async fn relay_at(stage: &mut Stage, point: &str) -> anyhow::Result<()> {
    let passage = passage(stage, point);
    stage.start(Order::relay("one").striking(format!("{point}@{passage}=kill")));
    stage.start(Order::projector("reader"));
    stage.speak_through_outbox().await?;
    stage.worker("one").until_ended(Duration::from_secs(40)).await;
    ensure!(stage.worker("one").was_killed(), "it does not die: {}", stage.worker("one").last_words());
    stage.healed();
    stage.start(Order::relay("two"));
    stage.start(Order::relay("three"));
    stage.said(100).await
}

async fn appender_at(stage: &mut Stage, point: &str) -> anyhow::Result<()> {
    stage.start(Order::relay("one"));
    stage.start(Order::relay("two"));
    stage.start(Order::projector("reader"));
    for turn in 0..2 {
        let name = format!("appender-{turn}");
        let passage = stage.dice.between(2, 12);
        stage.start(Order::appender(&name).striking(format!("{point}@{passage}=kill")));
        if turn == 0 {
            stage.speak_through_workers();
        }
        stage.worker(&name).until_ended(Duration::from_secs(40)).await;
        ensure!(stage.worker(&name).was_killed(), "it does not die: {}", stage.worker(&name).last_words());
    }
    stage.healed();
    stage.start(Order::appender("appender-last"));
    stage.said(100).await
}

async fn relay_at_random(stage: &mut Stage) -> anyhow::Result<()> {
    stage.start(Order::relay("stays"));
    stage.start(Order::projector("reader"));
    stage.speak_through_outbox().await?;
    for _ in 0..3 {
        stage.start(Order::relay("dies"));
        stage.said(50).await?;
        tokio::time::sleep(Duration::from_millis(stage.dice.between(0, 3000))).await; // the fault's own moment
        stage.worker("dies").kill().await;
        let (stays, dies) = ("stays", "dies");
        if stage.dice.below(2) == 0 {
            stage.start(Order::relay(dies));
            stage.said(20).await?;
            stage.worker(stays).kill().await;
            stage.start(Order::relay(stays));
        }
    }
    stage.healed();
    stage.said(100).await
}

async fn dies_while_sending(stage: &mut Stage) -> anyhow::Result<()> {
    let proxy = Proxy::before_kafka(stage.room.kafka_port()).await;
    stage.start(Order::projector("reader"));
    stage.speak_through_outbox().await?;
    for _ in 0..4 {
        stage.start(Order::relay("dies").kafka_by(proxy.port()));
        stage.said(10).await?;
        proxy.set(Weather::Narrow { bytes_per_second: 1_500 });
        tokio::time::sleep(Duration::from_millis(stage.dice.between(500, 2_500))).await; // the fault's own moment
        stage.worker("dies").kill().await;
        proxy.set(Weather::Clear);
    }
    stage.healed();
    stage.start(Order::relay("last"));
    stage.said(50).await
}

async fn relay_stands_at(stage: &mut Stage, point: &str) -> anyhow::Result<()> {
    let passage = passage(stage, point);
    stage.start(Order::relay("zombie").striking(format!("{point}@{passage}=stop")));
    stage.start(Order::projector("reader"));
    stage.speak_through_outbox().await?;
    stage.worker("zombie").until_stopped(Duration::from_secs(40)).await;
    stage.start(Order::relay("heir"));
    stage.said(300).await?; // past the zombie's lease: somebody else sends
    stage.worker("zombie").signal(Signal::CONT);
    stage.healed();
    stage.said(300).await
}
