//! What is parked, for people: the subjects, and the records that wait behind each.

use std::collections::BTreeSet;

use brainops_event::{Body, Frontier, Offset, Partition, Position, Timestamp, TopicName};
use brainops_log::{Cluster, Item, ReadError, Registry, read_judging_schemas_at_once};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgPool, Row as _};
use thiserror::Error;

use crate::batch::{chain, place_of};
use crate::decision::{Decision, DecisionKind, DecisionState};
use crate::generation::{Generation, ModelName, ServingError, serving};
use crate::payload::{Payload, Payloads, ShowPayload};
use crate::reason::ReasonClass;
use crate::sort::subject_of;

/// A subject of a partition whose records are held from one on, or a record that is held alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedSubject {
    /// The read model.
    pub read_model: ModelName,
    /// The generation.
    pub generation: i32,
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: Partition,
    /// The subject; `None` when the record is held alone.
    pub subject: Option<String>,
    /// The first record that is held.
    pub first: Position,
    /// Offset of the last record that is held.
    pub last_offset: Offset,
    /// How many records are held, the first included.
    pub held: u64,
    /// Class of the failure.
    pub reason_class: ReasonClass,
    /// What was wrong with the first record, in words, without payload.
    pub reason: String,
    /// Source and id of the event, if the first record names them.
    pub event: Option<(String, String)>,
    /// When it was set aside, by the clock of Postgres.
    pub parked_at: Timestamp,
    /// When the log recorded the first record.
    pub first_recorded_at: Timestamp,
    /// The decision about it that waits to be carried out.
    pub pending: Option<Decision>,
}

/// A record that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedRecord {
    /// Where it stands.
    pub position: Position,
    /// When the log recorded it.
    pub recorded_at: Timestamp,
    /// The type of the event, if the record can be read so far.
    pub event_type: Option<String>,
    /// Source and id of the event, if the record can be read so far.
    pub event: Option<(String, String)>,
    /// `event`, or what is wrong with the record, in words.
    pub verdict: String,
    /// Bytes of the event's data, if the record can be read so far.
    pub bytes: Option<usize>,
    /// What it holds, if that was asked for.
    pub payload: Option<Payload>,
}

/// Why it is not known what is parked.
#[derive(Debug, Error)]
pub enum ParkedError {
    /// It is not known which generation is served.
    #[error("cannot look for what is parked")]
    Serving(#[from] ServingError),
    /// The database does not answer.
    #[error("cannot read what {read_model} has parked")]
    Database {
        /// The read model.
        read_model: String,
        /// Why.
        source: sqlx::Error,
    },
    /// The log cannot be read.
    #[error("cannot read the records behind {first}")]
    Read {
        /// The first record that is held.
        first: Position,
        /// Why.
        source: Box<ReadError>,
    },
}

/// What is parked in the served generations, of all read models or of one.
///
/// # Errors
/// [`ParkedError`] when there is no such read model, or the database does not answer.
pub async fn parked(pool: &PgPool, read_model: Option<&str>) -> Result<Vec<ParkedSubject>, ParkedError> {
    let names = match read_model {
        Some(name) => vec![name.to_owned()],
        None => {
            let query =
                "SELECT read_model FROM brainops.generation WHERE state = 'serving' ORDER BY read_model";
            let names = sqlx::query_scalar(query).fetch_all(pool).await;
            names.map_err(|source| ParkedError::Database { read_model: "any read model".into(), source })?
        }
    };
    let mut all = Vec::new();
    for name in names {
        let generation = serving(pool, &name).await?;
        let in_database = |source| ParkedError::Database { read_model: name.clone(), source };
        let sql = generation.fill(include_str!("sql/parked_subjects.sql"));
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(pool).await.map_err(in_database)?;
        for row in rows {
            all.push(parked_subject(&generation, &row).map_err(in_database)?);
        }
    }
    Ok(all)
}

fn parked_subject(generation: &Generation, row: &PgRow) -> Result<ParkedSubject, sqlx::Error> {
    let first = position(row, ["topic", "partition", "record_offset"])?;
    let held: i64 = row.try_get("held")?;
    let (source, id): (Option<String>, Option<String>) =
        (row.try_get("event_source")?, row.try_get("event_id")?);
    let pending = row.try_get::<Option<String>, _>("kind")?;
    Ok(ParkedSubject {
        read_model: generation.read_model.clone(),
        generation: generation.number,
        topic: first.topic.clone(),
        partition: first.partition,
        subject: row.try_get("subject")?,
        last_offset: Offset::new(row.try_get("last_offset")?).map_err(corrupt)?,
        first,
        held: u64::try_from(held).unwrap_or_default(),
        reason_class: ReasonClass::from_name(row.try_get("reason_code")?),
        reason: row.try_get("reason")?,
        event: source.zip(id),
        parked_at: row.try_get("parked_at")?,
        first_recorded_at: row.try_get("recorded_at")?,
        pending: pending.map(|kind| pending_decision(&kind, row)).transpose()?,
    })
}

fn pending_decision(kind: &str, row: &PgRow) -> Result<Decision, sqlx::Error> {
    Ok(Decision {
        kind: DecisionKind::from_name(kind).ok_or_else(|| corrupt(format!("no decision is {kind}")))?,
        decided_by: row.try_get("decided_by")?,
        reason: row.try_get("decision_reason")?,
        position: position(row, ["decision_topic", "decision_partition", "decision_offset"])?,
        recorded_at: row.try_get("decided_at")?,
    })
}

/// The position that three columns say.
pub(crate) fn position(row: &PgRow, [topic, partition, offset]: [&str; 3]) -> Result<Position, sqlx::Error> {
    Ok(Position {
        topic: TopicName::new(row.try_get(topic)?).map_err(corrupt)?,
        partition: Partition::new(row.try_get(partition)?).map_err(corrupt)?,
        offset: Offset::new(row.try_get(offset)?).map_err(corrupt)?,
    })
}

pub(crate) fn corrupt(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(reason.into())
}

/// The first `limit` records that are held for a subject, read again from the log; what they hold only if that is
/// asked for.
///
/// # Errors
/// [`ParkedError::Read`] when the log cannot be read.
pub async fn parked_records(
    cluster: &Cluster,
    registry: &Registry,
    parked: &ParkedSubject,
    limit: usize,
    show: ShowPayload,
) -> Result<Vec<ParkedRecord>, ParkedError> {
    let failed = |source| ParkedError::Read { first: parked.first.clone(), source: Box::new(source) };
    let (mut from, mut to) = (Frontier::new(), Frontier::new());
    from.set(parked.topic.clone(), parked.partition, parked.first.offset);
    to.set(parked.topic.clone(), parked.partition, parked.last_offset.next());
    let mut reading = read_judging_schemas_at_once(cluster, registry, &from, &to).await.map_err(failed)?;
    let (mut records, mut payloads) = (Vec::new(), Payloads::new(show));
    while records.len() < limit {
        let Some(batch) = reading.next().await else { break };
        let batch = batch.map_err(failed)?;
        let held = batch.items().zip(batch.raw_records()).filter(|(item, _)| is_held(item, parked));
        let shown = held.take(limit - records.len());
        records.extend(shown.map(|(item, raw)| record(&item, payloads.take(&item, raw))));
    }
    Ok(records)
}

fn is_held(item: &Item<'_>, parked: &ParkedSubject) -> bool {
    match &parked.subject {
        Some(subject) => subject_of(item) == Some(subject),
        None => place_of(item).1 == parked.first.offset,
    }
}

fn record(item: &Item<'_>, payload: Option<Payload>) -> ParkedRecord {
    let ((topic, partition), offset, recorded_at) = place_of(item);
    let position = Position { topic, partition, offset };
    let (envelope, verdict, bytes) = match item {
        Item::Event(event) => (Some(&event.envelope), "event".to_owned(), Some(bytes_of(&event.body))),
        Item::Duplicate { first, .. } => (None, format!("a repeat of {first}"), None),
        Item::Misplaced { envelope, reason, .. } => (envelope.as_ref(), reason.to_string(), None),
        Item::Poison { error, .. } => (None, chain(error), None),
    };
    let event = envelope.map(|view| (view.source().to_owned(), view.id().to_owned()));
    let event_type = envelope.map(|view| view.event_type().to_owned());
    ParkedRecord { position, recorded_at, event_type, event, verdict, bytes, payload }
}

fn bytes_of(body: &Body<'_>) -> usize {
    match body {
        Body::Avro { datum, .. } => datum.len(),
        Body::Json(text) => text.len(),
        Body::Empty => 0,
    }
}

/// The records of the subject's partition that were left out of the served generation, as people decided.
///
/// # Errors
/// [`ParkedError`] when there is no such read model, or the database does not answer.
pub async fn dismissed(pool: &PgPool, parked: &ParkedSubject) -> Result<BTreeSet<Offset>, ParkedError> {
    let generation = serving(pool, parked.read_model.as_str()).await?;
    let sql = "SELECT about_offset FROM {generation}.decision \
                WHERE kind = 'dismiss' AND state = 'done' AND about_topic = $1 AND about_partition = $2";
    let query = sqlx::query_scalar(AssertSqlSafe(generation.fill(sql))).bind(parked.topic.as_str());
    let offsets: Result<Vec<i64>, _> = query.bind(parked.partition.get()).fetch_all(pool).await;
    let offsets = offsets
        .and_then(|offsets| offsets.into_iter().map(|offset| Offset::new(offset).map_err(corrupt)).collect());
    offsets.map_err(|source| ParkedError::Database { read_model: parked.read_model.to_string(), source })
}

/// What became of a decision whose event stands at this position; `None` while nobody has read it.
///
/// # Errors
/// [`ParkedError`] when there is no such read model, or the database does not answer.
pub async fn decision_state(
    pool: &PgPool,
    read_model: &str,
    position: &Position,
) -> Result<Option<DecisionState>, ParkedError> {
    let generation = serving(pool, read_model).await?;
    let sql = "SELECT state, coalesce(outcome, '') AS outcome FROM {generation}.decision \
                WHERE topic = $1 AND partition = $2 AND record_offset = $3";
    let query = sqlx::query(AssertSqlSafe(generation.fill(sql))).bind(position.topic.as_str());
    let row = query.bind(position.partition.get()).bind(position.offset.get()).fetch_optional(pool).await;
    let state = row.and_then(|row| row.as_ref().map(state_of).transpose());
    state.map_err(|source| ParkedError::Database { read_model: read_model.to_owned(), source })
}

fn state_of(row: &PgRow) -> Result<DecisionState, sqlx::Error> {
    let outcome: String = row.try_get("outcome")?;
    Ok(match row.try_get("state")? {
        "done" => DecisionState::Done(outcome),
        "refused" => DecisionState::Refused(outcome),
        _ => DecisionState::Pending,
    })
}
