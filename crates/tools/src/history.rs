//! What the log says of one call, from where it was asked for.

use brainops_event::{Offset, Partition, PositionError, Recorded, TopicName};
use brainops_log::{ClusterError, Item, ReadError, Readable, Registry, end_frontier, read};
use serde_json::Value;
use thiserror::Error;

use crate::name::About;
use crate::row::Call;
use crate::say::SOURCE;

/// One event of a call's life.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Its type.
    pub event_type: String,
    /// Where it stands.
    pub position: brainops_event::Position,
    /// When the log recorded it.
    pub recorded_at: brainops_event::Timestamp,
    /// What it says.
    pub data: Value,
}

/// The life of a call cannot be read.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// The row names a position that cannot be.
    #[error("the call stands at a position that cannot be")]
    Position(#[from] PositionError),
    /// The cluster does not answer.
    #[error("the end of the log is not known")]
    Cluster(#[from] ClusterError),
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Read(#[from] ReadError),
    /// An event cannot be decoded.
    #[error("an event of the call cannot be read")]
    Decode(#[from] brainops_event::DecodeError),
}

/// What the log says of a call: the event that asked for it, and what the gate has said, up to its end.
///
/// # Errors
/// [`HistoryError`].
pub async fn history(
    cluster: &impl Readable,
    registry: &Registry,
    call: &Call,
) -> Result<Vec<Told>, HistoryError> {
    let topic = TopicName::new(&call.topic)?;
    let (partition, first) = (Partition::new(call.partition)?, Offset::new(call.offset)?);
    let ends = end_frontier(cluster, std::slice::from_ref(&topic)).await?;
    let (mut from, mut to) = (brainops_event::Frontier::new(), brainops_event::Frontier::new());
    from.set(topic.clone(), partition, first);
    to.set(topic.clone(), partition, ends.get(&topic, partition).unwrap_or(first));
    let mut reading = read(cluster, registry, &from, &to).await?;
    let mut life = Vec::new();
    while let Some(batch) = reading.next().await {
        for item in batch?.items() {
            let Item::Event(event) = item else { continue };
            if !is_of(&event, call) {
                continue;
            }
            life.push(Told {
                event_type: event.envelope.event_type().to_owned(),
                position: event.position(),
                recorded_at: event.recorded_at,
                data: event.json()?,
            });
            if is_end(event.envelope.event_type()) {
                return Ok(life);
            }
        }
    }
    Ok(life)
}

fn is_of(event: &Recorded<'_>, call: &Call) -> bool {
    let envelope = &event.envelope;
    if envelope.source() == call.name.source && envelope.id() == call.name.id {
        return true;
    }
    let about = || event.decode::<About>().ok();
    envelope.source() == SOURCE
        && about().is_some_and(|about| about.call_source == call.name.source && about.call_id == call.name.id)
}

/// Whether an event of this type ends a call.
fn is_end(event_type: &str) -> bool {
    ["tool.call.denied", "tool.call.completed", "tool.call.failed", "tool.call.unknown"].contains(&event_type)
}
