//! The schema registry: which schema has which id, and that a schema only ever changes compatibly.
//!
//! Ids and schemas never change once the registry has said them, so each is asked for once and kept. Whether an
//! answer is a definite "no" or no answer at all decides whether a record is poison or its partition waits; the two
//! are told apart here, and nowhere else.
mod error;
mod http;
mod inspect;
mod wire;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use brainops_event::{Catalog, SchemaEntry, SchemaId, SchemaReference, WriterSchema};
use tokio::sync::Mutex;

pub use error::RegistryError;
use http::RegistryHttp;
pub use inspect::SchemaState;
use wire::{Compatibility, Level, NewSchema, RegisteredId, SchemaText};

use crate::config::{ConfigError, RegistryConfig};

/// What every schema's versions must be to each other: each reads what any other wrote.
const COMPATIBILITY: &str = "FULL_TRANSITIVE";
/// The HTTP status of a registry that was asked for two things at once, or for what is not compatible.
const CONFLICT: u16 = 409;
/// How often registering is tried while others register the same.
const REGISTER_ATTEMPTS: u32 = 5;
const RETRY: Duration = Duration::from_millis(200);

/// A schema registry with Confluent's API. Cheap to clone; clones share what they learned.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

struct Shared {
    http: RegistryHttp,
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
        let http = RegistryHttp::new(config)?;
        let shared = Shared { http, known: RwLock::default(), asking: Mutex::new(()) };
        Ok(Registry { shared: Arc::new(shared) })
    }

    /// Registers every schema of the catalog under the full name of its record, where every version must be
    /// compatible with all others in both directions. Schemas that are registered already keep their ids.
    ///
    /// # Errors
    /// A schema is not compatible with what is registered: nothing of it is registered then, and the error says
    /// what is incompatible. Or the registry is silent, or refuses.
    pub async fn register(&self, catalog: &'static Catalog) -> Result<(), RegistryError> {
        for entry in catalog.entries() {
            self.register_text(entry.name.as_str(), entry.text).await?;
        }
        Ok(())
    }

    /// Registers one schema by its text; see [`Registry::register`].
    ///
    /// # Errors
    /// As [`Registry::register`].
    pub async fn register_text(&self, subject: &str, text: &str) -> Result<SchemaId, RegistryError> {
        for _ in 1..REGISTER_ATTEMPTS {
            match self.try_register(subject, text).await {
                // somebody registers the same at this moment, and is mostly done when asked again
                Err(RegistryError::Refused { status: CONFLICT, .. }) => tokio::time::sleep(RETRY).await,
                answer => return answer,
            }
        }
        self.try_register(subject, text).await
    }

    async fn try_register(&self, subject: &str, text: &str) -> Result<SchemaId, RegistryError> {
        let schema = NewSchema::avro(text);
        if !self.is_level_set(subject).await? {
            self.set_level(subject).await?;
        }
        if let Some(id) = self.lookup(subject, &schema).await? {
            self.remember_id(subject, text, id);
            return Ok(id);
        }
        self.check_compatible(subject, &schema).await?;
        let RegisteredId { id } = self.add_version(subject, &schema).await?;
        self.insist_on_level(subject).await?;
        let id = SchemaId::new(id);
        tracing::info!(subject, id = id.get(), "registered a schema");
        self.remember_id(subject, text, id);
        Ok(id)
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
        let found = self.lookup(subject, &NewSchema::avro(entry.text)).await?;
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
        let http = &self.shared.http;
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

    async fn is_level_set(&self, subject: &str) -> Result<bool, RegistryError> {
        let level: Option<Level> = self.shared.http.find(&["config", subject]).await?;
        Ok(level.is_some_and(|level| level.is(COMPATIBILITY)))
    }

    async fn set_level(&self, subject: &str) -> Result<(), RegistryError> {
        let wanted = Level::new(COMPATIBILITY);
        let _set: Option<Level> = self.shared.http.put(&["config", subject], &wanted).await?;
        Ok(())
    }

    /// A registry may forget the level of a subject that did not exist when it was set.
    async fn insist_on_level(&self, subject: &str) -> Result<(), RegistryError> {
        if self.is_level_set(subject).await? {
            return Ok(());
        }
        self.set_level(subject).await?;
        match self.is_level_set(subject).await? {
            true => Ok(()),
            false => Err(RegistryError::LevelNotKept { subject: subject.to_owned(), level: COMPATIBILITY }),
        }
    }

    async fn lookup(&self, subject: &str, schema: &NewSchema<'_>) -> Result<Option<SchemaId>, RegistryError> {
        let found: Option<RegisteredId> =
            self.shared.http.post_find(&["subjects", subject], &[], schema).await?;
        Ok(found.map(|RegisteredId { id }| SchemaId::new(id)))
    }

    async fn add_version(
        &self,
        subject: &str,
        schema: &NewSchema<'_>,
    ) -> Result<RegisteredId, RegistryError> {
        self.shared.http.post(&["subjects", subject, "versions"], schema).await
    }

    async fn check_compatible(&self, subject: &str, schema: &NewSchema<'_>) -> Result<(), RegistryError> {
        let path = ["compatibility", "subjects", subject, "versions"];
        let verbose = [("verbose", "true")];
        let answer: Option<Compatibility> = self.shared.http.post_find(&path, &verbose, schema).await?;
        let reason = match answer {
            None | Some(Compatibility { is_compatible: true, .. }) => return Ok(()), // none: a new subject
            Some(Compatibility { messages, .. }) if messages.is_empty() => {
                self.refusal(subject, schema).await?
            }
            Some(Compatibility { messages, .. }) => messages.join("; "),
        };
        Err(RegistryError::Incompatible { subject: subject.to_owned(), level: COMPATIBILITY, reason })
    }

    /// Some registries say what is incompatible only when they refuse the schema itself, which they do: the level
    /// was looked at before.
    async fn refusal(&self, subject: &str, schema: &NewSchema<'_>) -> Result<String, RegistryError> {
        match self.add_version(subject, schema).await {
            Err(RegistryError::Refused { status: CONFLICT, message, .. }) => Ok(message),
            Err(error) => Err(error),
            Ok(_) => Err(RegistryError::LevelNotKept { subject: subject.to_owned(), level: COMPATIBILITY }),
        }
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
        out.debug_struct("Registry").field("url", &self.shared.http.url()).finish_non_exhaustive()
    }
}
