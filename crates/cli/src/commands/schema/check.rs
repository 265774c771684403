//! `brainops schema check`

use std::sync::Arc;

use anyhow::Context as _;
use brainops_event::{Catalog, EventType, Position, SchemaEntry, WriterSchema, datum_json, error_chain};
use brainops_log::{Cluster, Registry, RegistryError};
use clap::Args;
use serde::Serialize;

use super::sample::{Form, Record, Sample, take};
use crate::context::{Context, known_topic, topic_names};
use crate::exit::Exit;
use crate::overview::table as plain_table;

/// Reads a sample of every form of data that the log holds, as this program would fold it.
///
/// For each event type and each schema that ever wrote it, the first records and the last are read through the schemas
/// and upcasters of this program. `brainops init` does the same before it registers a schema that changes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops schema check\n  brainops schema check --topic lead --sample 100\n  brainops schema check --registry \
                        log --json\n\nReads all topics from their beginning, unless --topic or --last say otherwise. Exit code 1 when \
                        something\ncannot be read."
)]
pub struct Arguments {
    /// Only this topic, without its prefix, such as `lead`; may be given several times.
    #[arg(long = "topic", value_name = "NAME", value_parser = known_topic)]
    topics: Vec<String>,

    /// How many of the first and how many of the last records of each form are read.
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    sample: u16,

    /// Only so many of the last records of each partition are looked at.
    #[arg(long, value_name = "RECORDS", value_parser = clap::value_parser!(i64).range(1..))]
    last: Option<i64>,
}

/// Which part of the log is looked at.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Topics without their prefix.
    topics: Vec<String>,
    /// Only events that these schemas carry; all when there is none.
    schemas: Option<Vec<&'static str>>,
    sample: u16,
    last: Option<i64>,
}

impl Scope {
    /// All events that these schemas carry.
    pub fn of(entries: &[&'static SchemaEntry]) -> Scope {
        let mut topics: Vec<String> = entries.iter().map(|entry| entry.topic.to_owned()).collect();
        topics.sort();
        topics.dedup();
        let schemas = entries.iter().map(|entry| entry.name.as_str()).collect();
        Scope { topics, schemas: Some(schemas), sample: 3, last: None }
    }

    fn wants(&self, event_type: &str) -> bool {
        let Some(schemas) = &self.schemas else { return true };
        let entry = EventType::new(event_type).ok();
        let entry = entry.and_then(|event_type| Catalog::builtin().schema_for(&event_type));
        entry.is_some_and(|entry| schemas.contains(&entry.name.as_str()))
    }
}

/// What came of a form of data.
#[derive(Debug, Serialize)]
pub struct Checked {
    event_type: String,
    /// Id or GUID of the schema that wrote it.
    schema: String,
    /// Version of that schema, when it can be used.
    version: Option<u32>,
    /// How many records the log has.
    records: u64,
    /// How many of them were read.
    read: usize,
    /// The first that could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

#[derive(Debug, Serialize)]
struct Failure {
    #[serde(serialize_with = "as_text")]
    position: Position,
    reason: String,
}

/// What came of all of them.
#[derive(Debug, Serialize)]
pub struct Report {
    forms: Vec<Checked>,
    /// Records that hold JSON, nothing, or no event; they name no schema.
    without_schema: u64,
}

impl Report {
    /// Whether everything can be read.
    pub fn is_good(&self) -> bool {
        self.forms.iter().all(|form| form.failure.is_none())
    }
}

pub async fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { topics, sample, last } = arguments;
    let all = || Catalog::builtin().topics().iter().map(|topic| (*topic).to_owned()).collect();
    let topics = if topics.is_empty() { all() } else { topics.clone() };
    let scope = Scope { topics, schemas: None, sample: *sample, last: *last };
    let report = check(&context.cluster()?, &context.registry()?, &scope).await?;
    context.output.answer(&report, table)?;
    Ok(if report.is_good() { Exit::Done } else { Exit::Failed })
}

/// Takes a sample of a part of the log, and reads it.
pub async fn check(cluster: &Cluster, registry: &Registry, scope: &Scope) -> anyhow::Result<Report> {
    let names: Vec<&str> = scope.topics.iter().map(String::as_str).collect();
    let topics = topic_names(cluster, &names)?;
    let wanted = |event_type: &str| scope.wants(event_type);
    let samples = take(cluster, &topics, scope.sample.into(), scope.last, wanted).await?;
    let mut forms = Vec::with_capacity(samples.forms.len());
    for (form, sample) in samples.forms {
        forms.push(check_form(registry, form, &sample).await?);
    }
    Ok(Report { forms, without_schema: samples.without_schema })
}

async fn check_form(registry: &Registry, form: Form, sample: &Sample) -> anyhow::Result<Checked> {
    let Form { event_type, schema } = form;
    let mut checked =
        Checked { event_type, schema, version: None, records: sample.records, read: 0, failure: None };
    let writer = match registry.schema(sample.reference).await {
        Ok(writer) => writer,
        Err(error @ (RegistryError::UnknownSchema { .. } | RegistryError::UnusableSchema { .. })) => {
            checked.failure = sample.taken().next().map(|record| failure(record, error_chain(&error)));
            return Ok(checked);
        }
        Err(error) => return Err(error).context("schemas cannot be looked up"),
    };
    checked.version = Some(writer.version);
    for record in sample.taken() {
        match read(registry, &checked.event_type, &writer, &record.datum) {
            Ok(()) => checked.read += 1,
            Err(reason) => {
                checked.failure.get_or_insert_with(|| failure(record, reason));
            }
        }
    }
    Ok(checked)
}

/// As whoever folds reads it, and then all of it, which no fold needs.
fn read(
    registry: &Registry,
    event_type: &str,
    writer: &Arc<WriterSchema>,
    datum: &[u8],
) -> Result<(), String> {
    let catalog = registry.readers().catalog();
    let wanted = EventType::new(event_type).ok().and_then(|event_type| catalog.schema_for(&event_type));
    if let Some(wanted) = wanted.filter(|wanted| !wanted.takes(&writer.name)) {
        return Err(format!("schema {} is {}, the type wants {}", writer.id, writer.name, wanted.name));
    }
    let reading = registry.readers().reading(event_type, writer).map_err(|error| error_chain(&error))?;
    let read = reading.read(datum).map_err(|error| error_chain(&error))?;
    let datum = read.as_deref().unwrap_or(datum);
    datum_json(reading.schema(), datum).map(drop).map_err(|error| error_chain(&error))
}

fn failure(record: &Record, reason: String) -> Failure {
    Failure { position: record.position.clone(), reason }
}

/// The report for people.
pub fn table(report: &Report) -> String {
    let mut table =
        plain_table(&["event type", "schema", "version", "records", "read", "result"], &[1, 2, 3, 4]);
    for form in &report.forms {
        let result = match &form.failure {
            None => "ok".to_owned(),
            Some(Failure { position, reason }) => format!("{position}: {reason}"),
        };
        table.add_row([
            form.event_type.clone(),
            form.schema.clone(),
            form.version.map_or_else(String::new, |version| version.to_string()),
            form.records.to_string(),
            form.read.to_string(),
            result,
        ]);
    }
    let failed = report.forms.iter().filter(|form| form.failure.is_some()).count();
    let verdict = match failed {
        0 => "everything can be read".to_owned(),
        failed => format!("{failed} of {} forms cannot be read", report.forms.len()),
    };
    format!("{table}\n{verdict}\n")
}

fn as_text<S: serde::Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(position)
}
