//! What is shown of what is parked: positions, names and reasons; a payload only when it was asked for.

use brainops_event::format_timestamp;
use brainops_projection::{Decision, ParkedRecord, ParkedSubject};
use chrono::Utc;
use serde::Serialize;

use super::payload::Shown;
use crate::overview::{count, duration, table};

/// A subject that is held back, or a record alone.
#[derive(Debug, Serialize)]
pub struct Subject {
    read_model: String,
    generation: i32,
    /// The subject; null when one record is held alone.
    subject: Option<String>,
    /// Where its first held record stands: topic/partition@offset. Other commands take it as a name.
    first: String,
    last_offset: i64,
    /// How many records are held, the first included.
    held: u64,
    reason_class: String,
    reason: String,
    source: Option<String>,
    id: Option<String>,
    first_recorded_at: String,
    parked_at: String,
    /// How long it is parked.
    age_seconds: f64,
    /// The decision that waits to be carried out.
    pending: Option<Pending>,
}

/// A decision that waits to be carried out.
#[derive(Debug, Serialize)]
struct Pending {
    decision: &'static str,
    by: String,
    reason: String,
    at: String,
}

impl Subject {
    /// What is shown of it.
    pub fn of(parked: &ParkedSubject) -> Subject {
        let (source, id) = parked.event.clone().unzip();
        Subject {
            read_model: parked.read_model.to_string(),
            generation: parked.generation,
            subject: parked.subject.clone(),
            first: parked.first.to_string(),
            last_offset: parked.last_offset.get(),
            held: parked.held,
            reason_class: parked.reason_class.as_str().to_owned(),
            reason: parked.reason.clone(),
            source,
            id,
            first_recorded_at: format_timestamp(&parked.first_recorded_at),
            parked_at: format_timestamp(&parked.parked_at),
            age_seconds: (Utc::now() - parked.parked_at).as_seconds_f64().max(0.0),
            pending: parked.pending.as_ref().map(pending),
        }
    }
}

fn pending(decision: &Decision) -> Pending {
    Pending {
        decision: decision.kind.as_str(),
        by: decision.decided_by.clone(),
        reason: decision.reason.clone(),
        at: decision.position.to_string(),
    }
}

/// The subjects, one a line.
pub fn subjects_table(subjects: &[Subject]) -> String {
    if subjects.is_empty() {
        return "nothing is parked\n".to_owned();
    }
    let mut table = table(&["read model", "subject", "first", "held", "age", "reason"], &[3, 4]);
    for subject in subjects {
        let decided = subject.pending.as_ref().map_or(String::new(), |pending| {
            format!(" ({} by {} waits to be carried out)", pending.decision, pending.by)
        });
        table.add_row([
            subject.read_model.clone(),
            subject.subject.clone().unwrap_or_else(|| "(this record alone)".to_owned()),
            subject.first.clone(),
            count(i64::try_from(subject.held).unwrap_or(i64::MAX)),
            duration(subject.age_seconds),
            format!("{}: {}{decided}", subject.reason_class, subject.reason),
        ]);
    }
    format!("{table}\n")
}

/// A record that is held.
#[derive(Debug, Serialize)]
pub struct Record {
    position: String,
    recorded_at: String,
    #[serde(rename = "type")]
    event_type: Option<String>,
    source: Option<String>,
    id: Option<String>,
    /// What a reader makes of it.
    verdict: String,
    /// Size of its data.
    bytes: Option<usize>,
    /// What it holds, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Shown>,
}

impl Record {
    /// What is shown of it.
    pub fn of(record: &ParkedRecord) -> Record {
        let (source, id) = record.event.clone().unzip();
        Record {
            position: record.position.to_string(),
            recorded_at: format_timestamp(&record.recorded_at),
            event_type: record.event_type.clone(),
            source,
            id,
            verdict: record.verdict.clone(),
            bytes: record.bytes,
            payload: record.payload.as_ref().map(Shown::of),
        }
    }
}

/// What records hold, one after the other.
pub fn payloads_text(records: &[Record]) -> String {
    let text = |record: &Record| Some(format!("\n{}", record.payload.as_ref()?.text(&record.position)));
    records.iter().filter_map(text).collect()
}

/// The records behind a subject, one a line.
pub fn records_table(records: &[Record]) -> String {
    let mut table = table(&["position", "recorded at", "type", "event", "bytes", "verdict"], &[4]);
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "unreadable".to_owned());
    for record in records {
        table.add_row([
            record.position.clone(),
            record.recorded_at.clone(),
            text(&record.event_type),
            record.source.iter().chain(&record.id).cloned().collect::<Vec<_>>().join(" "),
            record.bytes.map_or(String::new(), |bytes| bytes.to_string()),
            record.verdict.clone(),
        ]);
    }
    format!("{table}\n")
}
