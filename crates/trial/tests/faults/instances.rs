//! Row 3: instances join and leave, in good order and otherwise.

use std::time::Duration;

use brainops_trial::{Order, Scenario, Stage};
use rustix::process::Signal;

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario::new(3, "instances join and leave", |stage| Box::pin(join_and_leave(stage)))]
}

async fn join_and_leave(stage: &mut Stage) -> anyhow::Result<()> {
    stage.speak()?;
    stage.start(Order::projector("stays"));
    stage.folded(20).await?;
    for turn in 0..5 {
        let name = format!("guest-{turn}");
        stage.start(Order::projector(&name));
        tokio::time::sleep(Duration::from_millis(stage.dice.between(500, 2500))).await; // the storm's own pace
        let leaves_well = stage.dice.below(4) > 0;
        if leaves_well {
            stage.worker(&name).signal(Signal::TERM);
        } else {
            stage.worker(&name).kill().await;
        }
    }
    stage.healed();
    stage.said(100).await
}
