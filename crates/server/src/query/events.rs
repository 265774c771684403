//! `GET /events?source=&id=`: where an event stands, from the index of all events.
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use brainops_event::{EventId, Source, Timestamp};
use serde::Serialize;

use super::freshness::Freshness;
use super::params::Params;
use super::{show, snapshot};
use crate::doors::Doors;
use crate::fault::database_problem;
use crate::problem::{FieldProblem, Problem};

const FRESHNESS: &str = include_str!("../../../../projections/events/queries/freshness.sql");
const EVENT: &str = include_str!("../../../../projections/events/queries/event.sql");

/// A record of the event in the log.
#[derive(Debug, sqlx::FromRow)]
struct Row {
    topic: String,
    partition: i32,
    log_offset: i64,
    recorded_at: Timestamp,
    source: String,
    id: String,
    r#type: String,
    subject: String,
    happened_at: Timestamp,
    correlation_id: Option<String>,
    causation_id: Option<String>,
    schema_id: Option<i64>,
    schema_name: Option<String>,
    trust: Option<String>,
    auth_id: Option<String>,
}

/// The same, as it is answered.
#[derive(Debug, Serialize)]
struct Indexed {
    topic: String,
    partition: i32,
    /// Decimal; a string, as everywhere on the wire.
    offset: String,
    #[serde(serialize_with = "show::moment")]
    recorded_at: Timestamp,
    source: String,
    id: String,
    r#type: String,
    subject: String,
    #[serde(serialize_with = "show::moment")]
    happened_at: Timestamp,
    correlation_id: Option<String>,
    causation_id: Option<String>,
    schema_id: Option<i64>,
    schema_name: Option<String>,
    trust: Option<String>,
    auth_id: Option<String>,
}

impl From<Row> for Indexed {
    fn from(row: Row) -> Self {
        Self {
            topic: row.topic,
            partition: row.partition,
            offset: row.log_offset.to_string(),
            recorded_at: row.recorded_at,
            source: row.source,
            id: row.id,
            r#type: row.r#type,
            subject: row.subject,
            happened_at: row.happened_at,
            correlation_id: row.correlation_id,
            causation_id: row.causation_id,
            schema_id: row.schema_id,
            schema_name: row.schema_name,
            trust: row.trust,
            auth_id: row.auth_id,
        }
    }
}

/// The answer: no row when the index does not hold the event as of its frontier, more than one when the log has it
/// again beyond the window in which repeats are dropped.
#[derive(Debug, Serialize)]
struct Found {
    rows: Vec<Indexed>,
    #[serde(flatten)]
    freshness: Freshness,
}

/// The door.
pub async fn find(State(doors): State<Arc<Doors>>, uri: Uri) -> Result<Response, Problem> {
    let params = Params::of(&uri, &["source", "id"])?;
    let wrong = |name, error| Problem::parameter(FieldProblem::of_attribute(name, &error));
    let source = Source::new(params.required("source")?).map_err(|error| wrong("source", error))?;
    let id = EventId::new(params.required("id")?).map_err(|error| wrong("id", error))?;
    let mut transaction = snapshot(&doors.pool).await?;
    let rows: Vec<Row> = sqlx::query_as(EVENT)
        .bind(source.as_str())
        .bind(id.as_str())
        .fetch_all(&mut *transaction)
        .await
        .map_err(|error| database_problem(&error))?;
    let freshness = Freshness::read(&mut transaction, FRESHNESS).await?;
    Ok(Json(Found { rows: rows.into_iter().map(Indexed::from).collect(), freshness }).into_response())
}
