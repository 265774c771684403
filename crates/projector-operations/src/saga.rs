//! One correlation of an agent as a row: where its saga stands, and what it waits for.

use brainops_event::types::saga::{SagaEnded, SagaParked, SagaReacted, SagaRefusal, SagaStarted, SagaWait};
use brainops_event::{Timestamp, format_timestamp};
use brainops_projection::{Changed, Column, ColumnType, Row, RowWriter, Table, WriteMode};
use serde_json::{Value, json};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// Agent, and what its saga is about.
pub type SagaKey = (String, String);

/// The last saga of an agent about one thing. What nobody has told is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SagaRow {
    /// Name of the agent.
    pub agent: String,
    /// What it is about.
    pub correlation: String,
    /// Which saga of this correlation it is, from 1.
    pub run: i32,
    /// The version of its agent.
    pub version: i32,
    /// The word for where it is: `early`, `running`, `compensating`, `paused`, `parked` or `ended`.
    pub status: String,
    /// Since when it is that.
    pub status_since: Timestamp,
    /// How many transactions this correlation has had.
    pub revision: i64,
    /// Correlation id of what it decides.
    pub correlation_id: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// Position of its last input.
    pub last_input: Option<String>,
    /// When the log recorded that.
    pub last_input_at: Option<Timestamp>,
    /// Where it stands, while it is parked.
    pub parked: Option<ParkedAt>,
    /// Who has paused it.
    pub paused_by: Option<String>,
    /// How it has ended.
    pub outcome: Option<String>,
    /// What it waits for: an array of objects.
    pub waits: Value,
    /// The event that last changed the row.
    pub changed: Changed,
}

/// Where a parked saga stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedAt {
    /// Position of the input.
    pub input: String,
    /// Class of the failure.
    pub class: String,
    /// What the agent's code calls it.
    pub code: Option<String>,
}

impl ParkedAt {
    fn of_refusal(SagaRefusal { input, reason_class, code }: SagaRefusal) -> Self {
        Self { input, class: reason_class, code: Some(code) }
    }
}

impl SagaRow {
    /// One that has just begun. Its first transaction may have been told before, and says the rest.
    pub(crate) fn started(known: Option<Self>, at: Timestamp, said: SagaStarted, changed: Changed) -> Self {
        if let Some(known) = known.as_ref().filter(|known| known.run == said.run) {
            let (correlation_id, started_at) = (Some(said.correlation_id), Some(at));
            return Self { correlation_id, started_at, changed, ..known.clone() };
        }
        Self {
            agent: said.agent,
            correlation: said.correlation,
            run: said.run,
            version: said.version,
            status: RUNNING.to_owned(),
            status_since: at,
            revision: known.map_or(0, |known| known.revision),
            correlation_id: Some(said.correlation_id),
            started_at: Some(at),
            last_input: None,
            last_input_at: None,
            parked: None,
            paused_by: None,
            outcome: None,
            waits: Value::Array(Vec::new()),
            changed,
        }
    }

    /// The row after a transaction of its saga; what was told of its run before stays.
    pub(crate) fn reacted(known: Option<Self>, at: Timestamp, said: SagaReacted, changed: Changed) -> Self {
        let known = known.filter(|known| known.run == said.run);
        let same_status = known.as_ref().filter(|known| known.status == said.status);
        let status_since = same_status.map_or(at, |known| known.status_since);
        let refused = said.refused.unwrap_or_default().pop().map(ParkedAt::of_refusal);
        let (correlation_id, started_at, parked, paused_by, outcome) = known
            .map_or((None, None, None, None, None), |known| {
                (known.correlation_id, known.started_at, known.parked, known.paused_by, known.outcome)
            });
        Self {
            agent: said.agent,
            correlation: said.correlation,
            run: said.run,
            version: said.version,
            status_since,
            revision: said.revision,
            correlation_id,
            started_at,
            last_input: said.consumed.into_iter().next_back(),
            last_input_at: Some(at),
            parked: refused.or(parked).filter(|_| said.status == PARKED),
            paused_by: paused_by.filter(|_| said.status != ENDED),
            outcome,
            waits: said.waits.into_iter().map(wait).collect(),
            status: said.status,
            changed,
        }
    }

    /// What older programs said before `saga.reacted`, which says it itself by now.
    pub(crate) fn parked(&mut self, said: SagaParked) {
        if said.run == self.run && said.revision.is_none() {
            self.parked = Some(ParkedAt { input: said.input, class: said.reason_class, code: said.code });
        }
    }

    pub(crate) fn ended(&mut self, said: SagaEnded) {
        if said.run == self.run {
            self.outcome = Some(said.outcome);
        }
    }
}

pub(crate) const EARLY: &str = "early";
const RUNNING: &str = "running";
const PARKED: &str = "parked";
pub(crate) const ENDED: &str = "ended";

fn wait(said: SagaWait) -> Value {
    json!({
        "kind": said.kind,
        "reason": said.reason,
        "events": said.events,
        "since_at": said.since_at.as_ref().map(format_timestamp),
        "due_at": said.due_at.as_ref().map(format_timestamp),
    })
}

const COLUMNS: &[Column] = &[
    Column::required("agent", ColumnType::Text),
    Column::required("correlation", ColumnType::Text),
    Column::required("run", ColumnType::Int4),
    Column::required("version", ColumnType::Int4),
    Column::required("status", ColumnType::Text),
    Column::required("status_since", ColumnType::Timestamptz),
    Column::required("revision", ColumnType::Int8),
    Column::optional("correlation_id", ColumnType::Text),
    Column::optional("started_at", ColumnType::Timestamptz),
    Column::optional("last_input", ColumnType::Text),
    Column::optional("last_input_at", ColumnType::Timestamptz),
    Column::optional("parked_input", ColumnType::Text),
    Column::optional("parked_class", ColumnType::Text),
    Column::optional("parked_code", ColumnType::Text),
    Column::optional("paused_by", ColumnType::Text),
    Column::optional("outcome", ColumnType::Text),
    Column::required("waits", ColumnType::Jsonb),
    Changed::SOURCE,
    Changed::ID,
    Changed::POSITION,
];

impl Row for SagaRow {
    const TABLE: &'static Table = &Table {
        name: "saga",
        columns: COLUMNS,
        key_columns: 2,
        mode: WriteMode::Upsert,
        month_partitioned_by: None,
    };

    type Key = SagaKey;

    fn key(&self) -> SagaKey {
        (self.agent.clone(), self.correlation.clone())
    }

    fn write_key((agent, correlation): &SagaKey, out: &mut RowWriter) {
        out.put(agent).put(correlation);
    }

    fn write(&self, out: &mut RowWriter) {
        let parked = self.parked.as_ref();
        out.put(&self.agent)
            .put(&self.correlation)
            .put(&self.run)
            .put(&self.version)
            .put(&self.status)
            .put(&self.status_since)
            .put(&self.revision)
            .put(&self.correlation_id)
            .put(&self.started_at)
            .put(&self.last_input)
            .put(&self.last_input_at)
            .put(&parked.map(|parked| parked.input.clone()))
            .put(&parked.map(|parked| parked.class.clone()))
            .put(&parked.and_then(|parked| parked.code.clone()))
            .put(&self.paused_by)
            .put(&self.outcome)
            .put(&self.waits);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        let parked = match row.try_get::<Option<String>, _>("parked_input")? {
            None => None,
            Some(input) => Some(ParkedAt {
                input,
                class: row.try_get("parked_class")?,
                code: row.try_get("parked_code")?,
            }),
        };
        Ok(Self {
            agent: row.try_get("agent")?,
            correlation: row.try_get("correlation")?,
            run: row.try_get("run")?,
            version: row.try_get("version")?,
            status: row.try_get("status")?,
            status_since: row.try_get("status_since")?,
            revision: row.try_get("revision")?,
            correlation_id: row.try_get("correlation_id")?,
            started_at: row.try_get("started_at")?,
            last_input: row.try_get("last_input")?,
            last_input_at: row.try_get("last_input_at")?,
            parked,
            paused_by: row.try_get("paused_by")?,
            outcome: row.try_get("outcome")?,
            waits: row.try_get("waits")?,
            changed: Changed::read(row)?,
        })
    }
}
