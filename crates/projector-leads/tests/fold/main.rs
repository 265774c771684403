//! The fold, without a stack: given events, then rows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod facts;
mod lead;
mod stages;

#[test]
fn the_data_dictionary_says_what_the_sql_says() {
    let readme = include_str!("../../../../projections/leads/README.md");
    let sql = [
        include_str!("../../../../projections/leads/tables.sql"),
        include_str!("../../../../projections/leads/views.sql"),
    ];
    brainops_testkit::check_dictionary("leads", readme, &sql);
}
