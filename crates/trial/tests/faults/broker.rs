//! Rows 4 and 5: Kafka is killed, stands still, comes back.

use std::time::Duration;

use brainops_testkit::Part;
use brainops_trial::{Order, Scenario, Stage};
use rustix::process::Signal;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(4, "kafka killed", |stage| Box::pin(killed(stage))).alone(),
        Scenario::new(5, "kafka stopped, then continued", |stage| Box::pin(stopped(stage))).alone(),
    ]
}

async fn begin(stage: &mut Stage) -> anyhow::Result<()> {
    stage.speak()?;
    stage.start(Order::projector("one"));
    stage.start(Order::projector("two"));
    stage.folded(200).await
}

async fn killed(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    stage.expected.named.push(
        "Connection refused|transport failure|BrokerTransportFailure|Disconnected|brokers are down".into(),
    );
    kill_kafka(stage).await
}

/// Kafka is killed under whoever works, and comes back.
pub async fn kill_kafka(stage: &mut Stage) -> anyhow::Result<()> {
    let stack = stage.room.stack().clone();
    stack.end(Part::Kafka, Signal::KILL).await;
    stack.up_again().await;
    stage.healed();
    stage.expected.within = Duration::from_secs(40);
    stage.said(200).await
}

async fn stopped(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    stop_kafka(stage).await
}

/// Kafka stands still under whoever works, and goes on.
pub async fn stop_kafka(stage: &mut Stage) -> anyhow::Result<()> {
    let stack = stage.room.stack().clone();
    stack.signal(Part::Kafka, Signal::STOP);
    let pause = Duration::from_millis(stage.dice.between(5_000, 9_000));
    tokio::time::sleep(pause).await; // the fault itself
    stack.signal(Part::Kafka, Signal::CONT);
    stage.healed();
    stage.expected.within = Duration::from_secs(40);
    stage.said(200).await
}
