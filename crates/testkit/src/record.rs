//! A log in memory: events as they would stand in Kafka, without Kafka.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use brainops_event::{
    Body, Catalog, Offset, Outgoing, Partition, PartitionCount, Position, Recorded, SchemaEntry, SchemaId,
    Timestamp, TopicName, WriterSchema, partition_for,
};
use chrono::{TimeDelta, TimeZone, Utc};

/// The prefix of the topics of a log in memory.
const PREFIX: &str = "brainops";

/// How many partitions its topics have.
const PARTITIONS: i32 = 8;

/// An event as it stands in the log, owning all of it.
#[derive(Debug, Clone)]
pub struct Record {
    topic: TopicName,
    partition: Partition,
    offset: Offset,
    recorded_at: Timestamp,
    event: Outgoing,
    schema: Arc<WriterSchema>,
}

impl Record {
    /// The event as a fold gets it.
    pub fn recorded(&self) -> Recorded<'_> {
        Recorded {
            topic: &self.topic,
            partition: self.partition,
            offset: self.offset,
            recorded_at: self.recorded_at,
            envelope: self.event.envelope.view(),
            body: Body::Avro { schema: &self.schema, datum: &self.event.datum },
        }
    }

    /// Where it stands.
    pub fn position(&self) -> Position {
        Position { topic: self.topic.clone(), partition: self.partition, offset: self.offset }
    }
}

/// A log in memory. Topics are named `brainops.<topic>` and have eight partitions; keys lie where Kafka would put
/// them; each record is recorded a second after the one before. Repeats of a (source, id) in a partition are left
/// out, as the reader of the real log does.
#[derive(Debug, Clone)]
pub struct Records {
    list: Vec<Record>,
    next: HashMap<(TopicName, Partition), Offset>,
    said: HashSet<(TopicName, Partition, String, String)>,
    now: Timestamp,
}

impl Default for Records {
    fn default() -> Self {
        let now = Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).single().unwrap_or_default();
        Self { list: Vec::new(), next: HashMap::new(), said: HashSet::new(), now }
    }
}

impl Records {
    /// An empty log, at the start of the year 2026.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the clock of the log: the next record is recorded at this moment.
    pub fn set_time(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Appends an event.
    pub fn append(&mut self, event: Outgoing) {
        let topic = TopicName::new(&format!("{PREFIX}.{}", event.topic())).expect("a topic of the catalog");
        let count = PartitionCount::new(PARTITIONS).expect("more than none");
        let partition = partition_for(event.key().as_bytes(), count);
        let next = self.next.entry((topic.clone(), partition)).or_insert(Offset::ZERO);
        let (offset, recorded_at) = (*next, self.now);
        *next = next.next();
        self.now += TimeDelta::seconds(1);
        let identity = (event.envelope.source().to_string(), event.envelope.id().to_string());
        if self.said.insert((topic.clone(), partition, identity.0, identity.1)) {
            let schema = writer_schema(event.schema);
            self.list.push(Record { topic, partition, offset, recorded_at, event, schema });
        }
    }

    /// The moment at which the next record is recorded.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The record that was appended last, unless that repeated one that was there.
    pub fn last(&self) -> Option<&Record> {
        self.list.last()
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The records, in the order in which they were appended.
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.list.iter()
    }
}

/// The schema of an entry as a writer's, parsed once for all tests of a process.
fn writer_schema(entry: &'static SchemaEntry) -> Arc<WriterSchema> {
    static PARSED: LazyLock<Mutex<HashMap<&'static str, Arc<WriterSchema>>>> = LazyLock::new(Mutex::default);
    let mut parsed = PARSED.lock().unwrap_or_else(PoisonError::into_inner);
    let parse = || {
        let number = Catalog::builtin().entries().iter().position(|one| one.name == entry.name).unwrap_or(0);
        let id = SchemaId::new(u32::try_from(number).unwrap_or(0) + 1);
        Arc::new(entry.writer_schema(id).expect("schemas of the catalog parse"))
    };
    parsed.entry(entry.text).or_insert_with(parse).clone()
}
