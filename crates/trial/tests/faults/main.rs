//! Faults, one file per row of the matrix. Run with `cargo test -p brainops-trial --test faults [-- part of a title]`;
//! `TRIAL_SEED` says which seed is first, `TRIAL_SEEDS` how many there are.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests say what must hold"
)]

mod broker;
mod commit;
mod database;
mod instances;
mod killed;
mod locks;
mod planted;
mod process;
mod registry;
mod stopped;
mod terminated;
mod weather;

use std::process::ExitCode;

use brainops_trial::{Scenario, run_all};

fn main() -> ExitCode {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let mut scenarios: Vec<Scenario> = [
        killed::scenarios(),
        stopped::scenarios(),
        instances::scenarios(),
        broker::scenarios(),
        database::scenarios(),
        commit::scenarios(),
        weather::scenarios(),
        registry::scenarios(),
        locks::scenarios(),
        process::scenarios(),
        terminated::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect();
    scenarios.extend(planted::scenarios());
    if std::env::args().any(|argument| argument == "--list") {
        scenarios.iter().for_each(|scenario| println!("{}: test", scenario.title()));
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    if runtime.block_on(run_all(scenarios, &filter)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
