//! Row 6: Postgres is killed, ended at once, or loses one backend in the middle of a batch.

use brainops_testkit::{Cut, Judge, Part, Proxy, says};
use brainops_trial::{Order, Scenario, Stage};
use rustix::process::{Pid, Signal, kill_process};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(6, "a backend ended in mid-batch", |stage| Box::pin(backends(stage))),
        Scenario::new(6, "a connection cut in mid-COPY", |stage| Box::pin(copies(stage))),
        Scenario::new(6, "postgres killed", |stage| Box::pin(server(stage, Signal::KILL))).alone(),
        Scenario::new(6, "postgres ended at once", |stage| Box::pin(server(stage, Signal::QUIT))).alone(),
        Scenario::new(6, "a backend killed", |stage| Box::pin(backend_killed(stage))).alone(),
    ]
}

async fn begin(stage: &mut Stage) -> anyhow::Result<()> {
    stage.expected.named.push("trying again|a commit gave no answer|cannot write progress".into());
    stage.speak()?;
    stage.start(Order::projector("one"));
    stage.start(Order::projector("two"));
    stage.folded(200).await
}

async fn server(stage: &mut Stage, signal: Signal) -> anyhow::Result<()> {
    begin(stage).await?;
    let stack = stage.room.stack().clone();
    stack.end(Part::Postgres, signal).await;
    stack.up_again().await;
    stage.healed();
    stage.said(200).await
}

async fn backends(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    let in_batch = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                     WHERE datname = current_database() AND pid <> pg_backend_pid() \
                       AND backend_xid IS NOT NULL AND application_name <> 'trial'";
    let mut ended = 0;
    for _ in 0..400 {
        ended += stage.room.number(in_batch).await.unwrap_or(0);
        if ended >= 10 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(stage.dice.between(5, 40))).await;
    }
    anyhow::ensure!(ended >= 10, "only {ended} backends were met in mid-batch");
    stage.expected.shown.push("brainops_projection_retries_total");
    stage.healed();
    stage.said(100).await
}

/// SIGKILL for one backend: the server then ends all of them and recovers.
async fn backend_killed(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    let one = "SELECT pid::bigint FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1";
    let pid = i32::try_from(stage.room.number(one).await?)?;
    kill_process(Pid::from_raw(pid).expect("a process"), Signal::KILL)?;
    stage.healed();
    stage.said(200).await
}

async fn copies(stage: &mut Stage) -> anyhow::Result<()> {
    let postgres = stage.room.postgres().clone();
    let proxy = Proxy::judging(format!("{}:{}", postgres.host, postgres.port), || -> Judge {
        let (mut copies, mut in_copy) = (0, false);
        Box::new(move |said| {
            let begins = says(said, b"COPY trial_g1.seen");
            copies += i32::from(begins);
            let cut = in_copy && copies % 4 == 0; // what follows the statement: rows
            in_copy = begins;
            if cut { Cut::Question } else { Cut::Not }
        })
    })
    .await;
    stage.expected.named.push("trying again".into());
    stage.speak()?;
    stage.start(Order::projector("one").postgres_by(proxy.port()));
    stage.until("copies are cut", || async { proxy.cuts() >= 4 }).await?;
    stage.worker("one").signal(Signal::TERM);
    stage.start(Order::projector("two"));
    stage.healed();
    stage.said(100).await
}
