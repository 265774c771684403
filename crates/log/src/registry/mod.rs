//! The schema registry: which schema has which id, and that a schema only ever changes compatibly.
//!
//! Ids and schemas never change once the registry has said them, so each is asked for once and kept. Whether an
//! answer is a definite "no" or no answer at all decides whether a record is poison or its partition waits; the two
//! are told apart here, and nowhere else.
mod error;
mod http;
mod inspect;
mod log;
mod register;
mod versions;
mod wire;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use brainops_event::{Readers, SchemaEntry, SchemaId, SchemaReference, WriterSchema};
use tokio::sync::Mutex;

pub use error::RegistryError;
use http::RegistryHttp;
pub use inspect::SchemaState;
use log::LogTable;
pub use versions::SchemaVersion;
use wire::{NewSchema, RegisteredId, SchemaText};

use crate::cluster::Cluster;
use crate::config::{ConfigError, RegistryConfig};

/// What every schema's versions must be to each other: each reads what any other wrote.
const COMPATIBILITY: &str = "FULL_TRANSITIVE";

/// A schema registry with Confluent's API, or what the log tells of one. Cheap to clone; clones share what they learned.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
    readers: Arc<Readers>,
}

/// Who is asked.
enum Answering {
    Service(RegistryHttp),
    Log(LogTable),
}

struct Shared {
    source: Answering,
    known: RwLock<Known>,
    /// Held while asking for a schema, so that many who miss the same one ask once.
    asking: Mutex<()>,
}

#[derive(Default)]
struct Known {
    schemas: HashMap<SchemaReference, Arc<WriterSchema>>,
    /// By subject, each with the text that it was said of.
    ids: HashMap<String, (String, SchemaId)>,
}

impl Known {
    fn id(&self, entry: &SchemaEntry) -> Option<SchemaId> {
        let (text, id) = self.ids.get(entry.name.as_str())?;
        (text == entry.text).then_some(*id)
    }
}

impl Registry {
    /// Checks the configuration and reads the files that it names. Does not connect.
    ///
    /// # Errors
    /// A value cannot be true, or a file cannot be used: see [`ConfigError`].
    pub fn new(config: RegistryConfig) -> Result<Registry, ConfigError> {
        Ok(Registry::asking(Answering::Service(RegistryHttp::new(config)?)))
    }

    /// Takes every answer from the topic `schema`, where `brainops init` tells of all schemas: history can be read with
    /// the registry gone. The topic is read up to its end when something is asked for, and again when that does not
    /// know the answer. Nothing can be registered. Does not connect.
    #[must_use]
    pub fn from_log(cluster: &Cluster) -> Registry {
        Registry::asking(Answering::Log(LogTable::new(cluster)))
    }

    fn asking(source: Answering) -> Registry {
        let shared = Shared { source, known: RwLock::default(), asking: Mutex::new(()) };
        Registry { shared: Arc::new(shared), readers: Arc::clone(Readers::builtin()) }
    }

    /// The service, for what the log cannot do.
    fn service(&self, task: &'static str) -> Result<&RegistryHttp, RegistryError> {
        match &self.shared.source {
            Answering::Service(http) => Ok(http),
            Answering::Log(_) => Err(RegistryError::FromLog { task }),
        }
    }

    /// The same registry for readers with other schemas and upcasters than the built-in ones: whoever reads with it sees
    /// the log as another version of this program would.
    #[must_use]
    pub fn reading_with(self, readers: Arc<Readers>) -> Registry {
        Registry { readers, ..self }
    }

    /// What readers make of writers' data.
    pub fn readers(&self) -> &Readers {
        &self.readers
    }

    /// The id of one of our schemas, which must be registered.
    ///
    /// # Errors
    /// It is not registered ([`RegistryError::NotRegistered`]), or the registry is silent, or refuses.
    pub async fn id_for(&self, entry: &SchemaEntry) -> Result<SchemaId, RegistryError> {
        let subject = entry.name.as_str();
        if let Some(id) = self.known(|known| known.id(entry)) {
            return Ok(id);
        }
        let _one_at_a_time = self.shared.asking.lock().await;
        if let Some(id) = self.known(|known| known.id(entry)) {
            return Ok(id);
        }
        let found = match &self.shared.source {
            Answering::Log(table) => table.id(subject, entry.text).await?,
            Answering::Service(_) => self.lookup(subject, &NewSchema::avro(entry.text)).await?,
        };
        let id = found.ok_or_else(|| RegistryError::NotRegistered { subject: subject.to_owned() })?;
        self.remember_id(subject, entry.text, id);
        Ok(id)
    }

    /// The schema with this id.
    ///
    /// # Errors
    /// The registry definitely has none ([`RegistryError::UnknownSchema`]), it cannot be used, or the registry is
    /// silent, or refuses. [`RegistryError::is_transient`] tells whether asking again can help.
    pub async fn writer_schema(&self, id: SchemaId) -> Result<Arc<WriterSchema>, RegistryError> {
        self.schema(SchemaReference::Id(id)).await
    }

    /// The schema that a record refers to, by id or GUID; see [`Registry::writer_schema`].
    ///
    /// # Errors
    /// As [`Registry::writer_schema`].
    pub async fn schema(&self, reference: SchemaReference) -> Result<Arc<WriterSchema>, RegistryError> {
        if let Some(schema) = self.known_schema(reference) {
            return Ok(schema);
        }
        let _one_at_a_time = self.shared.asking.lock().await;
        if let Some(schema) = self.known_schema(reference) {
            return Ok(schema);
        }
        let schema = Arc::new(self.fetch(reference).await?);
        let mut known = self.shared.known.write().unwrap_or_else(PoisonError::into_inner);
        known.schemas.insert(reference, Arc::clone(&schema));
        Ok(schema)
    }

    /// The schema that a record refers to, if it was fetched before.
    pub(crate) fn known_schema(&self, reference: SchemaReference) -> Option<Arc<WriterSchema>> {
        self.known(|known| known.schemas.get(&reference).cloned())
    }

    async fn fetch(&self, reference: SchemaReference) -> Result<WriterSchema, RegistryError> {
        let http = match &self.shared.source {
            Answering::Log(table) => return table.schema(reference).await,
            Answering::Service(http) => http,
        };
        let (name, found): (String, Option<SchemaText>) = match reference {
            SchemaReference::Id(id) => {
                let name = id.to_string();
                let found = http.find(&["schemas", "ids", &name]).await?;
                (name, found)
            }
            SchemaReference::Guid(guid) => {
                let name = guid.to_string();
                let found = http.find_if_offered(&["schemas", "guids", &name]).await?;
                (name, found)
            }
        };
        let Some(found) = found else {
            return Err(RegistryError::UnknownSchema { reference: name });
        };
        found.check_usable(&name)?;
        // a GUID stands for the schema in every registry, its number is not told and nobody asks for it
        let id = if let SchemaReference::Id(id) = reference { id } else { SchemaId::new(0) };
        WriterSchema::parse(id, &found.schema)
            .map_err(|source| RegistryError::UnusableSchema { reference: name, reason: source.to_string() })
    }

    async fn lookup(&self, subject: &str, schema: &NewSchema<'_>) -> Result<Option<SchemaId>, RegistryError> {
        let service = self.service("be looked up by their text")?;
        let found: Option<RegisteredId> = service.post_find(&["subjects", subject], &[], schema).await?;
        Ok(found.map(|RegisteredId { id }| SchemaId::new(id)))
    }

    fn known<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&self.shared.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn remember_id(&self, subject: &str, text: &str, id: SchemaId) {
        tracing::debug!(subject, id = id.get(), "learned the id of a schema");
        let mut known = self.shared.known.write().unwrap_or_else(PoisonError::into_inner);
        known.ids.insert(subject.to_owned(), (text.to_owned(), id));
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match &self.shared.source {
            Answering::Service(http) => http.url(),
            Answering::Log(_) => "the log",
        };
        out.debug_struct("Registry").field("source", &source).finish_non_exhaustive()
    }
}
