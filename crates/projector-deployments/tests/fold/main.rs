//! The fold, without a stack: given events, then rows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod deployment;
mod facts;
mod git;

#[test]
fn the_data_dictionary_says_what_the_sql_says() {
    let readme = include_str!("../../../../projections/deployments/README.md");
    let sql = [
        include_str!("../../../../projections/deployments/tables.sql"),
        include_str!("../../../../projections/deployments/views.sql"),
    ];
    brainops_testkit::check_dictionary("deployments", readme, &sql);
}
