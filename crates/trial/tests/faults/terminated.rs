//! Row 24: SIGTERM under load, twice, and instances that are replaced one by one.

use std::time::{Duration, Instant};

use anyhow::ensure;
use brainops_trial::{Order, Scenario, Stage};
use rustix::process::Signal;

/// How long draining may take.
const DRAIN: Duration = Duration::from_secs(10);

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(24, "SIGTERM under load", |stage| Box::pin(drains(stage))),
        Scenario::new(24, "SIGTERM twice", |stage| Box::pin(twice(stage))),
        Scenario::new(24, "instances replaced one by one", |stage| Box::pin(rolling(stage))),
    ]
}

async fn drains(stage: &mut Stage) -> anyhow::Result<()> {
    stage.speak()?;
    stage.start(Order::projector("one").batches_of(500));
    stage.folded(300).await?;
    let began = Instant::now();
    stage.worker("one").signal(Signal::TERM);
    let ended = stage.worker("one").until_ended(DRAIN).await;
    ensure!(ended.is_some_and(|status| status.success()), "{ended:?} after {:?}", began.elapsed());
    stage.start(Order::projector("two"));
    stage.healed();
    stage.said(100).await
}

async fn twice(stage: &mut Stage) -> anyhow::Result<()> {
    stage.speak()?;
    stage.start(Order::projector("one"));
    stage.folded(300).await?;
    stage.worker("one").let_fail(); // 130 when the second comes before it is done
    stage.worker("one").signal(Signal::TERM);
    if stage.worker("one").is_alive() {
        stage.worker("one").signal(Signal::TERM);
    }
    ensure!(stage.worker("one").until_ended(DRAIN).await.is_some(), "it does not end");
    stage.start(Order::projector("two"));
    stage.healed();
    stage.said(100).await
}

async fn rolling(stage: &mut Stage) -> anyhow::Result<()> {
    stage.speak()?;
    stage.start(Order::projector("old-one"));
    stage.start(Order::projector("old-two"));
    stage.folded(200).await?;
    for (new, old) in [("new-one", "old-one"), ("new-two", "old-two")] {
        stage.start(Order::projector(new));
        stage.folded(100).await?;
        stage.worker(old).signal(Signal::TERM);
        let ended = stage.worker(old).until_ended(DRAIN).await;
        ensure!(ended.is_some_and(|status| status.success()), "{old}: {ended:?}");
    }
    stage.healed();
    stage.said(100).await
}
