//! Row 23: a process that may have few files open, or whose log has no room.

use brainops_trial::{Order, Scenario, Stage};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(23, "64 open files", |stage| Box::pin(few_files(stage))),
        Scenario::new(23, "the log goes to a full disk", |stage| Box::pin(log_to_a_full_disk(stage))),
    ]
}

async fn few_files(stage: &mut Stage) -> anyhow::Result<()> {
    stage.speak()?;
    stage.start(Order::projector("one").open_files(64));
    stage.folded(500).await?;
    stage.healed();
    stage.said(100).await
}

async fn log_to_a_full_disk(stage: &mut Stage) -> anyhow::Result<()> {
    stage.speak()?;
    stage.start(Order::projector("one").logging_to_a_full_disk());
    stage.start(Order::projector("two"));
    stage.folded(500).await?;
    stage.worker("two").kill().await;
    stage.healed();
    stage.said(100).await
}
