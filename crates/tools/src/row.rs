//! A call as its row has it.

use brainops_event::Timestamp;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::name::{CallName, Caller, CallerKind};

/// The columns of a row, for `{columns}`.
const COLUMNS: &str = "source, id, subject, correlation_id, cause_path, caller_kind, caller_name, tool, arguments, recorded_at, \
                       topic, partition, record_offset, calls_this_hour, state, started_attempt, ended_at, attempt, epoch, executor";

/// Fills the columns in.
pub(crate) fn with_columns(sql: &str) -> String {
    sql.replace("{columns}", COLUMNS)
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallState {
    /// Nobody has taken it yet.
    Waiting,
    /// A process has it in its hands.
    Claimed,
    /// It was refused.
    Denied,
    /// It is done.
    Completed,
    /// It was tried and is not done.
    Failed,
    /// Nobody knows.
    Unknown,
}

impl CallState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Claimed, Self::Denied, Self::Completed, Self::Failed, Self::Unknown];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Claimed => "claimed",
            Self::Denied => "denied",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub name: CallName,
    /// Whom it is asked for.
    pub subject: String,
    /// The flow that it belongs to.
    pub correlation_id: Option<String>,
    /// The chain of causes that it stands in; see [`brainops_event::CausePath`].
    pub cause_path: Option<String>,
    /// Who asks.
    pub caller: Caller,
    /// Name of the tool.
    pub tool: String,
    /// The arguments as JSON text; none once it has ended.
    pub arguments: Option<String>,
    /// When the log recorded it.
    pub recorded_at: Timestamp,
    /// The topic it stands in.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// How many calls its caller had asked for in that hour, with it.
    pub calls_this_hour: i64,
    /// What became of it.
    pub state: CallState,
    /// The last attempt of which the log says that it was started.
    pub started_attempt: Option<i32>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Claims that were made.
    pub attempt: i32,
    /// The number of the last claim.
    pub epoch: i64,
    /// Who has made it.
    pub executor: Option<String>,
}

pub(crate) fn call(row: &PgRow) -> Result<Call, sqlx::Error> {
    let kind: String = row.try_get("caller_kind")?;
    let kind =
        CallerKind::ALL.into_iter().find(|known| known.as_str() == kind).unwrap_or(CallerKind::Service);
    let state: String = row.try_get("state")?;
    let state = CallState::ALL.into_iter().find(|known| known.as_str() == state);
    let state = state
        .ok_or_else(|| sqlx::Error::Decode("a call has a state that this program does not know".into()))?;
    Ok(Call {
        name: CallName { source: row.try_get("source")?, id: row.try_get("id")? },
        subject: row.try_get("subject")?,
        correlation_id: row.try_get("correlation_id")?,
        cause_path: row.try_get("cause_path")?,
        caller: Caller { kind, name: row.try_get("caller_name")? },
        tool: row.try_get("tool")?,
        arguments: row.try_get("arguments")?,
        recorded_at: row.try_get("recorded_at")?,
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        offset: row.try_get("record_offset")?,
        calls_this_hour: row.try_get("calls_this_hour")?,
        state,
        started_attempt: row.try_get("started_attempt")?,
        ended_at: row.try_get("ended_at")?,
        attempt: row.try_get("attempt")?,
        epoch: row.try_get("epoch")?,
        executor: row.try_get("executor")?,
    })
}
