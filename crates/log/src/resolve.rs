//! Finds the schema of each record's value before the batch is handed out.
//!
//! | the registry | the record |
//! |---|---|
//! | knows the schema | is decoded with it |
//! | cannot be asked, or refuses to answer | waits, and all after it |
//! | says for a minute that there is none | is poison |
//! | has one that cannot be used here | is poison |
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brainops_event::{
    Catalog, ContentMode, EnvelopeView, EventType, SCHEMA_ID_HEADER, SchemaReference, WriterSchema, locate,
};

use crate::batch::{Batch, Content, PoisonError, StructuredBody, StructuredEvent};
use crate::intake::Gathered;
use crate::records::{RawRecord, Records};
use crate::registry::{Registry, RegistryError};
use crate::structured::{self, Structured};
use crate::window::Verdict;

/// How long a registry must go on saying that there is no such schema until it is believed: it may have been restored
/// from a copy, or a replica may lag.
pub(crate) const UNKNOWN_PATIENCE: Duration = Duration::from_secs(60);
/// How long until the registry is asked again.
const RETRY: Duration = Duration::from_secs(1);
/// Event types whose schema is remembered; beyond that, all are forgotten and looked up again.
const REMEMBERED_TYPES: usize = 4096;

#[derive(Debug)]
pub(crate) struct Resolver {
    registry: Registry,
    /// Of the batch at hand: what is done so far survives a dropped call.
    contents: Vec<Content>,
    schemas: Vec<Arc<WriterSchema>>,
    indexes: HashMap<SchemaReference, usize>,
    /// Which record each event type belongs to, if to one of ours.
    wanted: HashMap<String, Option<&'static str>>,
    unknown_since: HashMap<SchemaReference, Instant>,
    patience: Duration,
}

/// How far a batch has come.
pub(crate) enum Resolved {
    All,
    /// The registry was asked in vain; a second has passed.
    Waiting,
}

/// Why a record has no content yet.
enum Stuck {
    Poison(PoisonError),
    Waiting(RegistryError),
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
            wanted: HashMap::new(),
            unknown_since: HashMap::new(),
            patience,
        }
    }

    /// Goes on with the batch at hand. May be dropped and called again.
    pub(crate) async fn resolve(&mut self, gathered: &Gathered) -> Resolved {
        let records = &gathered.records;
        while let Some(record) = records.list.get(self.contents.len()) {
            let content = match self.content(records, record).await {
                Ok(content) => content,
                Err(Stuck::Poison(error)) => Content::Poison(error),
                Err(Stuck::Waiting(error)) => {
                    let position = records.place(record).position();
                    tracing::warn!(%position, error = &error as &dyn std::error::Error, "a record waits for its schema");
                    tokio::time::sleep(RETRY).await;
                    return Resolved::Waiting;
                }
            };
            self.contents.push(content);
        }
        Resolved::All
    }

    /// The batch at hand, all of it resolved.
    pub(crate) fn finish(&mut self, gathered: Gathered) -> Batch {
        let Gathered { records, spans } = gathered;
        self.indexes.clear();
        let contents = std::mem::take(&mut self.contents);
        let schemas = std::mem::take(&mut self.schemas);
        Batch { records, contents, schemas, spans }
    }

    async fn content(&mut self, records: &Records, record: &RawRecord) -> Result<Content, Stuck> {
        if record.verdict != Verdict::New {
            return Ok(Content::Unread);
        }
        let mode = ContentMode::of(records.text_headers(record)).map_err(PoisonError::Headers)?;
        if mode == ContentMode::StructuredJson {
            return self.structured(records.value(record).unwrap_or_default()).await;
        }
        let envelope = EnvelopeView::from_headers(records.text_headers(record));
        let envelope = envelope.map_err(PoisonError::Headers)?;
        let Some(value) = records.value(record) else { return Ok(Content::Empty) };
        let mut headers = records.text_headers(record);
        let header = headers.find(|(name, _)| *name == SCHEMA_ID_HEADER).and_then(|(_, value)| value);
        let (reference, datum) = locate(header, value).map_err(PoisonError::Frame)?;
        let schema = self.schema(reference).await?;
        self.check_schema(envelope.event_type(), schema)?;
        Ok(Content::Avro { schema, datum: Records::value_tail(record, datum.len()) })
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
    async fn schema(&mut self, reference: SchemaReference) -> Result<usize, Stuck> {
        if let Some(index) = self.indexes.get(&reference) {
            return Ok(*index);
        }
        let schema = match self.registry.schema(reference).await {
            Ok(schema) => schema,
            Err(error) => return Err(self.stuck(reference, error)),
        };
        self.unknown_since.remove(&reference);
        let index = self.schemas.len();
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
                let since = *self.unknown_since.entry(reference).or_insert_with(Instant::now);
                match since.elapsed() >= self.patience {
                    true => Stuck::Poison(PoisonError::UnknownSchema { reference: name }),
                    false => Stuck::Waiting(RegistryError::UnknownSchema { reference: name }),
                }
            }
            // a refusal is about us, not about the record: somebody has to let us in
            error => Stuck::Waiting(error),
        }
    }

    /// An event type of ours is carried by its own schema and no other.
    fn check_schema(&mut self, event_type: &str, schema: usize) -> Result<(), PoisonError> {
        let wanted = self.wanted(event_type);
        let writer = &self.schemas[schema];
        match wanted {
            Some(wanted) if wanted != writer.name.as_str() => {
                Err(PoisonError::OtherSchema { id: writer.id, found: writer.name.clone(), wanted })
            }
            _ => Ok(()),
        }
    }

    fn wanted(&mut self, event_type: &str) -> Option<&'static str> {
        if let Some(wanted) = self.wanted.get(event_type) {
            return *wanted;
        }
        if self.wanted.len() >= REMEMBERED_TYPES {
            self.wanted.clear();
        }
        let parsed = EventType::new(event_type).ok();
        let entry = parsed.and_then(|event_type| Catalog::builtin().schema_for(&event_type));
        let wanted = entry.map(|entry| entry.name.as_str());
        self.wanted.insert(event_type.to_owned(), wanted);
        wanted
    }
}
