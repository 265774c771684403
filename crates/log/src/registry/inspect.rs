//! Whether the registry has every schema of a catalog, and guards it as it should.

use std::sync::Arc;

use brainops_event::{Catalog, SchemaEntry};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::wire::NewSchema;
use super::{COMPATIBILITY, Registry, RegistryError};

/// How many questions are asked at once.
const AT_ONCE: usize = 8;

/// How one schema of the catalog stands at the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaState {
    /// Its subject: the full name of its record.
    pub subject: String,
    /// Whether this very text is registered.
    pub registered: bool,
    /// Whether new versions must be compatible with all others in both directions.
    pub guarded: bool,
}

impl SchemaState {
    /// The level that guards a subject.
    pub const LEVEL: &'static str = COMPATIBILITY;
}

impl Registry {
    /// How every schema of the catalog stands at the registry; asks afresh, and changes nothing.
    ///
    /// # Errors
    /// The registry is silent, or refuses.
    pub async fn inspect(&self, catalog: &'static Catalog) -> Result<Vec<SchemaState>, RegistryError> {
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        let mut asking = JoinSet::new();
        for entry in catalog.entries() {
            let (registry, permits) = (self.clone(), Arc::clone(&permits));
            asking.spawn(async move {
                let _permit = permits.acquire().await;
                registry.state_of(entry).await
            });
        }
        let mut states = Vec::new();
        for state in asking.join_all().await {
            states.push(state?);
        }
        states.sort_by(|one: &SchemaState, other| one.subject.cmp(&other.subject));
        Ok(states)
    }

    async fn state_of(&self, entry: &'static SchemaEntry) -> Result<SchemaState, RegistryError> {
        let subject = entry.name.as_str();
        let registered = self.lookup(subject, &NewSchema::avro(entry.text)).await?.is_some();
        let guarded = self.is_level_set(subject).await?;
        Ok(SchemaState { subject: subject.to_owned(), registered, guarded })
    }
}
