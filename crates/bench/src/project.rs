//! The projector under test: the platform's own runtime over one of the bench's read models.

use std::sync::Arc;

use brainops_event::Catalog;
use brainops_log::{CLIENT_QUEUE_BYTES, CatchUp, WINDOW_BYTES, ensure_topics};
use brainops_projection::{ReadModel, RunOptions, install};
use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::event::Kind;
use crate::model::{Index, Lines, Nothing};
use crate::stand::Stand;

/// What is made of the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sink {
    /// Nothing; checkpoints move.
    Null,
    /// Nothing, but the data is decoded.
    Decode,
    /// One row per line, the last state.
    Upsert,
    /// One row per event.
    Append,
    /// The platform's index of events.
    Index,
}

#[derive(Args)]
pub(crate) struct Project {
    /// Which events.
    #[arg(long, value_enum)]
    kind: Kind,
    /// What is made of them.
    #[arg(long, value_enum)]
    sink: Sink,
    /// The database.
    #[arg(long)]
    database: String,
    /// Most records of a batch, however far behind; unset: the runtime's own choice, which grows with the lag.
    #[arg(long)]
    batch: Option<usize>,
    /// How many connections write; unset: the runtime's own choice.
    #[arg(long)]
    writers: Option<usize>,
}

pub(crate) async fn run(asked: Project) -> anyhow::Result<()> {
    match asked.sink {
        Sink::Null => follow(Nothing::new(asked.kind, false), &asked).await,
        Sink::Decode => follow(Nothing::new(asked.kind, true), &asked).await,
        Sink::Upsert => follow(Lines::<false>::new(asked.kind), &asked).await,
        Sink::Append => follow(Lines::<true>::new(asked.kind), &asked).await,
        Sink::Index => follow(Index::new(asked.kind), &asked).await,
    }
}

async fn follow<M: ReadModel>(model: M, asked: &Project) -> anyhow::Result<()> {
    let stand = Stand::from_env()?;
    let pool = stand.postgres(&asked.database).pool().await?;
    install(&pool, &model).await?;
    ensure_topics(&stand.cluster()?, Catalog::builtin()).await?; // decisions come through one of them
    let shutdown = CancellationToken::new();
    let asked_to_stop = shutdown.clone();
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        terminated.recv().await;
        asked_to_stop.cancel();
    });
    let options = options(asked);
    let running = brainops_projection::run(
        Arc::new(model),
        pool,
        stand.cluster()?,
        stand.registry()?,
        options,
        shutdown,
    );
    Ok(running.await?)
}

/// What the runtime may hold by design, in bytes, with batches as large as they get.
pub(crate) fn bounds() -> serde_json::Value {
    serde_json::json!({
        "batch": CatchUp::default().bytes,
        "client_queue": CLIENT_QUEUE_BYTES,
        "window_of_a_partition": WINDOW_BYTES,
    })
}

fn options(asked: &Project) -> RunOptions {
    let mut options = RunOptions::new("bench");
    if let Some(batch) = asked.batch {
        (options.max_records, options.catch_up) = (batch, None);
    }
    if let Some(writers) = asked.writers {
        options.writers = writers;
    }
    options
}
