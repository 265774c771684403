//! `brainops parked try`

use brainops_event::Position;
use brainops_projection::{AnyReadModel, ChangedRow, FailedAgain, ParkedSubject, Tried, TryError, dismissed};
use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};

use super::which::{self, Choice};
use crate::context::Context;
use crate::exit::Exit;
use crate::overview::table;
use crate::read_models;

/// How many letters of a value are shown to people.
const LETTERS: usize = 60;

/// Tries this program's fold on what is held, without any effect: says what a retry would come to.
///
/// Reads the subject's records again from the beginning of their partition, without those that were dismissed, and folds
/// them in memory: no row, no event and no decision is written.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops parked try leads lead-7\n  brainops parked try leads --all --json | jq '.[].failed'\n\nExit \
                        codes: 0 when all that is held would be folded, 1 when it would fail again, 4 when\nnothing of that name is \
                        parked."
)]
pub struct Arguments {
    #[command(flatten)]
    choice: Choice,

    /// How many changed rows to show at most of each subject.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    rows: u16,
}

pub async fn run(context: &Context, Arguments { choice, rows }: &Arguments) -> anyhow::Result<Exit> {
    let pool = context.pool().await?;
    let parked = match which::chosen(&pool, choice).await? {
        Ok(parked) => parked,
        Err(reason) => return Ok(unknown(context, &reason)),
    };
    let known = read_models::all();
    let Some(model) = known.iter().find(|model| model.name() == choice.read_model) else {
        return Ok(unknown(context, &format!("this program has no fold of {}", choice.read_model)));
    };
    let mut all = Vec::new();
    for one in &parked {
        let dismissed = dismissed(&pool, one).await?;
        let (log, registry) = (context.cluster()?.read_only(), context.registry()?);
        let tried = model.try_parked(&log, &registry, one, &dismissed).await;
        all.push(Answer::of(&**model, one, tried, usize::from(*rows))?);
    }
    context.output.answer(&all, |all| all.iter().map(Answer::text).collect())?;
    let is_well = |answer: &Answer| answer.failed.is_none() && answer.fault.is_none();
    Ok(if all.iter().all(is_well) { Exit::Done } else { Exit::Failed })
}

fn unknown(context: &Context, reason: &str) -> Exit {
    context.output.talk(&format!("brainops: {reason}"));
    Exit::Unknown
}

/// What a retry of one subject would come to.
#[derive(Debug, Serialize)]
struct Answer {
    read_model: String,
    generation: i32,
    /// The version of the fold that was tried.
    fold_version: u32,
    /// The subject; null when one record is held alone.
    subject: Option<String>,
    /// Where its first held record stands.
    first: String,
    /// How many records are held.
    held: u64,
    /// How many of them would be folded, from the first one on.
    folded: u64,
    /// Where it would fail again; null when nothing would be held any more.
    failed: Option<Failed>,
    /// What is wrong with the fold itself, which would stop the read model; null when nothing is.
    fault: Option<String>,
    /// How many records of the subject were left out, since people have dismissed them.
    left_out: u64,
    /// How many rows the subject has before its first held record, by this fold.
    rows_before: usize,
    /// How many rows would be made or changed.
    rows_changed: usize,
    /// The first of them.
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Failed {
    position: String,
    /// Whether it would fail before the first held record: this fold refuses what an older one took.
    is_before_first: bool,
    #[serde(rename = "type")]
    event_type: Option<String>,
    source: Option<String>,
    id: Option<String>,
    reason_class: &'static str,
    reason: String,
    /// How many records would still be held.
    held: u64,
}

#[derive(Debug, Serialize)]
struct Row {
    table: &'static str,
    /// `added` or `changed`.
    change: &'static str,
    key: Map<String, Value>,
    columns: Vec<Column>,
}

#[derive(Debug, Serialize)]
struct Column {
    name: &'static str,
    before: Value,
    after: Value,
}

impl Answer {
    /// What is told of it. A fault of the fold is an answer; that the log cannot be read is none.
    fn of(
        model: &dyn AnyReadModel,
        parked: &ParkedSubject,
        tried: Result<Tried, TryError>,
        rows: usize,
    ) -> anyhow::Result<Answer> {
        let (tried, fault) = match tried {
            Ok(tried) => (Some(tried), None),
            Err(error @ (TryError::OwnFault { .. } | TryError::NotDeterministic { .. })) => {
                (None, Some(brainops_event::error_chain(&error)))
            }
            Err(error) => return Err(error.into()),
        };
        let changed = tried.as_ref().map_or(&[][..], |tried| &tried.changed);
        let failed = tried.as_ref().and_then(|tried| tried.failed.as_ref());
        Ok(Answer {
            read_model: parked.read_model.to_string(),
            generation: parked.generation,
            fold_version: model.fold_version(),
            subject: parked.subject.clone(),
            first: parked.first.to_string(),
            held: parked.held,
            folded: tried.as_ref().map_or(0, |tried| tried.folded),
            failed: failed.map(|failed| Failed::of(failed, &parked.first)),
            fault,
            left_out: tried.as_ref().map_or(0, |tried| tried.left_out),
            rows_before: tried.as_ref().map_or(0, |tried| tried.rows_before),
            rows_changed: changed.len(),
            rows: changed.iter().take(rows).map(Row::of).collect(),
        })
    }

    fn text(&self) -> String {
        let Answer { read_model, first, held, folded, .. } = self;
        let subject = self.subject.as_deref().unwrap_or("(this record alone)");
        let outcome = match (&self.fault, &self.failed) {
            (Some(fault), _) => fault.clone(),
            (None, None) => format!("all {held} held would be folded"),
            (None, Some(failed)) => {
                let what = failed.event_type.as_deref().unwrap_or("unreadable");
                let Failed { position, reason_class, reason, .. } = failed;
                format!(
                    "{folded} of {held} held would be folded, then it fails at {position} ({what}): \
                     {reason_class}: {reason}"
                )
            }
        };
        let mut text = format!("{read_model} {subject} from {first}: {outcome}\n");
        if self.rows_changed > 0 {
            text.push_str(&format!("{}\n", rows_table(&self.rows)));
            let more = self.rows_changed - self.rows.len();
            if more > 0 {
                text.push_str(&format!("{more} more rows would be made or changed, see --rows\n"));
            }
        }
        text
    }
}

impl Failed {
    fn of(failed: &FailedAgain, first: &Position) -> Failed {
        let (source, id) = failed.event.clone().unzip();
        Failed {
            position: failed.position.to_string(),
            is_before_first: failed.position.offset < first.offset,
            event_type: failed.event_type.clone(),
            source,
            id,
            reason_class: failed.reason_class.as_str(),
            reason: failed.reason.clone(),
            held: failed.held,
        }
    }
}

impl Row {
    fn of(row: &ChangedRow) -> Row {
        let columns = row.columns.iter().map(|column| Column {
            name: column.name,
            before: column.before.clone(),
            after: column.after.clone(),
        });
        Row {
            table: row.table,
            change: if row.is_new { "added" } else { "changed" },
            key: row.key.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            columns: columns.collect(),
        }
    }
}

/// One line a column that changes; of a new row one a column that has a value.
fn rows_table(rows: &[Row]) -> String {
    let mut all = table(&["table", "key", "column", "now", "then"], &[]);
    for row in rows {
        let key = row.key.values().map(short).collect::<Vec<_>>().join(" ");
        for column in &row.columns {
            let before = if row.change == "added" { "-".to_owned() } else { short(&column.before) };
            all.add_row([row.table, &key, column.name, &before, &short(&column.after)]);
        }
    }
    all.to_string()
}

/// A value in one line, and not too long.
fn short(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut letters = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut short: String = letters.by_ref().take(LETTERS).collect();
    if letters.next().is_some() {
        short.push('…');
    }
    short
}
