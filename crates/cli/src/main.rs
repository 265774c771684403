//! The `brainops` command.
fn main() {}
