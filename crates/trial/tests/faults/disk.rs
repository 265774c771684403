//! Row 10: the disk of Postgres or of Kafka is full. Nobody is told of success, and when there is space again and what
//! has died was started again, everything goes on by itself.

use std::time::Duration;

use anyhow::ensure;
use brainops_trial::{Order, Scenario, Stage};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(10, "the disk of postgres is full", |stage| Box::pin(postgres(stage))).on_small_disks(),
        Scenario::new(10, "the disk of kafka is full", |stage| Box::pin(kafka(stage))).on_small_disks(),
    ]
}

async fn begin(stage: &mut Stage) -> anyhow::Result<()> {
    stage.expected.within = Duration::from_secs(60);
    stage.speak()?;
    stage.start(Order::projector("one"));
    stage.start(Order::projector("two"));
    stage.folded(200).await
}

async fn postgres(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    stage
        .expected
        .named
        .push("No space left on device|in recovery mode|not yet accepting|trying again".into());
    stage.disks().postgres.fill()?;
    stage.until_logged("one", &["trying again", "cannot write progress"]).await?;
    let at = stage.room.checkpoints().await.ok();
    tokio::time::sleep(Duration::from_secs(2)).await; // the fault itself
    if let (Some(at), Ok(later)) = (at, stage.room.checkpoints().await) {
        ensure!(later.iter().all(|(partition, next)| *next >= at[partition]), "{at:?}, then {later:?}");
    }
    stage.disks().postgres.free()?;
    stage.room.stack().up_again().await;
    stage.healed();
    stage.said(200).await
}

async fn kafka(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    stage.disks().kafka.fill()?;
    // The broker ends when it cannot write, or refuses; either way nothing more is acknowledged.
    let mut before = u64::MAX;
    let ledger = stage.ledger.clone();
    stage
        .until("nothing is acknowledged any more", || {
            let now = ledger.acknowledged();
            let stands = now == before;
            before = now;
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await; // between two looks
                stands
            }
        })
        .await?;
    stage.disks().kafka.free()?;
    stage.room.stack().up_again().await;
    stage.healed();
    stage.said(200).await
}
