//! One call of a tool as a row.

use brainops_event::Timestamp;
use brainops_projection::{Changed, Column, ColumnType, Row, RowWriter, Table, WriteMode};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// A call of a tool: who asked, who decided, what came of it. What nobody has told is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCallRow {
    /// Whom it is asked for: `<agent>/<correlation>` for a saga.
    pub subject: String,
    /// Source of the event that asked for it.
    pub call_source: String,
    /// Id of the event that asked for it.
    pub call_id: String,
    /// Name of the tool.
    pub tool: String,
    /// Who asks, as the policy names callers; none until it is decided.
    pub principal: Option<String>,
    /// requested, authorized, denied, started, completed, failed or unknown.
    pub state: String,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it was authorized or denied, the last time.
    pub decided_at: Option<Timestamp>,
    /// Ids of the policies that permitted or forbade it, an array.
    pub policies: Vec<String>,
    /// Digest of the policy that decided.
    pub policy_digest: Option<String>,
    /// When its last attempt was started.
    pub started_at: Option<Timestamp>,
    /// Attempts that were started.
    pub attempts: i32,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it was denied, has failed or is unknown.
    pub reason_code: Option<String>,
    /// Whether it is known that nothing was changed, of one that failed.
    pub is_without_effect: Option<bool>,
    /// How large its result is.
    pub result_bytes: Option<i64>,
    /// Milliseconds of its act.
    pub duration_ms: Option<i64>,
    /// What its act costs, in millionths.
    pub cost_micros: Option<i64>,
    /// The event that last changed the row.
    pub changed: Changed,
}

/// Subject, source and id.
pub type ToolCallKey = (String, String, String);

const COLUMNS: &[Column] = &[
    Column::required("subject", ColumnType::Text),
    Column::required("call_source", ColumnType::Text),
    Column::required("call_id", ColumnType::Text),
    Column::required("tool", ColumnType::Text),
    Column::optional("principal", ColumnType::Text),
    Column::required("state", ColumnType::Text),
    Column::required("requested_at", ColumnType::Timestamptz),
    Column::optional("decided_at", ColumnType::Timestamptz),
    Column::required("policies", ColumnType::Jsonb),
    Column::optional("policy_digest", ColumnType::Text),
    Column::optional("started_at", ColumnType::Timestamptz),
    Column::required("attempts", ColumnType::Int4),
    Column::optional("ended_at", ColumnType::Timestamptz),
    Column::optional("reason_code", ColumnType::Text),
    Column::optional("is_without_effect", ColumnType::Bool),
    Column::optional("result_bytes", ColumnType::Int8),
    Column::optional("duration_ms", ColumnType::Int8),
    Column::optional("cost_micros", ColumnType::Int8),
    Changed::SOURCE,
    Changed::ID,
    Changed::POSITION,
];

impl ToolCallRow {
    /// Whether its end was told. What is told afterwards changes nothing.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended_at.is_some()
    }

    /// It has ended like this.
    pub(crate) fn ended(&mut self, state: &str, at: Timestamp) {
        state.clone_into(&mut self.state);
        self.ended_at = Some(at);
    }
}

impl Row for ToolCallRow {
    const TABLE: &'static Table = &Table {
        name: "tool_call",
        columns: COLUMNS,
        key_columns: 3,
        mode: WriteMode::Upsert,
        month_partitioned_by: None,
    };

    type Key = ToolCallKey;

    fn key(&self) -> ToolCallKey {
        (self.subject.clone(), self.call_source.clone(), self.call_id.clone())
    }

    fn write_key((subject, source, id): &ToolCallKey, out: &mut RowWriter) {
        out.put(subject).put(source).put(id);
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.subject)
            .put(&self.call_source)
            .put(&self.call_id)
            .put(&self.tool)
            .put(&self.principal)
            .put(&self.state)
            .put(&self.requested_at)
            .put(&self.decided_at)
            .put(&serde_json::Value::from(self.policies.clone()))
            .put(&self.policy_digest)
            .put(&self.started_at)
            .put(&self.attempts)
            .put(&self.ended_at)
            .put(&self.reason_code)
            .put(&self.is_without_effect)
            .put(&self.result_bytes)
            .put(&self.duration_ms)
            .put(&self.cost_micros);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            subject: row.try_get("subject")?,
            call_source: row.try_get("call_source")?,
            call_id: row.try_get("call_id")?,
            tool: row.try_get("tool")?,
            principal: row.try_get("principal")?,
            state: row.try_get("state")?,
            requested_at: row.try_get("requested_at")?,
            decided_at: row.try_get("decided_at")?,
            policies: row.try_get::<sqlx::types::Json<_>, _>("policies")?.0,
            policy_digest: row.try_get("policy_digest")?,
            started_at: row.try_get("started_at")?,
            attempts: row.try_get("attempts")?,
            ended_at: row.try_get("ended_at")?,
            reason_code: row.try_get("reason_code")?,
            is_without_effect: row.try_get("is_without_effect")?,
            result_bytes: row.try_get("result_bytes")?,
            duration_ms: row.try_get("duration_ms")?,
            cost_micros: row.try_get("cost_micros")?,
            changed: Changed::read(row)?,
        })
    }
}
