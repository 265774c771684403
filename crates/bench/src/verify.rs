//! Holding rows against the log: how fast, and in how much memory.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use brainops_projection::{CompareLimits, verify};
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::event::Kind;
use crate::meter::cpu_seconds;
use crate::model::Lines;
use crate::replay::{Used, workshop};
use crate::stand::{Stand, report};

#[derive(Args)]
pub(crate) struct Verify {
    /// Which events.
    #[arg(long, value_enum)]
    kind: Kind,
    /// How many there are.
    #[arg(long)]
    events: u64,
    /// The database, in which a generation serves.
    #[arg(long)]
    database: String,
    /// The folder for what is set aside.
    #[arg(long)]
    scratch: PathBuf,
    /// The broker's process.
    #[arg(long, default_value_t = 0)]
    broker: i32,
}

pub(crate) async fn run(asked: Verify) -> anyhow::Result<()> {
    let stand = Stand::from_env()?;
    let shop = workshop(&stand, &asked.database, "verifier", asked.scratch, None).await?;
    let (broker_before, began) = (cpu_seconds(asked.broker), Instant::now());
    let model = Arc::new(Lines::<false>::new(asked.kind));
    let verified = verify(model, &shop, CompareLimits::default(), &CancellationToken::new()).await?;
    let seconds = began.elapsed().as_secs_f64();
    let used = Used::here(&shop.pool).await?;
    let mut figures = used.figures(asked.events, seconds, cpu_seconds(asked.broker) - broker_before);
    figures["proven"] = verified.is_proven().into();
    figures["rows"] = verified.comparison.tables.iter().map(|table| table.left.rows).sum::<u64>().into();
    report(&figures)
}
