//! Row 1: SIGKILL at every step, and at random.

use std::time::Duration;

use anyhow::ensure;
use brainops_trial::{Order, Scenario, Stage};

/// Every step of a projector that a batch without poison passes.
pub const PROJECTOR_POINTS: [&str; 9] = [
    "projection.taken_over",
    "projection.batch_received",
    "projection.begun",
    "projection.checkpoint_moved",
    "projection.rows_loaded",
    "projection.folded",
    "projection.rows_half_written",
    "projection.rows_written",
    "projection.committed",
];

pub fn scenarios() -> Vec<Scenario> {
    let at_points = PROJECTOR_POINTS.iter().map(|point| at(point));
    let random = Scenario::new(1, "projector killed at random", |stage| Box::pin(projector_at_random(stage)));
    at_points.chain([random]).collect()
}

/// The projector dies at this point.
pub fn at(point: &'static str) -> Scenario {
    Scenario::new(1, format!("projector killed at {point}"), move |stage| {
        Box::pin(projector_at(stage, point))
    })
}

async fn projector_at(stage: &mut Stage, point: &str) -> anyhow::Result<()> {
    let passage = if point == "projection.taken_over" { 1 } else { stage.dice.between(1, 12) };
    stage.speak()?;
    stage.start(Order::projector("one").striking(format!("{point}@{passage}=kill")));
    stage.start(Order::projector("two"));
    stage.worker("one").until_ended(Duration::from_secs(40)).await;
    ensure!(stage.worker("one").was_killed(), "it does not die: {}", stage.worker("one").last_words());
    stage.healed();
    stage.start(Order::projector("three"));
    stage.said(200).await
}

async fn projector_at_random(stage: &mut Stage) -> anyhow::Result<()> {
    stage.speak()?;
    stage.start(Order::projector("stays"));
    for _ in 0..3 {
        stage.start(Order::projector("dies"));
        stage.said(50).await?;
        let wait = Duration::from_millis(stage.dice.between(0, 1500));
        tokio::time::sleep(wait).await; // the fault's own moment
        stage.worker("dies").kill().await;
    }
    stage.healed();
    stage.said(100).await
}
