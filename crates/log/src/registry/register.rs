//! Registers schemas, each under a level of compatibility that is set first and looked at again.
use std::time::Duration;

use brainops_event::{Catalog, SchemaId};

use super::wire::{Compatibility, Level, NewSchema, RegisteredId};
use super::{COMPATIBILITY, Registry, RegistryError};

/// The HTTP status of a registry that was asked for two things at once, or for what is not compatible.
const CONFLICT: u16 = 409;
/// How often registering is tried while others register the same.
const REGISTER_ATTEMPTS: u32 = 5;
const RETRY: Duration = Duration::from_millis(200);
/// What is asked of the service here.
const REGISTERING: &str = "be registered";

impl Registry {
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

    pub(super) async fn is_level_set(&self, subject: &str) -> Result<bool, RegistryError> {
        let level: Option<Level> = self.service(REGISTERING)?.find(&["config", subject]).await?;
        Ok(level.is_some_and(|level| level.is(COMPATIBILITY)))
    }

    async fn set_level(&self, subject: &str) -> Result<(), RegistryError> {
        let wanted = Level::new(COMPATIBILITY);
        let _set: Option<Level> = self.service(REGISTERING)?.put(&["config", subject], &wanted).await?;
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

    async fn add_version(
        &self,
        subject: &str,
        schema: &NewSchema<'_>,
    ) -> Result<RegisteredId, RegistryError> {
        self.service(REGISTERING)?.post(&["subjects", subject, "versions"], schema).await
    }

    async fn check_compatible(&self, subject: &str, schema: &NewSchema<'_>) -> Result<(), RegistryError> {
        let path = ["compatibility", "subjects", subject, "versions"];
        let verbose = [("verbose", "true")];
        let answer: Option<Compatibility> =
            self.service(REGISTERING)?.post_find(&path, &verbose, schema).await?;
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
}
