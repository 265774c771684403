//! Builds again when a migration is added: the macro that embeds them cannot see a new file.

#![allow(clippy::print_stdout, reason = "cargo reads a build script's standard output")]

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
