//! Turns `schemas/` into Rust: one struct per record, the catalog of schema texts, and the topics of the domains.

#![allow(clippy::print_stdout, reason = "cargo reads a build script's standard output")]

use std::error::Error;
use std::path::{Path, PathBuf};

#[path = "build/emit.rs"]
mod emit;
#[path = "build/inline.rs"]
mod inline;
#[path = "build/read.rs"]
mod read;
#[path = "build/types.rs"]
mod types;

/// Where the schemas stand, seen from this crate.
const SCHEMAS: &str = "../../schemas";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed={SCHEMAS}");
    let topics = read::topics(&Path::new(SCHEMAS).join("topics.toml"))?;
    let schemas = read::schemas(Path::new(SCHEMAS), &topics)?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("types.rs"), types::generate(&schemas)?)?;
    std::fs::write(out.join("domains.rs"), emit::domains(&schemas))?;
    std::fs::write(out.join("typed_events.rs"), emit::typed_events(&schemas))?;
    std::fs::write(out.join("catalog.rs"), emit::catalog(&schemas, &topics))?;
    Ok(())
}
