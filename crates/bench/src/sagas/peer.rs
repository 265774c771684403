//! The same three steps on Restate: a workflow that calls a service three times, so many at a time, over its HTTP door.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;

use super::times::{Times, Window};
use super::words::STEPS;
use crate::meter::{cpu_seconds, memory_kib, own_pid};
use crate::said::run_name;
use crate::stand::report;

#[derive(Args)]
pub(crate) struct PeerSagas {
    /// Where workflows are asked for, such as `http://127.0.0.1:8080`.
    #[arg(long)]
    url: String,
    /// How many run at a time.
    #[arg(long, default_value_t = 64)]
    in_flight: u64,
    /// Seconds that are measured, after three that are not.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// The processes that take part: the server and the program with the workflow.
    #[arg(long = "pid")]
    pids: Vec<i32>,
}

pub(crate) async fn run(asked: PeerSagas) -> anyhow::Result<()> {
    // Nothing is sealed on loopback; the client wants to know by what it would be.
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = reqwest::Client::builder().no_proxy().build()?;
    let window = Window::after(Duration::from_secs(3), Duration::from_secs(asked.seconds));
    let run = run_name();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..asked.in_flight {
        callers.spawn(call(client.clone(), format!("{}/Saga/{run}-{caller}", asked.url), window));
    }
    tokio::time::sleep_until(window.beginning.into()).await;
    let cpu = || asked.pids.iter().copied().chain([own_pid()]).map(cpu_seconds).sum::<f64>();
    let before = cpu();
    tokio::time::sleep_until(window.end.into()).await;
    let cpu_s = cpu() - before;
    let mut times = Times::default();
    while let Some(ended) = callers.join_next().await {
        times.extend(ended??);
    }
    let memory: u64 = asked.pids.iter().map(|pid| memory_kib(*pid, "VmHWM")).sum();
    let mut figures = times.figures(&window, cpu_s);
    figures["peak_rss_mib"] = (memory as f64 / 1024.0).into();
    report(&figures)
}

/// One caller: a workflow after another, until the window ends.
async fn call(client: reqwest::Client, url: String, window: Window) -> anyhow::Result<Times> {
    let (mut times, mut number) = (Times::default(), 0_u64);
    while Instant::now() < window.end {
        let began = Instant::now();
        let answer = client.post(format!("{url}-{number}/run")).send().await?.error_for_status()?;
        let steps: u32 = answer.text().await?.parse().context("the answer is no number")?;
        anyhow::ensure!(steps == STEPS, "a workflow made {steps} steps");
        times.note(&window, began);
        number += 1;
    }
    Ok(times)
}
