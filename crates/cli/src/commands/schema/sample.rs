//! Takes a sample of every form of data that the log holds: for each event type and schema, the first records and the
//! last.

use std::collections::{BTreeMap, VecDeque};

use anyhow::bail;
use brainops_event::{Frontier, Offset, Partition, Position, SchemaReference, TopicName};
use brainops_log::{Cluster, Said, TailRange, TailRecord, end_frontier, read_tail, start_frontier};

/// How many forms are kept apart; one of our own logs has about a hundred.
const MAX_FORMS: usize = 10_000;
/// How many bytes the samples may take together.
const MAX_BYTES: usize = 512 * 1024 * 1024;

/// An event type, and the schema that wrote it, by number or GUID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Form {
    pub event_type: String,
    pub schema: String,
}

/// What the log holds of a form.
#[derive(Debug)]
pub struct Sample {
    pub reference: SchemaReference,
    /// How many records there are.
    pub records: u64,
    first: Vec<Record>,
    last: VecDeque<Record>,
}

/// A record that was taken.
#[derive(Debug)]
pub struct Record {
    pub position: Position,
    pub datum: Vec<u8>,
}

/// Samples of a part of the log, and how many of its records name no schema.
#[derive(Debug, Default)]
pub struct Samples {
    pub forms: BTreeMap<Form, Sample>,
    pub without_schema: u64,
    bytes: usize,
}

impl Sample {
    /// The records that were taken, each once.
    pub fn taken(&self) -> impl Iterator<Item = &Record> {
        self.first.iter().chain(&self.last)
    }
}

/// Reads topics from their beginning, or only the last records of each partition.
pub async fn take(
    cluster: &Cluster,
    topics: &[TopicName],
    per_form: usize,
    last: Option<i64>,
    wanted: impl Fn(&str) -> bool,
) -> anyhow::Result<Samples> {
    let (start, end) = (start_frontier(cluster, topics).await?, end_frontier(cluster, topics).await?);
    let mut samples = Samples::default();
    let mut tail = read_tail(cluster, ranges(&start, &end, last)?)?;
    while let Some(records) = tail.next().await {
        for record in records? {
            samples.add(record, per_form, &wanted)?;
        }
    }
    Ok(samples)
}

fn ranges(start: &Frontier, end: &Frontier, last: Option<i64>) -> anyhow::Result<Vec<TailRange>> {
    let mut ranges = Vec::new();
    for (topic, partition, to) in end.iter() {
        let low = start.get(topic, partition).unwrap_or(Offset::ZERO);
        let from = match last {
            Some(last) => Offset::new(to.get().saturating_sub(last).max(low.get()))?,
            None => low,
        };
        if from < to {
            ranges.push(TailRange { topic: topic.clone(), partition, from, to });
        }
    }
    Ok(ranges)
}

impl Samples {
    fn add(
        &mut self,
        record: TailRecord,
        per_form: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> anyhow::Result<()> {
        let TailRecord { topic, partition, offset, said, .. } = record;
        let Said::Avro { event_type, schema: reference, datum, .. } = said else {
            self.without_schema += 1;
            return Ok(());
        };
        let event_type = String::from_utf8_lossy(&event_type).into_owned();
        if !wanted(&event_type) {
            return Ok(());
        }
        let form = Form { event_type, schema: name(reference) };
        if self.forms.len() == MAX_FORMS && !self.forms.contains_key(&form) {
            bail!(
                "the log holds more than {MAX_FORMS} pairs of event type and schema; look at one topic at a time"
            );
        }
        let empty = || Sample { reference, records: 0, first: Vec::new(), last: VecDeque::new() };
        let sample = self.forms.entry(form).or_insert_with(empty);
        sample.records += 1;
        let taken = Record { position: place(topic, partition, offset), datum };
        self.bytes += taken.datum.len();
        if sample.first.len() < per_form {
            sample.first.push(taken);
        } else {
            sample.last.push_back(taken);
            if sample.last.len() > per_form {
                self.bytes -= sample.last.pop_front().map_or(0, |gone| gone.datum.len());
            }
        }
        if self.bytes > MAX_BYTES {
            bail!("the samples take more than {} MiB; take fewer of each", MAX_BYTES / 1024 / 1024);
        }
        Ok(())
    }
}

fn place(topic: TopicName, partition: Partition, offset: Offset) -> Position {
    Position { topic, partition, offset }
}

fn name(reference: SchemaReference) -> String {
    match reference {
        SchemaReference::Id(id) => id.to_string(),
        SchemaReference::Guid(guid) => guid.to_string(),
    }
}
