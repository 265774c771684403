//! Row 2: SIGSTOP until others have taken over, then SIGCONT. Who wakes up writes nothing.

use std::time::Duration;

use brainops_trial::{Order, Scenario, Stage};
use rustix::process::Signal;

pub fn scenarios() -> Vec<Scenario> {
    let random =
        Scenario::new(2, "projector stopped at random, then woken", |stage| Box::pin(at_random(stage)));
    let points = ["projection.batch_received", "projection.begun", "projection.rows_written"];
    points.iter().map(|point| at(point)).chain([random]).collect()
}

/// The projector stands at this point, with a batch in its hands.
pub fn at(point: &'static str) -> Scenario {
    let name = format!("projector stopped at {point}, then woken");
    Scenario::new(2, name, move |stage| Box::pin(stands_at(stage, point)))
}

async fn stands_at(stage: &mut Stage, point: &str) -> anyhow::Result<()> {
    stage.speak()?;
    let passage = stage.dice.between(3, 12);
    stage.start(Order::projector("zombie").striking(format!("{point}@{passage}=stop")));
    stage.worker("zombie").until_stopped(Duration::from_secs(40)).await;
    stage.start(Order::projector("heir"));
    woken(stage).await
}

async fn at_random(stage: &mut Stage) -> anyhow::Result<()> {
    stage.speak()?;
    stage.start(Order::projector("zombie"));
    stage.folded(200).await?;
    stage.worker("zombie").signal(Signal::STOP);
    stage.start(Order::projector("heir"));
    woken(stage).await
}

/// The heir takes everything over; then the zombie wakes up.
async fn woken(stage: &mut Stage) -> anyhow::Result<()> {
    let taken = "SELECT count(DISTINCT partition) FROM watch.move \
                  WHERE worker = 'heir' AND topic LIKE '%.business' AND new_epoch > coalesce(old_epoch, 0)";
    stage
        .until("the heir takes everything over", || async {
            stage.room.number(taken).await.is_ok_and(|partitions| partitions == 8)
        })
        .await?;
    stage.folded(100).await?;
    stage.worker("zombie").signal(Signal::CONT);
    stage.healed();
    stage.said(300).await?;
    stage.folded(100).await
}
