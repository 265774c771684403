//! Row 7: a COMMIT is lost, or its answer.

use brainops_testkit::{Cut, Judge, Proxy, says};
use brainops_trial::{Order, Scenario, Stage};
use rustix::process::Signal;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(7, "the answer to COMMIT is lost", |stage| Box::pin(lost(stage, Cut::Answer))),
        Scenario::new(7, "COMMIT itself is lost", |stage| Box::pin(lost(stage, Cut::Question))),
    ]
}

async fn lost(stage: &mut Stage, cut: Cut) -> anyhow::Result<()> {
    let postgres = stage.room.postgres().clone();
    let proxy = Proxy::judging(format!("{}:{}", postgres.host, postgres.port), move || -> Judge {
        let (mut has_written, mut commits) = (false, 0);
        Box::new(move |said| {
            has_written |= says(said, b"COPY trial_g1.seen");
            if !has_written || !says(said, b"COMMIT\0") {
                return Cut::Not;
            }
            commits += 1;
            if commits % 3 == 0 { cut } else { Cut::Not }
        })
    })
    .await;
    stage.expected.named.push("a commit gave no answer; reading the checkpoints".into());
    stage.expected.shown.push("brainops_projection_unknown_commits_total");
    stage.speak()?;
    stage.start(Order::projector("one").postgres_by(proxy.port()));
    stage.start(Order::projector("two").postgres_by(proxy.port()));
    stage.until("commits are cut", || async { proxy.cuts() >= 8 }).await?;
    for name in ["one", "two"] {
        stage.worker(name).signal(Signal::TERM);
    }
    stage.healed();
    stage.start(Order::projector("three"));
    stage.said(100).await
}
