//! How soon the first event comes: from the assignment of partitions to the first batch, with windows that are empty
//! and with windows that must be filled first.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use brainops_event::{Offset, TopicName};
use brainops_log::{Assignment, Follower, FollowerConfig, Signal};
use clap::Args;

use crate::event::Kind;
use crate::stand::{Stand, report};

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Args)]
pub(crate) struct Start {
    /// Which events.
    #[arg(long, value_enum)]
    kind: Kind,
    /// Begin in the middle of each partition; else at its beginning.
    #[arg(long)]
    at_middle: bool,
}

pub(crate) async fn run(asked: Start) -> anyhow::Result<()> {
    tokio::time::timeout(LIMIT, measure(&asked)).await.context("no event came")?
}

async fn measure(asked: &Start) -> anyhow::Result<()> {
    let stand = Stand::from_env()?;
    let topic = TopicName::new(&stand.topic(asked.kind.topic()))?;
    // A group of its own, so that nobody else's membership has to time out first.
    let config = FollowerConfig::new(format!("bench-start-{}", std::process::id()), vec![topic]);
    let began = Instant::now();
    let mut follower = Follower::start(&stand.cluster()?, &stand.registry()?, config).await?;
    let mut assigned = None;
    let (assigned_at, records, first_at) = loop {
        match follower.next().await {
            Signal::Assigned(assignment) => {
                let at = *assigned.get_or_insert_with(Instant::now);
                anyhow::ensure!(at.elapsed() < LIMIT, "assigned again and again");
                answer(assignment, asked.at_middle)?;
            }
            Signal::Batch(batch) => {
                let at = assigned.context("a batch came before an assignment")?;
                break (at, batch.len(), Instant::now());
            }
            Signal::Revoked(_) | Signal::Idle(_) => {}
            Signal::Failed(error) => return Err(error.into()),
        }
    };
    let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let figures = serde_json::json!({
        "join_ms": millis(assigned_at.duration_since(began)),
        "first_batch_ms": millis(first_at.duration_since(assigned_at)),
        "records": records,
    });
    follower.stop().await;
    report(&figures)
}

fn answer(assignment: Assignment, at_middle: bool) -> anyhow::Result<()> {
    let mut starts = Vec::new();
    for one in assignment.partitions() {
        let middle = (one.low.get() + one.end.get()) / 2;
        let start = if at_middle { Offset::new(middle)? } else { one.low };
        starts.push((one.topic.clone(), one.partition, start));
    }
    assignment.start(starts);
    Ok(())
}
