//! What reading through the follower costs beside a bare consumer that reads key, value and headers too.
//!
//! `cargo bench -p brainops-log` against the stack that `BRAINOPS_CONFIG` names. Both ways read the same topic from
//! its first to its last record, in turns; ratios are of one round, so that a machine that others use as well slows
//! both. CPU seconds are those of this whole process, the client's own threads included.
//!
//! - `BENCH_EVENTS`: how many records, 2,000,000 unless set.
//! - `BENCH_ROUNDS`: how many rounds, 5 unless set.
//! - `BENCH_PREFIX`: keeps the topic under this prefix, and reads again what a run before appended.
//! - `BENCH_ONLY`: `throughput`, `memory`, `spill`, `start` or `latency`, all of them unless set.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a measuring program")]
mod bare;
#[path = "../../tests/common/mod.rs"]
mod common;
mod data;
mod figures;
mod latency;
mod ours;
mod spill;
mod start;
mod throughput;

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    let wanted = |name: &str| only.is_empty() || only == name;
    runtime.block_on(async {
        let data = data::Data::prepare().await;
        if wanted("throughput") {
            throughput::measure(&data).await;
        }
        if wanted("memory") {
            throughput::memory(&data).await;
        }
        if wanted("spill") {
            spill::measure(&data).await;
        }
        if wanted("start") {
            start::measure(&data).await;
        }
        if wanted("latency") {
            latency::measure(&data).await;
        }
        data.put_away().await;
    });
}
