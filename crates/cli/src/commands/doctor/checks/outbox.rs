//! Whether what was accepted is on its way to Kafka.

use anyhow::Context as _;
use brainops_outbox::{OutboxState, ShardState, StoppedPartition, state};
use sqlx::PgPool;

use crate::commands::doctor::finding::{Finding, Findings};
use crate::overview::duration;

pub const NAME: &str = "outbox";
/// A row waits so long at most when all is well, in seconds.
const WAIT_WARNING: f64 = 5.0;
const WAIT_ERROR: f64 = 60.0;

pub async fn check(pool: &PgPool) -> Findings {
    let state = state(pool).await.context("the outbox cannot be read; was `brainops init` run?")?;
    let mut findings: Vec<Finding> = state.stopped.iter().map(stopped).collect();
    findings.extend(shards(&state));
    findings.extend(waiting(&state));
    if findings.is_empty() {
        let found = format!("{} shards have a relay, {} rows wait", state.shards.len(), state.pending_rows);
        findings.push(Finding::ok(NAME, found));
    }
    Ok(findings)
}

fn stopped(StoppedPartition { topic, partition, reason, since }: &StoppedPartition) -> Finding {
    let since = since.format("%Y-%m-%d %H:%M:%S UTC");
    Finding::error(
        NAME,
        format!("nothing is sent to {topic}/{partition} since {since}: {reason}"),
        "log and outbox tell different histories: bring back the log that the outbox knows, or a Postgres of its time; nothing \
         is sent there until then",
    )
}

/// A shard without a relay sends nothing; one whose relay still reads will.
fn shards(state: &OutboxState) -> Option<Finding> {
    let advice = "brainops serve --roles relay";
    if state.shards.is_empty() {
        return Some(Finding::warning(NAME, "it was never opened: nothing is sent", advice));
    }
    let dead = |shard: &&ShardState| shard.holder.is_none() || shard.lease_seconds_left <= 0.0;
    let dead: Vec<String> = state.shards.iter().filter(dead).map(|shard| shard.shard.to_string()).collect();
    let reading = state.shards.iter().filter(|shard| !shard.open).count() - dead.len();
    if dead.is_empty() {
        let found = format!("the relay of {reading} shards still reads the end of the log");
        return (reading > 0).then(|| Finding::warning(NAME, found, "wait; it takes events when it is done"));
    }
    let found =
        format!("no live relay for {} of {} shards: {}", dead.len(), state.shards.len(), dead.join(", "));
    Some(match state.pending_rows {
        0 => Finding::warning(NAME, found, advice),
        _ => Finding::error(NAME, found, advice),
    })
}

fn waiting(state: &OutboxState) -> Option<Finding> {
    let oldest = state.oldest_pending_seconds.filter(|oldest| *oldest > WAIT_WARNING)?;
    let found = format!("{} rows wait for the log, the oldest for {}", state.pending_rows, duration(oldest));
    let advice = "see that Kafka answers and that `brainops serve --roles relay` runs; its log says what is in the way";
    Some(match oldest > WAIT_ERROR {
        true => Finding::error(NAME, found, advice),
        false => Finding::warning(NAME, found, advice),
    })
}
