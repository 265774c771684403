//! What records of the topic `agent` say about tasks. No I/O.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use brainops_checkpoint::{Place, Unreadable as UnreadablePlace, records};
use brainops_event::types::agent::{Message, TaskFailed};
use brainops_event::{Body, DecodeError, Position, Priority, Recorded, Timestamp};
use brainops_log::Item;
use serde::Deserialize;

use crate::name::{Kind, TaskName};
use crate::row::State;
use crate::turn::turn_at;

const TASKS: &str = "agent.task.";

/// A task as it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SaidTask {
    pub(crate) kind: Kind,
    pub(crate) subject: String,
    pub(crate) correlation_id: Option<String>,
    pub(crate) priority: Priority,
    pub(crate) payload: String,
    pub(crate) recorded_at: Timestamp,
    pub(crate) turn_at: Timestamp,
    pub(crate) position: Position,
}

/// The end of a task as it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SaidEnd {
    pub(crate) state: State,
    pub(crate) recorded_at: Timestamp,
    pub(crate) position: Position,
}

/// What a batch says; of each name once, since a statement writes a row once.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    pub(crate) tasks: BTreeMap<TaskName, SaidTask>,
    pub(crate) failures: BTreeMap<TaskName, (i32, Timestamp)>,
    pub(crate) ends: BTreeMap<TaskName, SaidEnd>,
    /// Records of which nobody can say whether they are tasks, and why.
    pub(crate) unreadable: Vec<UnreadablePlace>,
}

/// The names that an event about a task gives.
#[derive(Deserialize)]
struct About {
    task_source: String,
    task_id: String,
}

/// Folds what stands in these partitions.
pub(crate) fn fold(items: &[Item<'_>], ours: &BTreeSet<Place>) -> Folded {
    let mut folded = Folded::default();
    for record in records(items, ours) {
        match record {
            Ok(event) => folded.take(event),
            Err(unreadable) => folded.unreadable.push(unreadable),
        }
    }
    folded
}

impl Folded {
    fn take(&mut self, event: &Recorded<'_>) {
        let taken = match event.envelope.event_type() {
            "agent.work.completed" => self.end(event, State::Completed),
            "agent.work.cancelled" => self.end(event, State::Cancelled),
            "agent.work.abandoned" => self.end(event, State::Abandoned),
            "agent.work.failed" => self.fail(event),
            event_type => match event_type.strip_prefix(TASKS) {
                Some(kind) => self.task(event, kind),
                None => return,
            },
        };
        if taken.is_err() {
            self.unreadable.push((event.position(), "unreadable"));
        }
    }

    fn task(&mut self, event: &Recorded<'_>, kind: &str) -> Result<(), Unreadable> {
        let envelope = &event.envelope;
        let priority = envelope.priority().unwrap_or(Priority::Normal);
        let said = SaidTask {
            kind: Kind::new(kind).map_err(|_| Unreadable)?,
            subject: envelope.subject().unwrap_or_default().to_owned(),
            correlation_id: envelope.correlation_id().map(str::to_owned),
            priority,
            payload: payload(event)?,
            recorded_at: event.recorded_at,
            turn_at: turn_at(event.recorded_at, priority),
            position: event.position(),
        };
        let name = TaskName { source: envelope.source().to_owned(), id: envelope.id().to_owned() };
        match self.tasks.entry(name) {
            Entry::Occupied(mut first) if place(&said.position) < place(&first.get().position) => {
                first.insert(said);
            }
            Entry::Occupied(_) => {}
            Entry::Vacant(vacant) => {
                vacant.insert(said);
            }
        }
        Ok(())
    }

    fn end(&mut self, event: &Recorded<'_>, state: State) -> Result<(), Unreadable> {
        let About { task_source, task_id } = event.decode()?;
        let said = SaidEnd { state, recorded_at: event.recorded_at, position: event.position() };
        match self.ends.entry(TaskName { source: task_source, id: task_id }) {
            Entry::Occupied(mut other) if counts_before(&said, other.get()) => {
                other.insert(said);
            }
            Entry::Occupied(_) => {}
            Entry::Vacant(vacant) => {
                vacant.insert(said);
            }
        }
        Ok(())
    }

    fn fail(&mut self, event: &Recorded<'_>) -> Result<(), Unreadable> {
        let TaskFailed { task_source, task_id, failure, retry_at, .. } = event.typed()?;
        let said =
            self.failures.entry(TaskName { source: task_source, id: task_id }).or_insert((failure, retry_at));
        if failure > said.0 {
            *said = (failure, retry_at);
        }
        Ok(())
    }
}

/// The data of an event is not what its type says.
struct Unreadable;

impl From<DecodeError> for Unreadable {
    fn from(_: DecodeError) -> Self {
        Self
    }
}

/// What is to be done, as JSON text. A task that was said as structured JSON has no record around it.
fn payload(event: &Recorded<'_>) -> Result<String, Unreadable> {
    let payload = match &event.body {
        Body::Avro { .. } => event.decode::<Message>()?.payload,
        Body::Json(text) => text.clone().into_owned(),
        Body::Empty => "null".to_owned(),
    };
    if payload.contains('\0') { Err(Unreadable) } else { Ok(payload) }
}

fn place(position: &Position) -> (i32, i64) {
    (position.partition.get(), position.offset.get())
}

/// Of two ends, the stronger one counts, and of equal ones the first.
fn counts_before(one: &SaidEnd, other: &SaidEnd) -> bool {
    one.state > other.state || one.state == other.state && place(&one.position) < place(&other.position)
}
