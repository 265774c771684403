//! Finds the schema of each record's value before the batch is handed out.
//!
//! | the registry | the record |
//! |---|---|
//! | knows the schema | is decoded with it |
//! | cannot be asked, or refuses to answer | waits, and everything after it |
//! | says that there is none | is kept back with the rest of its partition, for a minute |
//! | has said so for a minute | is poison |
//! | has one that cannot be used here | is poison |
//!
//! Data of a type that the catalog has a schema for reaches its reader as data of that schema, whatever older or newer
//! schema wrote it: see [`Readers`](brainops_event::Readers). Where the schemas are the same, the bytes stay where they are.
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use brainops_event::{
    AVRO_MEDIA_TYPE, ContentMode, EnvelopeView, EventType, Reading, SchemaEntry, SchemaId, SchemaReference,
    Unresolvable, WriterSchema, locate, unframe,
};

use crate::batch::{Batch, Content, PoisonError, SchemaIndex, StructuredBody, StructuredEvent};
use crate::header_name::HeaderName;
use crate::intake::Gathered;
use crate::records::{RawRecord, Records};
use crate::registry::{Registry, RegistryError};
use crate::structured::{self, Structured};
use crate::window::Verdict;

/// How long a registry must go on saying that there is no such schema until it is believed: it may have been restored
/// from a copy, or a replica may lag.
pub(crate) const UNKNOWN_PATIENCE: Duration = Duration::from_secs(60);
/// How long until the registry is asked again.
pub(crate) const RETRY: Duration = Duration::from_secs(1);
/// Event types whose schema is remembered; beyond that, all are forgotten and looked up again.
const REMEMBERED_TYPES: usize = 4096;

/// Kinds of records that are remembered: by far the most are like one of the last few.
const REMEMBERED_KINDS: usize = 16;

#[derive(Debug)]
pub(crate) struct Resolver {
    registry: Registry,
    /// Of the batch at hand: what is done so far survives a dropped call.
    contents: Vec<Content>,
    schemas: Vec<Arc<WriterSchema>>,
    indexes: HashMap<SchemaReference, SchemaIndex>,
    /// Of the batch at hand: event types that were seen with a schema, and fit. The latest first.
    kinds: Vec<Kind>,
    /// Of the batch at hand: the places of schemas that data is read as, and not written with.
    reader_indexes: HashMap<PairKey, SchemaIndex>,
    /// How data of a writer's schema is read.
    readings: HashMap<PairKey, Result<Arc<Reading>, Unresolvable>>,
    /// Which record each event type belongs to, if to one of ours.
    wanted: HashMap<String, Option<Wanted>>,
    unknown: HashMap<SchemaReference, Unknown>,
    patience: Duration,
}

/// Which schema wrote, and the event type as the catalog lists it.
type PairKey = (SchemaReference, &'static str);

/// An event type whose values are written with a schema.
#[derive(Debug)]
struct Kind {
    event_type: Vec<u8>,
    id: SchemaId,
    how: How,
}

/// How values of a kind are read.
#[derive(Debug, Clone)]
struct How {
    /// What they are read as.
    schema: SchemaIndex,
    /// Where the bytes do not stay as they are.
    reading: Option<Arc<Reading>>,
}

/// What the catalog has for an event type.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    schema: &'static SchemaEntry,
    /// The type as the catalog lists it.
    pattern: &'static str,
}

/// A schema of which the registry says that there is none.
#[derive(Debug, Clone, Copy)]
struct Unknown {
    since: Instant,
    asked: Instant,
}

/// How far a batch has come.
pub(crate) enum Resolved {
    All,
    /// The registry cannot be asked, or refuses: everybody waits.
    Waiting,
    /// The registry says that it does not have the schema of this record, and is not believed yet.
    Unknown(usize),
}

/// Why a record has no content yet.
enum Stuck {
    Poison(PoisonError),
    Waiting(RegistryError),
    Unknown(RegistryError),
}

impl From<PoisonError> for Stuck {
    fn from(error: PoisonError) -> Stuck {
        Stuck::Poison(error)
    }
}

impl Resolver {
    pub(crate) fn new(registry: &Registry, patience: Duration) -> Resolver {
        Resolver {
            registry: registry.clone(),
            contents: Vec::new(),
            schemas: Vec::new(),
            indexes: HashMap::new(),
            kinds: Vec::new(),
            reader_indexes: HashMap::new(),
            readings: HashMap::new(),
            wanted: HashMap::new(),
            unknown: HashMap::new(),
            patience,
        }
    }

    /// Goes on with the batch at hand, after a second when the registry was asked in vain. May be dropped and called
    /// again.
    pub(crate) async fn resolve(&mut self, gathered: &Gathered) -> Resolved {
        let records = &gathered.records;
        self.contents.reserve(records.list.len() - self.contents.len());
        while let Some(record) = records.list.get(self.contents.len()) {
            let content = match self.known_content(records, record) {
                Some(content) => Ok(content),
                None => self.content(records, record).await,
            };
            let content = match content {
                Ok(content) => content,
                Err(Stuck::Poison(error)) => Content::Poison(Box::new(error)),
                Err(Stuck::Waiting(error)) => {
                    warn_of_waiting(records, record, &error);
                    tokio::time::sleep(RETRY).await;
                    return Resolved::Waiting;
                }
                Err(Stuck::Unknown(error)) => {
                    warn_of_waiting(records, record, &error);
                    return Resolved::Unknown(self.contents.len());
                }
            };
            self.contents.push(content);
        }
        Resolved::All
    }

    /// The batch at hand, all of it resolved.
    pub(crate) fn finish(&mut self, gathered: Gathered, group: Option<Arc<str>>) -> Batch {
        let Gathered { records, spans } = gathered;
        self.indexes.clear();
        self.kinds.clear();
        self.reader_indexes.clear();
        let contents = std::mem::take(&mut self.contents);
        let schemas = std::mem::take(&mut self.schemas);
        Batch { records, contents, schemas, spans, group, poison_counted: AtomicUsize::new(0) }
    }

    /// The content of a record like one of those before it, which is nearly every one. Whether its envelope obeys its
    /// rules shows when the envelope is read.
    fn known_content(&self, records: &Records, record: &RawRecord) -> Option<Content> {
        if record.verdict != Verdict::New {
            return Some(Content::Unread);
        }
        let (mut content_type, mut event_type) = (None, None);
        for (name, value) in records.headers(record) {
            match name {
                HeaderName::CONTENT_TYPE => content_type = value,
                HeaderName::TYPE => event_type = value,
                HeaderName::SCHEMA_ID => return None,
                HeaderName::Other(name) if name.eq_ignore_ascii_case(b"content-type") => return None,
                _ => {}
            }
        }
        if content_type? != AVRO_MEDIA_TYPE.as_bytes() {
            return None;
        }
        let (event_type, (id, datum)) = (event_type?, unframe(records.value(record)?).ok()?);
        let kind = self.kinds.iter().find(|kind| kind.id == id && kind.event_type == event_type)?;
        Some(kind.how.content(datum))
    }

    async fn content(&mut self, records: &Records, record: &RawRecord) -> Result<Content, Stuck> {
        let mode = ContentMode::of(records.text_headers(record)).map_err(PoisonError::Headers)?;
        if mode == ContentMode::StructuredJson {
            return self.structured(records.value(record).unwrap_or_default()).await;
        }
        let envelope = EnvelopeView::from_headers(records.text_headers(record));
        let envelope = envelope.map_err(PoisonError::Headers)?;
        let Some(value) = records.value(record) else { return Ok(Content::Empty) };
        let mut headers = records.headers(record);
        let header = headers.find(|(name, _)| *name == HeaderName::SCHEMA_ID).and_then(|(_, value)| value);
        let (reference, datum) = locate(header, value).map_err(PoisonError::Frame)?;
        let schema = self.schema(reference).await?;
        let how = self.how(envelope.event_type(), reference, schema)?;
        if let SchemaReference::Id(id) = reference {
            self.kinds.truncate(REMEMBERED_KINDS - 1);
            self.kinds.insert(0, Kind { event_type: envelope.event_type().into(), id, how: how.clone() });
        }
        Ok(how.content(datum))
    }

    async fn structured(&mut self, value: &[u8]) -> Result<Content, Stuck> {
        let event = match structured::read(value)? {
            Structured::Foreign { envelope, text } => {
                StructuredEvent { envelope, body: StructuredBody::Json(text) }
            }
            Structured::Own { envelope, schema, datum } => {
                let id = self.registry.id_for(schema).await.map_err(Stuck::Waiting)?;
                let schema = self.schema(SchemaReference::Id(id)).await?;
                StructuredEvent { envelope, body: StructuredBody::Avro { schema, datum } }
            }
        };
        Ok(Content::Structured(Box::new(event)))
    }

    /// The place of a schema among those of the batch.
    async fn schema(&mut self, reference: SchemaReference) -> Result<SchemaIndex, Stuck> {
        if let Some(index) = self.indexes.get(&reference) {
            return Ok(*index);
        }
        if let Some(unknown) = self.unknown.get(&reference)
            && unknown.asked.elapsed() < RETRY
        {
            let name = name_of(reference);
            return Err(self.judge_unknown(*unknown, name)); // it was asked for just now
        }
        let schema = match self.registry.schema(reference).await {
            Ok(schema) => schema,
            Err(error) => return Err(self.stuck(reference, error)),
        };
        self.unknown.remove(&reference);
        let index = SchemaIndex(self.schemas.len());
        self.schemas.push(schema);
        self.indexes.insert(reference, index);
        Ok(index)
    }

    fn stuck(&mut self, reference: SchemaReference, error: RegistryError) -> Stuck {
        match error {
            RegistryError::UnusableSchema { reference, reason } => {
                Stuck::Poison(PoisonError::UnusableSchema { reference, reason })
            }
            RegistryError::UnknownSchema { reference: name } => {
                let now = Instant::now();
                if self.unknown.len() >= REMEMBERED_TYPES {
                    self.unknown.clear();
                }
                let unknown = self.unknown.entry(reference).or_insert(Unknown { since: now, asked: now });
                unknown.asked = now;
                let unknown = *unknown;
                self.judge_unknown(unknown, name)
            }
            // a refusal is about us, not about the record: somebody has to let us in
            error => Stuck::Waiting(error),
        }
    }

    fn judge_unknown(&self, unknown: Unknown, reference: String) -> Stuck {
        match unknown.since.elapsed() >= self.patience {
            true => Stuck::Poison(PoisonError::UnknownSchema { reference }),
            false => Stuck::Unknown(RegistryError::UnknownSchema { reference }),
        }
    }

    /// How a value is read. An event type of ours is carried by its own schema and no other, in whatever version.
    fn how(
        &mut self,
        event_type: &str,
        reference: SchemaReference,
        schema: SchemaIndex,
    ) -> Result<How, PoisonError> {
        let Some(wanted) = self.wanted(event_type) else { return Ok(How { schema, reading: None }) };
        let writer = Arc::clone(&self.schemas[schema.0]);
        if !wanted.schema.takes(&writer.name) {
            let (id, found) = (writer.id, writer.name.clone());
            return Err(PoisonError::OtherSchema { id, found, wanted: wanted.schema.name.as_str() });
        }
        let key = (reference, wanted.pattern);
        let reading = self.reading(key, event_type, &writer)?;
        if Arc::ptr_eq(reading.schema(), &writer) {
            return Ok(How { schema, reading: None });
        }
        let schemas = &mut self.schemas;
        let schema = *self.reader_indexes.entry(key).or_insert_with(|| {
            schemas.push(Arc::clone(reading.schema()));
            SchemaIndex(schemas.len() - 1)
        });
        let reading = (!reading.keeps_bytes()).then_some(reading);
        Ok(How { schema, reading })
    }

    /// How a writer's data is read, found out once.
    fn reading(
        &mut self,
        key: PairKey,
        event_type: &str,
        writer: &Arc<WriterSchema>,
    ) -> Result<Arc<Reading>, PoisonError> {
        if self.readings.len() >= REMEMBERED_TYPES && !self.readings.contains_key(&key) {
            self.readings.clear();
        }
        let readers = self.registry.readers();
        let reading =
            self.readings.entry(key).or_insert_with(|| readers.reading(event_type, writer).map(Arc::new));
        reading.clone().map_err(|Unresolvable { reason }| PoisonError::UnusableSchema {
            reference: name_of(key.0),
            reason: format!("it cannot be read as {}: {reason}", writer.name),
        })
    }

    fn wanted(&mut self, event_type: &str) -> Option<Wanted> {
        if let Some(wanted) = self.wanted.get(event_type) {
            return *wanted;
        }
        if self.wanted.len() >= REMEMBERED_TYPES {
            self.wanted.clear();
        }
        let catalog = self.registry.readers().catalog();
        let wanted = EventType::new(event_type).ok().and_then(|event_type| {
            Some(Wanted {
                schema: catalog.schema_for(&event_type)?,
                pattern: catalog.pattern_for(&event_type)?,
            })
        });
        self.wanted.insert(event_type.to_owned(), wanted);
        wanted
    }
}

impl How {
    /// The content of a record whose value ends in this datum.
    fn content(&self, datum: &[u8]) -> Content {
        let schema = self.schema;
        let in_place = Content::Avro { schema, length: datum.len() as u32 };
        let Some(reading) = &self.reading else { return in_place };
        match reading.read(datum) {
            Ok(Some(datum)) => Content::Read { schema, datum: datum.into_boxed_slice() },
            Ok(None) => in_place,
            Err(problem) => {
                let (id, name) = (reading.schema().id, reading.schema().name.clone());
                Content::Poison(Box::new(PoisonError::Reading { id, name, problem }))
            }
        }
    }
}

fn name_of(reference: SchemaReference) -> String {
    match reference {
        SchemaReference::Id(id) => id.to_string(),
        SchemaReference::Guid(guid) => guid.to_string(),
    }
}

fn warn_of_waiting(records: &Records, record: &RawRecord, error: &RegistryError) {
    let position = records.place(record).position();
    tracing::warn!(%position, error = error as &dyn std::error::Error, "a record waits for its schema");
}
