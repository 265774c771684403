//! Faults, one file per row of the matrix. Run with `cargo test -p brainops-trial --test faults [-- part of a title ...]`;
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
mod disk;
mod instances;
mod killed;
mod locks;
mod planted;
mod poison;
mod process;
mod rebuilds;
mod registry;
mod relays;
mod repeated;
mod sagas;
mod stopped;
mod terminated;
mod topic;
mod weather;

use std::process::ExitCode;

use brainops_trial::{Scenario, run_all};

fn main() -> ExitCode {
    let filters: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let mut scenarios: Vec<Scenario> = [
        killed::scenarios(),
        stopped::scenarios(),
        relays::scenarios(),
        instances::scenarios(),
        broker::scenarios(),
        database::scenarios(),
        commit::scenarios(),
        weather::scenarios(),
        registry::scenarios(),
        poison::scenarios(),
        repeated::scenarios(),
        topic::scenarios(),
        disk::scenarios(),
        locks::scenarios(),
        process::scenarios(),
        terminated::scenarios(),
        rebuilds::scenarios(),
        sagas::scenarios(),
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
    let is_good = runtime.block_on(run_all(scenarios, &filters));
    drop(runtime); // with it, after an interruption, everything that still plays, and then the stack
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
