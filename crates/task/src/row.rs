//! A task as its row says.

use std::fmt;

use brainops_event::{Offset, Partition, Position, Priority, Timestamp, TopicName};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::name::TaskName;

/// The columns that make a [`Task`]; for statements that call the table `task`.
pub(crate) const COLUMNS: &str = "task.source, task.id, task.kind, task.subject, task.correlation_id, task.priority, \
    task.payload, task.recorded_at, task.topic, task.partition, task.record_offset, task.state, task.failures, \
    task.ended_at, task.epoch, task.worker, task.ready_at, task.lapses";

/// Fills the columns into a statement of our own.
pub(crate) fn with_columns(sql: &str) -> String {
    sql.replace("{columns}", COLUMNS)
}

/// Whether a task has ended, and how. Of two ends that the log tells, the greater counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It has not.
    Open,
    /// It was tried as often as it may be.
    Abandoned,
    /// It is not wanted any more.
    Cancelled,
    /// It was done.
    Completed,
}

impl State {
    /// All of them, the weakest first.
    pub const ALL: [Self; 4] = [Self::Open, Self::Abandoned, Self::Cancelled, Self::Completed];

    /// The word in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Abandoned => "abandoned",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its name.
    pub name: TaskName,
    /// What kind of task.
    pub kind: String,
    /// What it is about, and so what is said about it.
    pub subject: String,
    /// Its correlation id.
    pub correlation_id: Option<String>,
    /// How soon it wants attention.
    pub priority: Priority,
    /// What is to be done, as JSON text as it was said; none after its end.
    pub payload: Option<String>,
    /// When the log recorded it.
    pub recorded_at: Timestamp,
    /// Where it stands in the log.
    pub position: Position,
    /// Whether it has ended.
    pub state: State,
    /// How many failures of it were said.
    pub failures: i32,
    /// When the log recorded its end, once that was read.
    pub ended_at: Option<Timestamp>,
    /// Number of its last claim; 0: there was none.
    pub epoch: i64,
    /// Who has it, or had it last.
    pub worker: Option<String>,
    /// When it may be handed out, by the clock of Postgres: for a claimed one the end of its lease.
    pub ready_at: Timestamp,
    /// How many leases of it ran out.
    pub lapses: i32,
}

impl Task {
    /// How often it was tried and not done.
    #[must_use]
    pub fn attempts(&self) -> i32 {
        self.failures.saturating_add(self.lapses)
    }
}

/// The task that a row holds; none when only what became of it was read so far.
pub(crate) fn task(row: &PgRow) -> Result<Option<Task>, sqlx::Error> {
    let Some(kind) = row.try_get::<Option<String>, _>("kind")? else { return Ok(None) };
    let priority: &str = row.try_get("priority")?;
    let state: &str = row.try_get("state")?;
    Ok(Some(Task {
        name: TaskName { source: row.try_get("source")?, id: row.try_get("id")? },
        kind,
        subject: row.try_get("subject")?,
        correlation_id: row.try_get("correlation_id")?,
        priority: priority.parse().map_err(|_| corrupt("priority"))?,
        payload: row.try_get("payload")?,
        recorded_at: row.try_get("recorded_at")?,
        position: Position {
            topic: TopicName::new(row.try_get::<&str, _>("topic")?).map_err(|_| corrupt("topic"))?,
            partition: Partition::new(row.try_get("partition")?).map_err(|_| corrupt("partition"))?,
            offset: Offset::new(row.try_get("record_offset")?).map_err(|_| corrupt("record_offset"))?,
        },
        state: State::of(state).ok_or_else(|| corrupt("state"))?,
        failures: row.try_get("failures")?,
        ended_at: row.try_get("ended_at")?,
        epoch: row.try_get("epoch")?,
        worker: row.try_get("worker")?,
        ready_at: row.try_get("ready_at")?,
        lapses: row.try_get("lapses")?,
    }))
}

/// A row that none of our statements can have written.
pub(crate) fn corrupt(column: &'static str) -> sqlx::Error {
    let source = format!("a task has an impossible {column}").into();
    sqlx::Error::ColumnDecode { index: column.to_owned(), source }
}
