//! Logs go to standard error; `RUST_LOG` says how much.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging. `default` holds where `RUST_LOG` says nothing.
pub fn start(default: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().with_default_directive(default.parse()?).from_env()?;
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
    started.map_err(|error| anyhow::anyhow!(error).context("logging cannot be started"))
}
